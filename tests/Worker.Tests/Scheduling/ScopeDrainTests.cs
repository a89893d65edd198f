using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Encryption;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

public sealed class ScopeDrainTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Build_LongerThanALease_RenewsItsClaimUntilItEnds()
    {
        using var folder = new StoreFolder();
        var world = folder.World;
        var source = new SlowSource(TimeSpan.FromSeconds(30));
        using var drain = Drain(world, source);
        var building = drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel);

        // The second attempt finds the source away; that is not the end of it.
        for (var renewal = 0; renewal < 4; renewal++)
            while (!await source.Renewed.WaitAsync(TimeSpan.FromMilliseconds(5), Cancel)) world.Time.Advance(TimeSpan.FromSeconds(10));
        source.MayBeRead.SetResult();

        Assert.Equal(PublicationOutcome.Published, (await building)!.Publication.Outcome);
        Assert.True(source.Completed);
        Assert.False(source.RenewedAfterTheEnd);
        world.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.False(source.RenewedAfterTheEnd);
    }

    [Fact]
    public async Task Build_ClaimLost_GoesOnBehindItsFence()
    {
        using var folder = new StoreFolder();
        var world = folder.World;
        var source = new SlowSource(TimeSpan.FromSeconds(30)) { Lost = true };
        using var drain = Drain(world, source);
        var building = drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel);
        while (!await source.Renewed.WaitAsync(TimeSpan.FromMilliseconds(5), Cancel)) world.Time.Advance(TimeSpan.FromSeconds(10));
        source.MayBeRead.SetResult();

        Assert.NotNull(await building);
        Assert.True(source.Completed);
    }

    [Fact]
    public async Task Build_SourceWithoutLeases_RenewsNothing()
    {
        using var folder = new StoreFolder();
        var source = new SlowSource(interval: null);
        source.MayBeRead.SetResult();
        using var drain = Drain(folder.World, source);

        Assert.NotNull(await drain.BuildAsync(source.Claim, verify: false, onFailure: null, Cancel));
        Assert.Equal(0, source.Renewed.CurrentCount);
    }

    private static ScopeDrain Drain(PublicationWorld world, SlowSource source) => new(
        source, new ScopeBuilder(source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), world.Store, world.Publisher),
        new ScheduleOptions(), world.Time, NullLogger<ScopeDrain>.Instance);

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
    private sealed class SlowSource(TimeSpan? interval) : IDestinationSource
    {
        private static readonly Scope s_scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);
        private int _renewals;

        public ClaimedScope Claim { get; } = new(s_scope, false, 1, new object());

        public TaskCompletionSource MayBeRead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SemaphoreSlim Renewed { get; } = new(0);

        public bool Lost { get; init; }

        public bool Completed { get; private set; }

        public bool RenewedAfterTheEnd { get; private set; }

        public string Description => "a slow source";

        public TimeSpan? RenewalInterval => interval;

        public Task<bool> RenewAsync(ClaimedScope claim, CancellationToken cancellationToken)
        {
            Assert.Same(Claim, claim);
            RenewedAfterTheEnd |= Completed;
            Renewed.Release();
            return ++_renewals == 2 ? throw new SourceUnavailableException("away") : Task.FromResult(!Lost);
        }

        public async Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken)
        {
            await MayBeRead.Task.WaitAsync(cancellationToken);
            return new ScopeRows(scope, [], new SourcePosition(1, 1), SourceClock.Of(TimeProvider.System));
        }

        public Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken)
        {
            Completed = true;
            return Task.CompletedTask;
        }

        public Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken) => Task.FromResult(0);

        public Task CheckAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<OrganizationId> organizations, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ClaimedScopes> ClaimAsync(int max, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
