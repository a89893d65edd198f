using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Publishing;
using ConsentSnapshots.Worker.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Scheduling;

public sealed class ScopeDrainTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("consent-snapshots-drain-").FullName;
    private readonly DirectoryBlobStore _store;
    private readonly PublicationWorld _world;
    private readonly RecordingQueue _queue = new();
    private readonly RecordingSource _source = new();
    private readonly WakeUp _wakeUp = new();

    public ScopeDrainTests()
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

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public async Task Drain_BothLanes_EveryScopeIsBuiltOnce(int parallelism)
    {
        using var drain = Drain(parallelism);
        var (bulk, edits) = (Scopes("bulk", 70), Scopes("edit", 20));
        _queue.Add(Lane.Bulk, bulk);
        _queue.Add(Lane.Edits, edits);

        await DrainAllAsync(drain);

        Assert.Equal(bulk.Concat(edits).Order(), _queue.Completed.Select(completed => completed.Claim.Scope).Order());
        Assert.All(_queue.Completed, completed => Assert.IsType<BuildOutcome.Published>(completed.Outcome));
    }

    /// <summary>A hundred scopes read one by one would cost the database a hundred snapshots.</summary>
    [Fact]
    public async Task Drain_MuchBulk_IsReadTogether()
    {
        using var drain = Drain(4);
        _queue.Add(Lane.Bulk, Scopes("bulk", 100));

        await DrainAllAsync(drain);

        Assert.Equal(100, _source.Reads.Sum());
        Assert.InRange(_source.Reads.Count, 4, 30);
        Assert.True(_source.Reads.Max() <= 32, $"{_source.Reads.Max()} scopes were read at once.");
    }

    /// <summary>Somebody waits for an edit, whatever bulk is claimed ahead.</summary>
    [Fact]
    public async Task Drain_EditWhileBulkWaits_IsBuiltBeforeTheRestOfTheBulk()
    {
        using var drain = Drain(2);
        var bulk = Scopes("bulk", 200);
        var edit = Scopes("edit", 1)[0];
        _queue.Add(Lane.Bulk, bulk);
        // The edit comes while the first bulk is being read.
        _source.OnFirstRead = () => _queue.Add(Lane.Edits, edit);

        await DrainAllAsync(drain);

        var place = _queue.Completed.FindIndex(completed => completed.Claim.Scope == edit);
        Assert.InRange(place, 0, 100);
    }

    /// <summary>A worker that stops gives back at once what it has claimed ahead, so that another can go on.</summary>
    [Fact]
    public async Task Stop_BulkClaimedAhead_IsGivenBackUnbegun()
    {
        using var drain = Drain(2);
        _queue.Add(Lane.Bulk, Scopes("bulk", 20));
        _source.MayBeRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var draining = drain.DrainAsync(stopping.Token);
        await _source.FirstRead.Task.WaitAsync(Cancel);
        await stopping.CancelAsync();

        await draining;
        await drain.StopAsync();

        Assert.Empty(_queue.Completed);
        Assert.Equal(_queue.Claimed.Select(claim => claim.Token).Order(), _queue.Released.Select(claim => claim.Token).Order());
    }

    /// <summary>As the service does it: drains whenever a place is free again, until nothing waits.</summary>
    private async Task DrainAllAsync(ScopeDrain drain)
    {
        while ((await _queue.StatusAsync(null, Cancel)).Count > 0)
        {
            await drain.DrainAsync(Cancel);
            await _wakeUp.WaitAsync(TimeSpan.FromSeconds(1), TimeProvider.System, Cancel);
        }
        await drain.StopAsync();
    }

    private static Scope[] Scopes(string name, int count) =>
        [.. Enumerable.Range(0, count).Select(number => new Scope(OrganizationId.Parse(FormattableString.Invariant($"{name}-{number}")), DeploymentEnvironment.Production))];

    private ScopeDrain Drain(int parallelism)
    {
        var options = new ScheduleOptions { Parallelism = parallelism };
        var builder = new ScopeBuilder(_source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), _world.Store, _world.Publisher);
        return new ScopeDrain(_queue, new BuildRunner(_source, _queue, builder, options, TimeProvider.System, NullLogger<BuildRunner>.Instance), options, _wakeUp, TimeProvider.System);
    }
}
