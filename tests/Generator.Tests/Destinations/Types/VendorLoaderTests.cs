using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

/// <summary>What settings, written as people write them for these vendors, make of the library that a page loads and of what it is told.</summary>
public sealed class VendorLoaderTests
{
    [Theory]
    [InlineData("google-ads", """{"conversionId":123456789}""", "https://www.googletagmanager.com/gtag/js?id=AW-123456789")]
    [InlineData("google-ads", """{"id":" aw-123456789 "}""", "https://www.googletagmanager.com/gtag/js?id=AW-123456789")]
    [InlineData("google-ads", """{"id":"123456789","scriptUrl":"/ads/gtag.js"}""", "/ads/gtag.js?id=AW-123456789")]
    [InlineData("sentry", """{"dsn":"https://0123456789abcdef@o1.ingest.us.sentry.io/2"}""", "https://js.sentry-cdn.com/0123456789abcdef.min.js")]
    [InlineData("sentry", """{"options":{"environment":"x"},"initOptions":{"environment":"x"},"scriptUrl":"/sentry/loader.js"}""", "/sentry/loader.js")]
    [InlineData("sentry", """{"dsn":"https://0123456789abcdef@errors.shop.example:8443/base/2","scriptSrc":"https://errors.shop.example/bundle.js"}""", "https://errors.shop.example/bundle.js")]
    [InlineData("klaviyo", """{"company_id":"AbC123"}""", "https://static.klaviyo.com/onsite/js/AbC123/klaviyo.js")]
    [InlineData("hubspot", """{"hubId":12345}""", "https://js.hs-scripts.com/12345.js")]
    [InlineData("hubspot", """{"portalId":"12345","region":"eu1"}""", "https://js-eu1.hs-scripts.com/12345.js")]
    [InlineData("hubspot", """{"portalId":"12345","businessUnitId":7}""", "https://js.hs-scripts.com/12345.js?businessUnitId=7")]
    [InlineData("criteo", """{"partnerId":"12345"}""", "https://dynamic.criteo.com/js/ld/ld.js?a=12345")]
    [InlineData("new-relic", """{"info":{"licenseKey":"NRJS-abc","applicationID":"123"},"agentType":"pro"}""", "https://js-agent.newrelic.com/nr-loader-full-current.min.js")]
    [InlineData("tawk-to", """{"propertyId":"0123456789abcdef01234567"}""", "https://embed.tawk.to/0123456789abcdef01234567/default")]
    [InlineData("tawk-to", """{"tawktoId":"0123456789abcdef01234567","tawktoWidgetId":"1abc"}""", "https://embed.tawk.to/0123456789abcdef01234567/1abc")]
    [InlineData("zendesk", """{"key":"01234567-89ab-cdef-0123-456789abcdef"}""", "https://static.zdassets.com/ekr/snippet.js?key=01234567-89ab-cdef-0123-456789abcdef")]
    [InlineData("fullstory", """{"orgId":"ABC123"}""", "https://edge.fullstory.com/s/fs.js")]
    [InlineData("fullstory", """{"orgId":"o-ABC123-na1"}""", "https://edge.fullstory.com/s/fs.js")]
    [InlineData("fullstory", """{"_fs_org":"o-ABC123-eu1"}""", "https://edge.eu1.fullstory.com/s/fs.js")]
    [InlineData("optimizely", """{"projectId":123}""", "https://cdn.optimizely.com/js/123.js")]
    [InlineData("taboola", """{"account_id":123}""", "https://cdn.taboola.com/libtrc/unip/123/tfa.js")]
    [InlineData("vercel-speed-insights", "{}", "/_vercel/speed-insights/script.js")]
    [InlineData("vercel-speed-insights", """{"basePath":"/own/"}""", "/own/speed-insights/script.js")]
    [InlineData("vercel-speed-insights", """{"dsn":"abc"}""", "https://va.vercel-scripts.com/v1/speed-insights/script.js")]
    [InlineData("adroll", """{"advId":"ABCDEFGHIJKLMNOPQRSTUV","pixId":"VUTSRQPONMLKJIHGFEDCBA"}""", "https://s.adroll.com/j/ABCDEFGHIJKLMNOPQRSTUV/roundtrip.js")]
    [InlineData("mouseflow", """{"mfid":"01234567-89ab-cdef-0123-456789abcdef"}""", "https://cdn.mouseflow.com/projects/01234567-89ab-cdef-0123-456789abcdef.js")]
    public void Compose_SettingsAsPeopleWriteThem_LoadTheLibraryOfTheAccount(string type, string settings, string library) =>
        Assert.Equal(library, LibraryOf(Samples.Generate(Samples.Row(type, settings)), type));

