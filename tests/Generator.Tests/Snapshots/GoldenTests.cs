using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

/// <summary>The wire formats, byte for byte, and the inline texts that sites pin by hash. See <see cref="Golden"/> for how to accept a change.</summary>
public sealed class GoldenTests
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public void Snapshot_OfEveryType_IsUnchanged()
    {
        // Inline texts have a file of their own; here only which one it is.
        var texts = DestinationCatalogue.BuiltIn.Types.SelectMany(type => type.InlineScripts).ToLookup(script => script.Text, script => script.CspHash);
        foreach (var (name, required) in (ReadOnlySpan<(string, string[])>)[("default-consent", []), ("always", ["necessary"])])
        {
            var generated = Samples.Generate(Samples.Everything(required));
            Assert.Empty(generated.Problems);
            var snapshot = JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!;
            foreach (var script in snapshot["scripts"]!.AsArray())
                if (script!["textContent"] is { } text && texts[(string)text!].FirstOrDefault() is { } hash) script["textContent"] = hash;
            Golden.Check($"snapshot.{name}.json", snapshot.ToJsonString(Readable) + "\n");
        }
    }

    [Fact]
    public void Snapshot_Bytes_AreUnchanged()
    {
        var generated = Samples.Generate(Samples.Row("script", """{"src":"https://a.example/x.js?a=1&b=2","attributes":{"data-x":"<é>"}}""", 1, "measurement", "marketing"));
        Golden.Check("snapshot.bytes.json", Encoding.UTF8.GetString(generated[ConsentSet.Everything].Bytes.Span));
        Assert.Equal("{\"scripts\":[],\"metadata\":{\"schema\":2,\"destinationCount\":0,\"scriptCount\":0,\"csp\":{}}}", Encoding.UTF8.GetString(generated[default].Bytes.Span));
    }

    /// <summary>What a page erases of each type that leaves something, with the least settings and with names of the site's own.</summary>
    [Fact]
    public void Erase_OfEveryType_IsUnchanged()
    {
        OpenedDestination[] named =
        [
            Samples.Row("google-analytics", """{"id":"G-1","customParameters":{"cookie_prefix":"shop"}}"""),
            Samples.Row("posthog", """{"id":"phc_x","initOptions":{"persistence_name":"shop","consent_persistence_name":"answer"}}"""),
            Samples.Row("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"persistence_name":"shop"}}"""),
        ];
        var listing = new StringBuilder();
        foreach (var row in DestinationCatalogue.BuiltIn.Types.Where(type => !type.StoredNames.IsEmpty).Select(type => Samples.Least(type.Name)).Concat(named))
        {
            var list = JsonNode.Parse(Samples.Generate(row).ToManifest().ListBytes())!;
            listing.Append(row.Row.Type).Append(' ').Append(row.Settings.GetRawText()).Append('\n');
            foreach (var entry in list["erase"]!.AsArray()) listing.Append("  ").Append(entry!.ToJsonString(OneLine)).Append('\n');
            listing.Append("  ").Append(list["clearOnRevocation"]!.ToJsonString(OneLine)).Append("\n\n");
        }
        Golden.Check("erase.txt", listing.ToString());
    }

    [Fact]
    public void InlineTexts_OfEveryType_AreUnchanged()
    {
        var listing = new StringBuilder();
        List("runtime", PageScripts.Runtime);
        List("grant", PageScripts.Grant);
        foreach (var bootstrap in DestinationCatalogue.BuiltIn.Types.Select(type => type.Bootstrap).OfType<SharedBootstrap>().Distinct()) List(bootstrap.Id, bootstrap.PageScript);
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            if (type.PageScript is { } script) List(type.Name, script);
        Golden.Check("inline-texts.txt", listing.ToString());

        void List(string name, InlineScript script) => listing.Append(name).Append("  ").Append(script.CspHash).Append('\n').Append(script.Text).Append("\n\n");
    }

    [Fact]
    public void Documents_Bytes_AreUnchanged()
    {
        // Something inline, something that is only loaded, something of the organization's own: short enough to be read.
        var manifest = Samples.Generate(
            Samples.Least("fathom-analytics", 1), Samples.Row("script", """{"textContent":"own()"}""", 2, "marketing"), Samples.Row("script", """{"src":"https://a.example/x.js"}""", 3, "necessary"))
            .ToManifest(42, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("before"u8)));
        Golden.Check("manifest.json", Encoding.UTF8.GetString(manifest.Bytes.Span));
        Golden.Check("scripts.json", Encoding.UTF8.GetString(manifest.ListBytes()));
        Golden.Check("tags.js", Encoding.UTF8.GetString(manifest.TagsBytes()));
        Golden.Check("answer.json", Encoding.UTF8.GetString(manifest.AnswerBytes(Samples.Set("marketing"))));
    }

    [Fact]
    public void ChangeRecord_Bytes_AreUnchanged() => Golden.Check("change-record.json", Encoding.UTF8.GetString(
        new ChangeRecord("acme", "production", 42, new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 3, 1, 10, 0, 0, 412, TimeSpan.Zero)).ToBytes()));
}
