using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

public sealed class ScopeDrainTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A commit that was sent and not answered may still arrive, so the source has to know.</summary>
    [Fact]
    public async Task Build_CommitNotAnswered_IsRecordedAsUnknown()
    {
        using var folder = new StoreFolder();
        folder.World.Faults.Before = call => call.StartsWith("create history ", StringComparison.Ordinal) ? throw new StoreUnavailableException("no answer") : Task.CompletedTask;
        var source = new SlowSource();
        source.MayBeRead.SetResult();
        using var drain = Drain(folder.World, source);

        Assert.Null(await drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel));

        Assert.Equal((true, false), (source.Failure!.CommitUnknown, source.Failure.Held));
        Assert.Equal("Whether the new version of acme/production was committed is not known: no answer", source.Failure.Error);
    }

    [Fact]
    public async Task Build_StoreFailsBeforeTheCommit_NothingIsUnknown()
    {
        using var folder = new StoreFolder();
        folder.World.Faults.Before = call => call.StartsWith("create public ", StringComparison.Ordinal) ? throw new StoreUnavailableException("no answer") : Task.CompletedTask;
        var source = new SlowSource();
        source.MayBeRead.SetResult();
        using var drain = Drain(folder.World, source);

        Assert.Null(await drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel));

        Assert.Equal((false, false), (source.Failure!.CommitUnknown, source.Failure.Held));
    }

    /// <summary>A worker that is told to stop may have got as far as the commit.</summary>
    [Fact]
    public async Task Build_WorkerStops_IsRecordedAsUnknown()
    {
        using var folder = new StoreFolder();
        var source = new SlowSource();
        using var drain = Drain(folder.World, source);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var building = drain.BuildAsync(source.Claim, verify: false, onFailure: null, stopping.Token);
        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => building);

        Assert.True(source.Failure!.CommitUnknown);
    }

    [Fact]
    public async Task Build_ScopeOverALimit_IsHeldWithTheReason()
    {
        using var folder = new StoreFolder();
        var source = new SlowSource() { TooLarge = "The scope has 5000 destinations, and the limit is 1000." };
        source.MayBeRead.SetResult();
        using var drain = Drain(folder.World, source);

        Assert.Null(await drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel));

        Assert.Equal((source.TooLarge, true, false), (source.Failure!.Error, source.Failure.Held, source.Failure.CommitUnknown));
        Assert.Equal(0, folder.World.Faults.Writes);
    }

    private static ScopeDrain Drain(PublicationWorld world, SlowSource source) => new(
        source, new ScopeBuilder(source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), world.Store, world.Publisher),
        new ScheduleOptions(), new WakeUp(), world.Time, NullLogger<ScopeDrain>.Instance);

    private sealed class StoreFolder : IDisposable
    {
        private readonly string _path = Directory.CreateTempSubdirectory("consent-snapshots-drain-").FullName;
        private readonly DirectoryBlobStore _store;

        public StoreFolder()
        {
            _store = new DirectoryBlobStore(_path, TimeProvider.System);
            World = new PublicationWorld(_store);
        }

        public PublicationWorld World { get; }

        public void Dispose()
        {
            _store.Dispose();
            Directory.Delete(_path, recursive: true);
        }
    }

    /// <summary>One empty scope, which cannot be read before it may.</summary>
    private sealed class SlowSource : IDestinationSource
    {
        private static readonly Scope s_scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

        public ClaimedScope Claim { get; } = new(s_scope, false, 1, new object());

        public TaskCompletionSource MayBeRead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string? TooLarge { get; init; }

        public BuildFailure? Failure { get; private set; }

        public string Description => "a slow source";

        public TimeSpan LookInterval => TimeSpan.FromSeconds(1);

        public Task<ScopeRows> ReadAsync(ClaimedScope claim, CancellationToken cancellationToken) => ReadAsync(claim.Scope, cancellationToken);

        public async Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken)
        {
            await MayBeRead.Task.WaitAsync(cancellationToken);
            if (TooLarge is not null) throw new ScopeTooLargeException(TooLarge);
            return new ScopeRows(scope, [], new SourcePosition(1, 1), SourceClock.Of(TimeProvider.System));
        }

        public Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken) => Task.FromResult(0);

        public Task CheckAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<OrganizationId> organizations, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<ClaimedScope>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken)
        {
            Failure = failure;
            return Task.CompletedTask;
        }

        public Task<IReadOnlyList<string>> ListWarningsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
