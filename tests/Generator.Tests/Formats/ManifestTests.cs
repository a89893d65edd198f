using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

public sealed class ManifestTests
{
    private static JsonObject Valid() => JsonNode.Parse(File.ReadAllText(RepositoryFiles.At("tests", "Generator.Tests", "Golden", "manifest.json")))!.AsObject();

    private static Manifest Everything() => Samples.Generate(Samples.Everything()).ToManifest(42, new string('a', 64));

    [Fact]
    public void Parse_WhatWasWritten_GivesItBack()
    {
        var written = Everything();

        var read = Manifest.Parse(written.Bytes.ToArray());

        Assert.Equal(written.Envelope, read.Envelope);
        Assert.Equal(written.Combinations, read.Combinations);
        Assert.Equal(written.Content.Fingerprint, read.Content.Fingerprint);
        Assert.Equal(written.ListBytes(), read.ListBytes());
        Assert.Equal(written.TagsBytes(), read.TagsBytes());
        foreach (var set in ConsentSet.All) Assert.Equal(written.AnswerBytes(set), read.AnswerBytes(set));
        foreach (var hash in written.Snapshots.Keys) Assert.Equal(written.SnapshotBytes(hash), read.SnapshotBytes(hash));
        Assert.Null(read.FindFault());
    }

    /// <summary>What the manifest says of its snapshots, its list and its answers, checked by reading them as a client would.</summary>
    [Fact]
    public void Documents_AgreeWithEachOther()
    {
        var manifest = Everything();
        var list = JsonNode.Parse(manifest.ListBytes())!;
        var all = list["scripts"]!.AsArray();
        Assert.Equal(42, (int)list["metadata"]!["version"]!);
        Assert.Equal(manifest[ConsentSet.Everything].Snapshot, (string)list["metadata"]!["snapshot"]!);
        foreach (var set in ConsentSet.All)
        {
            var answer = JsonNode.Parse(manifest.AnswerBytes(set))!;
            var snapshot = JsonNode.Parse(manifest.SnapshotBytes(manifest[set].Snapshot))!;
            var indexes = list["metadata"]!["combinations"]![set.Index]!.AsArray().Select(index => (int)index!).ToList();
            Assert.Equal(indexes.Select(index => all[index]!.ToJsonString()), answer["scripts"]!.AsArray().Select(script => script!.ToJsonString()));
            Assert.Equal(answer["scripts"]!.ToJsonString(), snapshot["scripts"]!.ToJsonString());
            Assert.Equal(indexes.Count, (int)answer["metadata"]!["scriptCount"]!);
            Assert.Equal((int)answer["metadata"]!["destinationCount"]!, (int)snapshot["metadata"]!["destinationCount"]!);
            Assert.Equal(manifest[set].Snapshot, (string)answer["metadata"]!["snapshot"]!);
            Assert.Equal(SnapshotHash.Of(manifest.SnapshotBytes(manifest[set].Snapshot)).ToString(), manifest[set].Snapshot);
        }
        Assert.Equal(JsonNode.Parse(manifest.SnapshotBytes(manifest[ConsentSet.Everything].Snapshot))!["metadata"]!["csp"]!.ToJsonString(), list["metadata"]!["csp"]!.ToJsonString());
    }

