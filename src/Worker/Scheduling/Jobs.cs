using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quartz;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>The safety net under notifications: has the drain loop look.</summary>
public sealed class DrainJob(WakeUp signal) : IJob
{
    /// <inheritdoc/>
    public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        signal.Raise(WakeUpCause.Schedule);
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// Compares source and store. In a cluster one node runs it at a time; where Quartz should let two, the second finds nothing to do.
/// </summary>
[DisallowConcurrentExecution]
public sealed class ReconcileJob(Reconciler reconciler, IHostApplicationLifetime lifetime, ILogger<ReconcileJob> logger) : IJob
{
    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        // The scheduler's token is no use here: at a stop the scheduler waits for its jobs, and this one may have minutes to go.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        try
        {
            await reconciler.ReconcileAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The next one, of this worker or of another, compares everything again.
        }
        catch (Exception exception)
        {
            logger.ReconcileFailed(exception.Message, exception is SourceUnavailableException or StoreUnavailableException ? null : exception);
        }
    }
}
