using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Storage;
using ConsentSnapshots.Worker.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>What may happen next.</summary>
internal enum Happening
{
    /// <summary>The rows become those of the argument, with the next revision.</summary>
    Edit,

    /// <summary>A worker claims the scope and reads its rows; where somebody has the scope, the lease is over.</summary>
    Claim,

    /// <summary>One of the calls that a worker waits for has its effect and is answered.</summary>
    Step,

    /// <summary>As many calls as the argument says, and one more.</summary>
    Steps,

    /// <summary>Everything up to the commit, which waits then.</summary>
    StepsToCommit,

    /// <summary>Everything.</summary>
    StepsToEnd,

    /// <summary>The store does not answer one call, which has its effect (odd argument) or has not.</summary>
    NoAnswer,

    /// <summary>A worker dies. What it has sent has its effect now (by the argument's bits), or may have it at any time later.</summary>
    Kill,

    /// <summary>Something that a dead worker had sent arrives.</summary>
    Arrive,
}

/// <summary>Something that happens.</summary>
internal readonly record struct Event(Happening Happening, int Worker, int Argument)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Happening} {Worker} {Argument}");
}

/// <summary>
/// One scope, its rows, its place in the queue, and three workers with a real <see cref="Publisher"/> each, of whom two may die. The queue is what <c>ScopeQueue</c>'s statements
/// say: one has the claim; who takes it from somebody gets a fence; completion counts the revision that was read.
/// </summary>
internal sealed class InterleavedWorld
{
    private const int Kills = 2;

    // Of this world alone: what a dead worker waits for is registered with its token, and the test's own token would keep every world that was ever played.
    private readonly CancellationToken _neverCancelled = new CancellationTokenSource().Token;
    private static readonly PublicationWorld s_requests = new(new SteppedBlobStore(new MemoryBlobs()));

    /// <summary>The rows that edits choose from; generated once.</summary>
    private static readonly PublicationRequest[] s_contents =
    [
        s_requests.Request(1, PublicationWorld.MetaPixel("111")),
        s_requests.Request(1, PublicationWorld.MetaPixel("111"), PublicationWorld.MetaPixel("222", "measurement")),
        s_requests.Request(1, PublicationWorld.MetaPixel("222", "measurement")),
    ];

    private readonly bool _fences;
    private readonly MemoryBlobs _blobs = new();
    private readonly FakeTimeProvider _time = new();
    private readonly SteppedScheduler _scheduler = new();
    private readonly Worker[] _workers;
    private readonly List<SteppedBlobStore.Call> _sent = [];
    private readonly List<string> _story = [];

    private int _content;
    private long _revision = 1;
    private long _completed;
    private int _attempts;
    private bool _fence;
    private object? _claim;
    private int _killed;
    private (int Current, int List, int Tags) _highest;

    /// <summary>A world in which the first rows are published.</summary>
    /// <param name="fences">Whether builds fence when the queue says so.</param>
    public InterleavedWorld(bool fences = true)
    {
        _fences = fences;
        _workers = [.. Enumerable.Range(0, 3).Select(_ => NewWorker())];
        BuildWhatIsDue();
    }

    /// <summary>Everything that was done, for a message.</summary>
    public string Story => string.Join('\n', _story);

    private static Scope Scope => s_requests.Scope;

    private sealed class Worker(SteppedBlobStore store, Publisher publisher)
    {
        public SteppedBlobStore Store { get; } = store;

        public Publisher Publisher { get; } = publisher;

        public Task<PublicationResult>? Building { get; set; }

        public object? Claim { get; set; }

        public long Revision { get; set; }

        public bool Dead { get; set; }
    }

    /// <summary>Lets something happen, if it can.</summary>
    public void Happen(Event next)
    {
        var worker = _workers[next.Worker % _workers.Length];
        _story.Add(next.ToString());
        switch (next.Happening)
        {
            case Happening.Edit: (_content, _revision) = (next.Argument % s_contents.Length, _revision + 1); break;
            case Happening.Claim: Claim(worker); break;
            case Happening.Step: Step(worker, next.Argument); break;
            case Happening.Steps:
                for (var step = 0; step <= next.Argument; step++) Step(worker, next.Argument);
                break;
            case Happening.StepsToCommit:
                while (worker.Store.Pending.Count > 0 && !worker.Store.Pending.Any(IsCommit)) Step(worker, next.Argument);
                break;
            case Happening.StepsToEnd: Finish(worker); break;
            case Happening.NoAnswer: NoAnswer(worker, next.Argument); break;
            case Happening.Kill: Kill(worker, next.Argument); break;
            case Happening.Arrive:
                if (_sent.Count > 0) Arrive(next.Argument % _sent.Count);
                break;
        }
        Check();
    }

