using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>Looks now and then whether a worker has published another loader. It is one conditional read, and caches keep a loader for an hour anyway.</summary>
internal sealed class LoaderFollower(PublishedLoaders loaders, EdgeOptions options, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Mode == EdgeMode.Redirect) return;
        var failures = 0;
        try
        {
            while (true)
            {
                failures = await loaders.LookAsync(stoppingToken) ? 0 : failures + 1;
                await Task.Delay(
                    failures == 0 ? Jitter.Around(options.RevalidateInterval) : Jitter.Backoff(failures, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(30)), time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }
}
