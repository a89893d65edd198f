using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
using ConsentSnapshots.Worker.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

/// <summary>Liveness is about the loop itself. What the loop waits for is somebody else's.</summary>
public sealed class DrainServiceTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("consent-snapshots-loop-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly DirectoryBlobStore _store;
    private readonly PublicationWorld _world;
    private readonly RecordingSource _source = new();

    public DrainServiceTests()
    {
        _store = new DirectoryBlobStore(_path, TimeProvider.System);
        _world = new PublicationWorld(_store);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_path, recursive: true);
    }

    /// <summary>A database that never answers is no reason to restart the worker.</summary>
    [Fact]
    public async Task Check_SourceDoesNotAnswer_StaysLive()
    {
        var (asked, answer) = (NewSignal(), NewSignal());
        var queue = new RecordingQueue
        {
            BeforeClaim = cancellationToken =>
            {
                asked.TrySetResult();
                return answer.Task.WaitAsync(cancellationToken);
            },
        };
        using var drain = Drain(queue);
        using var service = Service(drain, queue);
        await service.StartAsync(Cancel);
        await asked.Task.WaitAsync(Cancel);

        _time.Advance(TimeSpan.FromHours(1));

        Assert.DoesNotContain(service.Check(), finding => finding.Severity == HealthSeverity.NotLive);
        answer.SetResult();
        await service.StopAsync(Cancel);
    }

    /// <summary>Neither asking nor building nor waiting for a time: only a restart helps.</summary>
    [Fact]
    public async Task Check_LoopDoesNotMove_IsNotLiveAfterAMinute()
    {
        using var mayGoOn = new ManualResetEventSlim();
        var stuck = NewSignal();
        var queue = new RecordingQueue
        {
            OnLookInterval = () =>
            {
                stuck.TrySetResult();
                mayGoOn.Wait(Cancel);
            },
        };
        using var drain = Drain(queue);
        using var service = Service(drain, queue);
        await service.StartAsync(Cancel);
        await stuck.Task.WaitAsync(Cancel);

        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.DoesNotContain(service.Check(), finding => finding.Severity == HealthSeverity.NotLive);
        _time.Advance(TimeSpan.FromSeconds(2));
        var finding = Assert.Single(service.Check());

        Assert.Equal(new HealthFinding(HealthSeverity.NotLive, "The loop that looks for pending scopes has not moved for 61 s, although it builds nothing."), finding);
        mayGoOn.Set();
        await service.StopAsync(Cancel);
    }

    [Fact]
    public async Task Check_StoreCannotBePrepared_IsNotReadyAndLive()
    {
        _world.Faults.Before = _ => throw new StoreUnavailableException("The store is down.");
        var queue = new RecordingQueue();
        using var drain = Drain(queue);
        using var service = Service(drain, queue);
        await service.StartAsync(Cancel);

        while (!service.Check().Any(finding => finding.Reason.Contains("down", StringComparison.Ordinal))) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancel);

        Assert.Equal([new HealthFinding(HealthSeverity.NotReady, "The store cannot be prepared: The store is down.")], service.Check());
        await service.StopAsync(Cancel);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ScopeDrain Drain(RecordingQueue queue)
    {
        var options = new ScheduleOptions();
        var builder = new ScopeBuilder(_source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), _world.Store, _world.Publisher);
        return new ScopeDrain(queue, new BuildRunner(_source, queue, builder, options, _time, NullLogger<BuildRunner>.Instance), options, new WakeUp(), _time);
    }

    private DrainService Service(ScopeDrain drain, RecordingQueue queue) => new(drain, queue, new WakeUp(), _world.Store, _source, _time, NullLogger<DrainService>.Instance);
}