    /// <summary>What is due is built by a worker that has just started, and who sleeps goes on sleeping.</summary>
    public void BuildWhatIsDue()
    {
        for (var builds = 0; _completed < _revision; builds++)
        {
            Assert.True(builds < 10, "The scope is due again and again.");
            var fresh = NewWorker();
            Claim(fresh);
            Finish(fresh);
            Assert.Null(fresh.Building);
            Check();
        }
    }

    /// <summary>Whether what is published is what the rows say: asked when nothing is due, and whoever sleeps never wakes.</summary>
    public bool IsNewestPublished()
    {
        Assert.True(_completed >= _revision);
        var history = History();
        // Whoever fences may die before the list of a version that changed nothing: then the list is an earlier version's, of the same scripts. And a version that is only in the
        // history becomes current with the next build, so it must say the same.
        int[] published = [_highest.List, _highest.Tags, _highest.Current, history.Count];
        return published.All(version => history[version - 1].Envelope.Fingerprint == s_contents[_content].Generated.Content.Fingerprint);
    }

    /// <summary>How many times the calls of one publication wait for those before them, where all that can be done at once is.</summary>
    public int CountStepsOfAnEdit()
    {
        var worker = _workers[0];
        // A process looks for the loader and the end of the change log once.
        Happen(new Event(Happening.Edit, 0, 1));
        Happen(new Event(Happening.Claim, 0, 0));
        Happen(new Event(Happening.StepsToEnd, 0, 0));
        Happen(new Event(Happening.Edit, 0, 2));
        Happen(new Event(Happening.Claim, 0, 0));
        var steps = 0;
        for (; worker.Store.Pending.Count > 0; steps++)
        {
            for (var call = worker.Store.Pending.Count; call > 0; call--) worker.Store.Take(0).Answer();
            Run(worker);
        }
        Assert.Equal(_revision, _completed);
        return steps;
    }

    private static bool IsCommit(SteppedBlobStore.Call call) => call.What.StartsWith("create history ", StringComparison.Ordinal);

    private Worker NewWorker()
    {
        var store = new SteppedBlobStore(_blobs);
        return new Worker(store, new Publisher(new ScopeStore(store), DestinationCatalogue.BuiltIn, new GeneratorBuild("test"), ScopeLimits.Default, _time));
    }

    private void Claim(Worker worker)
    {
        if (worker.Dead || worker.Building is not null) return;
        _fence |= _claim is not null;
        _claim = worker.Claim = new object();
        worker.Revision = _revision;
        var request = s_contents[_content] with
        {
            Position = new SourcePosition(1, _revision),
            Clock = SourceClock.Of(_time),
            Announce = ++_attempts > 1,
            Fence = _fence && _fences,
            RecordedVersion = _completed > 0 ? 1 : 0,
        };
        worker.Building = _scheduler.Start(() => worker.Publisher.PublishAsync(request, _neverCancelled));
        Run(worker);
    }

    private void Step(Worker worker, int choice)
    {
        if (worker.Store.Pending.Count == 0) return;
        var call = worker.Store.Take(choice % worker.Store.Pending.Count);
        _story.Add($"    {call.What}");
        call.Answer();
        Run(worker);
        Check();
    }

    private void Finish(Worker worker)
    {
        while (worker.Store.Pending.Count > 0) Step(worker, 0);
    }

    private void NoAnswer(Worker worker, int argument)
    {
        if (worker.Store.Pending.Count == 0) return;
        var call = worker.Store.Take(argument / 2 % worker.Store.Pending.Count);
        if (argument % 2 == 1) call.Effect();
        else _sent.Add(call); // it may still be on its way
        call.Fail();
        Run(worker);
        // The others are answered, as they would be: the publisher waits for all of them.
        if (worker.Building is null) return;
        Finish(worker);
    }

