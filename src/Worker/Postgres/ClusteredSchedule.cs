using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quartz;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Starts the schedule that all replicas share in the database. Quartz gives up when its first connection breaks; a database that was there for the start check and is restarted
/// a moment later must not end the worker, so the start is tried again until it succeeds or the host stops.
/// </summary>
internal sealed class ClusteredSchedule(IServiceProvider services, TimeProvider time, ILogger<ClusteredSchedule> logger) : IHostedService
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    private QuartzHostedService? _quartz;

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            _quartz = ActivatorUtilities.CreateInstance<QuartzHostedService>(services);
            try
            {
                await _quartz.StartAsync(cancellationToken);
                return;
            }
            catch (Exception exception) when (Outage(exception) is { } outage && !cancellationToken.IsCancellationRequested)
            {
                var delay = Jitter.Backoff(attempt, FirstDelay, LongestDelay);
                logger.DatabaseWaitedFor(attempt, delay, outage.Message);
                // What was made of it is taken apart, so that the next attempt makes all of it anew.
                await _quartz.StopAsync(cancellationToken);
                await Task.Delay(delay, time, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _quartz?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>The outage of the database that an exception of Quartz is about; null where it is about something else.</summary>
    private static Exception? Outage(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
            if (DatabaseOutage.MayPass(exception)) return exception;
        return null;
    }
}
