using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

/// <summary>A row in test mode turns on the vendor's debug mode, through the configuration of a constant script; any other row does not.</summary>
public sealed class VendorDebugModeTests
{
    [Theory]
    [InlineData("adobe-analytics", "debug", "true")]
    [InlineData("amplitude", "options.logLevel", "4")]
    [InlineData("braze", "options.enableLogging", "true")]
    [InlineData("databuddy", "granted.debug", "true")]
    [InlineData("databuddy", "denied.debug", "true")]
    [InlineData("fullstory", "settings._fs_debug", "true")]
    [InlineData("google-analytics", "params.debug_mode", "true")]
    [InlineData("hightouch", "debug", "true")]
    [InlineData("mixpanel", "options.debug", "true")]
    [InlineData("openai-pixel", "debug", "true")]
    [InlineData("posthog", "options.debug", "true")]
    [InlineData("rudderstack", "options.logLevel", "\"DEBUG\"")]
    [InlineData("segment", "debug", "true")]
    [InlineData("sentry", "options.debug", "true")]
    public void Compose_TestMode_ConfiguresDebugMode(string type, string path, string expected)
    {
        Assert.Equal(expected, Configured(type, path, testMode: true));
        Assert.Null(Configured(type, path, testMode: false));
    }

    [Fact]
    public void Compose_VercelInTestMode_LoadsTheDebugScript()
    {
        Assert.Equal("development", (string?)JsonNode.Parse(Configured("vercel-analytics", "mode", testMode: true)!));
        Assert.Equal("production", (string?)JsonNode.Parse(Configured("vercel-analytics", "mode", testMode: false)!));
        var test = Samples.Generate(Samples.Least("vercel-analytics").With(row => row with { TestMode = true })).Scripts(ConsentSet.Everything);
        Assert.Equal("https://va.vercel-scripts.com/v1/script.debug.js", Assert.Single(test.Sources()).AbsoluteUri);
    }

    [Fact]
    public void Compose_VercelSpeedInsightsInTestMode_LoadsTheDebugScript()
    {
        var test = Samples.Generate(Samples.Least("vercel-speed-insights").With(row => row with { TestMode = true })).Scripts(ConsentSet.Everything);
        Assert.Equal("https://va.vercel-scripts.com/v1/speed-insights/script.debug.js", Assert.Single(test.Sources()).AbsoluteUri);
    }

    [Fact]
    public void TestMode_EveryType_IsTestedHereWhereItChangesAnything()
    {
        string[] tested =
        [
            "adobe-analytics", "amplitude", "braze", "databuddy", "fullstory", "google-analytics", "hightouch", "mixpanel", "openai-pixel", "posthog", "rudderstack", "segment", "sentry",
            "vercel-analytics", "vercel-speed-insights",
        ];
        Assert.Equal(tested, DestinationCatalogue.BuiltIn.Types.Where(Samples.HasDebugMode).Select(type => type.Name));
    }

    private static string? Configured(string type, string path, bool testMode)
    {
        var scripts = Samples.Generate(Samples.Least(type).With(row => row with { TestMode = testMode })).Scripts(ConsentSet.Everything);
        return scripts.Select(script => script!["attributes"]?["data-config"]).Where(value => value is not null).Select(value => JsonNode.Parse((string)value!)).OfType<JsonObject>()
            .Select(config => path.Split('.').Aggregate((JsonNode?)config, (found, part) => (found as JsonObject)?[part])?.ToJsonString()).SingleOrDefault(found => found is not null);
    }
}
