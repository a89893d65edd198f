using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>A URL that is accepted can be used in every way in which it is used, and one that cannot be used is refused by name.</summary>
public sealed class PageUrlTests
{
    /// <summary>Hosts that one of the readers takes and another throws on: the constructor, the form for DNS, a browser.</summary>
    private static readonly string[] UnusableHosts =
    [
        "a..b", ".a", "a\u00ADb.example", "\uFB01.example", "..", "a.example..", "\u00AD", "\u00AD.example", "a.\u00AD.example", "\u200D.example", "a\u200Db.example", "\u0301a.example", "\u00A0a.example", "xn--\u00AD",
        "\u200B.example", "\u2028a.example", "\u1806.example", "\uFFFD.example", "\uFFFF.example", "\uE000.example", new string('\u00E9', 64), "a.example:65536", "a.example:99999", "a.example:8a", "[::1", "[pwn]",
    ];

    public static TheoryData<string, string> UrlFields
    {
        get
        {
            var fields = new TheoryData<string, string>();
            foreach (var type in DestinationCatalogue.BuiltIn.Types)
                foreach (var url in type.Fields.Where(declared => declared.Kind is SettingKind.HttpsUrl or SettingKind.UrlOrPath)) fields.Add(type.Name, url.Name);
            return fields;
        }
    }

    [Theory]
    [MemberData(nameof(UrlFields))]
    public void Generate_UrlWithAHostThatCannotBeUsed_IsRefusedByNameAndTheOthersStay(string type, string field)
    {
        foreach (var host in UnusableHosts)
            foreach (var path in (string[])["", "/", "/a.js?x=1#y"])
            {
                var settings = JsonNode.Parse(Samples.Settings[type].Least)!.AsObject();
                settings[field] = $"https://{host}{path}";

                var generated = Samples.Generate(Samples.Row(type, settings.ToJsonString(), 1), Samples.Least("fathom-analytics", 2, "necessary"), Samples.Least("script", 3, "necessary"));

                var problem = Assert.Single(generated.Problems);
                Assert.Equal((DestinationProblemKind.InvalidSettings, field), (problem.Kind, problem.Field));
                Assert.StartsWith($"'{field}' must be ", problem.Message, StringComparison.Ordinal);
                Assert.Contains(generated.Ids(ConsentSet.NecessaryOnly), id => id.StartsWith("script", StringComparison.Ordinal));
                Assert.Contains(generated.Ids(ConsentSet.NecessaryOnly), id => id.StartsWith("fathom-analytics", StringComparison.Ordinal));
            }
    }

    [Theory]
    [MemberData(nameof(UrlFields))]
    public void Generate_UrlWithAnUnusualHost_IsUsed(string type, string field)
    {
        foreach (var host in (string[])["a.example", "A.example", "a-b.example:8443", "a_b.example", "xn--bcher-kva.example", "b\u00FCcher.example", "\u4F8B\u5B50.example", "1.2.3.4", "[2001:db8::1]", "a.example.", "localhost", "a.example:65535"])
        {
            var settings = JsonNode.Parse(Samples.Settings[type].Least)!.AsObject();
            settings[field] = $"https://{host}/a.js";

            Assert.Empty(Samples.Generate(Samples.Row(type, settings.ToJsonString(), 1)).Problems);
        }
    }

    [Theory]
    [InlineData("posthog", "initOptions", "asset_host")]
    [InlineData("posthog", "initOptions", "flags_api_host")]
    [InlineData("google-analytics", "customParameters", "server_container_url")]
    [InlineData("rudderstack", "loadOptions", "configUrl")]
    [InlineData("rudderstack", "loadOptions", "destSDKBaseURL")]
    [InlineData("rudderstack", "loadOptions", "pluginsSDKBaseURL")]
    public void Generate_UrlInAFreeObject_IsNoSettingOfOursAndNeverThrows(string type, string field, string option)
    {
        foreach (var host in UnusableHosts)
        {
            var settings = JsonNode.Parse(Samples.Settings[type].Least)!.AsObject();
            settings[field] = new JsonObject { [option] = $"https://{host}/" };

            Assert.Empty(Samples.Generate(Samples.Row(type, settings.ToJsonString(), 1)).Problems);
        }
    }