    [Theory]
    [InlineData("klaviyo", """{"publicApiKey":"pk_0123456789abcdef"}""", "'publicApiKey' must be a public key of 6 to 32 letters and digits, and is a string of 19 characters.")]
    [InlineData("google-ads", """{"id":"G-ABC123"}""", "'id' is the id of another Google tag; a destination of the type 'google-analytics' takes it.")]
    [InlineData("outbrain", """{"marketerId":"no id"}""", "'marketerId' must be 20 to 40 digits and letters from a to f, and is a string of 5 characters.")]
    [InlineData("hubspot", """{"hubId":"1","portalId":"2"}""", "'portalId' and 'hubId' are names of the same setting, and they differ. Keep one of them.")]
    public void Generate_IdOfSomethingElse_IsRefused(string type, string settings, string message) =>
        Assert.Equal(message, Assert.Single(Samples.Generate(Samples.Row(type, settings)).Problems).Message);

    /// <summary>What a page's policy permits is where the data goes, and no more.</summary>
    [Theory]
    [InlineData("sentry", """{"dsn":"https://0123456789abcdef@o1.ingest.us.sentry.io/2"}""", "https://o1.ingest.us.sentry.io")]
    [InlineData("sentry", """{"dsn":"https://0123456789abcdef@o1.ingest.us.sentry.io/2","tunnel":"/errors"}""", "'self'")]
    [InlineData("snowplow", """{"collectorUrl":"https://c.shop.example/base"}""", "https://c.shop.example")]
    [InlineData("snowplow", """{"collector":"/sp"}""", "'self'")]
    [InlineData("new-relic", """{"licenseKey":"NRJS-abc","applicationId":"1","region":"eu"}""", "https://bam.eu01.nr-data.net")]
    [InlineData("new-relic", """{"licenseKey":"NRJS-abc","applicationId":"1","init":{"proxy":{"beacon":"nr.shop.example/b"}}}""", "https://nr.shop.example")]
    [InlineData("fullstory", """{"orgId":"ABC","host":"fs.shop.example"}""", "https://fs.shop.example")]
    [InlineData("braze", """{"apiKey":"01234567-89ab","endpoint":"https://sdk.fra-01.braze.eu/"}""", "https://sdk.fra-01.braze.eu")]
    [InlineData("onedollarstats", """{"url":"https://od.shop.example/events"}""", "https://od.shop.example")]
    [InlineData("vercel-speed-insights", "{}", "'self'")]
    public void Generate_OwnEndpoint_IsTheOneThatThePolicyLetsConnectTo(string type, string settings, string expected)
    {
        var policy = JsonNode.Parse(Samples.Generate(Samples.Row(type, settings))[ConsentSet.Everything].Bytes.Span)!["metadata"]!["csp"]!;

        Assert.Equal([expected], policy["connect-src"]!.AsArray().Select(source => (string)source!));
    }

    /// <summary>New Relic's agent waits for consent whatever the settings say.</summary>
    [Fact]
    public void Compose_NewRelic_StartsInConsentMode()
    {
        var generated = Samples.Generate(Samples.Row("new-relic", """{"licenseKey":"NRJS-abc","applicationId":"1","init":{"browser_consent_mode":{"enabled":false},"ajax":{"deny_list":["x"]}}}"""));

        var init = generated.Scripts(ConsentSet.Everything).Config("new-relic")["init"]!;
        Assert.True((bool)init["browser_consent_mode"]!["enabled"]!);
        Assert.NotNull(init["ajax"]);
    }

    private static string LibraryOf(GeneratedScope generated, string type)
    {
        Assert.DoesNotContain(generated.Problems, problem => problem.Kind != DestinationProblemKind.UnreadSetting);
        var scripts = generated.Scripts(ConsentSet.Everything);
        var entry = scripts.Single(script => (string)script!["id"]! == type)!;
        return (string?)entry["src"] ?? (string)scripts.Config(type)["load"]!["src"]!;
    }
}
