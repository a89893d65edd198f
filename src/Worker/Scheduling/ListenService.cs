using ConsentSnapshots.Worker.Database;
using Microsoft.Extensions.Hosting;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Turns the database's notifications, and every (re)connection, into drain signals.</summary>
internal sealed class ListenService(ChangeListener listener, DrainSignal signal) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var listening = listener.RunAsync(stoppingToken);
        await foreach (var _ in listener.Signals.ReadAllAsync(stoppingToken)) signal.Raise();
        await listening;
    }
}
