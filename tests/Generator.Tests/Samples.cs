using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests;

/// <summary>
/// Settings of every type of the catalogue: the least it needs, and everything it takes. A type without an entry fails the tests that walk the
/// catalogue, so a new one is covered by adding its two lines here.
/// </summary>
internal static class Samples
{
    public static readonly ImmutableSortedDictionary<string, (string Least, string Full)> Settings =
        new Dictionary<string, (string, string)>
        {
            ["console"] = ("{}", """{"logLevel":"debug"}"""),
            ["google-analytics"] = ("""{"id":"G-LEAST"}""",
                """
                {"measurementId":"G-FULL00","debugMode":true,"anonymizeIp":true,"cookieFlags":"SameSite=None;Secure",
                 "customParameters":{"send_page_view":false,"debug_mode":false},"category":"marketing","consentMapping":{"measurement":["analytics_storage"],"marketing":["ad_storage"]}}
                """),
            ["google-tag-manager"] = ("""{"id":"GTM-LEAST"}""",
                """{"containerId":"GTM-FULL","updateEventName":"consent-changed","consentMapping":{"marketing":["ad_storage","analytics_storage"],"necessary":["security_storage"]}}"""),
            ["hotjar"] = ("""{"siteId":12345}""", """{"siteId":"67890","version":7,"scriptUrl":"https://hj.example/a.js"}"""),
            ["linkedin-insights"] = ("""{"id":"12345"}""", """{"partnerId":"67890","scriptSrc":"https://li.example/a.js"}"""),
            ["meta-pixel"] = ("""{"pixelId":"1234567890"}""",
                """
                {"pixelId":"99999","initOptions":{"em":"ab12","external_id":7},"trackPageView":false,"scriptSrc":"https://first-party.example/fb.js",
                 "dataProcessingOptions":{"options":["LDU"],"country":1,"state":1000}}
                """),
            ["microsoft-clarity"] = ("""{"id":"abc123"}""", """{"projectId":"def456","defaultConsent":{"ad_storage":"denied"},"scriptUrl":"https://clarity.example/a.js"}"""),
            ["microsoft-uet"] = ("""{"id":"12345"}""", """{"tagId":"67890","scriptSrc":"https://uet.example/bat.js"}"""),
            ["mixpanel"] = ("""{"token":"0123456789abcdef0123456789abcdef"}""",
                """{"projectToken":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","initOptions":{"track_pageview":true,"ignore_dnt":null},"scriptUrl":"https://mp.example/lib.js"}"""),
            ["posthog"] = ("""{"id":"phc_least"}""",
                """
                {"apiKey":"phc_full","host":"https://ph.example/","uiHost":"https://eu.posthog.com/","scriptUrl":"https://ph.example/static/array.js","region":"us",
                 "loadMode":"after-consent","initOptions":{"autocapture":false,"bootstrap":{"distinctID":"x"}}}
                """),
            ["script"] = ("""{"src":"https://scripts.example/a.js?x=1&y=2"}""",
                """
                {"textContent":"window.own = '</script>' + 1;","async":false,"defer":true,"target":"body","fetchPriority":"low","persistAfterConsentRevoked":true,
                 "attributes":{"data-site":"ab\"<c>","crossorigin":"anonymous","nomodule":true,"type":"text/javascript"}}
                """),
            ["segment"] = ("""{"writeKey":"least_key"}""", """{"writeKey":" full-key ","trackPageView":false,"scriptUrl":"https://seg.example/a.js"}"""),
            ["tiktok-pixel"] = ("""{"pixelId":"CABC123"}""", """{"pixelId":"CDEF456","scriptSrc":"https://tt.example/events.js"}"""),
            ["ahrefs-analytics"] = ("""{"key":"least+key"}""", """{"key":" full ","scriptUrl":"https://ah.example/a.js"}"""),
            ["cloudflare-web-analytics"] = ("""{"token":"abc"}""", """{"token":" def ","spa":false,"scriptUrl":"https://cf.example/a.js"}"""),
            ["fathom-analytics"] = ("""{"site":"ABC"}""", """{"siteId":"DEF","spa":"hash","auto":false,"canonical":true,"honorDnt":true,"scriptUrl":"https://fa.example/a.js"}"""),
            ["umami-analytics"] = ("""{"websiteId":"a-1"}""",
                """{"websiteId":"b-2","hostUrl":"https://um.example","autoTrack":false,"domains":["a.example","b.example"],"tag":"x","beforeSend":"site.check","scriptUrl":"https://um.example/a.js"}"""),
            ["x-pixel"] = ("""{"pixelId":"abc1"}""", """{"pixelId":"def2","scriptSrc":"https://x.example/a.js"}"""),
            ["reddit-pixel"] = ("""{"pixelId":"t2_abc"}""", """{"pixelId":"a2_def","trackPageVisit":false,"initOptions":{"aam":{"email":true}},"disableFirstPartyCookies":true,"scriptUrl":"https://rd.example/a.js"}"""),
            ["adobe-analytics"] = ("""{"scriptUrl":"https://assets.adobedtm.com/a/b/launch-c.min.js"}""",
                """{"scriptUrl":"https://own.example/launch.js","async":false,"seedAdobeDataLayer":false}"""),
            ["amplitude"] = ("""{"apiKey":"0123456789abcdef"}""",
                """{"apiKey":" fedcba9876543210 ","initOptions":{"autocapture":false,"optOut":true},"scriptUrl":"https://am.example/a.js"}"""),
            ["clearbit"] = ("""{"publishableKey":"pk_abc"}""", """{"publishableKey":" pk_def ","scriptUrl":"https://cb.example/tags.js"}"""),
            ["crisp"] = ("""{"websiteId":"1234-abcd"}""",
                """
                {"websiteId":"5678-ef","locale":"pt-br","cookieDomain":"site.example","cookieExpiry":3600,"tokenId":"a token","sessionMerge":true,"safeMode":true,
                 "scriptSrc":"https://cr.example/l.js"}
                """),
            ["databuddy"] = ("""{"clientId":"db_1"}""",
                """
                {"clientId":" db_2 ","apiUrl":"https://basket.example","scriptUrl":"https://db.example/databuddy.js","configWhenGranted":{"trackErrors":true,"disabled":false},
                 "configWhenDenied":{"disabled":true}}
                """),
            ["heap"] = ("""{"envId":"12345"}""", """{"appId":" 67890 ","clientConfig":{"disableTextCapture":true},"scriptUrl":"https://heap.example/a.js"}"""),
            ["hightouch"] = ("""{"writeKey":"least_key"}""", """{"writeKey":" full-key ","apiHost":"ht.example/events","trackPageView":false,"scriptUrl":"https://ht.example/a.js"}"""),
            ["intercom"] = ("""{"appId":"abc123"}""",
                """{"app_id":"def456","apiBase":"https://api-iam.eu.intercom.io","settings":{"alignment":"left","company":{"company_id":"7"}},"scriptSrc":"https://ic.example/w.js"}"""),
            ["snapchat-pixel"] = ("""{"pixelId":"a-1"}""", """{"pixelId":"b-2","initOptions":{"user_email":"x"},"trackPageView":false,"scriptUrl":"https://sc.example/a.js"}"""),
            ["plausible-analytics"] = ("""{"domain":"a.example"}""",
                """
                {"scriptId":" Ab-1 ","customProperties":{"plan":"x"},"endpoint":"/api/event","fileDownloads":{"fileExtensions":["pdf"]},"hashBasedRouting":true,
                 "autoCapturePageviews":false,"captureOnLocalhost":true,"scriptUrl":"https://pl.example/a.js"}
                """),
            ["matomo-analytics"] = ("""{"cloudId":"my-site.matomo.cloud"}""",
                """{"siteId":7,"matomoUrl":"https://ma.example/","enableLinkTracking":true,"disableCookies":true,"trackPageView":false,"defaultConsent":"required","scriptUrl":"https://ma.example/a.js"}"""),
            ["vercel-analytics"] = ("{}", """{"dsn":"abc","disableAutoTrack":true,"mode":"development","debug":true,"endpoint":"/insights","scriptUrl":"https://ve.example/a.js"}"""),
            ["rudderstack"] = ("""{"writeKey":"least","dataPlaneUrl":"https://rs.example"}""",
                """
                {"writeKey":" full ","dataPlaneUrl":"https://rs.example/plane","consentManagement":{"mapping":{"marketing":["ads"," more "],"measurement":["analytics"]}},
                 "loadOptions":{"useBeacon":true,"preConsent":{"storage":{"strategy":"session"}}},"trackPageView":false,"scriptUrl":"https://rs.example/a.js"}
                """),
            ["logrocket"] = ("""{"appId":"org/least"}""",
                """{"appId":" org/full ","initOptions":{"dom":{"inputSanitizer":true}},"scriptUrl":"https://lr.example/a.js","asyncScriptUrl":"https://lr.example/b.js"}"""),
            ["rybbit-analytics"] = ("""{"siteId":12}""",
                """
                {"siteId":"b2","autoTrackPageview":false,"trackSpa":true,"trackQuery":false,"trackOutbound":true,"trackErrors":true,"sessionReplay":false,"webVitals":true,
                 "skipPatterns":["/a/*"],"maskPatterns":["/b/**"],"debounce":250.5,"analyticsHost":"https://ry.example/api/"}
                """),
            ["pirsch"] = ("""{"identificationCode":"least"}""",
                """
                {"identificationCode":" full ","domain":["a.example:code","b.example"],"dev":"a.example","hitEndpoint":"/hit","eventEndpoint":"https://pi.example/event",
                 "disablePageViews":true,"extended":true,"scriptUrl":"https://pi.example/a.js"}
                """),
            ["promptwatch"] = ("""{"projectId":"a-1"}""", """{"projectId":" b-2 ","scriptUrl":"https://pw.example/a.js"}"""),
        }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>The names of the catalogue's types, as rows of a theory.</summary>
    public static TheoryData<string> TypeNames => [.. DestinationCatalogue.BuiltIn.Types.Select(type => type.Name)];

