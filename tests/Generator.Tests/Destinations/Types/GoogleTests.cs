using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Snapshots;

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
        Assert.Equal(
            """{"security_storage":[],"functionality_storage":false,"personalization_storage":false,"analytics_storage":["functionality","measurement","marketing"],"""
            + "\"ad_storage\":[\"marketing\"],\"ad_user_data\":false,\"ad_personalization\":false}",
            ConsentConfig(generated));
    }

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"measurement":[]}""", "")]
    [InlineData("""{"measurement":["analytics_storage"]}""", "analytics_storage")]
    [InlineData("""{"marketing":["ad_storage","ad_user_data"],"necessary":["security_storage"]}""", "ad_storage,ad_user_data,security_storage")]
    public void Compose_SignalThatNothingMaps_IsNeverGranted(string mapping, string mapped)
    {
        string[] signals = ["ad_storage", "ad_user_data", "ad_personalization", "analytics_storage", "functionality_storage", "personalization_storage", "security_storage"];
        foreach (var (type, id) in (ReadOnlySpan<(string, string)>)[("google-analytics", "G-1"), ("google-tag-manager", "GTM-1")])
        {
            var generated = Samples.Generate(Samples.Row(type, $$"""{"id":"{{id}}","consentMapping":{{mapping}}}""", 1, "necessary"));

            Assert.Empty(generated.Problems);
            var told = JsonNode.Parse(ConsentConfig(generated))!.AsObject();
            Assert.Equal(signals.Order(StringComparer.Ordinal), told.Select(signal => signal.Key).Order(StringComparer.Ordinal));
            foreach (var (signal, needs) in told)
                Assert.Equal(mapped.Split(',').Contains(signal), needs is JsonArray);
        }
    }

    [Fact]
    public void Compose_SignalThatOnlyOneOfTwoMaps_NeedsItsCategory()
    {
        var generated = Samples.Generate(
            Samples.Row("google-analytics", """{"id":"G-1","consentMapping":{"measurement":["analytics_storage"]}}""", 1, "necessary"),
            Samples.Row("google-tag-manager", """{"id":"GTM-1","consentMapping":{"marketing":["ad_storage"]}}""", 2, "necessary"));

        var told = JsonNode.Parse(ConsentConfig(generated))!;
        Assert.Equal(["measurement"], told["analytics_storage"]!.AsArray().Select(category => (string)category!));
        Assert.Equal(["marketing"], told["ad_storage"]!.AsArray().Select(category => (string)category!));
        Assert.Equal("false", told["ad_user_data"]!.ToJsonString());
    }

    [Theory]
    [InlineData("ad_storage")]
    [InlineData("ad_user_data")]
    [InlineData("ad_personalization")]
    [InlineData("analytics_storage")]
    public void Check_AdOrAnalyticsSignalUnderNecessary_IsRefused(string signal)
    {
        foreach (var (type, id) in (ReadOnlySpan<(string, string)>)[("google-analytics", "G-1"), ("google-tag-manager", "GTM-1")])
        {
            var generated = Samples.Generate(Samples.Row(type, $$$"""{"id":"{{{id}}}","consentMapping":{"necessary":["security_storage","{{{signal}}}"],"marketing":["{{{signal}}}"]}}""", 1, "necessary"));

            Assert.Equal(
                "'consentMapping.necessary' would grant an ad or analytics signal to every visitor; put analytics_storage, ad_storage, ad_user_data, ad_personalization under a category that a visitor can refuse.",
                Assert.Single(generated.Problems).Message);
            Assert.Empty(generated.Ids(ConsentSet.Everything));
        }
    }

    [Theory]
    [InlineData("necessary", "security_storage")]
    [InlineData("necessary", "functionality_storage")]
    [InlineData("necessary", "personalization_storage")]
    [InlineData("functionality", "analytics_storage")]
    public void Check_SignalAVisitorNeedNotRefuse_IsAccepted(string category, string signal) =>
        Assert.Empty(Samples.Generate(Samples.Row("google-analytics", $$$"""{"id":"G-1","consentMapping":{"{{{category}}}":["{{{signal}}}"]}}""")).Problems);

    [Theory]
    [InlineData("ad_storge")]
    [InlineData("region")]
    [InlineData("wait_for_update")]
    public void Check_WhatIsNoSignal_IsRefused(string signal) =>
        Assert.Equal(
            "'consentMapping.marketing' must be a list of Consent Mode signals (security_storage, functionality_storage, personalization_storage, analytics_storage, ad_storage, ad_user_data, "
            + "ad_personalization), and is a list of 1 entries.",
            Assert.Single(Samples.Generate(Samples.Row("google-analytics", $$$"""{"id":"G-1","consentMapping":{"marketing":["{{{signal}}}"]}}""")).Problems).Message);

    [Theory]
    [InlineData("GTM-ABC123")]
    [InlineData("gtm-abc123")]
    public void Check_ContainerAsATag_IsRefusedAndNamesItsType(string id)
    {
        foreach (var field in (string[])["id", "measurementId"])
            Assert.Equal($"'{field}' is the id of a Tag Manager container; a destination of the type 'google-tag-manager' takes it.",
                Assert.Single(Samples.Generate(Samples.Row("google-analytics", $$"""{"{{field}}":"{{id}}"}""")).Problems).Message);
    }

    [Theory]
    [InlineData("G-AB12")]
    [InlineData("GT-AB12")]
    [InlineData("AW-123456")]
    [InlineData("DC-123456")]
    [InlineData("UA-1234-1")]
    public void Check_TagAsAContainer_IsRefusedAndNamesItsType(string id) =>
        Assert.Equal("'id' is the id of a Google tag; a destination of the type 'google-analytics' takes it.",
            Assert.Single(Samples.Generate(Samples.Row("google-tag-manager", $$"""{"id":"{{id}}"}""")).Problems).Message);

    [Fact]
    public void Check_ContainerIdOfAnotherForm_SaysTheForm() =>
        Assert.Equal("'id' must be a container id such as GTM-XXXXXXX, and is a string of 5 characters.",
            Assert.Single(Samples.Generate(Samples.Row("google-tag-manager", """{"id":"12345"}""")).Problems).Message);

    [Theory]
    [InlineData("""{"analytics":["a"]}""", "'consentMapping' has a key that is no consent category; use necessary, functionality, experience, measurement, marketing.")]
    [InlineData("""{"marketing":"ad_storage"}""", "'consentMapping.marketing' must be a list of Consent Mode signals (security_storage, functionality_storage, personalization_storage, analytics_storage, ad_storage, ad_user_data, ad_personalization), and is a string of 10 characters.")]
    [InlineData("""{"marketing":["Ad Storage"]}""", "'consentMapping.marketing' must be a list of Consent Mode signals (security_storage, functionality_storage, personalization_storage, analytics_storage, ad_storage, ad_user_data, ad_personalization), and is a list of 1 entries.")]
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
    [InlineData(" G-1\n", true)]
    [InlineData("G-1\nx", false)]
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

    private static string ConsentConfig(GeneratedScope generated) => generated.Scripts(default).Config("google-consent")["signals"]!.ToJsonString();
}
