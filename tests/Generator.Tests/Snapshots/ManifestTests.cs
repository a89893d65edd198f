using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

public sealed class ManifestTests
{
    private static JsonObject Valid() => JsonNode.Parse(File.ReadAllText(RepositoryFiles.At("tests", "Generator.Tests", "Golden", "manifest.json")))!.AsObject();

    [Theory]
    [InlineData("schema", "2", "The manifest has schema 2, and this build reads up to 1. Update this program; the manifest is left as it is.")]
    [InlineData("version", "0", "Manifest version 0 is not positive.")]
    [InlineData("organization", "\"a/b\"", "The manifest's scope is not valid.")]
    [InlineData("environment", "\"prod\"", "The manifest's scope is not valid.")]
    [InlineData("combinations", "[]", "The manifest does not have 16 combinations.")]
    [InlineData("snapshots", "{}", "The manifest has a combination whose snapshot it does not list.")]
    public void Parse_WrongContent_SaysWhy(string property, string value, string message)
    {
        var manifest = Valid();
        manifest[property] = JsonNode.Parse(value);
        Assert.Equal(message, Assert.ThrowsAny<FormatException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString()))).Message);
    }

    [Theory]
    [InlineData("schema")]
    [InlineData("organization")]
    [InlineData("version")]
    [InlineData("publicationId")]
    [InlineData("combinations")]
    [InlineData("snapshots")]
    [InlineData("requiredCategories")]
    public void Parse_PartMissing_Throws(string property)
    {
        var manifest = Valid();
        manifest.Remove(property);
        Assert.ThrowsAny<FormatException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString())));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"schema\":1")]
    public void Parse_NotAManifest_Throws(string text) => Assert.ThrowsAny<FormatException>(() => Manifest.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Parse_EveryTruncation_Throws()
    {
        var bytes = Encoding.UTF8.GetBytes(Valid().ToJsonString());
        for (var length = 0; length < bytes.Length; length++) Assert.ThrowsAny<FormatException>(() => Manifest.Parse(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void WireTime_Truncate_KeepsWhatIsWritten()
    {
        var time = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.FromHours(2)).AddTicks(1_234_567);
        Assert.Equal("2026-03-01T10:00:00.123Z", WireTime.Format(time));
        Assert.Equal(WireTime.Format(time), WireTime.Format(WireTime.Truncate(time)));
        Assert.Equal(TimeSpan.Zero, WireTime.Truncate(time).Offset);
    }
}
