using System.Text.Json;
using System.Text.Json.Serialization;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>
/// One line of the change log: a scope got a new current manifest. Every record has the same length, and a segment is full at an
/// exact length, so an append under a maximum blob size either fits or moves on: no seal to race for, and a reader
/// at a segment's full length knows that the next one follows. The order is the store's, so writers' clocks do not matter.
/// </summary>
/// <param name="Organization">The organization's id.</param>
/// <param name="Environment">The environment's wire name.</param>
/// <param name="Version">The manifest's version.</param>
/// <param name="ChangedAt">
/// When the oldest change that the version carries was made, by the source's clock; null where the source did not change, or does not know.
/// </param>
/// <param name="PublishedAt">When the record was made, by the source's clock.</param>
public sealed record ChangeRecord(string Organization, string Environment, int Version, DateTimeOffset? ChangedAt, DateTimeOffset PublishedAt)
{
    /// <summary>The length of a record in bytes, the line feed included: JSON padded with spaces.</summary>
    public const int Length = 512;

    /// <summary>How many records a segment takes: well below the 50,000 blocks of an append blob.</summary>
    public const int PerSegment = 32_768;

    /// <summary>The length of a full segment in bytes.</summary>
    public const long SegmentLength = (long)Length * PerSegment;

    /// <summary>The record as it stands in the log.</summary>
    public byte[] ToBytes()
    {
        var line = new byte[Length];
        line.AsSpan().Fill((byte)' ');
        JsonSerializer.SerializeToUtf8Bytes(this, FormatsJsonContext.Default.ChangeRecord).CopyTo(line, 0);
        line[^1] = (byte)'\n';
        return line;
    }

    /// <summary>Reads whole records; what cannot be read as one is counted, not thrown, so that one bad line does not blind a reader.</summary>
    public static IReadOnlyList<ScopeChange> Read(ReadOnlySpan<byte> records, out int unreadable)
    {
        var changes = new List<ScopeChange>(records.Length / Length);
        unreadable = 0;
        for (; records.Length >= Length; records = records[Length..])
        {
            if (TryRead(records[..Length], out var change)) changes.Add(change);
            else unreadable++;
        }
        return changes;
    }

    private static bool TryRead(ReadOnlySpan<byte> line, out ScopeChange change)
    {
        change = default;
        try
        {
            if (JsonSerializer.Deserialize(line, FormatsJsonContext.Default.ChangeRecord) is not { Version: > 0 } record
                || !Scope.TryParse(record.Organization, record.Environment, out var scope)) return false;
            change = new ScopeChange(scope, record.Version, record.ChangedAt, record.PublishedAt);
            return true;
        }
        catch (Exception exception) when (exception is JsonException or FormatException)
        {
            return false;
        }
    }
}

/// <summary>A record of the change log that was read.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Version">The version that is current since.</param>
/// <param name="ChangedAt">When the oldest change was made that the version carries; null where that is not known.</param>
/// <param name="PublishedAt">When the record was made.</param>
public readonly record struct ScopeChange(Scope Scope, int Version, DateTimeOffset? ChangedAt, DateTimeOffset PublishedAt);

/// <summary>Writes times as the wire has them.</summary>
internal sealed class WireTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        WireTime.TryParse(reader.GetString(), out var time) ? time : throw new JsonException("Not a time.");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(WireTime.Format(value));
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(WireTimeConverter)])]
[JsonSerializable(typeof(ChangeRecord))]
[JsonSerializable(typeof(string))]
internal sealed partial class FormatsJsonContext : JsonSerializerContext;
