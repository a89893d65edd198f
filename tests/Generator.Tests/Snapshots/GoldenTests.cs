using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

/// <summary>The wire formats, byte for byte, and the inline texts that sites pin by hash. See <see cref="Golden"/> for how to accept a change.</summary>
public sealed class GoldenTests
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
        Assert.Equal("{\"scripts\":[],\"metadata\":{\"schema\":1,\"destinationCount\":0,\"scriptCount\":0,\"csp\":{}}}", Encoding.UTF8.GetString(generated[default].Bytes.Span));
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
    public void Manifest_Bytes_AreUnchanged()
    {
        var generated = Samples.Generate(Samples.Least("meta-pixel", 1));
        var at = new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
        var manifest = new Manifest
        {
            Schema = Manifest.CurrentSchema,
            Organization = "acme",
            Environment = "production",
            Version = 42,
            GeneratedAt = at,
            PublicationId = new Guid("0b6e2f0e-0d6f-4b8f-9a55-6f6a6f6e2d11"),
            Previous = Manifest.Digest("before"u8),
            Generator = "test",
            SourceEpoch = 1,
            SourceRevision = 1187,
            RequiredCategories = [.. generated.RequiredCategories.Select(category => category.Name())],
            Categories = [.. ConsentCategories.Optional.Select(category => category.Name())],
            Combinations = [.. generated.Combinations.Select(index => new Combination("0123456789abcdef0123456789abcde" + index, new CombinationSince(40, at.AddHours(-1))))],
            Snapshots = ImmutableSortedDictionary<string, SnapshotEntry>.Empty.WithComparers(StringComparer.Ordinal)
                .Add("0123456789abcdef0123456789abcde0", new SnapshotEntry(72, new string('a', 64), 0, 0))
                .Add("0123456789abcdef0123456789abcde1", new SnapshotEntry(812, new string('b', 64), 1, 2)),
        };
        var bytes = manifest.ToBytes();
        Golden.Check("manifest.json", Encoding.UTF8.GetString(bytes));
        Assert.Equal(bytes, Manifest.Parse(bytes).ToBytes());
    }

    [Fact]
    public void ChangeRecord_Bytes_AreUnchanged() => Golden.Check("change-record.json",
        Encoding.UTF8.GetString(new ChangeRecord("acme", "production", 42, new Guid("0b6e2f0e-0d6f-4b8f-9a55-6f6a6f6e2d11")).ToBytes()));
}
