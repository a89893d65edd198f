using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Benchmarks;

/// <summary>How long something took, and the processor time of this process meanwhile.</summary>
internal readonly record struct Took(TimeSpan Wall, TimeSpan Processor)
{
    public static async Task<Took> MeasureAsync(Func<Task> action)
    {
        var (started, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        await action();
        return new Took(Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - processor);
    }
}

/// <summary>The worker's own parts, put together as its commands do it.</summary>
internal sealed class Pipeline : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public Pipeline(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)))
            .AddInMemoryCollection([KeyValuePair.Create("Source:Provider", (string?)"postgres"), KeyValuePair.Create("Encryption:Keys:0", (string?)new string('0', 64))])
            .Build();
        _services = new ServiceCollection()
            .AddLogging(logging => logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning))
            .AddSnapshotPublishing(WorkerConfiguration.Read(configuration))
            .BuildServiceProvider();
    }

    /// <summary>Builds every scope that is due.</summary>
    public Task<Took> BuildAsync() => Took.MeasureAsync(async () =>
    {
        await _services.GetRequiredService<IDestinationSource>().CheckAsync(default);
        await _services.GetRequiredService<ScopeStore>().PrepareAsync(default);
        var drain = _services.GetRequiredService<ScopeDrain>();
        var wakeUp = _services.GetRequiredService<WakeUp>();
        while (true)
        {
            // Nothing was being built before the look, and nothing was found by it.
            var idle = drain.Running == 0;
            if (!await drain.DrainAsync(default) && idle) return;
            await wakeUp.WaitAsync(TimeSpan.FromMilliseconds(50), TimeProvider.System, default);
        }
    });

    /// <summary>How many scopes have a current manifest: what is measured must have been done.</summary>
    public async Task<int> CountPublishedAsync()
    {
        var published = 0;
        await foreach (var _ in _services.GetRequiredService<ScopeStore>().ListCurrentNamesAsync("", default)) published++;
        return published;
    }

    /// <summary>Compares every scope of the source with the store; those that differ.</summary>
    public async Task<(Took Took, IReadOnlyList<Scope> Different)> ReconcileAsync()
    {
        IReadOnlyList<Scope> different = [];
        var took = await Took.MeasureAsync(async () => different = await _services.GetRequiredService<Reconciler>().ReconcileAsync(default));
        return (took, different);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
