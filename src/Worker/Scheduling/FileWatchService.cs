using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Looks at the file's status a few times a second. File system events are not used: they are lost on network and overlay file systems and
/// on the link swap of a mounted ConfigMap, and a status costs microseconds.
/// </summary>
internal sealed class FileWatchService(MemoryQueue queue, SourceOptions options, TimeProvider time, ILogger<FileWatchService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.WatchInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await queue.RefreshAsync(stoppingToken);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    logger.FileNotRead(exception.Message);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }
}
