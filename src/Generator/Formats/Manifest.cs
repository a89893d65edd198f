using System.Buffers;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>What stands first in a manifest: what it is of, what it was made from, and when.</summary>
public sealed record ManifestEnvelope
{
    /// <summary>The scope.</summary>
    public required Scope Scope { get; init; }

    /// <summary>1 for the first publication of the scope, then one more each time.</summary>
    public required int Version { get; init; }

    /// <summary>When this version was made, UTC. Later than the previous version's by a millisecond at least.</summary>
    public required DateTimeOffset GeneratedAt { get; init; }

    /// <summary>Names the publication, so that a retry recognises its own earlier attempt.</summary>
    public required Guid PublicationId { get; init; }

    /// <summary>SHA-256 (lowercase hex) of the previous version's bytes; null in the first, and where the previous one is lost.</summary>
    public string? Previous { get; init; }

    /// <summary>The build that generated the scripts.</summary>
    public required string Generator { get; init; }

    /// <summary>The source's epoch: raised after a database restore. With <see cref="SourceRevision"/> it says which data is newer.</summary>
    public required long SourceEpoch { get; init; }

    /// <summary>The revision of the scope in the source that was read.</summary>
    public required long SourceRevision { get; init; }

    /// <summary>See <see cref="ScopeContent.Fingerprint"/>.</summary>
    public required string Fingerprint { get; init; }
}

/// <summary>What the first bytes of a manifest say.</summary>
/// <param name="Envelope">What it is of, what it was made from, and when.</param>
/// <param name="Snapshots">The hashes of its snapshots.</param>
public sealed record ManifestHead(ManifestEnvelope Envelope, ImmutableArray<string> Snapshots);

/// <summary>What one consent set gets.</summary>
/// <param name="Snapshot">The snapshot's hash.</param>
/// <param name="Since">The version since which this combination has had this answer.</param>
public sealed record Combination(string Snapshot, CombinationSince Since);

/// <summary>When a combination last changed.</summary>
/// <param name="Version">The version that changed it.</param>
/// <param name="At">When that was, UTC.</param>
public sealed record CombinationSince(int Version, DateTimeOffset At);

/// <summary>One snapshot as a manifest lists it.</summary>
/// <param name="List">Which scripts it has, under which policy.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes, lowercase hex.</param>
public sealed record SnapshotEntry(ScriptList List, int Bytes, string Sha256);

/// <summary>A manifest that cannot be used; the message says why.</summary>
public class ManifestException(string message, Exception? inner = null) : FormatException(message, inner);

/// <summary>A manifest that another generation of this program wrote: not damaged, and not this build's to touch.</summary>
public sealed class ManifestSchemaException(int schema) : ManifestException(schema > Manifest.Schema
    ? $"The manifest has schema {schema}, and this build reads {Manifest.Schema}. Update this program; the manifest is left as it is."
    : $"The store was written by an earlier version of this program (schema {schema}; this build reads {Manifest.Schema}), which cannot be carried over: use an empty store.")
{
    /// <summary>Whether a newer program wrote it.</summary>
    public bool IsNewer { get; } = schema > Manifest.Schema;
}

/// <summary>
/// Version N of a scope, whole: its scripts, and which of them each consent set gets. It is written from the generator's text and slices, and read back without building a
/// document; snapshots, lists and answers are put together from its parts (<c>docs/formats/manifest.schema.json</c>).
/// </summary>
public sealed class Manifest
{
    /// <summary>The format that this build writes and reads.</summary>
    public const int Schema = 2;

    /// <summary>How many bytes hold the head of any manifest.</summary>
    public const int HeadBytes = 8192;

    private readonly byte[] _bytes;

    private Manifest(byte[] bytes, ManifestEnvelope envelope, ScopeContent content, ImmutableArray<Combination> combinations, FrozenDictionary<string, SnapshotEntry> snapshots) =>
        (_bytes, Envelope, Content, Combinations, Snapshots) = (bytes, envelope, content, combinations, snapshots);

    /// <summary>The manifest as it is stored.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>What it is of, what it was made from, and when.</summary>
    public ManifestEnvelope Envelope { get; }

    /// <summary>The scope.</summary>
    public Scope Scope => Envelope.Scope;

    /// <summary>The version.</summary>
    public int Version => Envelope.Version;

    /// <summary>The parts.</summary>
    public ScopeContent Content { get; }

    /// <summary>Sixteen entries, by the index of the consent set.</summary>
    public ImmutableArray<Combination> Combinations { get; }

    /// <summary>The snapshots named by the combinations, by hash.</summary>
    public FrozenDictionary<string, SnapshotEntry> Snapshots { get; }

    /// <summary>The combination of a consent set.</summary>
    public Combination this[ConsentSet set] => Combinations[set.Index];