    [Fact]
    public void Tags_AreTheLoaderAndTheVeryList()
    {
        var manifest = Everything();
        var text = Encoding.UTF8.GetString(manifest.TagsBytes());

        // A page that has the loader already hands the list to that one.
        var page = new Jint.Engine().Execute("var window = { [Symbol.for('consent-snapshots/loader')]: () => list => { taken = list.metadata.version } }, parse = JSON.parse, given, taken; JSON.parse = text => { given = text; return parse(text) };");
        page.Execute(text);

        Assert.StartsWith("/* acme/production 42 */\n", text, StringComparison.Ordinal);
        Assert.Equal(Encoding.UTF8.GetString(manifest.ListBytes()), page.GetValue("given").ToString());
        Assert.Equal(42, page.GetValue("taken"));
        Assert.DoesNotContain('<', text);
        Assert.Equal(42, PublishedVersions.OfTags(manifest.TagsBytes()));
        Assert.Equal(42, PublishedVersions.OfList(manifest.ListBytes()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"metadata\":{\"version\":\"42\"}}")]
    [InlineData("{\"metadata\":{\"version\":0}}")]
    [InlineData("{\"metadata\":{")]
    [InlineData("/* acme/production */\n")]
    [InlineData("/* acme/production x */\n")]
    [InlineData("/* acme/production 42")]
    public void PublishedVersions_OfWhatIsNeither_AreNone(string text)
    {
        Assert.Null(PublishedVersions.OfList(Encoding.UTF8.GetBytes(text)));
        Assert.Null(PublishedVersions.OfTags(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void ParseHead_FirstBytes_AreEnough()
    {
        var manifest = Everything();

        var head = Manifest.ParseHead(manifest.Bytes.Span[..Manifest.HeadBytes]);

        Assert.Equal(manifest.Envelope, head.Envelope);
        Assert.Equal(manifest.Snapshots.Keys.Order(StringComparer.Ordinal), head.Snapshots.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("schema", "3", "The manifest has schema 3, and this build reads 2. Update this program; the manifest is left as it is.")]
    [InlineData("schema", "1", "The store was written by an earlier version of this program (schema 1; this build reads 2), which cannot be carried over: use an empty store.")]
    [InlineData("version", "0", "Manifest version 0 is not positive.")]
    [InlineData("organization", "\"a/b\"", "The manifest's scope is not valid.")]
    [InlineData("environment", "\"prod\"", "The manifest's scope is not valid.")]
    [InlineData("generatedAt", "\"yesterday\"", "The manifest's 'generatedAt' is not a time.")]
    [InlineData("publicationId", "\"1\"", "The manifest's 'publicationId' is not a uuid.")]
    [InlineData("combinations", "[]", "The manifest does not have 16 combinations.")]
    [InlineData("snapshots", "{}", "The manifest has a combination whose snapshot it does not list.")]
    [InlineData("policies", "[]", ", and there are 0.")]
    [InlineData("scripts", "[]", ", which is out of order or is none of the 0.")]
    [InlineData("scripts", "{}", "The manifest's 'scripts' is not what it should be.")]
    [InlineData("vendors", "1", "The manifest's 'vendors' is not what it should be.")]
    public void Parse_WrongContent_SaysWhy(string property, string value, string message)
    {
        var manifest = Valid();
        manifest[property] = JsonNode.Parse(value);
        Assert.EndsWith(message, Assert.ThrowsAny<ManifestException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString()))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("scripts", "[0,1,2,3]")]
    [InlineData("scripts", "[-1]")]
    [InlineData("scripts", "[1,0]")]
    [InlineData("scripts", "[0,0]")]
    [InlineData("scripts", "[0.5]")]
    [InlineData("scripts", "[9999999999]")]
    [InlineData("policy", "4")]
    [InlineData("policy", "-1")]
    [InlineData("bytes", "-1")]
    [InlineData("sha256", "\"\"")]
    public void Parse_SnapshotThatCannotBe_Throws(string property, string value)
    {
        var manifest = Valid();
        manifest["snapshots"]!.AsObject().Last().Value![property] = JsonNode.Parse(value);
        Assert.ThrowsAny<ManifestException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString())));
    }

    [Theory]
    [InlineData("schema")]
    [InlineData("organization")]
    [InlineData("environment")]
    [InlineData("version")]
    [InlineData("generatedAt")]
    [InlineData("publicationId")]
    [InlineData("generator")]
    [InlineData("sourceEpoch")]
    [InlineData("fingerprint")]
    [InlineData("requiredCategories")]
    [InlineData("reloadOnRevocation")]
    [InlineData("combinations")]
    [InlineData("snapshots")]
    [InlineData("scripts")]
    [InlineData("policies")]
    [InlineData("vendors")]
    [InlineData("clearOnRevocation")]
    [InlineData("erase")]
    [InlineData("loader")]
    public void Parse_PartMissing_Throws(string property)
    {
        var manifest = Valid();
        manifest.Remove(property);
        Assert.ThrowsAny<ManifestException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString())));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"schema\":2")]
    public void Parse_NotAManifest_Throws(string text) => Assert.ThrowsAny<ManifestException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Parse_EveryTruncation_Throws()
    {
        var bytes = Encoding.UTF8.GetBytes(Valid().ToJsonString());
        for (var length = 0; length < bytes.Length; length++) Assert.ThrowsAny<ManifestException>(() => Manifest.Parse(bytes[..length]));
    }

    /// <summary>No bit of a manifest may be another one and everything still be taken for whole, but in what stands only for people or is not put together here.</summary>
    [Fact]
    public void FindFault_AnyBitOfTheContentFlipped_IsFoundOrNotEvenAManifest()
    {
        var bytes = Samples.Generate(Samples.Least("meta-pixel", 1), Samples.Least("fathom-analytics", 2)).ToManifest().Bytes.ToArray();
        var content = bytes.AsSpan().IndexOf("\"fingerprint\""u8);
        for (var index = content; index < bytes.Length; index++)
        {
            var flipped = (byte[])bytes.Clone();
            flipped[index] ^= 1;
            string? fault;
            try
            {
                fault = Manifest.Parse(flipped).FindFault();
            }
            catch (ManifestException)
            {
                continue;
            }
            // Since when an answer is what it is, and in which order properties without meaning are named, is in no hash.
            Assert.True(fault is not null || IsSince(bytes, index), $"A flipped bit at {index} is not found: …{Encoding.UTF8.GetString(bytes.AsSpan(Math.Max(0, index - 30), Math.Min(60, bytes.Length - index + 29)))}…");
        }
    }

    private static bool IsSince(byte[] bytes, int index)
    {
        var before = Encoding.UTF8.GetString(bytes.AsSpan(0, index));
        return before.LastIndexOf("\"since\":", StringComparison.Ordinal) > Math.Max(before.LastIndexOf("}}", StringComparison.Ordinal), before.LastIndexOf("\"snapshots\":", StringComparison.Ordinal));
    }

    [Fact]
    public void WireTime_Truncate_KeepsWhatIsWritten()
    {
        var time = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.FromHours(2)).AddTicks(1_234_567);
        Assert.Equal("2026-03-01T10:00:00.123Z", WireTime.Format(time));
        Assert.Equal(WireTime.Format(time), WireTime.Format(WireTime.Truncate(time)));
        Assert.Equal(TimeSpan.Zero, WireTime.Truncate(time).Offset);
        Assert.True(WireTime.TryParse(WireTime.Format(time), out var read));
        Assert.Equal(WireTime.Truncate(time), read);
    }
}
