using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Drains whenever somebody signals, from the start of the process on.</summary>
public sealed class DrainService(
    ScopeDrain drain, DrainSignal signal, ScopeStore store, IDestinationSource source, TimeProvider time, ILogger<DrainService> logger)
    : BackgroundService
{
    private static readonly TimeSpan WriterInFlightDelay = TimeSpan.FromMilliseconds(50);
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
            await drain.WhenIdleAsync();
        }
    }

    private async Task LoopAsync(CancellationToken stoppingToken)
    {
        var prepared = false;
        signal.Raise();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await signal.WaitAsync(stoppingToken);
                if (!prepared)
                {
                    await store.PrepareAsync(stoppingToken);
                    prepared = true;
                    logger.Started(source.Description, store.Blobs.Description);
                }
                if (!await drain.DrainAsync(stoppingToken)) continue;
                await Task.Delay(WriterInFlightDelay, time, stoppingToken);
                signal.Raise();
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
                signal.Raise();
            }
        }
    }
}
