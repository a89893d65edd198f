using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>Keeps held scopes up to date: those that changed at once, all of them slowly, a few at a time.</summary>
internal sealed class ScopeRefresher(ScopeCache cache, RefreshQueue queue, EdgeOptions options, TimeProvider time) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, options.ConcurrentRefreshes).Select(_ => RefreshAsync(stoppingToken)).Append(RevalidateAsync(stoppingToken)));

    private async Task RefreshAsync(CancellationToken stopping)
    {
        try
        {
            while (true) await cache.RefreshAsync(await queue.TakeAsync(stopping), stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private async Task RevalidateAsync(CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Jitter.Around(options.RevalidateInterval), time, stopping);
                // Over most of the interval: as many reads a second all the time, none of them in a crowd.
                cache.ScheduleAll(options.RevalidateInterval * 0.8);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The process ends.
        }
    }
}
