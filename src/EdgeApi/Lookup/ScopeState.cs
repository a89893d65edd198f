using System.Buffers;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>One version of a scope, whole and checked: its manifest, all the snapshots it names, and the answers made of them. Never changes.</summary>
internal sealed class ScopeState
{
    private readonly long _fixedSize;

    private ScopeState(Manifest manifest, string? etag, FrozenDictionary<string, SnapshotContent> snapshots, ScopeState? previous, string? publicBaseUrl)
    {
        Scope = manifest.Scope;
        Manifest = manifest;
        ETag = etag;
        Snapshots = snapshots;
        Answers = [.. ConsentSet.All.Select(set => Answer(set, previous, publicBaseUrl))];
        Config = new PreparedAnswer(ComposeConfig, LaterThan(previous?.Config, manifest.GeneratedAt), null);
        _fixedSize = 8192 + snapshots.Values.Sum(snapshot => (long)snapshot.Bytes.Length + 512);
    }

    /// <summary>The scope.</summary>
    public Scope Scope { get; }

    /// <summary>The manifest.</summary>
    public Manifest Manifest { get; }

    /// <summary>The ETag the manifest stands under in the store.</summary>
    public string? ETag { get; }

    /// <summary>The snapshots by hash.</summary>
    public FrozenDictionary<string, SnapshotContent> Snapshots { get; }

    /// <summary>Sixteen answers, by the index of the consent set.</summary>
    public ImmutableArray<PreparedAnswer> Answers { get; }

    /// <summary>The answer to <c>config</c>.</summary>
    public PreparedAnswer Config { get; }

    /// <summary>What the state takes in memory, about, in bytes. Grows as answers are made.</summary>
    public long Size
    {
        get
        {
            var size = _fixedSize + Config.Size;
            foreach (var answer in Answers) size += answer.Size;
            return size;
        }
    }

    /// <summary>Makes the state of a manifest whose snapshots have all been read and checked.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="etag">The ETag it stands under.</param>
    /// <param name="snapshots">All the snapshots it names.</param>
    /// <param name="previous">The state it replaces: answers that stay the same are taken over, with their bodies.</param>
    /// <param name="publicBaseUrl">Where the snapshots are for everybody, if anywhere.</param>
    public static ScopeState Create(
        Manifest manifest, string? etag, IEnumerable<KeyValuePair<string, SnapshotContent>> snapshots, ScopeState? previous, string? publicBaseUrl) =>
        new(manifest, etag, snapshots.ToFrozenDictionary(StringComparer.Ordinal), previous, publicBaseUrl);

    private PreparedAnswer Answer(ConsentSet set, ScopeState? previous, string? publicBaseUrl)
    {
        var combination = Manifest[set];
        var changed = Manifest.GeneratedAt;
        if (previous is not null)
        {
            var earlier = previous.Manifest[set];
            var kept = previous.Answers[set.Index];
            if (earlier == combination && previous.Manifest.RequiredCategories.SequenceEqual(Manifest.RequiredCategories)) return kept;
            changed = LaterThan(kept, changed);
        }
        // Without the previous version nobody can say since when requiredCategories, which are in the body, are what they are; this
        // version's time is never too early. Too early would let If-Modified-Since confirm an older body.
        var address = publicBaseUrl is null ? null : $"{publicBaseUrl}/{Scope}/{combination.Snapshot}.json";
        var (manifest, content) = (Manifest, Snapshots[combination.Snapshot]);
        return new PreparedAnswer(() => ComposeScripts(set, combination, manifest.RequiredCategories, content), changed, address);
    }

    /// <summary>HTTP dates have whole seconds: a second change within one must still look like a change.</summary>
    private static DateTimeOffset LaterThan(PreparedAnswer? earlier, DateTimeOffset changed) =>
        earlier is not null && changed < earlier.LastModified.AddSeconds(1) ? earlier.LastModified.AddSeconds(1) : changed;

    /// <summary>The scripts are the snapshot's own bytes; only the metadata is written here.</summary>
    private static byte[] ComposeScripts(ConsentSet set, Combination combination, ImmutableArray<string> requiredCategories, SnapshotContent content)
    {
        var output = new ArrayBufferWriter<byte>(content.Scripts.Length + 512);
        output.Write("{\"scripts\":"u8);
        output.Write(content.Scripts);
        output.Write(",\"metadata\":"u8);
        using (var writer = new Utf8JsonWriter(output))
        {
            writer.WriteStartObject();
            writer.WriteString("generatedAt", WireTime.Format(combination.Since.At));
            writer.WriteStartObject("consent");
            writer.WriteBoolean(ConsentCategory.Necessary.Name(), true);
            foreach (var category in ConsentCategories.Optional) writer.WriteBoolean(category.Name(), set.Contains(category));
            writer.WriteEndObject();
            writer.WriteNumber("destinationCount", content.Entry.DestinationCount);
            writer.WriteNumber("scriptCount", content.Entry.ScriptCount);
            writer.WriteBoolean("cached", true);
            writer.WriteNumber("version", combination.Since.Version);
            writer.WriteString("snapshot", combination.Snapshot);
            WriteStrings(writer, "requiredCategories", requiredCategories);
            writer.WriteEndObject();
        }
        output.Write("}"u8);
        return output.WrittenSpan.ToArray();
    }

    private byte[] ComposeConfig()
    {
        var output = new ArrayBufferWriter<byte>(Snapshots.Values.Sum(snapshot => snapshot.Bytes.Length) + 2048);
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteNumber("schema", 1);
        writer.WriteString("organization", Manifest.Organization);
        writer.WriteString("environment", Manifest.Environment);
        writer.WriteNumber("version", Manifest.Version);
        writer.WriteString("generatedAt", WireTime.Format(Manifest.GeneratedAt));
        WriteStrings(writer, "categories", [.. ConsentCategories.Optional.Select(category => category.Name())]);
        WriteStrings(writer, "requiredCategories", Manifest.RequiredCategories);
        WriteStrings(writer, "combinations", [.. Manifest.Combinations.Select(combination => combination.Snapshot)]);
        writer.WriteStartObject("snapshots");
        foreach (var hash in Manifest.Combinations.Select(combination => combination.Snapshot).Distinct().Order(StringComparer.Ordinal))
        {
            writer.WritePropertyName(hash);
            writer.WriteRawValue(Snapshots[hash].Bytes, skipInputValidation: true); // parsed when it was read
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static void WriteStrings(Utf8JsonWriter writer, string name, ImmutableArray<string> values)
    {
        writer.WriteStartArray(name);
        foreach (var value in values) writer.WriteStringValue(value);
        writer.WriteEndArray();
    }
}
