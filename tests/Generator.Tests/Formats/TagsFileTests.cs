using System.Text;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

public sealed class TagsFileTests
{
    [Fact]
    public void LoaderOf_TagsOfAnyLoader_IsThatLoader()
    {
        var manifest = Samples.Generate(Samples.Everything()).ToManifest(42, new string('a', 64));
        foreach (var loader in new[] { Encoding.UTF8.GetString(Loader.Bytes.Span), "(function () {\n  return '\\n(JSON.parse(\"';\n})", "x" })
            Assert.Equal(loader, Encoding.UTF8.GetString(TagsFile.LoaderOf(manifest.TagsBytes(Encoding.UTF8.GetBytes(loader)))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/* acme/production 1 */")]
    [InlineData("/* acme/production 1 */\n")]
    [InlineData("\n")]
    [InlineData("\n(JSON.parse(\"")]
    public void LoaderOf_NoTags_IsEmpty(string text) => Assert.True(TagsFile.LoaderOf(Encoding.UTF8.GetBytes(text)).IsEmpty);
}
