using System.Buffers;
using System.Collections.Immutable;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>Writes a manifest: the envelope, then what the parts give, then the parts as the generator wrote them. The order of keys is part of the format.</summary>
internal static class ManifestWriter
{
    public static byte[] Write(ManifestEnvelope envelope, ScopeContent content, ImmutableArray<Combination> combinations, IReadOnlyDictionary<string, SnapshotEntry> snapshots)
    {
        var output = new ArrayBufferWriter<byte>(content.ScriptsJson.Length + content.PoliciesJson.Length + 8192);
        WriteEnvelope(output, envelope);
        output.Write(",\"requiredCategories\":"u8);
        output.Write(content.RequiredCategoriesJson);
        output.Write(",\"reloadOnRevocation\":"u8);
        output.Write(content.ReloadOnRevocationJson);
        WriteCombinations(output, combinations);
        WriteSnapshots(output, snapshots);
        output.Write(",\"scripts\":"u8);
        output.Write(content.ScriptsJson);
        output.Write(",\"policies\":"u8);
        output.Write(content.PoliciesJson);
        content.WriteRevocation(output);
        output.Write(",\"loader\":"u8);
        output.WritePlain(content.Loader);
        output.Write("}"u8);
        return output.WrittenSpan.ToArray();
    }

    private static void WriteEnvelope(ArrayBufferWriter<byte> output, ManifestEnvelope envelope)
    {
        output.Write("{"u8);
        output.WriteIdentity(envelope);
        output.Write(",\"publicationId\":"u8);
        output.WritePlain(envelope.PublicationId.ToString());
        if (envelope.Previous is { } previous)
        {
            output.Write(",\"previous\":"u8);
            output.WritePlain(previous);
        }
        output.Write(",\"generator\":"u8);
        output.Write(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(envelope.Generator, FormatsJsonContext.Default.String));
        output.Write(",\"sourceEpoch\":"u8);
        output.WriteNumber(envelope.SourceEpoch);
        output.Write(",\"sourceRevision\":"u8);
        output.WriteNumber(envelope.SourceRevision);
        output.Write(",\"fingerprint\":"u8);
        output.WritePlain(envelope.Fingerprint);
    }

    private static void WriteCombinations(ArrayBufferWriter<byte> output, ImmutableArray<Combination> combinations)
    {
        output.Write(",\"combinations\":["u8);
        for (var set = 0; set < combinations.Length; set++)
        {
            output.Write(set == 0 ? "{\"snapshot\":"u8 : ",{\"snapshot\":"u8);
            output.WritePlain(combinations[set].Snapshot);
            output.Write(",\"since\":{\"version\":"u8);
            output.WriteNumber(combinations[set].Since.Version);
            output.Write(",\"at\":"u8);
            output.WritePlain(WireTime.Format(combinations[set].Since.At));
            output.Write("}}"u8);
        }
        output.Write("]"u8);
    }

    private static void WriteSnapshots(ArrayBufferWriter<byte> output, IReadOnlyDictionary<string, SnapshotEntry> snapshots)
    {
        output.Write(",\"snapshots\":{"u8);
        var first = true;
        foreach (var (hash, entry) in snapshots.OrderBy(snapshot => snapshot.Key, StringComparer.Ordinal))
        {
            if (!first) output.Write(","u8);
            first = false;
            output.WritePlain(hash);
            output.Write(":{\"scripts\":"u8);
            output.WriteNumbers(entry.List.Scripts);
            output.Write(",\"policy\":"u8);
            output.WriteNumber(entry.List.Policy);
            output.Write(",\"bytes\":"u8);
            output.WriteNumber(entry.Bytes);
            output.Write(",\"sha256\":"u8);
            output.WritePlain(entry.Sha256);
            output.Write(",\"destinationCount\":"u8);
            output.WriteNumber(entry.List.DestinationCount);
            output.Write("}"u8);
        }
        output.Write("}"u8);
    }
}
