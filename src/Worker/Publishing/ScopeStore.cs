using System.Collections.ObjectModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>What there is at a scope's current name: nothing, a manifest, or bytes that are none.</summary>
/// <param name="Manifest">The manifest, when there is a readable one.</param>
/// <param name="ETag">What replacing it compares; null where there is nothing.</param>
/// <param name="Problem">Why it cannot be read.</param>
public sealed record CurrentState(Manifest? Manifest, string? ETag = null, string? Problem = null);

/// <summary>What the public container has of a scope, by a listing.</summary>
/// <param name="Snapshots">The lengths of the snapshots, by hash.</param>
/// <param name="ListVersion">The version of the gated list; 0 where there is none that can be read.</param>
/// <param name="TagsVersion">The version of <c>tags.js</c>; 0 where there is none that can be read.</param>
public sealed record PublicListing(IReadOnlyDictionary<string, long> Snapshots, int ListVersion, int TagsVersion)
{
    /// <summary>That of a new scope. Whatever is there all the same is found when something is to be created in its place.</summary>
    public static PublicListing OfNothing { get; } =
        new(ReadOnlyDictionary<string, long>.Empty, 0, 0) { List = new BlobRead.Missing(), Tags = new BlobRead.Missing() };

    /// <summary>The list in place, where the store had to be asked for it, or the listing says that there is none.</summary>
    public BlobRead? List { get; init; }

    /// <summary>The tags in place, where the store had to be asked for them, or the listing says that there are none.</summary>
    public BlobRead? Tags { get; init; }
}

/// <summary>The newest version of a scope's history.</summary>
/// <param name="Version">The highest version that has a name.</param>
/// <param name="Manifest">Its manifest; null where its bytes are none.</param>
public sealed record LatestHistory(int Version, Manifest? Manifest);

/// <summary>A scope's line in the listing of current manifests.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Version">The manifest's version.</param>
/// <param name="Epoch">The source epoch it was made of.</param>
/// <param name="Revision">The source revision it was made of.</param>
/// <param name="GeneratedAt">When it was made.</param>
/// <param name="Fingerprint">See <see cref="ScopeContent.Fingerprint"/>.</param>
/// <param name="Snapshots">The hashes of its snapshots.</param>
public sealed record CurrentListing(Scope Scope, int Version, long Epoch, long Revision, DateTimeOffset GeneratedAt, string Fingerprint, IReadOnlyList<string> Snapshots)
{
    /// <summary>The listing of a manifest.</summary>
    public static CurrentListing Of(ManifestHead head) => new(
        head.Envelope.Scope, head.Envelope.Version, head.Envelope.SourceEpoch, head.Envelope.SourceRevision, head.Envelope.GeneratedAt, head.Envelope.Fingerprint, head.Snapshots);
}

/// <summary>The store in the terms of the product: which blob holds what, and what goes with it.</summary>
public sealed class ScopeStore(IBlobStore blobs) : IDisposable
{
    private const int Largest = int.MaxValue;

    // Scope and version, whose lengths are limited.
    private const int LongestFirstLine = 256;

    private bool _hasLoader;

    internal ScopeStore(IBlobStore blobs, int recordsPerSegment) : this(blobs) => Changes = new ChangeLog(blobs, recordsPerSegment);

    /// <summary>The blobs underneath.</summary>
    public IBlobStore Blobs { get; } = blobs;

    /// <inheritdoc/>
    public void Dispose() => Changes.Dispose();