    /// <summary>The snapshot with a hash: the blob's content.</summary>
    /// <exception cref="KeyNotFoundException">The manifest does not name it.</exception>
    public byte[] SnapshotBytes(string hash) => Content.SnapshotBytes(Snapshots[hash].List);

    /// <summary>The gated list: the public blob's content, and the edge's answer.</summary>
    public byte[] ListBytes() => ScopeDocuments.List(this);

    /// <summary>The loader and the list in one file of JavaScript.</summary>
    public byte[] TagsBytes() => ScopeDocuments.Tags(this, Loader.Bytes.Span);

    /// <summary>The same with the loader of another build; <see cref="ScopeContent.Loader"/> says which one the public blob has.</summary>
    public byte[] TagsBytes(ReadOnlyMemory<byte> loader) => ScopeDocuments.Tags(this, loader.Span);

    /// <summary>The edge's answer to one consent set.</summary>
    public byte[] AnswerBytes(ConsentSet set) => ScopeDocuments.Answer(this, set);

    /// <summary>SHA-256 of a manifest's bytes, as the next version's <see cref="ManifestEnvelope.Previous"/> has it.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData(_bytes));

    /// <summary>Makes the manifest of a version.</summary>
    /// <param name="envelope">What stands first.</param>
    /// <param name="content">The parts.</param>
    /// <param name="snapshots">The snapshot of each of the content's lists, in their order.</param>
    /// <param name="since">Since when each combination has had its answer, by the index of the consent set.</param>
    public static Manifest Create(ManifestEnvelope envelope, ScopeContent content, ImmutableArray<Snapshot> snapshots, ImmutableArray<CombinationSince> since)
    {
        var combinations = ImmutableArray.CreateBuilder<Combination>(ConsentSet.Count);
        for (var set = 0; set < ConsentSet.Count; set++) combinations.Add(new Combination(snapshots[content.Combinations[set]].Name, since[set]));
        var entries = new Dictionary<string, SnapshotEntry>(StringComparer.Ordinal);
        for (var list = 0; list < content.Lists.Length; list++)
            entries.TryAdd(snapshots[list].Name, new SnapshotEntry(content.Lists[list], snapshots[list].Bytes.Length, snapshots[list].Sha256));
        return Parse(ManifestWriter.Write(envelope, content, combinations.MoveToImmutable(), entries));
    }

    /// <summary>Reads a manifest, and checks everything that can be checked without putting its snapshots together (<see cref="FindFault"/>).</summary>
    /// <exception cref="ManifestException">The bytes are not a manifest; the message says why.</exception>
    /// <exception cref="ManifestSchemaException">They are one of another schema.</exception>
    public static Manifest Parse(byte[] bytes)
    {
        var read = ManifestReader.Read(bytes);
        return new Manifest(bytes, read.Envelope, read.Content, read.Combinations, read.Snapshots);
    }

    /// <summary>Reads what stands first from the first <see cref="HeadBytes"/> bytes of a manifest.</summary>
    /// <exception cref="ManifestException">They are not a manifest's beginning.</exception>
    /// <exception cref="ManifestSchemaException">They are one of another schema.</exception>
    public static ManifestHead ParseHead(ReadOnlySpan<byte> firstBytes) => ManifestReader.ReadHead(firstBytes);

    /// <summary>Puts everything together that the manifest names, and says what does not give its hash; null where all does.</summary>
    public string? FindFault()
    {
        if (Content.Fingerprint != Envelope.Fingerprint) return "The manifest's parts do not give its fingerprint.";
        // One after the other in the same memory: an edge does this for every manifest that it reads.
        var output = new ArrayBufferWriter<byte>(_bytes.Length);
        foreach (var (hash, entry) in Snapshots)
        {
            output.ResetWrittenCount();
            Content.WriteSnapshot(entry.List, output);
            var bytes = output.WrittenSpan;
            if (SnapshotHash.Of(bytes).ToString() != hash) return $"The parts of snapshot {hash} do not give its hash.";
            if (bytes.Length != entry.Bytes) return $"Snapshot {hash} has {bytes.Length} bytes, and the manifest says {entry.Bytes}.";
            if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != entry.Sha256) return $"The parts of snapshot {hash} do not give its SHA-256.";
        }
        return null;
    }
}

/// <summary>A snapshot that has been put together.</summary>
public sealed class Snapshot
{
    private string? _sha256;

    /// <summary>Names the bytes.</summary>
    public Snapshot(ReadOnlyMemory<byte> bytes)
    {
        Bytes = bytes;
        Hash = SnapshotHash.Of(bytes.Span);
        Name = Hash.ToString();
    }

    /// <summary>The blob's content.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The blob's name.</summary>
    public SnapshotHash Hash { get; }

    /// <summary><see cref="Hash"/> as text.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the bytes, lowercase hex; computed when first asked for.</summary>
    public string Sha256 => _sha256 ??= Convert.ToHexStringLower(SHA256.HashData(Bytes.Span));
}
