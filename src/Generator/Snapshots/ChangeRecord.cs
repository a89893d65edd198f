using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// One line of the change log: a scope got a new current manifest. Every record has the same length, and a segment is full at an
/// exact length, so an append under a maximum blob size either fits or moves on: no seal to race for, and a reader
/// at a segment's full length knows that the next one follows. The order is the store's, so writers' clocks do not matter.
/// </summary>
/// <param name="Organization">The organization's id.</param>
/// <param name="Environment">The environment's wire name.</param>
/// <param name="Version">The manifest's version.</param>
/// <param name="PublicationId">The publication.</param>
public sealed record ChangeRecord(string Organization, string Environment, int Version, Guid PublicationId)
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
        JsonSerializer.SerializeToUtf8Bytes(this, ManifestJsonContext.Default.ChangeRecord).CopyTo(line, 0);
        line[^1] = (byte)'\n';
        return line;
    }

    /// <summary>Reads whole records; what cannot be read as one is counted, not thrown, so that one bad line does not blind a reader.</summary>
    public static IReadOnlyList<Scope> ReadScopes(ReadOnlySpan<byte> records, out int unreadable)
    {
        var scopes = new List<Scope>(records.Length / Length);
        unreadable = 0;
        for (; records.Length >= Length; records = records[Length..])
        {
            if (TryRead(records[..Length], out var scope)) scopes.Add(scope);
            else unreadable++;
        }
        return scopes;
    }

    private static bool TryRead(ReadOnlySpan<byte> line, out Scope scope)
    {
        scope = default;
        try
        {
            return JsonSerializer.Deserialize(line, ManifestJsonContext.Default.ChangeRecord) is { } record
                && Scope.TryParse(record.Organization, record.Environment, out scope);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
