using System.Text.Json.Nodes;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

/// <summary>No setting grants what the visitor did not.</summary>
public sealed class ConsentOptionTests
{
    [Theory]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"opt_out_tracking_by_default":false}}""", "options.opt_out_tracking_by_default", "true")]
    [InlineData("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","loadOptions":{"preConsent":{"enabled":false,"events":{"delivery":"immediate"}}}}""", "options.preConsent.enabled", "true")]
    [InlineData("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","loadOptions":{"preConsent":{"enabled":false,"events":{"delivery":"immediate"}}}}""", "options.preConsent.events.delivery", "\"buffer\"")]
    [InlineData("matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"given"}""", "requires", "true")]
    public void Compose_OptionThatWouldTrackBeforeConsent_DoesNotCount(string type, string settings, string path, string expected)
    {
        var generated = Samples.Generate(Samples.Row(type, settings, 1, "necessary"));

        Assert.Empty(generated.Problems);
        var configs = generated.Scripts(default).Select(script => (string?)script!["attributes"]?["data-config"]).OfType<string>().Select(config => JsonNode.Parse(config)).OfType<JsonObject>();
        Assert.Equal(expected, path.Split('.').Aggregate((JsonNode?)Assert.Single(configs), (found, part) => found?[part])?.ToJsonString());
    }

    [Fact]
    public void Compose_UetThatNeedsAnotherCategory_IsGrantedAdStorageByMarketingOnly()
    {
        var generated = Samples.Generate(Samples.Least("microsoft-uet", 1, "measurement"));

        Assert.Equal(["consent-snapshots", "microsoft-uet"], generated.Ids(Samples.Set("measurement")));
        Assert.Equal(["consent-snapshots", "microsoft-uet:marketing", "microsoft-uet"], generated.Ids(Samples.Set("measurement,marketing")));
        Assert.Empty(generated.Ids(Samples.Set("marketing")));
    }
}
