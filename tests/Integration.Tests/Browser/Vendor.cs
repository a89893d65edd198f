using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// A vendor whose library the runtime inserts: what a page configures for it, where its library is, and whether the vendor has a call for consent (<paramref name="Told"/>).
/// What the library does as it runs is in <c>tests/browser/libraries.js</c>.
/// </summary>
internal sealed record Vendor(string Type, string Settings, string Library, bool Told = false)
{
    /// <summary>Every such type of the catalogue, with the vendor's own names and places.</summary>
    public static IReadOnlyList<Vendor> All { get; } =
    [
        new("adobe-analytics", """{"scriptUrl":"https://assets.adobedtm.com/a/launch.js"}""", "https://assets.adobedtm.com/a/launch.js"),
        new("adroll", """{"advertiserId":"ADROLLADVERTISER111111","pixelId":"ADROLLPIXEL22222222222"}""", "https://s.adroll.com/j/ADROLLADVERTISER111111/roundtrip.js"),
        // A stand-in does not have the hash of the library that the default URL names.
        new("amplitude", """{"apiKey":"amplitude1","scriptUrl":"https://amplitude.example/amplitude.js"}""", "https://amplitude.example/amplitude.js", Told: true),
        new("braze", """{"apiKey":"braze1-key","baseUrl":"https://sdk.iad-01.braze.com"}""", "https://js.appboycdn.com/web-sdk/6.13/braze.min.js", Told: true),
        new("crisp", """{"websiteId":"crisp1","locale":"fr"}""", "https://client.crisp.chat/l.js"),
        new("criteo", """{"account":1006}""", "https://dynamic.criteo.com/js/ld/ld.js"),
        new("databuddy", """{"clientId":"databuddy1"}""", "https://cdn.databuddy.cc/databuddy.js", Told: true),
        new("front-chat", """{"chatId":"frontchat1"}""", "https://chat-assets.frontapp.com/v1/chat.bundle.js", Told: true),
        new("fullstory", """{"orgId":"FULLSTORY1"}""", "https://edge.fullstory.com/s/fs.js", Told: true),
        new("google-ads", """{"id":"AW-1000001","scriptUrl":"https://ads.example/gtag.js"}""", "https://ads.example/gtag.js", Told: true),
        new("google-analytics", """{"id":"G-GOOGLE1"}""", "https://www.googletagmanager.com/gtag/js", Told: true),
        new("google-tag-manager", """{"id":"GTM-GOOGLE1"}""", "https://www.googletagmanager.com/gtm.js", Told: true),
        new("heap", """{"envId":"1001"}""", "https://cdn.us.heap-api.com/config/1001/heap_config.js", Told: true),
        new("hightouch", """{"writeKey":"hightouch1"}""", "https://cdn.hightouch-events.com/browser/release/v1-latest/events.min.js"),
        new("hotjar", """{"siteId":1002}""", "https://static.hotjar.com/c/hotjar-1002.js"),
        new("hubspot", """{"portalId":"1007"}""", "https://js.hs-scripts.com/1007.js", Told: true),
        new("intercom", """{"appId":"intercom1"}""", "https://widget.intercom.io/widget/intercom1", Told: true),
        new("linkedin-insights", """{"id":"1003"}""", "https://snap.licdn.com/li.lms-analytics/insight.min.js"),
        new("logrocket", """{"appId":"logrocket/one"}""", "https://cdn.logrocket.io/LogRocket.min.js"),
        new("matomo-analytics", """{"matomoUrl":"https://matomo.example"}""", "https://matomo.example/matomo.js", Told: true),
        new("matomo-tag-manager", """{"matomoUrl":"https://matomo.example","containerId":"Tags0001"}""", "https://matomo.example/js/container_Tags0001.js"),
        new("meta-pixel", """{"pixelId":"1004"}""", "https://connect.facebook.net/en_US/fbevents.js", Told: true),
        new("microsoft-clarity", """{"id":"clarity1"}""", "https://www.clarity.ms/tag/clarity1", Told: true),
        new("microsoft-uet", """{"id":"1005"}""", "https://bat.bing.com/bat.js", Told: true),
        new("mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", "https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js", Told: true),
        new("mouseflow", """{"websiteId":"01234567-89ab-cdef-0123-456789abcdef"}""", "https://cdn.mouseflow.com/projects/01234567-89ab-cdef-0123-456789abcdef.js", Told: true),
        new("new-relic", """{"licenseKey":"NRJS-newrelic1","applicationId":"1008"}""", "https://js-agent.newrelic.com/nr-loader-spa-current.min.js", Told: true),
        new("onesignal", """{"appId":"01234567-89ab-cdef-0123-456789abcdef"}""", "https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.page.js", Told: true),
        new("openai-pixel", """{"pixelId":"openai1"}""", "https://bzrcdn.openai.com/sdk/oaiq.min.js", Told: true),
        new("optimizely", """{"projectId":"1009"}""", "https://cdn.optimizely.com/js/1009.js"),
        new("outbrain", """{"marketerId":"00123456789abcdef0123456789abcdef0"}""", "https://amplify.outbrain.com/cp/obtp.js"),
        new("pinterest", """{"tagId":"2600000001"}""", "https://s.pinimg.com/ct/core.js", Told: true),
        new("pirsch", """{"identificationCode":"pirsch1"}""", "https://api.pirsch.io/pa.js"),
        new("plausible-analytics", """{"scriptId":"plausible1"}""", "https://plausible.io/js/pa-plausible1.js"),
        new("posthog", """{"id":"phc_posthog1"}""", "https://eu-assets.i.posthog.com/static/array.js", Told: true),
        new("quora", """{"pixelId":"0123456789abcdef0123456789abcdef"}""", "https://a.quora.com/qevents.js"),
        new("reddit-pixel", """{"pixelId":"reddit1"}""", "https://www.redditstatic.com/ads/pixel.js", Told: true),
        new("rudderstack", """{"writeKey":"rudderstack1","dataPlaneUrl":"https://rudderstack.example","consentManagement":{"mapping":{"measurement":["m"]}}}""",
            "https://cdn.rudderlabs.com/v3/modern/rsa.min.js", Told: true),
        new("segment", """{"writeKey":"segment1"}""", "https://cdn.segment.com/analytics.js/v1/segment1/analytics.min.js"),
        new("sentry", """{"dsn":"https://0123456789abcdef@o1.ingest.sentry.io/2"}""", "https://js.sentry-cdn.com/0123456789abcdef.min.js", Told: true),
        new("snapchat-pixel", """{"pixelId":"snapchat1"}""", "https://sc-static.net/scevent.min.js"),
        new("snowplow", """{"collectorUrl":"https://collector.example"}""", "https://cdn.jsdelivr.net/npm/@snowplow/javascript-tracker@4/dist/sp.js", Told: true),
        new("taboola", """{"accountId":"1010"}""", "https://cdn.taboola.com/libtrc/unip/1010/tfa.js"),
        new("tawk-to", """{"propertyId":"tawkto0000001"}""", "https://embed.tawk.to/tawkto0000001/default", Told: true),
        new("tiktok-pixel", """{"pixelId":"TIKTOK1"}""", "https://analytics.tiktok.com/i18n/pixel/events.js", Told: true),
        new("vercel-speed-insights", """{"dsn":"speed1"}""", "https://va.vercel-scripts.com/v1/speed-insights/script.js", Told: true),
        new("x-pixel", """{"pixelId":"x1"}""", "https://static.ads-twitter.com/uwt.js"),
        new("yandex-metrica", """{"counterId":1011}""", "https://mc.yandex.ru/metrika/tag.js"),
        new("zendesk", """{"key":"zendesk1-key"}""", "https://static.zdassets.com/ekr/snippet.js", Told: true),
    ];

    public static IEnumerable<string> Names => All.Select(vendor => vendor.Type);

    public static IEnumerable<string> NamesOfTold => All.Where(vendor => vendor.Told).Select(vendor => vendor.Type);

    public static Vendor Of(string type) => All.Single(vendor => vendor.Type == type);

    /// <summary>One destination of every vendor here.</summary>
    public static List<OpenedDestination> Rows(params string[] required) => [.. All.Select((vendor, place) => vendor.Row(place + 1, required))];

    public OpenedDestination Row(int place = 1, params string[] required) => ConsentWalk.Row(Type, Settings, place, required);

    /// <summary>What its library is on a test's page.</summary>
    public string StandIn => $"libraries.arrive('{Type}')";
}
