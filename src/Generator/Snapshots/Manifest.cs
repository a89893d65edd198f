using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>Version N of a scope: which snapshot each of the sixteen consent sets gets.</summary>
public sealed record Manifest
{
    /// <summary>The format this build writes and the newest it reads.</summary>
    public const int CurrentSchema = 1;

    /// <summary>The format's number.</summary>
    public required int Schema { get; init; }

    /// <summary>The organization's id.</summary>
    public required string Organization { get; init; }

    /// <summary>The environment's wire name.</summary>
    public required string Environment { get; init; }

    /// <summary>1 for the first publication of the scope, then one more each time.</summary>
    public required int Version { get; init; }

    /// <summary>When this version was made, UTC. Later than the previous version's by a millisecond at least.</summary>
    public required DateTimeOffset GeneratedAt { get; init; }

    /// <summary>Names the publication, so that a retry recognises its own earlier attempt.</summary>
    public required Guid PublicationId { get; init; }

    /// <summary>SHA-256 (lowercase hex) of the previous version's bytes; null in the first.</summary>
    public string? Previous { get; init; }

    /// <summary>The build that generated the snapshots.</summary>
    public required string Generator { get; init; }

    /// <summary>The source's epoch: raised after a database restore. With <see cref="SourceRevision"/> it says which data is newer.</summary>
    public required long SourceEpoch { get; init; }

    /// <summary>The revision of the scope in the source that was read.</summary>
    public required long SourceRevision { get; init; }

    /// <summary>Every category that some destination of the scope asks for, so a consent dialog can offer it.</summary>
    public required ImmutableArray<string> RequiredCategories { get; init; }

    /// <summary>The optional categories in the bit order of the combinations' index.</summary>
    public required ImmutableArray<string> Categories { get; init; }

    /// <summary>Sixteen entries, by the index of the consent set.</summary>
    public required ImmutableArray<Combination> Combinations { get; init; }

    /// <summary>The snapshots named by the combinations, by hash.</summary>
    public required ImmutableSortedDictionary<string, SnapshotEntry> Snapshots { get; init; }

    /// <summary>The scope.</summary>
    [JsonIgnore]
    public Scope Scope => Scope.TryParse(Organization, Environment, out var scope) ? scope : throw new FormatException("The manifest's scope is not valid.");

    /// <summary>The combination of a consent set.</summary>
    public Combination this[ConsentSet set] => Combinations[set.Index];

    /// <summary>The manifest's bytes: compact JSON, the same every time.</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ManifestJsonContext.Default.Manifest);

    /// <summary>SHA-256 of a manifest's bytes as <see cref="Previous"/> has it.</summary>
    public static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Reads a manifest and checks everything that can be checked without the snapshots.</summary>
    /// <exception cref="FormatException">The bytes are not a manifest; the message says why.</exception>
    /// <exception cref="NewerSchemaException">They are one of a newer format.</exception>
    public static Manifest Parse(ReadOnlySpan<byte> bytes)
    {
        Manifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(bytes, ManifestJsonContext.Default.Manifest);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"Not a manifest: {exception.Message}", exception);
        }
        if (manifest is null) throw new FormatException("Not a manifest: null.");
        if (manifest.Schema > CurrentSchema) throw new NewerSchemaException(manifest.Schema);
        if (manifest.Schema != CurrentSchema) throw new FormatException($"Manifest schema {manifest.Schema} is not {CurrentSchema}, which this build reads.");
        if (!Scope.TryParse(manifest.Organization, manifest.Environment, out _)) throw new FormatException("The manifest's scope is not valid.");
        if (manifest.Version < 1) throw new FormatException($"Manifest version {manifest.Version} is not positive.");
        if (manifest.Combinations.IsDefault || manifest.Combinations.Length != ConsentSet.Count)
            throw new FormatException($"The manifest does not have {ConsentSet.Count} combinations.");
        if (manifest.RequiredCategories.IsDefault || manifest.Snapshots is null) throw new FormatException("The manifest lacks a part.");
        foreach (var combination in manifest.Combinations)
        {
            if (combination?.Since is null || !SnapshotHash.TryParse(combination.Snapshot, out _) || !manifest.Snapshots.ContainsKey(combination.Snapshot))
                throw new FormatException("The manifest has a combination whose snapshot it does not list.");
        }
        return manifest;
    }
}

/// <summary>A manifest that a newer build wrote: not damaged, and not this build's to touch.</summary>
public sealed class NewerSchemaException(int schema)
    : FormatException($"The manifest has schema {schema}, and this build reads up to {Manifest.CurrentSchema}. Update this program; the manifest is left as it is.");

/// <summary>What one consent set gets.</summary>
/// <param name="Snapshot">The snapshot's hash.</param>
/// <param name="Since">The version since which this combination has had this snapshot.</param>
public sealed record Combination(string Snapshot, CombinationSince Since);

/// <summary>When a combination last changed.</summary>
/// <param name="Version">The version that changed it.</param>
/// <param name="At">When that was, UTC.</param>
public sealed record CombinationSince(int Version, DateTimeOffset At);

/// <summary>One snapshot as a manifest lists it.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes, lowercase hex; a reader checks it.</param>
/// <param name="DestinationCount">How many destinations gave it at least one script.</param>
/// <param name="ScriptCount">How many scripts it has.</param>
public sealed record SnapshotEntry(int Bytes, string Sha256, int DestinationCount, int ScriptCount);

/// <summary>Writes times as <c>2026-03-01T10:00:00.000Z</c>: UTC, milliseconds, always the same length.</summary>
internal sealed class UtcMillisecondsConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset().ToUniversalTime();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(WireTime.Format(value));
}

/// <summary>Times on the wire.</summary>
public static class WireTime
{
    /// <summary>UTC with milliseconds and <c>Z</c>.</summary>
    public static string Format(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The time cut to what the wire carries.</summary>
    public static DateTimeOffset Truncate(DateTimeOffset time) => new(time.UtcTicks - time.UtcTicks % TimeSpan.TicksPerMillisecond, TimeSpan.Zero);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(UtcMillisecondsConverter)])]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(ChangeRecord))]
internal sealed partial class ManifestJsonContext : JsonSerializerContext;
