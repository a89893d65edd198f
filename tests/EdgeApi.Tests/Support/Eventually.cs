using System.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>Waits for conditions, never for a time. The deadline only ends what will never come: a busy machine must not reach it.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    public static Task TrueAsync(Func<bool> condition, string what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        var since = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Deadline, $"Not within {Deadline}: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public static async Task<HttpResponseMessage> GetAsync(Func<Task<HttpResponseMessage>> ask, Func<HttpResponseMessage, string, bool> wanted)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var response = await ask();
            var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (wanted(response, body)) return response;
            Assert.True(Stopwatch.GetElapsedTime(since) < Deadline, $"Not within {Deadline}; the last answer was {(int)response.StatusCode} {body}");
            response.Dispose();
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
