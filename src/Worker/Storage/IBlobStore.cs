namespace ConsentSnapshots.Worker.Storage;

/// <summary>The two containers.</summary>
public enum BlobContainer
{
    /// <summary>The CDN's origin: snapshots and nothing else.</summary>
    Public,

    /// <summary>Manifests, their history, the change log, state.</summary>
    Private,
}

/// <summary>A blob as it was read.</summary>
/// <param name="Bytes">The content.</param>
/// <param name="ETag">What a conditional write compares.</param>
public sealed record StoredBlob(byte[] Bytes, string ETag);

/// <summary>A blob as a listing has it.</summary>
/// <param name="Name">The name, relative to the container.</param>
/// <param name="ETag">What a conditional delete compares; null where the store would have to read the blob to know.</param>
/// <param name="Length">The content's length in bytes.</param>
/// <param name="LastModified">When it was written last.</param>
/// <param name="Metadata">What was written with it; null where the store keeps none.</param>
public sealed record ListedBlob(
    string Name, string? ETag, long Length, DateTimeOffset LastModified, IReadOnlyDictionary<string, string>? Metadata);

/// <summary>What goes with a blob's content, in the same call as the content.</summary>
/// <param name="ContentType">The media type.</param>
/// <param name="CacheControl">The caching rule a CDN obeys.</param>
/// <param name="Metadata">Small values that a listing gives back.</param>
public sealed record BlobProperties(string ContentType, string CacheControl, IReadOnlyDictionary<string, string>? Metadata = null)
{
    /// <summary>An immutable public JSON document.</summary>
    public static BlobProperties ImmutableJson { get; } = new("application/json", "public, max-age=31536000, immutable");

    /// <summary>A private JSON document.</summary>
    public static BlobProperties PrivateJson { get; } = new("application/json", "no-store");
}

/// <summary>
/// Where blobs are kept. Missing is an answer; not reachable is a <see cref="StoreUnavailableException"/>, never an answer.
/// </summary>
public interface IBlobStore
{
    /// <summary>What the store is, for people: never a secret.</summary>
    string Description { get; }

    /// <summary>Creates the containers that are missing.</summary>
    Task EnsureContainersAsync(CancellationToken cancellationToken);

    /// <summary>Reads a blob; null when there is none.</summary>
    Task<StoredBlob?> ReadAsync(BlobContainer container, string name, CancellationToken cancellationToken);

    /// <summary>Writes a blob that does not exist yet; its ETag, or null when one exists, which then stays as it is.</summary>
    Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken);

    /// <summary>Replaces the blob that has this ETag; the new ETag, or null when the blob is another by now.</summary>
    Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken);

    /// <summary>Writes a blob whatever there is.</summary>
    Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken);

    /// <summary>
    /// Appends to a private log, creating it when missing, in one piece; false, with nothing appended, when it would grow beyond
    /// <paramref name="maxLength"/>.
    /// </summary>
    Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken);

    /// <summary>Lists the blobs whose name begins with the prefix, in no promised order.</summary>
    IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes the blob that has this ETag (any, when null); false when it is another by now. A missing blob counts as deleted.</summary>
    Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken);
}

/// <summary>The store cannot be reached or refuses service; what was asked may or may not have happened.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
