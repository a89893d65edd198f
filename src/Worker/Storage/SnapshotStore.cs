using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Worker.Storage;

/// <summary>The current manifest of a scope as it stands in the store.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Bytes">Its exact bytes.</param>
/// <param name="ETag">What replacing it compares.</param>
public sealed record CurrentManifest(Manifest Manifest, byte[] Bytes, string ETag);

/// <summary>What there is at a scope's current name: nothing, a manifest, or bytes that are none.</summary>
/// <param name="Current">The manifest, when there is a readable one.</param>
/// <param name="CorruptETag">The ETag of what is there and cannot be read.</param>
/// <param name="Problem">Why it cannot be read.</param>
public sealed record CurrentState(CurrentManifest? Current, string? CorruptETag = null, string? Problem = null);

/// <summary>A scope's line in the listing of current manifests.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Version">The manifest's version.</param>
/// <param name="Epoch">The source epoch it was made of.</param>
/// <param name="Revision">The source revision it was made of.</param>
/// <param name="GeneratedAt">When it was made.</param>
/// <param name="Fingerprint">See <see cref="ManifestFingerprint"/>.</param>
public sealed record CurrentListing(Scope Scope, int Version, long Epoch, long Revision, DateTimeOffset GeneratedAt, string Fingerprint);

/// <summary>The history has another manifest under a version that is, or was, current: somebody put an older state of the store in place.</summary>
public sealed class HistoryConflictException(Scope scope, int version)
    : Exception($"The history of {scope} has a version {version} that is not the one that is current. "
        + "An older state of the store was probably put back; what the history has is left as it is.");

/// <summary>The store in the terms of the product: which blob holds what, and what goes with it.</summary>
public sealed class SnapshotStore(IBlobStore blobs)
{
    private readonly int _recordsPerSegment = ChangeRecord.PerSegment;
    private int _segment = 1;

    internal SnapshotStore(IBlobStore blobs, int recordsPerSegment) : this(blobs) => _recordsPerSegment = recordsPerSegment;

    /// <summary>The blobs underneath.</summary>
    public IBlobStore Blobs { get; } = blobs;

