using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Refuses to start on a source that cannot be read whole (a bad file, a table behind row-level security), before anything is written.
/// </summary>
internal sealed class SourceCheck(IDestinationSource source) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => source.CheckAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
