using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>What reading one blob came to. A store that cannot be asked is <see cref="StoreUnavailableException"/>: never an absent blob.</summary>
internal abstract record BlobRead
{
    private BlobRead()
    {
    }

    /// <summary>The blob's bytes and the ETag they stand under.</summary>
    public sealed record Found(byte[] Bytes, string ETag) : BlobRead;

    /// <summary>The blob still stands under the ETag that was sent along.</summary>
    public sealed record Unchanged : BlobRead;

    /// <summary>The store answered, and the blob does not exist.</summary>
    public sealed record Missing : BlobRead;

    /// <summary>The blob is longer than anything the worker writes, and was not read.</summary>
    public sealed record TooLong(long Bytes) : BlobRead;
}

/// <summary>The last segment of the change log and its length when it was listed; segment 0 where there is no log.</summary>
internal readonly record struct LogTail(int Segment, long Length);

/// <summary>The store could not be asked: unreachable, refusing, or not set up yet.</summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What an edge reads of the store. It never writes.</summary>
internal interface ISnapshotStore
{
    /// <summary>Reads the newest manifest of a scope, unless it still stands under <paramref name="knownETag"/>.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<BlobRead> ReadCurrentAsync(Scope scope, string? knownETag, int maxBytes, CancellationToken cancellation);

    /// <summary>Reads a snapshot.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<BlobRead> ReadSnapshotAsync(Scope scope, SnapshotHash hash, int maxBytes, CancellationToken cancellation);

    /// <summary>Lists the change log for its end.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<LogTail> FindTailAsync(CancellationToken cancellation);

    /// <summary>
    /// Reads up to <paramref name="maxBytes"/> of a segment from an offset, unless the segment still stands under
    /// <paramref name="knownETag"/>. Nothing at or behind the offset is <see cref="BlobRead.Found"/> without bytes.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<BlobRead> ReadLogAsync(int segment, long offset, int maxBytes, string? knownETag, CancellationToken cancellation);
}
