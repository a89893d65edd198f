using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

public sealed class PostHogTests
{
    /// <summary>Expected values: what the npm package @c15t/scripts 2.2.0 resolves for the same options.</summary>
    [Theory]
    [InlineData("{}", "https://eu.i.posthog.com", "https://eu.posthog.com", "https://eu-assets.i.posthog.com/static/array.js")]
    [InlineData("""{"region":"us"}""", "https://us.i.posthog.com", "https://us.posthog.com", "https://us-assets.i.posthog.com/static/array.js")]
    [InlineData("""{"apiHost":"https://us.i.posthog.com/"}""", "https://us.i.posthog.com", "https://us.posthog.com", "https://us-assets.i.posthog.com/static/array.js")]
    [InlineData("""{"host":"https://app.posthog.com"}""", "https://app.posthog.com", "https://us.posthog.com", "https://us-assets.i.posthog.com/static/array.js")]
    [InlineData("""{"apiHost":"https://ph.example//"}""", "https://ph.example", "https://ph.example", "https://ph.example/static/array.js")]
    [InlineData("""{"apiHost":"https://ph.example","region":"us"}""", "https://ph.example", "https://us.posthog.com", "https://ph.example/static/array.js")]
    [InlineData("""{"apiHost":"https://ph.example","uiHost":"https://eu.posthog.com/","scriptUrl":"https://cdn.example/a.js"}""",
        "https://ph.example", "https://eu.posthog.com", "https://cdn.example/a.js")]
    public void Compose_Hosts_AreDerivedLikeThePackage(string options, string apiHost, string uiHost, string loader)
    {
        var settings = JsonNode.Parse(options)!;
        settings["id"] = "phc_x";
        var scripts = Samples.Generate(Samples.Row("posthog", settings.ToJsonString())).Scripts(ConsentSet.Everything);
        var config = scripts.Config("posthog");
        Assert.Equal((apiHost, uiHost), ((string)config["options"]!["api_host"]!, (string)config["options"]!["ui_host"]!));
        Assert.Equal(loader, (string)config["load"]!["src"]!);
        Assert.Equal(apiHost, (string)config["load"]!["attributes"]!["data-api-host"]!);
    }

    [Fact]
    public void Compose_Necessary_AlwaysLoadsAndIsGrantedByMeasurement()
    {
        var generated = Samples.Generate(Samples.Least("posthog", 1, "necessary"));
        Assert.Equal(["consent-snapshots", "posthog"], generated.Ids(default));
        Assert.Equal(["consent-snapshots", "posthog:granted", "posthog"], generated.Ids(Samples.Set("measurement")));
        Assert.Equal(["consent-snapshots", "posthog"], generated.Ids(Samples.Set("functionality,experience,marketing")));
    }

    [Fact]
    public void Compose_LoadMode_DelaysOrDisables()
    {
        var after = Samples.Generate(Samples.Row("posthog", """{"id":"x","loadMode":"after-consent"}""", 1, "necessary"));
        Assert.Empty(after.Ids(Samples.Set("marketing")));
        Assert.Equal(["consent-snapshots", "posthog"], after.Ids(Samples.Set("measurement")));
        var disabled = Samples.Generate(Samples.Row("posthog", """{"id":"x","loadMode":"disabled"}""", 1, "necessary"));
        Assert.Empty(disabled.Ids(ConsentSet.Everything));
    }

    [Theory]
    [InlineData("necessary", true)]
    [InlineData("measurement", false)]
    public void Compose_CookielessDefault_OnlyWhereItAlwaysLoads(string required, bool expected)
    {
        var scripts = Samples.Generate(Samples.Least("posthog", 1, required)).Scripts(ConsentSet.Everything);
        var options = scripts.Config("posthog")["options"]!;
        Assert.Equal(expected, (string?)options["cookieless_mode"] == "on_reject");
        Assert.Equal("2026-01-30", (string)options["defaults"]!);
    }
}
