using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>
/// Loads what <c>Edge:Preload</c> names before anybody asks for it. It works in the background, so the edge is ready without it, and two scopes at a time, so that first requests hardly wait
/// for it. While the store does not answer it waits and tries again. It stops where the next scope would push another one out.
/// </summary>
internal sealed class Preloader(PreloadSource source, ScopeMap scopes, EdgeOptions options, TimeProvider time, ILogger<Preloader> logger) : BackgroundService
{
    private const int AtOnce = 2;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private bool _waits;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Preload is null) return;
        try
        {
            for (var failures = 1; !await TryPreloadAsync(stoppingToken); failures++) await Task.Delay(Jitter.Backoff(failures, FirstPause, LongestPause), time, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    /// <summary>Goes through all of them once; false where some could not be loaded that may be later.</summary>
    private async Task<bool> TryPreloadAsync(CancellationToken stoppingToken)
    {
        var (held, others, unavailable) = (0, 0, 0);
        try
        {
            var wanted = source.ScopesAsync(stoppingToken).TakeWhile(_ => scopes.HasRoom);
            await Parallel.ForEachAsync(wanted, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken }, async (scope, cancellationToken) =>
            {
                switch (await scopes.PreloadAsync(scope, cancellationToken))
                {
                    case ScopeOutcome.Held: Interlocked.Increment(ref held); break;
                    case ScopeOutcome.Unknown: Interlocked.Increment(ref others); break;
                    default: Interlocked.Increment(ref unavailable); break;
                }
            });
        }
        catch (StoreUnavailableException exception)
        {
            Wait(exception.Message);
            return false;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            EdgeLog.PreloadFault(logger, exception);
            return false;
        }
        if (!scopes.HasRoom) EdgeLog.PreloadFull(logger, held);
        else if (unavailable > 0) Wait($"It did not answer for {unavailable} scopes.");
        else EdgeLog.Preloaded(logger, held, others);
        return unavailable == 0 || !scopes.HasRoom;
    }

    /// <summary>Says once that the store is waited for, however often it is tried again.</summary>
    private void Wait(string reason)
    {
        if (_waits) return;
        _waits = true;
        EdgeLog.PreloadWaits(logger, reason);
    }
}
