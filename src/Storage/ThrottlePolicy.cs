using System.Globalization;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Waits where Azure says that it is too busy (503, 429), and sends the request again, instead of letting it fail: the answer says that nothing was done. Who sends less then is decided
/// by a <see cref="RequestLimit"/>. The client's own retries, which are few, are left for what really fails.
/// </summary>
/// <param name="limit">How many requests are under way at once.</param>
/// <param name="patience">How long a request is refused before its caller hears of it. Zero: at once.</param>
/// <param name="time">The clock.</param>
internal sealed class ThrottlePolicy(RequestLimit limit, TimeSpan patience, TimeProvider time) : HttpPipelinePolicy
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        // Waiting for a place before the first try is no refusal.
        long? refusedSince = null;
        for (var refusals = 1; ; refusals++)
        {
            var entered = await limit.EnterAsync(message.CancellationToken);
            var refused = false;
            try
            {
                await ProcessNextAsync(message, pipeline);
                refused = message.Response.Status is 503 or 429;
                if (!refused) return;
                var pause = RetryAfter(message.Response) ?? Jitter.Backoff(refusals, FirstPause, LongestPause);
                refusedSince ??= time.GetTimestamp();
                if (time.GetElapsedTime(refusedSince.Value) + pause > patience) return;
                limit.PauseFor(pause);
                message.Response.Dispose();
            }
            finally
            {
                limit.Leave(entered, refused);
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>The store is asked asynchronously only.</remarks>
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

    private TimeSpan? RetryAfter(Response response)
    {
        if (!response.Headers.TryGetValue("Retry-After", out var text)) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)) return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) && at - time.GetUtcNow() is var pause && pause > TimeSpan.Zero ? pause : null;
    }
}
