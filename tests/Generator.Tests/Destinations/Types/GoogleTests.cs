using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

public sealed class GoogleTests
{
    [Fact]
    public void Compose_TwoTypes_ShareOneBootstrapBeforeEither()
    {
        var generated = Samples.Generate(Samples.Least("script", 1, "necessary"), Samples.Least("google-analytics", 2), Samples.Least("google-tag-manager", 3));
        Assert.Equal(
            ["consent-snapshots", "script", "google-consent:functionality", "google-consent:experience", "google-consent:measurement", "google-consent:marketing", "google-consent",
             "google-analytics", "google-tag-manager"],
            generated.Ids(ConsentSet.Everything));
        Assert.Equal(["consent-snapshots", "script", "google-consent:measurement", "google-consent", "google-analytics"], generated.Ids(Samples.Set("measurement")));
        Assert.Equal(2, generated.Owners["google-consent"].Length);
    }

    [Fact]
    public void Compose_SignalUnderSeveralCategoriesOrMappings_NeedsAll()
    {
        var generated = Samples.Generate(
            Samples.Row("google-analytics", """{"id":"G-1","consentMapping":{"measurement":["analytics_storage"],"functionality":["analytics_storage"]}}""", 1, "necessary"),
            Samples.Row("google-tag-manager", """{"id":"GTM-1","consentMapping":{"marketing":["analytics_storage","ad_storage"],"necessary":["security_storage"]}}""", 2, "necessary"));
        Assert.Equal("""{"key":"google-consent","signals":{"analytics_storage":["functionality","measurement","marketing"],"ad_storage":["marketing"],"security_storage":[]}}""",
            generated.Scripts(default).Config("google-consent").ToJsonString());
    }

    [Theory]
    [InlineData("""{"analytics":["a"]}""", "'consentMapping' has a key that is no consent category; use necessary, functionality, experience, measurement, marketing.")]
    [InlineData("""{"marketing":"ad_storage"}""", "'consentMapping.marketing' must be a list of Consent Mode signals such as analytics_storage (a-z and _, 1 to 64 characters), and is a string of 10 characters.")]
    [InlineData("""{"marketing":["Ad Storage"]}""", "'consentMapping.marketing' must be a list of Consent Mode signals such as analytics_storage (a-z and _, 1 to 64 characters), and is a list of 1 entries.")]
    public void Check_Mapping_SaysTheRule(string mapping, string message)
    {
        foreach (var (type, id) in (ReadOnlySpan<(string, string)>)[("google-analytics", "G-1"), ("google-tag-manager", "GTM-1")])
            Assert.Equal(message, Assert.Single(Samples.Generate(Samples.Row(type, $$"""{"id":"{{id}}","consentMapping":{{mapping}}}""")).Problems).Message);
    }

    [Theory]
    [InlineData("G-AB12", true)]
    [InlineData("GT-AB12", true)]
    [InlineData("AW-123456", true)]
    [InlineData("UA-1234-1", true)]
    [InlineData("G-1&x=2", false)]
    [InlineData("G-1\n", false)]
    [InlineData("12345", false)]
    public void Check_TagId_IsOneOfGoogles(string id, bool valid) =>
        Assert.Equal(valid, Samples.Generate(Samples.Row("google-analytics", new JsonObject { ["id"] = id }.ToJsonString())).Problems.IsEmpty);

    [Fact]
    public void Compose_TestMode_TurnsOnDebugMode()
    {
        var generated = Samples.Generate(Samples.Row("gtag", """{"id":"G-1","customParameters":{"debug_mode":false,"x":1}}""").With(row => row with { TestMode = true }));
        Assert.Equal("""{"key":"google-analytics:00000001","load":{"src":"https://www.googletagmanager.com/gtag/js?id=G-1"},"id":"G-1","params":{"debug_mode":true,"x":1}}""",
            generated.Scripts(ConsentSet.Everything).Config("google-analytics").ToJsonString());
    }

    [Fact]
    public void Compose_ControlPlanesNames_AreTheTagsParameters()
    {
        var generated = Samples.Generate(Samples.Row("google-analytics",
            """{"measurementId":"G-1","apiSecret":"s","enableServerSide":true,"enableEnhancedMeasurement":false,"anonymizeIp":true,"cookieFlags":"Secure","debugMode":true}"""));
        Assert.Equal("""{"key":"google-analytics:00000001","load":{"src":"https://www.googletagmanager.com/gtag/js?id=G-1"},"id":"G-1","params":{"debug_mode":true,"send_page_view":false,"anonymize_ip":true,"cookie_flags":"Secure"}}""",
            generated.Scripts(ConsentSet.Everything).Config("google-analytics").ToJsonString());
    }
}
