using System.Buffers;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>Puts together what is published or answered beside snapshots: the scripts are the manifest's own bytes, and only what stands around them is written here.</summary>
internal static class ScopeDocuments
{
    /// <summary>The gated list: every script of the scope, each with its <c>category</c>.</summary>
    public static byte[] List(Manifest manifest)
    {
        var (content, envelope) = (manifest.Content, manifest.Envelope);
        var all = content[ConsentSet.Everything];
        var output = new ArrayBufferWriter<byte>(content.ScriptsLength(all) + 4096);
        output.Write("{\"scripts\":"u8);
        content.WriteScripts(all, output);
        content.WriteRevocation(output);
        output.Write(",\"metadata\":{"u8);
        output.WriteIdentity(envelope);
        output.Write(",\"snapshot\":"u8);
        output.WritePlain(manifest[ConsentSet.Everything].Snapshot);
        output.Write(",\"destinationCount\":"u8);
        output.WriteNumber(all.DestinationCount);
        output.Write(",\"scriptCount\":"u8);
        output.WriteNumber(all.Scripts.Length);
        output.Write(",\"requiredCategories\":"u8);
        output.Write(content.RequiredCategoriesJson);
        output.Write(",\"reloadOnRevocation\":"u8);
        output.Write(content.ReloadOnRevocationJson);
        output.Write(",\"csp\":"u8);
        output.Write(content.PolicyJson(all.Policy));
        output.Write(",\"combinations\":["u8);
        foreach (var set in ConsentSet.All)
        {
            if (set.Index > 0) output.Write(","u8);
            output.WriteNumbers(content[set].Scripts);
        }
        output.Write("]}}"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>What the edge answers for one consent set.</summary>
    public static byte[] Answer(Manifest manifest, ConsentSet set)
    {
        var (content, combination) = (manifest.Content, manifest[set]);
        var list = content[set];
        var output = new ArrayBufferWriter<byte>(content.ScriptsLength(list) + 1024);
        output.Write("{\"scripts\":"u8);
        content.WriteScripts(list, output);
        output.Write(",\"metadata\":{\"generatedAt\":"u8);
        output.WritePlain(WireTime.Format(combination.Since.At));
        output.Write(",\"consent\":{\"necessary\":true"u8);
        foreach (var category in ConsentCategories.Optional)
        {
            output.Write(","u8);
            output.WritePlain(category.Name());
            output.Write(set.Contains(category) ? ":true"u8 : ":false"u8);
        }
        output.Write("},\"destinationCount\":"u8);
        output.WriteNumber(list.DestinationCount);
        output.Write(",\"scriptCount\":"u8);
        output.WriteNumber(list.Scripts.Length);
        output.Write(",\"cached\":true,\"version\":"u8);
        output.WriteNumber(combination.Since.Version);
        output.Write(",\"snapshot\":"u8);
        output.WritePlain(combination.Snapshot);
        output.Write(",\"requiredCategories\":"u8);
        output.Write(content.RequiredCategoriesJson);
        output.Write("}}"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Loader and list in one file. The first line names scope and version, so that a writer can tell which of two is newer. The list is one string given to
    /// <c>JSON.parse</c>: nothing in it is read as JavaScript.
    /// </summary>
    public static byte[] Tags(Manifest manifest, ReadOnlySpan<byte> loader)
    {
        var list = JsonEncodedText.Encode(List(manifest), ScriptJson.Encoder).EncodedUtf8Bytes;
        var output = new ArrayBufferWriter<byte>(loader.Length + list.Length + 256);
        output.Write("/* "u8);
        Encoding.ASCII.GetBytes($"{manifest.Scope} {manifest.Version}", output);
        output.Write(" */\n"u8);
        output.Write(loader);
        output.Write(TagsFile.BetweenLoaderAndList);
        output.Write(list);
        output.Write("\"));\n"u8);
        return output.WrittenSpan.ToArray();
    }
}
