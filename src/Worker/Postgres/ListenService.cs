using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Turns the database's notifications, and every (re)connection, into drain signals.</summary>
internal sealed class ListenService(ChangeListener listener, WakeUp signal) : BackgroundService
{
    /// <summary>Refuses to start where notifications could never arrive, before anything is written.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await listener.CheckAsync(cancellationToken);
        }
        catch (DatabaseShapeException exception)
        {
            throw new SourceUnavailableException(exception.Message, exception);
        }
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = listener.RunAsync(stoppingToken);
        await foreach (var _ in listener.Signals.ReadAllAsync(stoppingToken)) signal.Raise(WakeUpCause.Notification);
        await listening;
    }
}