    /// <summary>Reads the current manifest of a scope.</summary>
    public async Task<CurrentState> ReadCurrentAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (await Blobs.ReadAsync(BlobContainer.Private, BlobNames.Current(scope), cancellationToken) is not { } blob) return new CurrentState(null);
        try
        {
            return new CurrentState(new CurrentManifest(Manifest.Parse(blob.Bytes), blob.Bytes, blob.ETag));
        }
        catch (FormatException exception) when (exception is not NewerSchemaException)
        {
            return new CurrentState(null, blob.ETag, exception.Message);
        }
    }

    /// <summary>The newest readable manifest of a scope's history: what goes on where the current one is lost.</summary>
    public async Task<(Manifest Manifest, byte[] Bytes)?> ReadLatestHistoryAsync(Scope scope, CancellationToken cancellationToken)
    {
        var versions = new List<int>();
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Private, BlobNames.HistoryFolder(scope), cancellationToken))
            if (BlobNames.TryParseHistory(blob.Name, out _, out var version)) versions.Add(version);
        foreach (var version in versions.OrderDescending())
        {
            if (await Blobs.ReadAsync(BlobContainer.Private, BlobNames.History(scope, version), cancellationToken) is not { } found) continue;
            try
            {
                return (Manifest.Parse(found.Bytes), found.Bytes);
            }
            catch (FormatException exception) when (exception is not NewerSchemaException)
            {
                // An unreadable copy says nothing; the one before it may.
            }
        }
        return null;
    }

    /// <summary>Makes a manifest current: creates it, or replaces the one with this ETag; the new ETag, or null when another is there.</summary>
    public Task<string?> WriteCurrentAsync(Manifest manifest, byte[] bytes, string? replacedETag, CancellationToken cancellationToken)
    {
        var properties = BlobProperties.PrivateJson with { Metadata = ManifestFingerprint.Metadata(manifest) };
        var name = BlobNames.Current(manifest.Scope);
        return replacedETag is null
            ? Blobs.CreateAsync(BlobContainer.Private, name, bytes, properties, cancellationToken)
            : Blobs.ReplaceAsync(BlobContainer.Private, name, bytes, properties, replacedETag, cancellationToken);
    }

    /// <summary>Whether the history has a version, whatever its bytes.</summary>
    public async Task<bool> HasHistoryAsync(Scope scope, int version, CancellationToken cancellationToken) =>
        await Blobs.ReadAsync(BlobContainer.Private, BlobNames.History(scope, version), cancellationToken) is not null;

    /// <summary>Keeps a manifest's bytes in the history.</summary>
    /// <exception cref="HistoryConflictException">The history has other bytes under that version.</exception>
    public async Task EnsureHistoryAsync(Scope scope, int version, byte[] bytes, CancellationToken cancellationToken)
    {
        var name = BlobNames.History(scope, version);
        if (await Blobs.CreateAsync(BlobContainer.Private, name, bytes, BlobProperties.PrivateJson, cancellationToken) is not null) return;
        var kept = await Blobs.ReadAsync(BlobContainer.Private, name, cancellationToken);
        if (kept is not null && !kept.Bytes.AsSpan().SequenceEqual(bytes)) throw new HistoryConflictException(scope, version);
    }

    /// <summary>The names and lengths of a scope's snapshots in the store.</summary>
    public async Task<Dictionary<string, long>> ListSnapshotsAsync(Scope scope, CancellationToken cancellationToken)
    {
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Public, BlobNames.SnapshotFolder(scope), cancellationToken))
            if (BlobNames.TryParseSnapshot(blob.Name, out _, out var hash)) lengths[hash.ToString()] = blob.Length;
        return lengths;
    }

    /// <summary>Reads a snapshot's bytes; null when there are none, or none of that hash.</summary>
    public async Task<byte[]?> ReadSnapshotAsync(Scope scope, SnapshotHash hash, CancellationToken cancellationToken)
    {
        var blob = await Blobs.ReadAsync(BlobContainer.Public, BlobNames.Snapshot(scope, hash), cancellationToken);
        return blob is not null && SnapshotHash.Of(blob.Bytes) == hash ? blob.Bytes : null;
    }

    /// <summary>
    /// Writes a snapshot that no current manifest vouches for. What is there under its name may be an orphan about to be collected, or
    /// damaged, so an existing blob is written anew: that changes its ETag and the collector lets it be.
    /// </summary>
    public async Task WriteSnapshotAsync(Scope scope, Snapshot snapshot, bool exists, CancellationToken cancellationToken)
    {
        var name = BlobNames.Snapshot(scope, snapshot.Hash);
        if (!exists && await Blobs.CreateAsync(BlobContainer.Public, name, snapshot.Bytes, BlobProperties.ImmutableJson, cancellationToken) is not null) return;
        await Blobs.WriteAsync(BlobContainer.Public, name, snapshot.Bytes, BlobProperties.ImmutableJson, cancellationToken);
    }

    /// <summary>Announces a publication in the change log.</summary>
    public async Task AppendChangeAsync(Manifest manifest, CancellationToken cancellationToken)
    {
        var record = new ChangeRecord(manifest.Organization, manifest.Environment, manifest.Version, manifest.PublicationId).ToBytes();
        var maxLength = (long)ChangeRecord.Length * _recordsPerSegment;
        // Writers that start anew find the last segment by trying the listing's highest; a full one refuses and the next is tried.
        var segment = Volatile.Read(ref _segment);
        if (segment == 1) segment = await LastSegmentAsync(cancellationToken);
        while (!await Blobs.AppendAsync(BlobNames.ChangeSegment(segment), record, maxLength, cancellationToken)) segment++;
        Volatile.Write(ref _segment, segment);
    }

    /// <summary>Lists the current manifests.</summary>
    public async IAsyncEnumerable<CurrentListing> ListCurrentAsync(
        string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Private, BlobNames.CurrentPrefix + prefix, cancellationToken))
        {
            if (!BlobNames.TryParseCurrent(blob.Name, out var scope)) continue;
            if (blob.Metadata is { } metadata && ManifestFingerprint.TryRead(scope, metadata, out var listing)) yield return listing;
            else if (await ReadListingAsync(scope, cancellationToken) is { } read) yield return read;
        }
    }

    /// <summary>A manifest of a newer format is left out, as one that cannot be read is: the build of its scope says so, and the others are not concerned.</summary>
    private async Task<CurrentListing?> ReadListingAsync(Scope scope, CancellationToken cancellationToken)
    {
        try
        {
            return (await ReadCurrentAsync(scope, cancellationToken)).Current is { } current ? ManifestFingerprint.Listing(current.Manifest) : null;
        }
        catch (NewerSchemaException)
        {
            return null;
        }
    }

    /// <summary>The highest version announced of each scope, as far as the last two segments of the change log reach back.</summary>
    public async Task<IReadOnlyDictionary<Scope, int>> ReadAnnouncedVersionsAsync(CancellationToken cancellationToken)
    {
        var announced = new Dictionary<Scope, int>();
        var last = await LastSegmentAsync(cancellationToken);
        for (var segment = Math.Max(1, last - 1); segment <= last; segment++)
        {
            if (await Blobs.ReadAsync(BlobContainer.Private, BlobNames.ChangeSegment(segment), cancellationToken) is not { } log) continue;
            foreach (var (scope, version) in ChangeRecord.Read(log.Bytes, out _))
                announced[scope] = Math.Max(version, announced.GetValueOrDefault(scope));
        }
        return announced;
    }

    private async Task<int> LastSegmentAsync(CancellationToken cancellationToken)
    {
        var last = 1;
        await foreach (var blob in Blobs.ListAsync(BlobContainer.Private, BlobNames.ChangesPrefix, cancellationToken))
            if (BlobNames.TryParseChangeSegment(blob.Name, out var number)) last = Math.Max(last, number);
        return last;
    }
}