    [Theory]
    [InlineData("a..b")]
    [InlineData("a.-b:99999")]
    [InlineData("a.b:99999/path")]
    public void Generate_HightouchHostThatCannotBeUsed_IsRefusedByName(string host)
    {
        var problem = Assert.Single(Samples.Generate(Samples.Row("hightouch", $$"""{"writeKey":"k","apiHost":"{{host}}"}""")).Problems);

        Assert.Equal("apiHost", problem.Field);
        Assert.StartsWith("'apiHost' must be a valid host name", problem.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> PathFields
    {
        get
        {
            var fields = new TheoryData<string, string>();
            foreach (var type in DestinationCatalogue.BuiltIn.Types)
                foreach (var url in type.Fields.Where(declared => declared.Kind is SettingKind.UrlOrPath)) fields.Add(type.Name, url.Name);
            return fields;
        }
    }

    [Theory]
    [MemberData(nameof(PathFields))]
    public void Generate_PathOfTheSite_IsUsedAndPermittedByThePolicy(string type, string field)
    {
        foreach (var path in (string[])["/ingest", "/_vercel/insights/script.js", "/a/b.c/d-e_f~g/", "/%C3%BC/\u00FC.js", "/a//b"])
        {
            var generated = Samples.Generate(Samples.Row(type, With(type, field, path)));

            Assert.Empty(generated.Problems);
            Assert.Contains("'self'", System.Text.Encoding.UTF8.GetString(generated[ConsentSet.Everything].Bytes.Span), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(PathFields))]
    public void Generate_PathThatLeavesTheSite_IsRefusedByNameAndNeverServed(string type, string field)
    {
        foreach (var path in (string[])
                 [
                     "//evil.example/a.js", "/\\evil.example/a.js", "/../a.js", "/a/../b.js", "/a/..", "/a/./b.js", "/.", "/%2e%2E/a.js", "/a/.%2e/b.js", "/a\\..\\b.js", "/a b.js", "/a\tb.js", "/a\nb.js",
                     "/a\"b.js", "/a'b.js", "/a<b.js", "/a\u0085b.js", "/a\u2028b.js", "a.js", "./a.js", "../a.js", "evil.example/a.js", "http://evil.example/a.js", "/" + new string('a', 2000),
                 ])
        {
            var generated = Samples.Generate(Samples.Row(type, With(type, field, path)));

            var problem = Assert.Single(generated.Problems);
            Assert.Equal((DestinationProblemKind.InvalidSettings, field), (problem.Kind, problem.Field));
            Assert.DoesNotContain("evil", problem.Message, StringComparison.Ordinal);
            Assert.Empty(generated.Scripts(ConsentSet.Everything));
        }
    }

    [Theory]
    [InlineData("/a.js?v=2#part", "/a.js?v=2&x=1#part")]
    [InlineData("/a.js", "/a.js?x=1")]
    [InlineData("https://a.example/a.js?x=0&y=2", "https://a.example/a.js?y=2&x=1")]
    public void With_Parameter_StandsOnceInTheQuery(string url, string expected) => Assert.Equal(expected, PageUrl.Of(url).With(("x", "1")).Text);

    private static string With(string type, string field, string value)
    {
        var settings = JsonNode.Parse(Samples.Settings[type].Least)!.AsObject();
        if (DestinationCatalogue.BuiltIn.TryGet(type, out var found))
            foreach (var name in found.KnownFields[field].Names) settings.Remove(name);
        settings[field] = value;
        return settings.ToJsonString();
    }
}
