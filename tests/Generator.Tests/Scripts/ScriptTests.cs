using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Tests.Scripts;

public sealed class ScriptTests
{
    private static readonly ConsentCondition Marketing = ConsentCondition.Of(ConsentCategory.Marketing);

    [Fact]
    public void WriteTo_External_HasTheClientsShape() => Assert.Equal(
        """{"id":"a","category":"marketing","src":"https://x.example/a.js?b=1","async":true,"persistAfterConsentRevoked":true,"anonymizeId":false}""",
        Written(new Script { Id = "a", Category = Marketing, Source = PageUrl.Of("https://x.example/a.js?b=1"), Async = true, PersistAfterConsentRevoked = true }));

    [Fact]
    public void WriteTo_Inline_CarriesItsConfiguration() => Assert.Equal(
        """{"id":"a","category":"marketing","textContent":"f('\u003Cb>')","attributes":{"data-config":"{}","data-x":"1"},"target":"body"}""",
        Written(new Script
        {
            Id = "a",
            Category = Marketing,
            Inline = new InlineScript("f('<b>')"),
            Config = "{}",
            Attributes = [new("data-x", "1")],
            Target = "body",
        }));

    [Fact]
    public void WriteTo_OwnText_HasEverythingElse() => Assert.Equal(
        """{"id":"a","category":"marketing","textContent":"x","async":false,"defer":true,"fetchPriority":"low"}""",
        Written(new Script { Id = "a", Category = Marketing, InlineText = "x", Async = false, Defer = true, FetchPriority = "low" }));

    [Fact]
    public void WriteTo_NeitherSourceNorText_Throws() =>
        Assert.Throws<InvalidOperationException>(() => Written(new Script { Id = "a", Category = Marketing }));

    [Fact]
    public void CspHash_OfText_IsWhatABrowserComputes() =>
        Assert.Equal("sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=", new InlineScript("alert('Hello, world.');").CspHash);

    private static string Written(Script script)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, ScriptJson.WriterOptions)) script.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