    private void Kill(Worker worker, int argument)
    {
        if (worker.Dead || _killed == Kills) return;
        _killed++;
        worker.Dead = true;
        for (var call = 0; worker.Store.Pending.Count > 0; call++)
        {
            _sent.Add(worker.Store.Take(0));
            if ((argument >> call & 1) == 1) Arrive(_sent.Count - 1);
        }
    }

    private void Arrive(int index)
    {
        var call = _sent[index];
        _sent.RemoveAt(index);
        _story.Add($"    arrives: {call.What}");
        call.Effect();
    }

    /// <summary>Runs a worker up to its next calls; where its build ended, the queue is told, as <c>ScopeDrain</c> does.</summary>
    private void Run(Worker worker)
    {
        _time.Advance(TimeSpan.FromMilliseconds(1));
        _scheduler.RunReady();
        if (worker.Building is not { IsCompleted: true } build) return;
        worker.Building = null;
        if (build.IsCompletedSuccessfully) Complete(worker, build.Result.Outcome == PublicationOutcome.Published);
        else Fail(worker, build.Exception!.InnerException!);
    }

    private void Complete(Worker worker, bool published)
    {
        _story.Add($"    completes {worker.Revision}");
        if (_claim == worker.Claim)
        {
            _completed = published ? worker.Revision : Math.Max(_completed, worker.Revision);
            (_claim, _fence, _attempts) = (null, false, 0);
        }
        else if (published)
        {
            _completed = Math.Min(_completed, worker.Revision);
        }
    }

    private void Fail(Worker worker, Exception exception)
    {
        _story.Add($"    fails: {exception.Message}");
        if (exception is not (StoreUnavailableException or CommitUnknownException)) throw exception;
        if (_claim != worker.Claim) return;
        _claim = null;
        _fence |= exception is CommitUnknownException;
    }

    /// <summary>What holds at every instant.</summary>
    private void Check()
    {
        Manifest? before = null;
        foreach (var manifest in History())
        {
            Assert.Equal((before?.Version ?? 0) + 1, manifest.Version);
            Assert.Equal(before?.Digest(), manifest.Envelope.Previous);
            Assert.True(before is null || before.Envelope.SourceRevision <= manifest.Envelope.SourceRevision, "Older rows over newer ones.");
            foreach (var hash in manifest.Snapshots.Keys)
                Assert.True(_blobs.Bytes(BlobContainer.Public, $"{Scope}/{hash}.json") is { } bytes && bytes.AsSpan().SequenceEqual(manifest.SnapshotBytes(hash)), $"{hash} is missing or torn.");
            before = manifest;
        }

        var current = Version(BlobContainer.Private, BlobNames.Current(Scope), bytes => Manifest.Parse(bytes).Version);
        var list = Version(BlobContainer.Public, BlobNames.List(Scope), bytes => PublishedVersions.OfList(bytes)!.Value);
        var tags = Version(BlobContainer.Public, BlobNames.Tags(Scope), bytes => PublishedVersions.OfTags(bytes)!.Value);
        Assert.True(current >= _highest.Current, $"Current went back from {_highest.Current} to {current}.");
        Assert.True(list >= _highest.List, $"The list went back from {_highest.List} to {list}.");
        Assert.True(tags >= _highest.Tags, $"tags.js went back from {_highest.Tags} to {tags}.");
        Assert.InRange(list, 0, current);
        Assert.InRange(tags, 0, current);
        if (current > 0) Assert.Equal(_blobs.Bytes(BlobContainer.History, BlobNames.History(Scope, current)), _blobs.Bytes(BlobContainer.Private, BlobNames.Current(Scope)));
        _highest = (current, list, tags);
    }

    private int Version(BlobContainer container, string name, Func<byte[], int> of) => _blobs.Bytes(container, name) is { } bytes ? of(bytes) : 0;

    private List<Manifest> History() =>
        [.. _blobs.List(BlobContainer.History, "").Select(blob => blob.Name).Order(StringComparer.Ordinal).Select(name => Read(BlobContainer.History, name))];

    private Manifest Read(BlobContainer container, string name) => Manifest.Parse(_blobs.Bytes(container, name)!);
}
