using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

/// <summary>A row in test mode turns on the vendor's debug mode, through the configuration of a constant script; any other row does not.</summary>
public sealed class VendorDebugModeTests
{
    [Theory]
    [InlineData("amplitude", "options.logLevel", "4")]
    [InlineData("databuddy", "granted.debug", "true")]
    [InlineData("databuddy", "denied.debug", "true")]
    [InlineData("hightouch", "debug", "true")]
    public void Compose_TestMode_ConfiguresDebugMode(string type, string path, string expected)
    {
        Assert.Equal(expected, Configured(type, path, testMode: true));
        Assert.Null(Configured(type, path, testMode: false));
    }

    [Fact]
    public void Compose_AdobeInTestMode_AddsOneScriptBeforeTheLoader()
    {
        var usual = Samples.Generate(Samples.Least("adobe-analytics")).Scripts(ConsentSet.Everything);
        var test = Samples.Generate(Samples.Least("adobe-analytics").With(row => row with { TestMode = true })).Scripts(ConsentSet.Everything);
        Assert.Equal(usual.Count + 1, test.Count);
        Assert.Contains("setDebug", (string)test[^2]!["textContent"]!, StringComparison.Ordinal);
        Assert.NotNull(test[^1]!["src"]);
        Assert.DoesNotContain(usual, script => script!.ToJsonString().Contains("setDebug", StringComparison.Ordinal));
    }

    private static string? Configured(string type, string path, bool testMode)
    {
        var scripts = Samples.Generate(Samples.Least(type).With(row => row with { TestMode = testMode })).Scripts(ConsentSet.Everything);
        JsonNode? config = scripts.Select(script => script!["attributes"]?["data-config"]).Where(value => value is not null).Select(value => JsonNode.Parse((string)value!)).OfType<JsonObject>().Single();
        foreach (var part in path.Split('.')) config = config?[part];
        return config?.ToJsonString();
    }
}
