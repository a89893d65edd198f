using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>Follows the change log and says which scopes have changed, for as long as the process lives. The sixth of what it depends on is the clock.</summary>
internal sealed class ChangeFollower(ChangeLogReader log, FollowerState state, ScopeMap scopes, EdgeOptions options, EdgeMetrics metrics, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>How far the log has been followed; null while no place in it is known.</summary>
    public ChangeLogPlace? Place => log.Place;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                if (await PollAsync(stoppingToken)) continue;
                var pause = state.Failures is var failures && failures == 0 ? Jitter.Around(options.PollInterval)
                    : Jitter.Backoff(failures, options.PollInterval, options.PollInterval > LongestPause ? options.PollInterval : LongestPause);
                await Task.Delay(pause, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    /// <summary>One look; true where there is more to read at once.</summary>
    private async Task<bool> PollAsync(CancellationToken stoppingToken)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        try
        {
            var begun = time.GetUtcNow();
            var read = await log.ReadAsync(either.Token);
            using (EdgeSpans.Received(begun, read.Changes.Count)) PassOn(read);
            log.Advance(read);
            state.Succeeded(toItsEnd: !read.HasMore);
            return read.HasMore;
        }
        catch (StoreUnavailableException exception)
        {
            state.Failed(exception.Message);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            state.Failed($"The store did not answer within {options.LoadTimeout:c}.");
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            // The loop is the edge's only ear: nothing may end it.
            state.Failed($"The change log could not be followed: {exception.GetType().Name}.", exception);
        }
        return false;
    }

    private void PassOn(ChangeLogRead read)
    {
        metrics.ChangesRead(read.Changes.Count);
        foreach (var change in read.Changes) scopes.Changed(change);
        if (read.MayHaveMissedSome) scopes.RevalidateAll(TimeSpan.Zero);
    }
}
