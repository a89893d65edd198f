namespace ConsentSnapshots.Storage;

/// <summary>The three containers.</summary>
public enum BlobContainer
{
    /// <summary>The CDN's origin: snapshots, lists and the loader.</summary>
    Public,

    /// <summary>The newest manifests, the change log, state.</summary>
    Private,

    /// <summary>Every version of every manifest. It is a container of its own because immutability policies and tiers are set for each container.</summary>
    History,
}

/// <summary>
/// What reading one blob came to. A store that cannot be asked is a <see cref="StoreUnavailableException"/>: it is never taken for an absent blob. What is wrong with a blob's
/// content is for its reader to say.
/// </summary>
public abstract record BlobRead
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

    /// <summary>The store answered, and there is no such container: nobody has set the store up, or a volume is not mounted.</summary>
    public sealed record NoContainer : BlobRead;

    /// <summary>The blob is longer than what the caller takes, and was not read.</summary>
    public sealed record TooLong(long Bytes) : BlobRead;
}

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
    /// <summary>The caching rule of what is replaced under its name with each version.</summary>
    public const string ShortLived = "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600";

    /// <summary>The caching rule of what never changes under its name.</summary>
    public const string Immutable = "public, max-age=31536000, immutable";

    /// <summary>An immutable public JSON document.</summary>
    public static BlobProperties ImmutableJson { get; } = new("application/json", Immutable);

    /// <summary>A public JSON document that is replaced with each version.</summary>
    public static BlobProperties ReplacedJson { get; } = new("application/json", ShortLived);

    /// <summary>Public JavaScript that is replaced with each version.</summary>
    public static BlobProperties ReplacedScript { get; } = new("text/javascript; charset=utf-8", ShortLived);

    /// <summary>Our loader.</summary>
    public static BlobProperties LoaderScript { get; } = new("text/javascript; charset=utf-8", "public, max-age=3600");

    /// <summary>A private JSON document.</summary>
    public static BlobProperties PrivateJson { get; } = new("application/json", "no-store");
}

/// <summary>Reads blobs. It is all that an edge does with a store.</summary>
public interface IBlobReader
{
    /// <summary>What the store is, for people: never a secret.</summary>
    string Description { get; }

    /// <summary>Whether a listing gives back what was written with a blob as its metadata.</summary>
    bool KeepsMetadata { get; }

    /// <summary>Reads a blob, unless it still stands under <paramref name="knownETag"/> or is longer than <paramref name="maxBytes"/>.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken);

    /// <summary>
    /// Reads up to <paramref name="length"/> bytes from an offset, unless the blob still stands under <paramref name="knownETag"/>. Nothing at or behind the offset is
    /// <see cref="BlobRead.Found"/> without bytes.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken);

    /// <summary>Lists the blobs whose name begins with the prefix, in no promised order. A container that does not exist has none.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, CancellationToken cancellationToken);
}

/// <summary>
/// Where blobs are kept. Every write creates a container that is missing. A write that a lease of somebody else stands against is a <see cref="StoreUnavailableException"/>
/// that says so, and never looks like a lost race.
/// </summary>
public interface IBlobStore : IBlobReader
{
    /// <summary>Creates the containers that are missing, where the identity may; where it may not, their first use tells.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    Task EnsureContainersAsync(CancellationToken cancellationToken);

    /// <summary>Writes a blob that does not exist yet; its ETag, or null when one exists, which then stays as it is.</summary>
    /// <exception cref="StoreUnavailableException">Whether it was written is not known.</exception>
    Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken);

    /// <summary>Replaces the blob that has this ETag; the new ETag, or null when the blob is another by now.</summary>
    /// <exception cref="StoreUnavailableException">Whether it was written is not known.</exception>
    Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken);

    /// <summary>Writes a blob whatever there is.</summary>
    /// <exception cref="StoreUnavailableException">Whether it was written is not known.</exception>
    Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken);

    /// <summary>
    /// Appends whole lines to a private log, creating it when missing, in one piece; false, with nothing appended, when it would grow beyond
    /// <paramref name="maxLength"/>. Part of a line that a crash left at the end is cut off.
    /// </summary>
    /// <exception cref="StoreUnavailableException">Whether they were appended is not known.</exception>
    Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken);

    /// <summary>Deletes the blob that has this ETag (any, when null); false when it is another by now. A missing blob counts as deleted.</summary>
    /// <exception cref="StoreUnavailableException">Whether it was deleted is not known.</exception>
    Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken);
}

/// <summary>The store cannot be reached or refuses service; what was asked may or may not have happened.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the store answered that the key of the settings is not its own: it will say so until the settings are others.</summary>
    public bool IsWrongKey { get; init; }
}

/// <summary>How often and how long a store of a network is asked again before it counts as unavailable.</summary>
/// <param name="MaxRetries">How often a request is repeated.</param>
/// <param name="Delay">The pause before the first repetition; it doubles each time.</param>
/// <param name="MaxDelay">The longest pause.</param>
/// <param name="NetworkTimeout">How long one request may take.</param>
public sealed record StoreRetries(int MaxRetries, TimeSpan Delay, TimeSpan MaxDelay, TimeSpan NetworkTimeout)
{
    /// <summary>How long a request waits for an account that says that it is too busy, before that counts as a failure. Zero: it counts at once.</summary>
    public TimeSpan ThrottlePatience { get; init; }

    /// <summary>For work that can wait: four repetitions, and two minutes for an account that is too busy.</summary>
    public static StoreRetries Patient(TimeSpan networkTimeout) =>
        new(4, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5), networkTimeout) { ThrottlePatience = TimeSpan.FromMinutes(2) };

    /// <summary>For a request that must not hang on the store: one repetition, because whoever called tries again later anyway.</summary>
    public static StoreRetries Brief(TimeSpan networkTimeout) => new(1, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), networkTimeout);
}

/// <summary>The stores there are: the one place that knows which setting means which.</summary>
public static class BlobStores
{
    /// <summary>A store as the settings say. Nothing is opened by this.</summary>
    public static IBlobStore Create(StorageOptions options, StoreRetries retries, TimeProvider time) =>
        options.Provider == StorageProvider.Azure ? new AzureBlobStore(options, retries, time) : new DirectoryBlobStore(options.Directory!, time);
}