/// <summary>
/// What a manifest's blob says of it in its metadata, so that reconciling many scopes is a listing and not a read each.
/// </summary>
public static class ManifestFingerprint
{
    /// <summary>A hash of what the manifest gives visitors: equal fingerprints mean that nothing changed.</summary>
    public static string Of(IEnumerable<string> combinations, IEnumerable<string> requiredCategories) =>
        SnapshotHash.Of(System.Text.Encoding.UTF8.GetBytes($"{string.Join(',', combinations)};{string.Join(',', requiredCategories)}")).ToString();

    /// <summary>The fingerprint of a manifest.</summary>
    public static string Of(Manifest manifest) => Of(manifest.Combinations.Select(combination => combination.Snapshot), manifest.RequiredCategories);

    /// <summary>The fingerprint that a generated scope's manifest would have.</summary>
    public static string Of(GeneratedScope generated) => Of(
        generated.Combinations.Select(index => generated.Snapshots[index].Hash.ToString()),
        generated.RequiredCategories.Select(Generator.Consent.ConsentCategories.Name));

    internal static Dictionary<string, string> Metadata(Manifest manifest) => new(StringComparer.Ordinal)
    {
        ["version"] = manifest.Version.ToString(CultureInfo.InvariantCulture),
        ["epoch"] = manifest.SourceEpoch.ToString(CultureInfo.InvariantCulture),
        ["revision"] = manifest.SourceRevision.ToString(CultureInfo.InvariantCulture),
        ["generated"] = WireTime.Format(manifest.GeneratedAt),
        ["fingerprint"] = Of(manifest),
    };

    internal static CurrentListing Listing(Manifest manifest) =>
        new(manifest.Scope, manifest.Version, manifest.SourceEpoch, manifest.SourceRevision, manifest.GeneratedAt, Of(manifest));

    internal static bool TryRead(Scope scope, IReadOnlyDictionary<string, string> metadata, out CurrentListing listing)
    {
        listing = null!;
        if (!metadata.TryGetValue("fingerprint", out var fingerprint) || fingerprint.Length != 32
            || !TryNumber(metadata, "version", out var version) || !TryNumber(metadata, "epoch", out var epoch)
            || !TryNumber(metadata, "revision", out var revision)
            || !metadata.TryGetValue("generated", out var generated)
            || !DateTimeOffset.TryParse(generated, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)) return false;
        listing = new CurrentListing(scope, (int)version, epoch, revision, at, fingerprint);
        return true;
    }

    private static bool TryNumber(IReadOnlyDictionary<string, string> metadata, string key, out long number)
    {
        number = 0;
        return metadata.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
