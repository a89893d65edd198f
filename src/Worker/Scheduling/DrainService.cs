using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Drains whenever somebody signals, and by itself as often as the source asks for, from the start of the process on.</summary>
public sealed class DrainService(
    ScopeDrain drain, IScopeQueue queue, WakeUp wakeUp, ScopeStore store, IDestinationSource source, TimeProvider time, ILogger<DrainService> logger)
    : BackgroundService
{
    // After something was found: in a burst of changes only some are signalled, and the others are committed a moment later.
    private static readonly TimeSpan[] s_lookAgain = [TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(250)];
    private static readonly TimeSpan FailureDelay = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await LoopAsync(stoppingToken);
        }
        finally
        {
            await drain.StopAsync();
        }
    }

    private async Task LoopAsync(CancellationToken stoppingToken)
    {
        var prepared = false;
        var wait = TimeSpan.Zero;
        var again = s_lookAgain.Length;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (wait > TimeSpan.Zero) await wakeUp.WaitAsync(wait, time, stoppingToken);
                wait = FailureDelay;
                if (!prepared)
                {
                    await store.PrepareAsync(stoppingToken);
                    prepared = true;
                    logger.Started(source.Description, store.Blobs.Description);
                }
                if (await drain.DrainAsync(stoppingToken)) again = 0;
                wait = again < s_lookAgain.Length ? s_lookAgain[again++] : queue.LookInterval;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Whatever it was, the service is no use without its loop: it says so and tries again.
                logger.DrainFailed(exception.Message, exception is SourceUnavailableException or StoreUnavailableException ? null : exception);
                await Task.Delay(FailureDelay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                wait = TimeSpan.Zero;
            }
        }
    }
}