    public static readonly Scope Scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    public static readonly SnapshotGenerator Generator = new(DestinationCatalogue.BuiltIn);

    /// <summary>A row; rows made with a greater <paramref name="place"/> were created later.</summary>
    public static OpenedDestination Row(string type, string settings, int place = 1, params string[] required) => new(
        new Destination
        {
            Id = new Guid(place, 0x5eed, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, (byte)place]),
            Type = type,
            Name = $"{type} {place}",
            RequiredConsent = [.. required],
            CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(place),
        },
        JsonElement.Parse(settings));

    public static OpenedDestination Least(string type, int place = 1, params string[] required) => Row(type, Settings[type].Least, place, required);

    public static OpenedDestination Full(string type, int place = 1, params string[] required) => Row(type, Settings[type].Full, place, required);

    public static OpenedDestination With(this OpenedDestination opened, Func<Destination, Destination> change) => opened with { Row = change(opened.Row) };

    /// <summary>Every type, twice: with the least settings and with all.</summary>
    public static IEnumerable<OpenedDestination> Everything(params string[] required) =>
        Settings.Keys.SelectMany((type, index) => (OpenedDestination[])[Least(type, 2 * index + 1, required), Full(type, 2 * index + 2, required)]);

    public static GeneratedScope Generate(params IEnumerable<OpenedDestination> destinations) => Generator.Generate(Scope, destinations);

    public static JsonArray Scripts(this GeneratedScope generated, ConsentSet set) => JsonNode.Parse(generated[set].Bytes.Span)!["scripts"]!.AsArray();

    public static string[] Ids(this GeneratedScope generated, ConsentSet set) => [.. generated.Scripts(set).Select(script => (string)script!["id"]!)];

    public static ConsentSet Set(string list) => ConsentQuery.ParseValue(list).Consent;
}
