using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
using ConsentSnapshots.Worker.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

public sealed class BuildRunnerTests
{
    private static readonly Scope s_scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A commit that was sent and not answered may still arrive, so the queue has to know.</summary>
    [Fact]
    public async Task Run_CommitNotAnswered_IsRecordedAsUnknown()
    {
        using var folder = new StoreFolder();
        folder.World.Faults.Before = call => call.StartsWith("create history ", StringComparison.Ordinal) ? throw new StoreUnavailableException("no answer") : Task.CompletedTask;
        var queue = new RecordingQueue();
        var source = new SlowSource();
        source.MayBeRead.SetResult();

        await Runner(folder.World, source, queue).RunAsync(RecordingQueue.Claim(s_scope), verify: false, Cancel);

        var failed = Assert.IsType<BuildOutcome.Failed>(Assert.Single(queue.Completed).Outcome);
        Assert.True(failed.CommitUnknown);
        Assert.Equal("Whether the new version of acme/production was committed is not known: no answer", failed.Why);
    }

    [Fact]
    public async Task Run_StoreFailsBeforeTheCommit_NothingIsUnknown()
    {
        using var folder = new StoreFolder();
        folder.World.Faults.Before = call => call.StartsWith("create public ", StringComparison.Ordinal) ? throw new StoreUnavailableException("no answer") : Task.CompletedTask;
        var queue = new RecordingQueue();
        var source = new SlowSource();
        source.MayBeRead.SetResult();

        await Runner(folder.World, source, queue).RunAsync(RecordingQueue.Claim(s_scope), verify: false, Cancel);

        Assert.False(Assert.IsType<BuildOutcome.Failed>(Assert.Single(queue.Completed).Outcome).CommitUnknown);
    }

    /// <summary>A worker that is told to stop may have got as far as the commit.</summary>
    [Fact]
    public async Task Run_WorkerStopsDuringTheBuild_IsRecordedAsUnknown()
    {
        using var folder = new StoreFolder();
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        folder.World.Faults.Before = _ =>
        {
            stopping.Cancel();
            return Task.FromCanceled(stopping.Token);
        };
        var queue = new RecordingQueue();
        var source = new SlowSource();
        source.MayBeRead.SetResult();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Runner(folder.World, source, queue).RunAsync(RecordingQueue.Claim(s_scope), verify: false, stopping.Token));

        Assert.True(Assert.IsType<BuildOutcome.Failed>(Assert.Single(queue.Completed).Outcome).CommitUnknown);
    }

    /// <summary>Nothing was written, so nothing needs to be fenced off.</summary>
    [Fact]
    public async Task Run_WorkerStopsBeforeTheRowsAreRead_IsGivenBackAsItWas()
    {
        using var folder = new StoreFolder();
        var queue = new RecordingQueue();
        var claim = RecordingQueue.Claim(s_scope);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var building = Runner(folder.World, new SlowSource(), queue).RunAsync(claim, verify: false, stopping.Token);
        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => building);

        Assert.Equal(claim, Assert.Single(queue.Released));
        Assert.Empty(queue.Completed);
    }

    [Fact]
    public async Task Run_ScopeOverALimit_IsHeldWithTheReason()
    {
        using var folder = new StoreFolder();
        var queue = new RecordingQueue();
        var source = new SlowSource() { TooLarge = "The scope has 5000 destinations, and the limit is 1000." };
        source.MayBeRead.SetResult();

        await Runner(folder.World, source, queue).RunAsync(RecordingQueue.Claim(s_scope), verify: false, Cancel);

        Assert.Equal(source.TooLarge, Assert.IsType<BuildOutcome.Held>(Assert.Single(queue.Completed).Outcome).Why);
        Assert.Equal(0, folder.World.Faults.Writes);
    }

    [Fact]
    public async Task Run_ChangedBetweenClaimAndRead_TheClaimCoversTheChange()
    {
        using var folder = new StoreFolder();
        var queue = new RecordingQueue();
        var source = new SlowSource() { Changes = 7 };
        source.MayBeRead.SetResult();

        await Runner(folder.World, source, queue).RunAsync(RecordingQueue.Claim(s_scope) with { Changes = 5 }, verify: false, Cancel);

        Assert.Equal(7, Assert.Single(queue.Completed).Claim.Changes);
    }

    private static BuildRunner Runner(PublicationWorld world, SlowSource source, RecordingQueue queue) => new(
        source, queue, new ScopeBuilder(source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), world.Store, world.Publisher),
        new ScheduleOptions(), world.Time, NullLogger<BuildRunner>.Instance);

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

    /// <summary>Empty scopes, which cannot be read before they may.</summary>
    private sealed class SlowSource : IDestinationSource
    {
        public TaskCompletionSource MayBeRead { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string? TooLarge { get; init; }

        public long Changes { get; init; }

        public string Description => "a slow source";

        public Task<SourceFindings> CheckAsync(CancellationToken cancellationToken) => Task.FromResult(SourceFindings.None);

        public Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OrganizationId>>([s_scope.Organization]);

        public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await MayBeRead.Task.WaitAsync(cancellationToken);
            foreach (var scope in scopes)
            {
                yield return TooLarge is not null
                    ? new ScopeRead.TooLarge(scope, TooLarge)
                    : new ScopeRead.Found(new ScopeRows(scope, [], new SourcePosition(1, 1), SourceClock.Of(TimeProvider.System)) { Changes = Changes });
            }
        }
    }
}
