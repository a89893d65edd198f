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
    public static IReadOnlyList<(Scope Scope, int Version)> Read(ReadOnlySpan<byte> records, out int unreadable)
    {
        var changes = new List<(Scope, int)>(records.Length / Length);
        unreadable = 0;
        for (; records.Length >= Length; records = records[Length..])
        {
            if (TryRead(records[..Length], out var change)) changes.Add(change);
            else unreadable++;
        }
        return changes;
    }

    private static bool TryRead(ReadOnlySpan<byte> line, out (Scope Scope, int Version) change)
    {
        change = default;
        try
        {
            if (JsonSerializer.Deserialize(line, ManifestJsonContext.Default.ChangeRecord) is not { } record
                || !Scope.TryParse(record.Organization, record.Environment, out var scope)) return false;
            change = (scope, record.Version);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
