using System.Collections.Concurrent;
using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A store that counts what it is asked, and can hold reads back or refuse them.</summary>
internal sealed class WatchedStore(TestStore store) : ISnapshotStore
{
    private readonly DirectorySnapshotStore _inner = new(store.Root);
    private readonly ConcurrentDictionary<Scope, int> _reads = new();
    private int _snapshots;
    private int _logReads;

    /// <summary>Reads of `current` wait for this.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>Reads of `current` and snapshots fail, while the change log can be read.</summary>
    public volatile bool RefuseLoads;

    /// <summary>How many reads of the change log have begun. The follower begins one after the other.</summary>
    public int LogReads => Volatile.Read(ref _logReads);

    public int SnapshotReads => _snapshots;

    public int Reads(Scope scope) => _reads.GetValueOrDefault(scope);

    public int AllReads => _reads.Values.Sum();

    public async Task<BlobRead> ReadCurrentAsync(Scope scope, string? knownETag, int maxBytes, CancellationToken cancellation)
    {
        _reads.AddOrUpdate(scope, 1, (_, count) => count + 1);
        // Read first, then held back: what is handed out later is what was there when it was asked for.
        var read = await _inner.ReadCurrentAsync(scope, knownETag, maxBytes, cancellation);
        if (Gate is { } gate) await gate.Task.WaitAsync(cancellation);
        if (RefuseLoads) throw new StoreUnavailableException("The test refuses.");
        return read;
    }

    public Task<BlobRead> ReadSnapshotAsync(Scope scope, SnapshotHash hash, int maxBytes, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _snapshots);
        return _inner.ReadSnapshotAsync(scope, hash, maxBytes, cancellation);
    }

    public Task<LogTail> FindTailAsync(CancellationToken cancellation) => _inner.FindTailAsync(cancellation);

    public Task<BlobRead> ReadLogAsync(int segment, long offset, int maxBytes, string? knownETag, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _logReads);
        return _inner.ReadLogAsync(segment, offset, maxBytes, knownETag, cancellation);
    }
}
