using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
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
        var source = new StuckSource();
        using var drain = Drain(source);
        using var service = Service(drain, source);
        await service.StartAsync(Cancel);
        await source.Asked.Task.WaitAsync(Cancel);

        _time.Advance(TimeSpan.FromHours(1));

        Assert.DoesNotContain(service.Check(), finding => finding.Severity == HealthSeverity.NotLive);
        source.Answer.SetResult();
        await service.StopAsync(Cancel);
    }

    /// <summary>Neither asking nor building nor waiting for a time: only a restart helps.</summary>
    [Fact]
    public async Task Check_LoopDoesNotMove_IsNotLiveAfterAMinute()
    {
        using var mayGoOn = new ManualResetEventSlim();
        var source = new StuckSource { OnLookInterval = () => mayGoOn.Wait(Cancel) };
        source.Answer.SetResult();
        using var drain = Drain(source);
        using var service = Service(drain, source);
        await service.StartAsync(Cancel);
        await source.Stuck.Task.WaitAsync(Cancel);

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
        var source = new StuckSource();
        using var drain = Drain(source);
        using var service = Service(drain, source);
        await service.StartAsync(Cancel);

        while (!service.Check().Any(finding => finding.Reason.Contains("down", StringComparison.Ordinal))) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Cancel);

        Assert.Equal([new HealthFinding(HealthSeverity.NotReady, "The store cannot be prepared: The store is down.")], service.Check());
        await service.StopAsync(Cancel);
    }

    private ScopeDrain Drain(StuckSource source) => new(
        source, new ScopeBuilder(source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), _world.Store, _world.Publisher),
        new ScheduleOptions(), new WakeUp(), _time, NullLogger<ScopeDrain>.Instance);

    private DrainService Service(ScopeDrain drain, StuckSource source) => new(drain, new WakeUp(), _world.Store, source, _time, NullLogger<DrainService>.Instance);

    /// <summary>A source without work, that may not answer.</summary>
    private sealed class StuckSource : IDestinationSource
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Stuck { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Action? OnLookInterval { get; init; }

        public string Description => "a source that may not answer";

        public TimeSpan LookInterval
        {
            get
            {
                Stuck.TrySetResult();
                OnLookInterval?.Invoke();
                return TimeSpan.FromSeconds(1);
            }
        }

        public async Task<IReadOnlyList<ClaimedScope>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken)
        {
            Asked.TrySetResult();
            await Answer.Task.WaitAsync(cancellationToken);
            return [];
        }

        public Task CheckAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ScopeRows> ReadAsync(ClaimedScope claim, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<OrganizationId> organizations, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> ListWarningsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
