using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>A snapshot's bytes, checked against what the manifest says of them.</summary>
internal sealed class SnapshotContent
{
    private readonly Range _scripts;

    private SnapshotContent(byte[] bytes, SnapshotEntry entry, Range scripts)
    {
        Bytes = bytes;
        Entry = entry;
        _scripts = scripts;
    }

    /// <summary>The blob as it is.</summary>
    public byte[] Bytes { get; }

    /// <summary>What the manifest says of it.</summary>
    public SnapshotEntry Entry { get; }

    /// <summary>The bytes of the <c>scripts</c> array, brackets included.</summary>
    public ReadOnlySpan<byte> Scripts => Bytes.AsSpan(_scripts);

    /// <summary>Accepts the bytes where length, name, digest and form are what they should be; else says what is not.</summary>
    public static bool TryRead(
        byte[] bytes, SnapshotHash hash, SnapshotEntry entry, [NotNullWhen(true)] out SnapshotContent? content, [NotNullWhen(false)] out string? problem)
    {
        content = null;
        if (bytes.Length != entry.Bytes) problem = $"it has {bytes.Length} bytes, not {entry.Bytes}";
        else if (SnapshotHash.Of(bytes) != hash) problem = "its bytes do not have the hash that names it";
        else if (Convert.ToHexStringLower(SHA256.HashData(bytes)) != entry.Sha256) problem = "its SHA-256 is not the manifest's";
        else if (!TryFindScripts(bytes, entry, out var scripts, out problem)) return false;
        else content = new SnapshotContent(bytes, entry, scripts);
        return content is not null;
    }

    private static bool TryFindScripts(byte[] bytes, SnapshotEntry entry, out Range scripts, [NotNullWhen(false)] out string? problem)
    {
        scripts = default;
        var (count, schema) = (-1, 0);
        try
        {
            var reader = new Utf8JsonReader(bytes);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("scripts"u8))
                {
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.StartArray || count >= 0) throw new JsonException();
                    var start = (int)reader.TokenStartIndex;
                    for (count = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; count++) reader.Skip();
                    scripts = start..(int)reader.BytesConsumed;
                }
                else if (reader.ValueTextEquals("metadata"u8))
                {
                    reader.Read();
                    schema = ReadSchema(ref reader);
                }
                else
                {
                    reader.Skip();
                }
            }
            reader.Read(); // throws on anything behind the object
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            problem = "it is not a snapshot's JSON";
            return false;
        }
        problem = schema != SnapshotGenerator.SnapshotSchema ? $"its schema is {schema}, and this build reads {SnapshotGenerator.SnapshotSchema}"
            : count != entry.ScriptCount ? $"it has {count} scripts, not {entry.ScriptCount}"
            : null;
        return problem is null;
    }

    private static int ReadSchema(ref Utf8JsonReader reader)
    {
        var schema = 0;
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isSchema = reader.ValueTextEquals("schema"u8);
            reader.Read();
            if (isSchema) schema = reader.GetInt32();
            else reader.Skip();
        }
        return schema;
    }
}