    /// <summary>For the start: refuses a store that an earlier version of this program wrote, as it is, and creates the containers where they are missing.</summary>
    /// <exception cref="ManifestSchemaException">It did.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await RefuseEarlierAsync(cancellationToken);
        await Blobs.EnsureContainersAsync(cancellationToken);
    }

    /// <summary>Refuses a store that an earlier version of this program wrote.</summary>
    /// <exception cref="ManifestSchemaException">It did.</exception>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async Task RefuseEarlierAsync(CancellationToken cancellationToken)
    {
        await foreach (var _ in Blobs.ListAsync(BlobContainer.Private, BlobNames.EarlierHistoryPrefix, cancellationToken)) throw new ManifestSchemaException(1);
    }

    /// <summary>Reads the current manifest of a scope. One whose parts do not give its fingerprint is none.</summary>
    /// <exception cref="ManifestSchemaException">Another generation of this program wrote it.</exception>
    public Task<CurrentState> ReadCurrentAsync(Scope scope, CancellationToken cancellationToken) => ReadCurrentAsync(scope, verify: false, cancellationToken);

    /// <summary>Reads the current manifest of a scope.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="verify">Whether to put every snapshot together and compare all hashes, instead of the fingerprint alone.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ManifestSchemaException">Another generation of this program wrote it.</exception>
    public async Task<CurrentState> ReadCurrentAsync(Scope scope, bool verify, CancellationToken cancellationToken)
    {
        if (await Blobs.ReadAsync(BlobContainer.Private, BlobNames.Current(scope), null, Largest, cancellationToken) is not BlobRead.Found blob) return new CurrentState(null);
        try
        {
            var manifest = Manifest.Parse(blob.Bytes);
            if (manifest.Scope != scope) return new CurrentState(null, blob.ETag, "It is another scope's.");
            var fault = verify ? manifest.FindFault() : manifest.Content.Fingerprint == manifest.Envelope.Fingerprint ? null : "Its parts do not give its fingerprint.";
            return fault is null ? new CurrentState(manifest, blob.ETag) : new CurrentState(null, blob.ETag, fault);
        }
        catch (ManifestException exception) when (exception is not ManifestSchemaException)
        {
            return new CurrentState(null, blob.ETag, exception.Message);
        }
    }

    /// <summary>What the public container has of a scope.</summary>
    public async Task<PublicListing> ListPublicAsync(Scope scope, CancellationToken cancellationToken)
    {
        // A store that keeps no metadata is asked at the same time for what the listing cannot say.
        var list = Blobs.KeepsMetadata ? null : ReadListAsync(scope, cancellationToken);
        var tags = Blobs.KeepsMetadata ? null : ReadTagsAsync(scope, cancellationToken);
        var snapshots = new Dictionary<string, long>(StringComparer.Ordinal);
        var (listed, listedTags) = ((ListedBlob?)null, (ListedBlob?)null);
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Public, BlobNames.PublicFolder(scope), cancellationToken))
        {
            if (BlobNames.TryParseSnapshot(blob.Name, out _, out var hash)) snapshots[hash.ToString()] = blob.Length;
            else if (blob.Name == BlobNames.List(scope)) listed = blob;
            else if (blob.Name == BlobNames.Tags(scope)) listedTags = blob;
        }
        if (list is null || tags is null)
            return new PublicListing(snapshots, VersionOf(listed), VersionOf(listedTags)) { List = listed is null ? new BlobRead.Missing() : null, Tags = listedTags is null ? new BlobRead.Missing() : null };
        var (listRead, tagsRead) = (await list, await tags);
        return new PublicListing(snapshots, VersionOf(listRead, PublishedVersions.OfList), VersionOf(tagsRead, PublishedVersions.OfTags)) { List = listRead, Tags = tagsRead };
    }

    /// <summary>Everything in the public container that is not empty.</summary>
    public async IAsyncEnumerable<ListedBlob> ListPublicAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Public, "", cancellationToken))
            if (blob.Length > 0) yield return blob;
    }

    /// <summary>The version of a list or tags that was listed; 0 for one that has none.</summary>
    public async Task<int> VersionOfAsync(ListedBlob blob, CancellationToken cancellationToken)
    {
        if (Blobs.KeepsMetadata) return VersionOf(blob);
        if (blob.Name.EndsWith("/scripts.json", StringComparison.Ordinal))
            return VersionOf(await Blobs.ReadAsync(BlobContainer.Public, blob.Name, null, Largest, cancellationToken), PublishedVersions.OfList);
        // The first line says it.
        return VersionOf(await Blobs.ReadRangeAsync(BlobContainer.Public, blob.Name, 0, LongestFirstLine, null, cancellationToken), PublishedVersions.OfTags);
    }

    /// <summary>The newest version of a scope's history; null where it has none.</summary>
    /// <exception cref="ManifestSchemaException">Another generation of this program wrote it.</exception>
    public async Task<LatestHistory?> ReadLatestHistoryAsync(Scope scope, CancellationToken cancellationToken)
    {
        var latest = 0;
        await foreach (var blob in Blobs.ListAsync(BlobContainer.History, BlobNames.HistoryFolder(scope), cancellationToken))
            if (BlobNames.TryParseHistory(blob.Name, out var of, out var version) && of == scope) latest = Math.Max(latest, version);
        return latest == 0 ? null : new LatestHistory(latest, await ReadHistoryAsync(scope, latest, cancellationToken));
    }

    /// <summary>The version of a list or tags by its metadata; 0 for what is missing, is empty or has none.</summary>
    private static int VersionOf(ListedBlob? blob) =>
        blob?.Length > 0 && blob.Metadata?.TryGetValue("version", out var text) == true && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0;

    /// <summary>The version of a list or tags by its content; 0 for what has none.</summary>
    private static int VersionOf(BlobRead read, Func<ReadOnlySpan<byte>, int?> versionOf) => read is BlobRead.Found found ? versionOf(found.Bytes) ?? 0 : 0;

    /// <summary>One version of a scope's history, with all its hashes compared; null where there is none, or none that is whole.</summary>
    /// <exception cref="ManifestSchemaException">Another generation of this program wrote it.</exception>
    public async Task<Manifest?> ReadHistoryAsync(Scope scope, int version, CancellationToken cancellationToken)
    {
        if (await Blobs.ReadAsync(BlobContainer.History, BlobNames.History(scope, version), null, Largest, cancellationToken) is not BlobRead.Found found) return null;
        try
        {
            return Manifest.Parse(found.Bytes) is { } manifest && manifest.Scope == scope && manifest.Version == version && manifest.FindFault() is null ? manifest : null;
        }
        catch (ManifestException exception) when (exception is not ManifestSchemaException)
        {
            return null;
        }
    }

    /// <summary>Whether the history has a version, whatever its bytes.</summary>
    public async Task<bool> HasHistoryAsync(Scope scope, int version, CancellationToken cancellationToken) =>
        await Blobs.ReadRangeAsync(BlobContainer.History, BlobNames.History(scope, version), 0, 1, null, cancellationToken) is BlobRead.Found;

    /// <summary>Writes a version into the history: the commit. False where the history has that version already, which then stays as it is.</summary>
    public async Task<bool> CommitAsync(Manifest manifest, CancellationToken cancellationToken) =>
        await Blobs.CreateAsync(BlobContainer.History, BlobNames.History(manifest.Scope, manifest.Version), manifest.Bytes, BlobProperties.PrivateJson, cancellationToken) is not null;

    /// <summary>Puts the history's copy of the current version right, where it is missing or damaged.</summary>
    public async Task MendHistoryAsync(Manifest manifest, CancellationToken cancellationToken)
    {
        var name = BlobNames.History(manifest.Scope, manifest.Version);
        if (await Blobs.ReadAsync(BlobContainer.History, name, null, Largest, cancellationToken) is BlobRead.Found found && manifest.Bytes.Span.SequenceEqual(found.Bytes)) return;
        await Blobs.WriteAsync(BlobContainer.History, name, manifest.Bytes, BlobProperties.PrivateJson, cancellationToken);
    }

    /// <summary>Makes a manifest that the history has the current one, unless a newer one is; never goes back.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="knownETag">The ETag of what is current as far as the caller knows; null for nothing.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task RollForwardAsync(Manifest manifest, string? knownETag, CancellationToken cancellationToken)
    {
        var name = BlobNames.Current(manifest.Scope);
        var properties = BlobProperties.PrivateJson with { Metadata = Metadata(manifest) };
        for (var etag = knownETag; ;)
        {
            var written = etag is null
                ? await Blobs.CreateAsync(BlobContainer.Private, name, manifest.Bytes, properties, cancellationToken)
                : await Blobs.ReplaceAsync(BlobContainer.Private, name, manifest.Bytes, properties, etag, cancellationToken);
            if (written is not null) return;
            var now = await ReadCurrentAsync(manifest.Scope, cancellationToken);
            if (now.Manifest?.Version >= manifest.Version) return;
            etag = now.ETag;
        }
    }

    /// <summary>The gated list in place.</summary>
    public Task<BlobRead> ReadListAsync(Scope scope, CancellationToken cancellationToken) => Blobs.ReadAsync(BlobContainer.Public, BlobNames.List(scope), null, Largest, cancellationToken);

    /// <summary>The <c>tags.js</c> in place.</summary>
    public Task<BlobRead> ReadTagsAsync(Scope scope, CancellationToken cancellationToken) => Blobs.ReadAsync(BlobContainer.Public, BlobNames.Tags(scope), null, Largest, cancellationToken);

    /// <summary>Replaces the gated list, unless the one in place is the same, or of a newer version.</summary>
    /// <param name="manifest">The version.</param>
    /// <param name="inPlace">What is in place as far as the caller knows; null where it was not looked at.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>Whether it was written.</returns>
    public Task<bool> PutListAsync(Manifest manifest, BlobRead? inPlace, CancellationToken cancellationToken) =>
        PutAsync(BlobNames.List(manifest.Scope), manifest.ListBytes(), manifest.Version, PublishedVersions.OfList, BlobProperties.ReplacedJson, inPlace, cancellationToken);

    /// <summary>Replaces <c>tags.js</c>, unless the one in place is the same, or of a newer version.</summary>
    /// <param name="manifest">The version.</param>
    /// <param name="inPlace">What is in place as far as the caller knows; null where it was not looked at.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>Whether it was written.</returns>
    public Task<bool> PutTagsAsync(Manifest manifest, BlobRead? inPlace, CancellationToken cancellationToken) =>
        PutAsync(BlobNames.Tags(manifest.Scope), manifest.TagsBytes(), manifest.Version, PublishedVersions.OfTags, BlobProperties.ReplacedScript, inPlace, cancellationToken);

    /// <summary>Writes our loader where it is not there, or is another build's.</summary>
    public async Task EnsureLoaderAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _hasLoader)) return;
        if (await Blobs.ReadAsync(BlobContainer.Public, BlobNames.Loader, null, Largest, cancellationToken) is not BlobRead.Found found || !Loader.Bytes.Span.SequenceEqual(found.Bytes))
            await Blobs.WriteAsync(BlobContainer.Public, BlobNames.Loader, Loader.Bytes, BlobProperties.LoaderScript, cancellationToken);
        Volatile.Write(ref _hasLoader, true);
    }

    /// <summary>The loader is looked for again before the next publication.</summary>
    public void ForgetLoader() => Volatile.Write(ref _hasLoader, false);

    /// <summary>Reads a snapshot's bytes; null when there are none, or none of that hash.</summary>
    public async Task<byte[]?> ReadSnapshotAsync(Scope scope, SnapshotHash hash, CancellationToken cancellationToken) =>
        await Blobs.ReadAsync(BlobContainer.Public, BlobNames.Snapshot(scope, hash), null, Largest, cancellationToken) is BlobRead.Found found && SnapshotHash.Of(found.Bytes) == hash
            ? found.Bytes : null;

    /// <summary>
    /// Writes a snapshot that no current manifest vouches for. What is there under its name may be an orphan about to be collected, or
    /// damaged, so an existing blob is written anew: that begins its age anew, and changes its ETag, so that a collector lets it be.
    /// </summary>
    public async Task WriteSnapshotAsync(Scope scope, Snapshot snapshot, bool exists, CancellationToken cancellationToken)
    {
        var name = BlobNames.Snapshot(scope, snapshot.Hash);
        if (!exists && await Blobs.CreateAsync(BlobContainer.Public, name, snapshot.Bytes, BlobProperties.ImmutableJson, cancellationToken) is not null) return;
        await Blobs.WriteAsync(BlobContainer.Public, name, snapshot.Bytes, BlobProperties.ImmutableJson, cancellationToken);
    }

    /// <summary>The log that tells the edges of every publication.</summary>
    public ChangeLog Changes { get; } = new(blobs);

    /// <summary>Lists the current manifests by their heads. One that cannot be read is left out: the build of its scope says why.</summary>
    public async IAsyncEnumerable<CurrentListing> ListCurrentAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in ListCurrentNamesAsync(prefix, cancellationToken))
            if (await ReadListingAsync(blob, cancellationToken) is { } listing) yield return listing;
    }

    /// <summary>Lists the current manifests.</summary>
    public async IAsyncEnumerable<ListedBlob> ListCurrentNamesAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Private, BlobNames.CurrentPrefix + prefix, cancellationToken))
            if (BlobNames.TryParseCurrent(blob.Name, out _)) yield return blob;
    }

    /// <summary>What a current manifest that was listed says of itself; null where it cannot be read.</summary>
    public async Task<CurrentListing?> ReadListingAsync(ListedBlob blob, CancellationToken cancellationToken)
    {
        if (!BlobNames.TryParseCurrent(blob.Name, out var scope)) return null;
        if (blob.Metadata is { } metadata && TryRead(scope, metadata, out var listing)) return listing;
        return await ReadHeadAsync(blob.Name, cancellationToken) is { } head && head.Envelope.Scope == scope ? CurrentListing.Of(head) : null;
    }

    private async Task<ManifestHead?> ReadHeadAsync(string name, CancellationToken cancellationToken)
    {
        if (await Blobs.ReadRangeAsync(BlobContainer.Private, name, 0, Manifest.HeadBytes, null, cancellationToken) is not BlobRead.Found head) return null;
        try
        {
            return Manifest.ParseHead(head.Bytes);
        }
        catch (ManifestException)
        {
            return null;
        }
    }

    private async Task<bool> PutAsync(
        string name, byte[] bytes, int version, Func<ReadOnlySpan<byte>, int?> versionOf, BlobProperties properties, BlobRead? known, CancellationToken cancellationToken)
    {
        properties = properties with { Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["version"] = version.ToString(CultureInfo.InvariantCulture) } };
        for (var read = known; ; read = null)
        {
            read ??= await Blobs.ReadAsync(BlobContainer.Public, name, null, Largest, cancellationToken);
            string? written;
            if (read is BlobRead.Found found)
            {
                var inPlace = versionOf(found.Bytes) ?? 0;
                if (inPlace > version || (inPlace == version && found.Bytes.AsSpan().SequenceEqual(bytes))) return false;
                written = await Blobs.ReplaceAsync(BlobContainer.Public, name, bytes, properties, found.ETag, cancellationToken);
            }
            else
            {
                written = await Blobs.CreateAsync(BlobContainer.Public, name, bytes, properties, cancellationToken);
            }
            if (written is not null) return true;
        }
    }

    private static Dictionary<string, string> Metadata(Manifest manifest) => new(StringComparer.Ordinal)
    {
        ["version"] = manifest.Envelope.Version.ToString(CultureInfo.InvariantCulture),
        ["epoch"] = manifest.Envelope.SourceEpoch.ToString(CultureInfo.InvariantCulture),
        ["revision"] = manifest.Envelope.SourceRevision.ToString(CultureInfo.InvariantCulture),
        ["generated"] = WireTime.Format(manifest.Envelope.GeneratedAt),
        ["fingerprint"] = manifest.Envelope.Fingerprint,
        ["snapshots"] = string.Join(' ', manifest.Snapshots.Keys.Order(StringComparer.Ordinal)),
    };

    private static bool TryRead(Scope scope, IReadOnlyDictionary<string, string> metadata, out CurrentListing listing)
    {
        listing = null!;
        if (!metadata.TryGetValue("fingerprint", out var fingerprint) || fingerprint.Length != 32
            || !TryNumber("version", out var version) || !TryNumber("epoch", out var epoch) || !TryNumber("revision", out var revision)
            || !metadata.TryGetValue("generated", out var generated) || !WireTime.TryParse(generated, out var at)
            || !metadata.TryGetValue("snapshots", out var snapshots)) return false;
        listing = new CurrentListing(scope, (int)version, epoch, revision, at, fingerprint, snapshots.Split(' '));
        return true;

        bool TryNumber(string key, out long number)
        {
            number = 0;
            return metadata.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        }
    }
}
