using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
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

namespace ConsentSnapshots.Worker.Tests.Diagnostics;

/// <summary>Which spans belong together. Other tests of the process build at the same time, so each of these has a scope of its own.</summary>
public sealed class WorkerSpansTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-spans-");
    private readonly DirectoryBlobStore _blobs;
    private readonly PublicationWorld _world;
    private readonly ConcurrentQueue<Activity> _stopped = new();
    private readonly ActivityListener _listener;
    private readonly Scope _scope = new(OrganizationId.Parse($"spans-{Guid.NewGuid():N}"), DeploymentEnvironment.Production);

    public WorkerSpansTests()
    {
        _blobs = new DirectoryBlobStore(_folder.FullName, TimeProvider.System);
        _world = new PublicationWorld(_blobs);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == WorkerSpans.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _listener.Dispose();
        _blobs.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Build_AfterAFailure_IsLinkedToTheAttemptBeforeIt()
    {
        var runner = Runner(_world);
        _world.Faults.Before = call => call.StartsWith("create public ", StringComparison.Ordinal) ? throw new StoreUnavailableException("no answer, AccountKey=hunter2") : Task.CompletedTask;
        using (WorkerSpans.Root("first")) await runner.RunAsync(RecordingQueue.Claim(_scope), verify: false, Cancel);
        _world.Faults.Before = _ => Task.CompletedTask;
        using (WorkerSpans.Root("second")) await runner.RunAsync(RecordingQueue.Claim(_scope) with { Attempt = 2 }, verify: false, Cancel);
        using (WorkerSpans.Root("third")) await runner.RunAsync(RecordingQueue.Claim(_scope), verify: false, Cancel);

        var builds = Builds();
        Assert.Equal(["failed", "published", "unchanged"], builds.Select(build => build.GetTagItem("consent.outcome")));
        Assert.Equal([ActivityStatusCode.Error, ActivityStatusCode.Unset, ActivityStatusCode.Unset], builds.Select(build => build.Status));
        Assert.Empty(builds[0].Links);
        Assert.Equal(builds[0].Context, Assert.Single(builds[1].Links).Context);
        Assert.Empty(builds[2].Links);
        Assert.NotEqual(builds[0].TraceId, builds[1].TraceId);
    }

    [Fact]
    public async Task Drain_ScopesOfOneLook_AreOneTraceThatEndsWithTheLast()
    {
        var queue = new RecordingQueue();
        queue.Add(Lane.Edits, _scope);
        var signal = new WakeUpSignal(WakeUpCause.Notification, TimeProvider.System.GetUtcNow());
        using var drain = new ScopeDrain(queue, Runner(_world, queue), new ScheduleOptions(), new WakeUp(), TimeProvider.System);

        await drain.DrainAsync(signal, Cancel);
        await drain.StopAsync();

        var build = Assert.Single(Builds());
        var trace = _stopped.Where(span => span.TraceId == build.TraceId).ToList();
        var root = Assert.Single(trace, span => span.Parent is null && span.ParentSpanId == default);
        Assert.Equal(("process changes", ActivityKind.Consumer, "notification"), (root.OperationName, root.Kind, root.GetTagItem("consent.trigger")));
        Assert.Equal(signal.At.UtcDateTime, root.StartTimeUtc);
        Assert.True(root.StartTimeUtc + root.Duration >= build.StartTimeUtc + build.Duration, "The trace ends before its build.");
        Assert.Superset(
            new HashSet<string> { "claim", "read", "build", "generate", "publish", "read store", "prove", "prepare", "commit", "make current", "announce", "send changes", "complete" },
            trace.Select(span => span.OperationName).ToHashSet());
        Assert.Null(Activity.Current);
    }

    /// <summary>A store that is used by something that belongs to no trace, such as the comparison at the start, makes no traces of one span each.</summary>
    /// <summary>An outage of everything, in which no scope is built: what is remembered stays bounded, and the newest attempt is remembered.</summary>
    [Fact]
    public void Attempts_OfManyScopes_AreBoundedAndHaveTheNewest()
    {
        var attempts = new AttemptTraces();
        var scopes = Enumerable.Range(0, 3000).Select(number => new Scope(OrganizationId.Parse($"many-{number}"), DeploymentEnvironment.Production)).ToList();
        using var span = new Activity("build").Start();

        foreach (var scope in scopes)
        {
            attempts.Ended(scope, span);
            Assert.NotNull(attempts.Earlier(scope));
        }

        Assert.InRange(scopes.Count(scope => attempts.Earlier(scope) is not null), 1, 1024);
    }

    [Fact]
    public void Step_OutsideOfATrace_IsNone()
    {
        Activity.Current = null;

        Assert.Null(WorkerSpans.Step("generate"));
        Assert.Null(WorkerSpans.Store("read", BlobContainer.Private, "current/acme/production.json"));
        Assert.False(WorkerSpans.IsWithin);
    }

    [Theory]
    [InlineData("read", BlobContainer.Private, "current/acme/production.json", "read current")]
    [InlineData("append", BlobContainer.Private, "changes/00000001.log", "append changes")]
    [InlineData("create", BlobContainer.Public, "acme/production/0123456789abcdef0123456789abcdef.json", "create snapshot")]
    [InlineData("list", BlobContainer.Public, "acme/production/", "list public")]
    public void Store_Call_IsNamedByWhatItDoesAndToWhat(string operation, BlobContainer container, string name, string expected)
    {
        using var root = WorkerSpans.Root("test");

        using var span = WorkerSpans.Store(operation, container, name);

        Assert.Equal((expected, ActivityKind.Client, name), (span!.OperationName, span.Kind, span.GetTagItem("consent.blob.name")));
    }

    private static BuildRunner Runner(PublicationWorld world, RecordingQueue? queue = null)
    {
        var source = new EmptySource();
        return new BuildRunner(
            source, queue ?? new RecordingQueue(),
            new ScopeBuilder(source, new SettingsKeyRing(new EncryptionOptions()), new SnapshotGenerator(DestinationCatalogue.BuiltIn), world.Store, world.Publisher),
            new ScheduleOptions(), TimeProvider.System, NullLogger<BuildRunner>.Instance);
    }

    private List<Activity> Builds() => [.. _stopped.Where(span => span.OperationName == "build" && span.GetTagItem("consent.scope") is string scope && scope == _scope.ToString()).OrderBy(span => span.StartTimeUtc)];

    /// <summary>Empty scopes.</summary>
    private sealed class EmptySource : IDestinationSource
    {
        public string Description => "empty scopes";

        public Task<SourceFindings> CheckAsync(CancellationToken cancellationToken) => Task.FromResult(SourceFindings.None);

        public Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OrganizationId>>([]);

        public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Yield();
            foreach (var scope in scopes) yield return new ScopeRead.Found(new ScopeRows(scope, [], new SourcePosition(1, 1), SourceClock.Of(TimeProvider.System)));
        }
    }
}
