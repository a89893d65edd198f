using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;
using Quartz;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>The safety net under notifications: has the drain loop look.</summary>
public sealed class DrainJob(WakeUp signal) : IJob
{
    /// <inheritdoc/>
    public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        signal.Raise();
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// Compares source and store. In a cluster one node runs it at a time; where Quartz should let two, the second finds nothing to do.
/// </summary>
[DisallowConcurrentExecution]
public sealed class ReconcileJob(Reconciler reconciler, ILogger<ReconcileJob> logger) : IJob
{
    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await reconciler.ReconcileAsync(cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            logger.ReconcileFailed(exception.Message, exception is SourceUnavailableException or StoreUnavailableException ? null : exception);
        }
    }
}
