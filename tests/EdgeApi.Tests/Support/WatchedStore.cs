using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A store that counts what it is asked, and can hold reads back or refuse them.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "What it would dispose of holds nothing: only writers take turns on it.")]
internal sealed class WatchedStore(TestStore store) : IBlobReader
{
    private readonly DirectoryBlobStore _inner = new(store.Root, TimeProvider.System);
    private readonly ConcurrentDictionary<Scope, int> _reads = new();
    private int _others;
    private int _logReads;
    private int _loaderReads;
    private int _atOnce;
    private int _mostAtOnce;

    public string Description => _inner.Description;

    public bool KeepsMetadata => _inner.KeepsMetadata;

    /// <summary>Reads of `current` wait for this.</summary>
    public TaskCompletionSource? Gate { get; set; }

    /// <summary>Reads of blobs fail, while the change log can be read.</summary>
    public volatile bool RefuseLoads;

    /// <summary>How many reads of the change log have begun. The follower begins one after the other.</summary>
    public int LogReads => Volatile.Read(ref _logReads);

    /// <summary>How many reads of current manifests are under way.</summary>
    public int AtOnce => Volatile.Read(ref _atOnce);

    /// <summary>The most there have been at once.</summary>
    public int MostAtOnce => Volatile.Read(ref _mostAtOnce);

    /// <summary>How many reads of the loader that stands alone have begun.</summary>
    public int LoaderReads => Volatile.Read(ref _loaderReads);

    /// <summary>How many reads there were of something else than a current manifest, the change log or that loader.</summary>
    public int OtherReads => Volatile.Read(ref _others);

    public int Reads(Scope scope) => _reads.GetValueOrDefault(scope);

    public int AllReads => _reads.Values.Sum();

    public async Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken)
    {
        if (container != BlobContainer.Private || !BlobNames.TryParseCurrent(name, out var scope))
        {
            Interlocked.Increment(ref name == BlobNames.Loader ? ref _loaderReads : ref _others);
            return await _inner.ReadAsync(container, name, knownETag, maxBytes, cancellationToken);
        }
        _reads.AddOrUpdate(scope, 1, (_, count) => count + 1);
        var atOnce = Interlocked.Increment(ref _atOnce);
        for (var most = MostAtOnce; atOnce > most && Interlocked.CompareExchange(ref _mostAtOnce, atOnce, most) != most; most = MostAtOnce) { }
        try
        {
            // Read first, then held back: what is handed out later is what was there when it was asked for.
            var read = await _inner.ReadAsync(container, name, knownETag, maxBytes, cancellationToken);
            if (Gate is { } gate) await gate.Task.WaitAsync(cancellationToken);
            if (RefuseLoads) throw new StoreUnavailableException("The test refuses.");
            return read;
        }
        finally
        {
            Interlocked.Decrement(ref _atOnce);
        }
    }

    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _logReads);
        return _inner.ReadRangeAsync(container, name, offset, length, knownETag, cancellationToken);
    }

    public IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, CancellationToken cancellationToken) => _inner.ListAsync(container, prefix, cancellationToken);
}
