using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>Keeps held scopes up to date: those that changed at once, all of them slowly, a few at a time.</summary>
internal sealed class ScopeRefresher(ScopeMap scopes, RefreshQueue queue, EdgeOptions options, TimeProvider time) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, options.ConcurrentRefreshes).Select(_ => RefreshAsync(stoppingToken)).Append(RevalidateAsync(stoppingToken)));

    private async Task RefreshAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true) await scopes.RefreshAsync(await queue.TakeAsync(stoppingToken), stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private async Task RevalidateAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(Jitter.Around(options.RevalidateInterval), time, stoppingToken);
                // Over most of the interval: as many reads a second all the time, none of them in a crowd.
                scopes.ScheduleAll(options.RevalidateInterval * 0.8);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }
}
