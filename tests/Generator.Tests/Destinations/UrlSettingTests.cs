using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>What a type adds to a URL of the organization's own.</summary>
public sealed class UrlSettingTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_UrlThatHasAQuery_GetsNoSecondOneOrIsRefused(string name)
    {
        DestinationCatalogue.BuiltIn.TryGet(name, out var type);
        foreach (var field in type!.Fields.Where(field => field.Kind == SettingKind.HttpsUrl))
            foreach (var url in (string[])["https://own.example/path/a.js?v=2", "https://own.example/path/?v=2", "https://own.example?v=2", "https://own.example/a.js?v=2#part", "https://own.example/a.js#part"])
            {
                var settings = JsonNode.Parse(Samples.Settings[name].Least)!.AsObject();
                foreach (var known in field.Keys) settings.Remove(known);
                settings[field.Name] = url;

                var generated = Samples.Generate(Samples.Row(name, settings.ToJsonString()));

                if (!generated.Problems.IsEmpty)
                {
                    Assert.Equal($"'{field.Name}' must be a URL without ? and #, since paths are added to it, and is a string of {url.Length} characters.", Assert.Single(generated.Problems).Message);
                    continue;
                }
                foreach (var published in generated.Scripts(ConsentSet.Everything).SelectMany(Texts).Where(text => text.StartsWith("https://own.example", StringComparison.Ordinal)))
                {
                    Assert.True(published.Count(character => character == '?') <= 1, published);
                    // A path or query behind the fragment is in the fragment.
                    Assert.True(!published.Contains('#', StringComparison.Ordinal) || published.EndsWith("#part", StringComparison.Ordinal), published);
                    Assert.DoesNotContain("=2/", published, StringComparison.Ordinal);
                }
            }
    }

    [Theory]
    [InlineData("https://tt.example/events.js", "https://tt.example/events.js?sdkid=C1&lib=ttq", "https://tt.example/events.js")]
    [InlineData("https://tt.example/events.js?", "https://tt.example/events.js?sdkid=C1&lib=ttq", "https://tt.example/events.js")]
    [InlineData("https://tt.example/events.js?v=2", "https://tt.example/events.js?v=2&sdkid=C1&lib=ttq", "https://tt.example/events.js")]
    [InlineData("https://tt.example/events.js?v=2&#top", "https://tt.example/events.js?v=2&sdkid=C1&lib=ttq#top", "https://tt.example/events.js")]
    // As it stands in a page: the pixel's own id counts.
    [InlineData("https://tt.example/events.js?sdkid=OLD&lib=ttq&x=1", "https://tt.example/events.js?x=1&sdkid=C1&lib=ttq", "https://tt.example/events.js")]
    public void Compose_TikTokLoader_HasItsParametersOnce(string setting, string loader, string basis)
    {
        var scripts = Samples.Generate(Samples.Row("tiktok-pixel", new JsonObject { ["pixelId"] = "C1", ["scriptSrc"] = setting }.ToJsonString())).Scripts(ConsentSet.Everything);

        var config = scripts.Config("tiktok-pixel");
        Assert.Equal(loader, (string?)config["load"]!["src"]);
        Assert.Equal(basis, (string?)config["base"]);
    }

    [Theory]
    [InlineData("matomo-analytics", "matomoUrl", "https://ma.example/index.php?module=Login")]
    [InlineData("posthog", "apiHost", "https://ph.example/#/project")]
    [InlineData("posthog", "uiHost", "https://ph.example?x")]
    [InlineData("rybbit-analytics", "analyticsHost", "https://ry.example/api?x=1")]
    [InlineData("rudderstack", "dataPlaneUrl", "https://rs.example?x=1")]
    [InlineData("databuddy", "apiUrl", "https://db.example/?x")]
    [InlineData("umami-analytics", "hostUrl", "https://um.example/?x")]
    public void Generate_BaseWithAQuery_IsRefused(string type, string field, string url)
    {
        var settings = JsonNode.Parse(Samples.Settings[type].Least)!.AsObject();
        settings[field] = url;

        Assert.Equal($"'{field}' must be a URL without ? and #, since paths are added to it, and is a string of {url.Length} characters.",
            Assert.Single(Samples.Generate(Samples.Row(type, settings.ToJsonString())).Problems).Message);
    }

    /// <summary>Every text a script carries, its configuration's included.</summary>
    private static IEnumerable<string> Texts(JsonNode? node) => node switch
    {
        JsonObject members => members.SelectMany(member => member.Key == "data-config" ? Texts(JsonNode.Parse((string)member.Value!)) : Texts(member.Value)),
        JsonArray entries => entries.SelectMany(Texts),
        JsonValue value when value.TryGetValue<string>(out var text) => [text],
        _ => [],
    };
}
