using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// What a page ends up with from our scripts and from the npm package's function of the same vendor, loaded by the same client with the same consent.
/// Every difference is written down here with its reason.
/// </summary>
public sealed class NpmPackageComparisonTests(ChromiumFixture chromium)
{
    // Loaders in order, then what is queued for the vendors; dates and times are masked, functions are only named.
    private const string Outcome =
        """
        (() => {
          const plain = value => value instanceof Date ? 'date' : value && typeof value === 'object' && 'gtm.start' in value ? { ...value, 'gtm.start': 0 } : value;
          const calls = queue => queue && [...queue].map(call => call && typeof call === 'object' && 'length' in call ? [...call].map(plain) : plain(call));
          const stub = (name, methods) => window[name] && { calls: calls(window[name]), init: window[name]._i, version: window[name].__SV, has: methods.filter(m => typeof window[name][m] === 'function') };
          return JSON.parse(JSON.stringify({
            loaders: [...document.querySelectorAll('script[src]')].map(s => ({ src: s.src, async: s.async, defer: s.defer,
              attributes: Object.fromEntries([...s.attributes].filter(a => !['id', 'src', 'async', 'defer'].includes(a.name)).map(a => [a.name, a.value])) })),
            dataLayer: calls(window.dataLayer),
            fbq: window.fbq && { calls: calls(fbq.queue), alias: window._fbq === fbq, push: fbq.push === fbq, loaded: fbq.loaded, version: fbq.version },
            posthog: stub('posthog', ['init', 'capture', 'opt_in_capturing', 'opt_out_capturing', 'get_explicit_consent_status']),
            ttq: window.ttq && { calls: calls(ttq), name: window.TiktokAnalyticsObject, pixels: Object.keys(ttq._i || {}), has: ['page', 'track', 'identify', 'ready', 'holdConsent', 'grantConsent', 'revokeConsent'].filter(m => typeof ttq[m] === 'function') },
            linkedin: window.lintrk && { id: window._linkedin_partner_id, ids: window._linkedin_data_partner_ids, calls: calls(lintrk.q) },
            clarity: window.clarity && { calls: calls(clarity.q) },
            hotjar: window.hj && { settings: window._hjSettings, calls: calls(hj.q || []) },
            segment: window.analytics && { calls: calls(analytics), key: analytics._writeKey, has: ['track', 'page', 'identify', 'group', 'alias', 'reset'].filter(m => typeof analytics[m] === 'function') },
            twq: window.twq && { calls: calls(twq.queue), version: twq.version },
            rdt: window.rdt && { calls: calls(rdt.callQueue) },
            snaptr: window.snaptr && { calls: calls(snaptr.queue) },
            uetq: window.uetq && { made: uetq.made, calls: calls(uetq.q || uetq) },
            adobe: window.adobeDataLayer && { calls: calls(adobeDataLayer) },
            amplitude: window.amplitude && { calls: (amplitude._q || []).map(call => [call.name, ...call.args]), invoked: amplitude.invoked, identify: (i => i && typeof i.set('a', 1).add === 'function' && i._q)(amplitude.Identify && new amplitude.Identify()),
              has: ['init', 'track', 'identify', 'flush', 'setUserId', 'setOptOut'].filter(m => typeof amplitude[m] === 'function') },
            crisp: window.$crisp && { calls: calls($crisp), id: window.CRISP_WEBSITE_ID, runtime: window.CRISP_RUNTIME_CONFIG, domain: window.CRISP_COOKIE_DOMAIN, expires: window.CRISP_COOKIE_EXPIRE, token: window.CRISP_TOKEN_ID },
            databuddy: window.databuddyConfig && { config: databuddyConfig, running: window.databuddy && databuddy.options },
            heap: window.heap && { id: heap.envId, alias: heap.appid, config: heap.clientConfig, calls: window.heapReadyCb.map(call => [call.name, typeof call.fn]),
              has: ['init', 'startTracking', 'stopTracking', 'track', 'identify', 'identifyHashed', 'addUserProperties', 'onReady', 'trackPageview'].filter(m => typeof heap[m] === 'function') },
            hightouch: window.htevents && { calls: calls(htevents), key: htevents._writeKey, options: htevents._loadOptions, version: htevents.SNIPPET_VERSION,
              has: ['track', 'page', 'identify', 'group', 'alias', 'reset', 'ready', 'addSourceMiddleware'].filter(m => typeof htevents[m] === 'function') },
            intercom: window.Intercom && { settings: window.intercomSettings, calls: calls(Intercom.q) },
            plausible: window.plausible && { calls: calls(plausible.q), options: plausible.o, init: typeof plausible.init },
            matomo: calls(window._paq),
            vercel: window.va && { calls: calls(vaq), mode: window.vam },
            rudderstack: window.rudderanalytics && { calls: calls(rudderanalytics), ran: rudderanalytics.snippetExecuted, version: window.RudderSnippetVersion, build: window.rudderAnalyticsBuildType,
              has: ['load', 'ready', 'page', 'track', 'identify', 'alias', 'group', 'reset', 'setAnonymousId', 'startSession', 'endSession', 'consent', 'setDefaultInstanceKey', 'addCustomIntegration'].filter(m => typeof rudderanalytics[m] === 'function') },
            logrocket: { recorder: window._lrAsyncScript, calls: window.LogRocket && LogRocket.calls },
            pirsch: { starts: window.pirschStarts, settings: ['pianjs', 'pirschextendedjs'].map(id => document.getElementById(id)).filter(e => e).map(e =>
              Object.fromEntries([e.id, ...[...e.attributes].filter(a => a.name.startsWith('data-')).map(a => a.name)].map(a => [a, e.getAttribute(a)]))) },
            mixpanel: stub('mixpanel', ['track', 'identify', 'reset', 'register', 'opt_in_tracking', 'opt_out_tracking']),
          }));
        })()
        """;

    private sealed record Case(string Call, string Type, string Settings, string Required, string Consent, Action<JsonObject>? Differences = null, bool AfterLoad = false);

    // The libraries, as far as what follows their load event needs them.
    private static readonly Dictionary<string, string> Libraries = new()
    {
        ["https://bat.bing.com/bat.js"] = "window.UET = function (o) { this.made = { ti: o.ti, spa: o.enableAutoSpaTracking }; this.q = [...o.q]; this.push = (...calls) => this.q.push(...calls) }",
        ["https://connect.facebook.net/en_US/fbevents.js"] = "",
        ["https://eu-assets.i.posthog.com/static/array.js"] = "",
        ["https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js"] = "",
        ["https://analytics.tiktok.com/i18n/pixel/events.js"] = "",
        ["https://cdn.databuddy.cc/databuddy.js"] = "window.databuddy = { options: { clientId: document.currentScript.dataset.clientId, ...window.databuddyConfig } }",
        ["https://www.googletagmanager.com/gtm.js"] = "",
        ["https://cdn.logrocket.io/LogRocket.min.js"] = "window.LogRocket = { calls: [], init(...args) { this.calls.push(args) } }",
        ["https://api.pirsch.io/pa.js"] = "window.pirschStarts = 0; window.pirschInit = () => { window.pirschStarts++ }; document.addEventListener('DOMContentLoaded', pirschInit)",
        ["https://www.googletagmanager.com/gtag/js"] = "",
    };

    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["meta-pixel"] = new("metaPixel({ pixelId: '12' })", "meta-pixel", """{"pixelId":"12"}""", "marketing", "marketing"),
        ["meta-pixel, options"] = new(
            "metaPixel({ pixelId: '12', initOptions: { em: 'x' }, trackPageView: false, dataProcessingOptions: { options: ['LDU'], country: 1 }, scriptSrc: 'https://own.example/fb.js' })",
            "meta-pixel",
            """{"pixelId":"12","initOptions":{"em":"x"},"trackPageView":false,"dataProcessingOptions":{"options":["LDU"],"country":1},"scriptSrc":"https://own.example/fb.js"}""",
            "marketing", "marketing"),
        ["meta-pixel, denied"] = new("metaPixel({ pixelId: '12' })", "meta-pixel", """{"pixelId":"12"}""", "marketing", "measurement"),
        ["google-tag-manager, nothing granted"] = new("googleTagManager({ id: 'GTM-A' })", "google-tag-manager", """{"id":"GTM-A"}""", "necessary", "necessary"),
        ["google-tag-manager, all granted"] = new("googleTagManager({ id: 'GTM-A' })", "google-tag-manager", """{"id":"GTM-A"}""", "necessary", "functionality,experience,measurement,marketing"),
        ["google-tag-manager, custom mapping"] = new(
            "googleTagManager({ id: 'GTM-A', consentMapping: { marketing: ['ad_storage'] } })",
            "google-tag-manager", """{"id":"GTM-A","consentMapping":{"marketing":["ad_storage"]}}""", "necessary", "marketing"),
        ["google-analytics"] = new("gtag({ id: 'G-A', category: 'measurement' })", "google-analytics", """{"id":"G-A"}""", "measurement", "measurement,marketing"),
        ["google-analytics, always"] = new("gtag({ id: 'G-A', category: 'measurement' })", "google-analytics", """{"id":"G-A"}""", "necessary", "marketing"),
        ["posthog, granted"] = new("posthog({ id: 'phc_x' })", "posthog", """{"id":"phc_x"}""", "necessary", "measurement", TheVendorsPostHogStub),
        ["posthog, denied"] = new("posthog({ id: 'phc_x' })", "posthog", """{"id":"phc_x"}""", "necessary", "marketing", TheVendorsPostHogStub),
        ["posthog, own host and options"] = new(
            "posthog({ id: 'phc_x', apiHost: 'https://ph.example/', initOptions: { autocapture: false } })",
            "posthog", """{"apiKey":"phc_x","host":"https://ph.example/","initOptions":{"autocapture":false}}""", "necessary", "measurement", TheVendorsPostHogStub),
        ["posthog, after consent"] = new("posthog({ id: 'phc_x', loadMode: 'after-consent' })", "posthog", """{"id":"phc_x","loadMode":"after-consent"}""", "necessary", "marketing"),
        ["posthog, disabled"] = new("posthog({ id: 'phc_x', loadMode: 'disabled' })", "posthog", """{"id":"phc_x","loadMode":"disabled"}""", "necessary", "measurement"),
        ["posthog, needs consent"] = new("posthog({ id: 'phc_x', loadMode: 'after-consent' })", "posthog", """{"id":"phc_x"}""", "measurement", "measurement",
            package =>
            {
                TheVendorsPostHogStub(package);
                // What needs consent is silent after withdrawal, not cookieless.
                package["posthog"]!["init"]![0]![1]!.AsObject().Remove("cookieless_mode");
            }),
        ["mixpanel"] = new("mixpanelAnalytics({ token: '0123456789abcdef0123456789abcdef', initOptions: { debug: true } })",
            "mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"debug":true}}""", "measurement", "measurement",
            // The package opts in on the load event, which this page's loader never fires; ours is queued for the library, which runs it as it starts.
            package => package["mixpanel"]!["calls"] = new JsonArray(new JsonArray("opt_in_tracking", new JsonObject()))),
        ["mixpanel, denied"] = new("mixpanelAnalytics({ token: '0123456789abcdef0123456789abcdef' })",
            "mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", "necessary", "necessary",
            package =>
            {
                // As above; and it must not track between its start and that call.
                package["mixpanel"]!["calls"] = new JsonArray(new JsonArray("opt_out_tracking", new JsonObject { ["delete_user"] = false }));
                package["mixpanel"]!["init"]![0]![1] = new JsonObject { ["opt_out_tracking_by_default"] = true };
            }),
        ["mixpanel, after load"] = new("mixpanelAnalytics({ token: '0123456789abcdef0123456789abcdef' })",
            "mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", "measurement", "measurement",
            // Both opt in; ours without the event that would be recorded on every page (its option, a function, is not seen here).
            package => package["mixpanel"]!["calls"] = new JsonArray(new JsonArray("opt_in_tracking", new JsonObject())), AfterLoad: true),
        ["posthog, after load"] = new("posthog({ id: 'phc_x' })", "posthog", """{"id":"phc_x"}""", "necessary", "measurement",
            package =>
            {
                TheVendorsPostHogStub(package);
                // The package opts in again after load, which records an event on every page.
                package["posthog"]!["calls"]!.AsArray().RemoveAt(1);
            }, AfterLoad: true),
        ["google-tag-manager, after load"] = new("googleTagManager({ id: 'GTM-A' })", "google-tag-manager", """{"id":"GTM-A"}""", "necessary", "marketing", AfterLoad: true),
        ["google-analytics, after load"] = new("gtag({ id: 'G-A', category: 'measurement' })", "google-analytics", """{"id":"G-A"}""", "measurement", "measurement", AfterLoad: true),
        ["meta-pixel, after load"] = new("metaPixel({ pixelId: '12' })", "meta-pixel", """{"pixelId":"12"}""", "marketing", "marketing", AfterLoad: true),
        ["tiktok-pixel"] = new("tiktokPixel({ pixelId: 'C12' })", "tiktok-pixel", """{"pixelId":"C12"}""", "marketing", "marketing", TheVendorsTikTokBase),
        ["tiktok-pixel, after load"] = new("tiktokPixel({ pixelId: 'C12' })", "tiktok-pixel", """{"pixelId":"C12"}""", "marketing", "marketing",
            package =>
            {
                TheVendorsTikTokBase(package);
                // Granted once already; the library runs what is queued.
                package["ttq"]!["calls"]!.AsArray().RemoveAt(2);
            }, AfterLoad: true),
        ["tiktok-pixel, own loader"] = new("tiktokPixel({ pixelId: 'C12', scriptSrc: 'https://tt.example/e.js' })",
            "tiktok-pixel", """{"pixelId":"C12","scriptSrc":"https://tt.example/e.js"}""", "marketing", "marketing", TheVendorsTikTokBase),
        ["linkedin-insights"] = new("linkedinInsights({ id: '12' })", "linkedin-insights", """{"id":"12"}""", "marketing", "marketing"),
        ["linkedin-insights, own loader"] = new("linkedinInsights({ id: '12', scriptSrc: 'https://li.example/e.js' })",
            "linkedin-insights", """{"id":"12","scriptSrc":"https://li.example/e.js"}""", "marketing", "marketing"),
        ["microsoft-clarity"] = new("clarity({ id: 'abc' })", "microsoft-clarity", """{"id":"abc"}""", "measurement", "measurement"),
        ["microsoft-clarity, both granted"] = new("clarity({ id: 'abc' })", "microsoft-clarity", """{"id":"abc"}""", "measurement", "measurement,marketing"),
        ["microsoft-clarity, denied at first"] = new("clarity({ id: 'abc', defaultConsent: { ad_storage: 'denied' } })",
            "microsoft-clarity", """{"id":"abc","defaultConsent":{"ad_storage":"denied"}}""", "measurement", "measurement,marketing"),
        ["microsoft-clarity, granting at first"] = new("clarity({ id: 'abc', defaultConsent: true })",
            "microsoft-clarity", """{"id":"abc","defaultConsent":true}""", "measurement", "measurement",
            // No setting grants what the visitor denied.
            package => package["clarity"]!["calls"]![0]![1]!["ad_Storage"] = "denied"),
        ["hotjar"] = new("hotjar({ siteId: 12 })", "hotjar", """{"siteId":12}""", "measurement", "measurement",
            // The vendor's snippet has a number.
            package => package["hotjar"]!["settings"]!["hjid"] = 12),
        ["hotjar, own loader"] = new("hotjar({ siteId: '12', version: 7, scriptUrl: 'https://hj.example/e.js' })",
            "hotjar", """{"siteId":"12","version":7,"scriptUrl":"https://hj.example/e.js"}""", "measurement", "measurement",
            package => package["hotjar"]!["settings"]!["hjid"] = 12),
        ["segment"] = new("segment({ writeKey: 'key' })", "segment", """{"writeKey":"key"}""", "measurement", "measurement",
            package =>
            {
                // The vendor's snippet names the source, and records the page a queued call was made on.
                package["segment"]!["key"] = "key";
                package["segment"]!["calls"]![0]!.AsArray().Add(new JsonObject
                {
                    ["__t"] = "bpc",
                    ["p"] = "/",
                    ["u"] = OfflineSite.Origin,
                    ["s"] = "",
                    ["t"] = "A site",
                    ["r"] = "",
                });
            }),
        ["segment, no page view"] = new("segment({ writeKey: 'key', trackPageView: false })", "segment", """{"writeKey":"key","trackPageView":false}""", "measurement", "measurement",
            package => package["segment"]!["key"] = "key"),
        ["x-pixel"] = new("xPixel({ pixelId: 'o12' })", "x-pixel", """{"pixelId":"o12"}""", "marketing", "marketing"),
        ["reddit-pixel"] = new("redditPixel({ pixelId: 't2_x' })", "reddit-pixel", """{"pixelId":"t2_x"}""", "marketing", "marketing"),
        ["reddit-pixel, options"] = new(
            "redditPixel({ pixelId: 't2_x', trackPageVisit: false, initOptions: { debug: true }, disableFirstPartyCookies: true, scriptUrl: 'https://rd.example/e.js' })",
            "reddit-pixel", """{"pixelId":"t2_x","trackPageVisit":false,"initOptions":{"debug":true},"disableFirstPartyCookies":true,"scriptUrl":"https://rd.example/e.js"}""",
            "marketing", "marketing"),
        ["snapchat-pixel"] = new("snapchatPixel({ pixelId: 'a-1' })", "snapchat-pixel", """{"pixelId":"a-1"}""", "marketing", "marketing"),
        ["snapchat-pixel, options"] = new("snapchatPixel({ pixelId: 'a-1', initOptions: { user_email: 'x' }, trackPageView: false })",
            "snapchat-pixel", """{"pixelId":"a-1","initOptions":{"user_email":"x"},"trackPageView":false}""", "marketing", "marketing"),
        ["ahrefs-analytics"] = new("ahrefsAnalytics({ key: 'k+1' })", "ahrefs-analytics", """{"key":"k+1"}""", "measurement", "measurement"),
        ["cloudflare-web-analytics"] = new("cloudflareWebAnalytics({ token: 'abc' })", "cloudflare-web-analytics", """{"token":"abc"}""", "measurement", "measurement"),
        ["cloudflare-web-analytics, options"] = new("cloudflareWebAnalytics({ token: ' abc ', spa: false, scriptUrl: 'https://cf.example/e.js' })",
            "cloudflare-web-analytics", """{"token":" abc ","spa":false,"scriptUrl":"https://cf.example/e.js"}""", "measurement", "measurement"),
        ["fathom-analytics"] = new("fathomAnalytics({ site: 'ABC' })", "fathom-analytics", """{"site":"ABC"}""", "measurement", "measurement"),
        ["fathom-analytics, options"] = new("fathomAnalytics({ site: 'ABC', spa: 'auto', auto: false, canonical: true, honorDnt: true })",
            "fathom-analytics", """{"site":"ABC","spa":"auto","auto":false,"canonical":true,"honorDnt":true}""", "measurement", "measurement"),
        ["umami-analytics"] = new("umamiAnalytics({ websiteId: 'a-1' })", "umami-analytics", """{"websiteId":"a-1"}""", "measurement", "measurement"),
        ["umami-analytics, options"] = new(
            "umamiAnalytics({ websiteId: 'a-1', hostUrl: 'https://um.example', autoTrack: false, domains: ['a.example', 'b.example'], tag: 'x', beforeSend: 'check' })",
            "umami-analytics", """{"websiteId":"a-1","hostUrl":"https://um.example","autoTrack":false,"domains":["a.example","b.example"],"tag":"x","beforeSend":"check"}""",
            "measurement", "measurement",
            // The tracker splits the attribute at commas.
            package => package["loaders"]![0]!["attributes"]!["data-domains"] = "a.example,b.example"),
        ["adobe-analytics"] = new("adobeAnalytics({ scriptUrl: 'https://assets.adobedtm.com/a/launch-b.min.js' })",
            "adobe-analytics", """{"scriptUrl":"https://assets.adobedtm.com/a/launch-b.min.js"}""", "measurement", "measurement"),
        ["adobe-analytics, options"] = new("adobeAnalytics({ scriptUrl: 'https://own.example/launch.js', async: false, seedAdobeDataLayer: false })",
            "adobe-analytics", """{"scriptUrl":"https://own.example/launch.js","async":false,"seedAdobeDataLayer":false}""", "measurement", "measurement"),
        ["adobe-analytics, denied"] = new("adobeAnalytics({ scriptUrl: 'https://own.example/launch.js' })",
            "adobe-analytics", """{"scriptUrl":"https://own.example/launch.js"}""", "measurement", "marketing"),
        ["amplitude"] = new("amplitude({ apiKey: ' key ' })", "amplitude", """{"apiKey":" key "}""", "measurement", "measurement", package => TheVendorsAmplitude(package, false)),
        ["amplitude, options"] = new("amplitude({ apiKey: 'key', initOptions: { autocapture: false, optOut: true }, scriptUrl: 'https://am.example/a.js' })",
            "amplitude", """{"apiKey":"key","initOptions":{"autocapture":false,"optOut":true},"scriptUrl":"https://am.example/a.js"}""", "measurement", "measurement"),
        ["amplitude, denied"] = new("amplitude({ apiKey: 'key' })", "amplitude", """{"apiKey":"key"}""", "measurement", "marketing"),
        ["clearbit"] = new("clearbit({ publishableKey: ' pk_a ' })", "clearbit", """{"publishableKey":" pk_a "}""", "marketing", "marketing"),
        ["clearbit, own loader"] = new("clearbit({ publishableKey: 'pk_a', scriptUrl: 'https://cb.example/tags.js' })",
            "clearbit", """{"publishableKey":"pk_a","scriptUrl":"https://cb.example/tags.js"}""", "marketing", "marketing"),
        ["crisp"] = new("crisp({ websiteId: 'a-1' })", "crisp", """{"websiteId":"a-1"}""", "functionality", "functionality"),
        ["crisp, options"] = new(
            "crisp({ websiteId: 'a-1', locale: 'de', cookieDomain: 'site.example', cookieExpiry: 60, tokenId: 'x', sessionMerge: false, safeMode: true, scriptSrc: 'https://cr.example/l.js' })",
            "crisp", """{"websiteId":"a-1","locale":"de","cookieDomain":"site.example","cookieExpiry":60,"tokenId":"x","sessionMerge":false,"safeMode":true,"scriptSrc":"https://cr.example/l.js"}""",
            "functionality", "functionality",
            // A token opens one visitor's conversations, and every visitor gets the same snapshot.
            package => package["crisp"]!.AsObject().Remove("token")),
        ["databuddy"] = new("databuddy({ clientId: 'a', configWhenGranted: { trackErrors: true, disabled: false }, configWhenDenied: { disabled: true } })",
            "databuddy", """{"clientId":"a","configWhenGranted":{"trackErrors":true,"disabled":false},"configWhenDenied":{"disabled":true}}""", "necessary", "measurement"),
        ["databuddy, denied"] = new("databuddy({ clientId: 'a', configWhenGranted: { disabled: false }, configWhenDenied: { x: 1, disabled: true } })",
            "databuddy", """{"clientId":"a","configWhenGranted":{"disabled":false},"configWhenDenied":{"x":1,"disabled":true}}""", "necessary", "marketing"),
        ["databuddy, own hosts"] = new("databuddy({ clientId: 'a', apiUrl: 'https://basket.example', scriptUrl: 'https://db.example/databuddy.js', configWhenGranted: {}, configWhenDenied: {} })",
            "databuddy", """{"clientId":"a","apiUrl":"https://basket.example","scriptUrl":"https://db.example/databuddy.js","configWhenGranted":{},"configWhenDenied":{}}""", "necessary", "marketing",
            // The tracker must not begin before it is told; the package disables it on the load event.
            package => package["databuddy"]!["config"]!["disabled"] = true),
        ["databuddy, after load"] = new("databuddy({ clientId: 'a', configWhenGranted: { disabled: false }, configWhenDenied: { disabled: true } })",
            "databuddy", """{"clientId":"a","configWhenGranted":{"disabled":false},"configWhenDenied":{"disabled":true}}""", "necessary", "measurement", AfterLoad: true),
        ["databuddy, denied, after load"] = new("databuddy({ clientId: 'a', configWhenGranted: { disabled: false }, configWhenDenied: { disabled: true } })",
            "databuddy", """{"clientId":"a","configWhenGranted":{"disabled":false},"configWhenDenied":{"disabled":true}}""", "necessary", "necessary", AfterLoad: true),
        ["heap"] = new("heap({ envId: ' 12 ' })", "heap", """{"envId":" 12 "}""", "measurement", "measurement", TheVendorsHeap),
        ["heap, options"] = new("heap({ envId: '12', clientConfig: { disableTextCapture: true, shouldFetchServerConfig: true }, scriptUrl: 'https://heap.example/a.js' })",
            "heap", """{"envId":"12","clientConfig":{"disableTextCapture":true,"shouldFetchServerConfig":true},"scriptUrl":"https://heap.example/a.js"}""", "measurement", "measurement", TheVendorsHeap),
        ["hightouch"] = new("hightouch({ writeKey: ' key ' })", "hightouch", """{"writeKey":" key "}""", "measurement", "measurement", TheVendorsHightouch),
        ["hightouch, options"] = new("hightouch({ writeKey: 'key', apiHost: 'us-east-1.hightouch-events.com', trackPageView: false, scriptUrl: 'https://ht.example/a.js' })",
            "hightouch", """{"writeKey":"key","apiHost":"us-east-1.hightouch-events.com","trackPageView":false,"scriptUrl":"https://ht.example/a.js"}""", "measurement", "measurement", TheVendorsHightouch),
        ["intercom"] = new("intercom({ appId: 'abc' })", "intercom", """{"appId":"abc"}""", "functionality", "functionality"),
        ["intercom, options"] = new(
            "intercom({ appId: 'abc', apiBase: 'https://api-iam.eu.intercom.io', settings: { alignment: 'left', app_id: 'other' }, scriptSrc: 'https://ic.example/w.js' })",
            "intercom", """{"appId":"abc","apiBase":"https://api-iam.eu.intercom.io","settings":{"alignment":"left","app_id":"other"},"scriptSrc":"https://ic.example/w.js"}""",
            "functionality", "functionality"),
        ["intercom, denied"] = new("intercom({ appId: 'abc' })", "intercom", """{"appId":"abc"}""", "functionality", "measurement"),
        ["plausible-analytics"] = new("plausibleAnalytics({ domain: 'a.example' })", "plausible-analytics", """{"domain":"a.example"}""", "measurement", "measurement", TheVendorsPlausibleStub),
        ["plausible-analytics, extensions"] = new("plausibleAnalytics({ domain: ' a.example ', extension: ['hash', 'outbound-links'], endpoint: 'https://pl.example/event' })",
            "plausible-analytics", """{"domain":" a.example ","extension":["hash","outbound-links"],"endpoint":"https://pl.example/event"}""", "measurement", "measurement", TheVendorsPlausibleStub),
        ["plausible-analytics, own script"] = new(
            "plausibleAnalytics({ scriptId: ' Ab-1 ', customProperties: { plan: 'x' }, endpoint: '/event', fileDownloads: { fileExtensions: ['pdf'] }, hashBasedRouting: true, autoCapturePageviews: false, captureOnLocalhost: true })",
            "plausible-analytics",
            """{"scriptId":" Ab-1 ","customProperties":{"plan":"x"},"endpoint":"/event","fileDownloads":{"fileExtensions":["pdf"]},"hashBasedRouting":true,"autoCapturePageviews":false,"captureOnLocalhost":true}""",
            "measurement", "measurement",
            package =>
            {
                TheVendorsPlausibleStub(package);
                // The vendor's snippet is async.
                package["loaders"]![0]!["defer"] = false;
            }),
        ["plausible-analytics, denied"] = new("plausibleAnalytics({ domain: 'a.example' })", "plausible-analytics", """{"domain":"a.example"}""", "measurement", "marketing"),
        ["matomo-analytics"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example/', siteId: 7 })", "matomo-analytics", """{"matomoUrl":"https://ma.example/","siteId":7}""", "measurement", "measurement"),
        ["matomo-analytics, options"] = new(
            "matomoAnalytics({ trackerUrl: 'https://ma.example/t.php', scriptUrl: 'https://ma.example/t.js', enableLinkTracking: true, disableCookies: true, trackPageView: false })",
            "matomo-analytics",
            """{"trackerUrl":"https://ma.example/t.php","scriptUrl":"https://ma.example/t.js","enableLinkTracking":true,"disableCookies":true,"trackPageView":false}""", "measurement", "measurement"),
        ["matomo-analytics, consent required"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example', defaultConsent: 'required' })",
            "matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"required"}""", "measurement", "measurement"),
        ["matomo-analytics, consent given"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example', defaultConsent: 'given' })",
            "matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"given"}""", "measurement", "measurement"),
        ["matomo-analytics, always, granted"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example', defaultConsent: 'required' })",
            "matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"required"}""", "necessary", "measurement"),
        ["matomo-analytics, always, denied"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example', defaultConsent: 'required' })",
            "matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"required"}""", "necessary", "marketing",
            // Matomo holds the page view back until consent is given.
            package => package["matomo"]!.AsArray().Add(new JsonArray("trackPageView"))),
        ["matomo-analytics, given but denied"] = new("matomoAnalytics({ matomoUrl: 'https://ma.example', defaultConsent: 'given' })",
            "matomo-analytics", """{"matomoUrl":"https://ma.example","defaultConsent":"given"}""", "necessary", "marketing",
            // No setting grants what the visitor denied.
            package => package["matomo"]![2]![0] = "requireConsent"),
        ["matomo-analytics, cloud"] = new("matomoAnalytics({ cloudId: 'my-site.matomo.cloud' })", "matomo-analytics", """{"cloudId":"my-site.matomo.cloud"}""", "measurement", "measurement",
            // The vendor's snippet loads a cloud's script from the CDN.
            package => package["loaders"]![0]!["src"] = "https://cdn.matomo.cloud/my-site.matomo.cloud/matomo.js"),
        ["matomo-analytics, cloud by name"] = new("matomoAnalytics({ cloudId: 'my-site' })", "matomo-analytics", """{"cloudId":"my-site"}""", "measurement", "measurement",
            package =>
            {
                // The CDN has no tracker; both names are of the cloud's host.
                package["loaders"]![0]!["src"] = "https://cdn.matomo.cloud/my-site.matomo.cloud/matomo.js";
                package["matomo"]![0]![1] = "https://my-site.matomo.cloud/matomo.php";
            }),
        ["vercel-analytics"] = new("vercelAnalytics({})", "vercel-analytics", "{}", "measurement", "measurement", package => package["vercel"]!["mode"] = "production"),
        ["vercel-analytics, options"] = new("vercelAnalytics({ dsn: 'abc', disableAutoTrack: true, endpoint: '/insights', mode: 'production', scriptUrl: 'https://ve.example/a.js' })",
            "vercel-analytics", """{"dsn":"abc","disableAutoTrack":true,"endpoint":"/insights","mode":"production","scriptUrl":"https://ve.example/a.js"}""", "measurement", "measurement",
            // The vendor's package tells the mode.
            package => package["vercel"]!["mode"] = "production"),
        ["vercel-analytics, debug"] = new("vercelAnalytics({ debug: true })", "vercel-analytics", """{"debug":true}""", "measurement", "measurement", package => package["vercel"]!["mode"] = "development"),
        ["rudderstack"] = new("rudderstack({ writeKey: 'key', dataPlaneUrl: 'https://rs.example' })", "rudderstack", """{"writeKey":"key","dataPlaneUrl":"https://rs.example"}""", "measurement", "measurement"),
        ["rudderstack, options"] = new("rudderstack({ writeKey: ' key ', dataPlaneUrl: 'https://rs.example', loadOptions: { useBeacon: true }, trackPageView: false, scriptUrl: 'https://rs.example/a.js' })",
            "rudderstack", """{"writeKey":" key ","dataPlaneUrl":"https://rs.example","loadOptions":{"useBeacon":true},"trackPageView":false,"scriptUrl":"https://rs.example/a.js"}""", "measurement", "measurement"),
        ["rudderstack, consent ids"] = new("rudderstack({ writeKey: 'key', dataPlaneUrl: 'https://rs.example', consentManagement: { mapping: { measurement: ['a', ' b '], marketing: ['c'] } } })",
            "rudderstack", """{"writeKey":"key","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"measurement":["a"," b "],"marketing":["c"]}}}""", "measurement", "measurement"),
        ["rudderstack, always, consent ids and options"] = new(
            "rudderstack({ writeKey: 'key', dataPlaneUrl: 'https://rs.example', loadOptions: { useBeacon: true, preConsent: { trackConsent: true, storage: { strategy: 'session' } }, consentManagement: { x: 1 } }, consentManagement: { mapping: { necessary: ['n'], marketing: ['c'] } } })",
            "rudderstack",
            """
            {"writeKey":"key","dataPlaneUrl":"https://rs.example","loadOptions":{"useBeacon":true,"preConsent":{"trackConsent":true,"storage":{"strategy":"session"}},"consentManagement":{"x":1}},
             "consentManagement":{"mapping":{"necessary":["n"],"marketing":["c"]}}}
            """, "necessary", "marketing"),
        ["rudderstack, always, nothing granted"] = new("rudderstack({ writeKey: 'key', dataPlaneUrl: 'https://rs.example', consentManagement: { mapping: { marketing: ['c'] } } })",
            "rudderstack", """{"writeKey":"key","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"marketing":["c"]}}}""", "necessary", "measurement",
            // The call would end the mode that stores and sends nothing.
            package => package["rudderstack"]!["calls"]!.AsArray().RemoveAt(0)),
        ["logrocket"] = new("logRocket({ appId: 'org/app' })", "logrocket", """{"appId":"org/app"}""", "measurement", "measurement"),
        ["logrocket, after load"] = new("logRocket({ appId: ' org/app ', initOptions: { dom: { inputSanitizer: true } } })",
            "logrocket", """{"appId":" org/app ","initOptions":{"dom":{"inputSanitizer":true}}}""", "measurement", "measurement", AfterLoad: true),
        ["logrocket, without options, after load"] = new("logRocket({ appId: 'org/app' })", "logrocket", """{"appId":"org/app"}""", "measurement", "measurement", AfterLoad: true),
        ["logrocket, own loaders"] = new("logRocket({ appId: 'org/app', scriptUrl: 'https://lr.example/a.js', asyncScriptUrl: 'https://lr.example/b.js' })",
            "logrocket", """{"appId":"org/app","scriptUrl":"https://lr.example/a.js","asyncScriptUrl":"https://lr.example/b.js"}""", "measurement", "measurement"),
        ["rybbit-analytics"] = new("rybbitAnalytics({ siteId: 12 })", "rybbit-analytics", """{"siteId":12}""", "measurement", "measurement"),
        ["rybbit-analytics, options"] = new(
            "rybbitAnalytics({ siteId: ' b2 ', autoTrackPageview: false, trackSpa: true, trackQuery: false, trackOutbound: true, trackErrors: true, sessionReplay: false, webVitals: true, skipPatterns: ['/a/*', '/b'], maskPatterns: [], debounce: 250.5, analyticsHost: 'https://ry.example/api/' })",
            "rybbit-analytics",
            """{"siteId":" b2 ","autoTrackPageview":false,"trackSpa":true,"trackQuery":false,"trackOutbound":true,"trackErrors":true,"sessionReplay":false,"webVitals":true,"skipPatterns":["/a/*","/b"],"maskPatterns":[],"debounce":250.5,"analyticsHost":"https://ry.example/api/"}""",
            "measurement", "measurement"),
        ["rybbit-analytics, key"] = new("rybbitAnalytics({ siteId: 'b2', apiKey: 'rb_key' })", "rybbit-analytics", """{"siteId":"b2","apiKey":"rb_key"}""", "measurement", "measurement",
            // The vendor says to keep the key off public pages.
            package => package["loaders"]![0]!["attributes"]!.AsObject().Remove("data-api-key")),
        ["pirsch"] = new("pirsch({ identificationCode: ' abc ' })", "pirsch", """{"identificationCode":" abc "}""", "measurement", "measurement", TheSettingsBesideThePirschLoader),
        ["pirsch, after load"] = new("pirsch({ identificationCode: 'abc' })", "pirsch", """{"identificationCode":"abc"}""", "measurement", "measurement", TheSettingsBesideThePirschLoader, AfterLoad: true),
        ["pirsch, options"] = new(
            "pirsch({ identificationCode: 'abc', domain: ['a.example:code', ' b.example '], dev: 'a.example', hitEndpoint: '/hit', eventEndpoint: '/event', disablePageViews: true, extended: true })",
            "pirsch", """{"identificationCode":"abc","domain":["a.example:code"," b.example "],"dev":"a.example","hitEndpoint":"/hit","eventEndpoint":"/event","disablePageViews":true,"extended":true}""",
            "measurement", "measurement", TheSettingsBesideThePirschLoader),
        ["promptwatch"] = new("promptwatch({ projectId: ' a-1 ' })", "promptwatch", """{"projectId":" a-1 "}""", "measurement", "measurement"),
        ["promptwatch, own loader"] = new("promptwatch({ projectId: 'a-1', scriptUrl: 'https://pw.example/a.js' })",
            "promptwatch", """{"projectId":"a-1","scriptUrl":"https://pw.example/a.js"}""", "measurement", "measurement"),
        ["microsoft-uet, granted"] = new("microsoftUet({ id: '12' })", "microsoft-uet", """{"id":"12"}""", "necessary", "marketing"),
        ["microsoft-uet, denied"] = new("microsoftUet({ id: '12' })", "microsoft-uet", """{"id":"12"}""", "necessary", "measurement"),
        ["microsoft-uet, after load"] = new("microsoftUet({ id: '12' })", "microsoft-uet", """{"id":"12"}""", "necessary", "marketing", AfterLoad: true),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> CaseNames => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(CaseNames))]
    public async Task Load_SameOptionsAndConsent_SameOutcome(string name)
    {
        var (call, type, settings, required, consent, differences, afterLoad) = Cases[name];
        var set = ConsentQuery.ParseValue(consent).Consent;
        var consents = new JsonObject(ConsentCategories.Optional.Prepend(ConsentCategory.Necessary).Select(category => KeyValuePair.Create(category.Name(), (JsonNode?)set.Contains(category))));
        var ours = await OutcomeAsync(ConsentWalk.Snapshots([ConsentWalk.Row(type, settings, 1, required)])[set.Index]!.ToJsonString(), consents, afterLoad);
        var package = await OutcomeAsync($"[c15tScripts.{call}]", consents, afterLoad);
        differences?.Invoke(package);
        Assert.Equal(Sorted(package)!.ToJsonString(), Sorted(ours)!.ToJsonString());
    }

    /// <summary>The vendor's snippet numbers its version and can be asked for any method; the package's stub has no number. Its status method answers "pending", the vendor's queues.</summary>
    private static void TheVendorsPostHogStub(JsonObject package)
    {
        package["posthog"]!["version"] = 1;
    }

    /// <summary>The vendor's snippet names the hash of its pinned version; and the start says which state holds, whatever an earlier page left in the library's cookie.</summary>
    private static void TheVendorsAmplitude(JsonObject package, bool optOut)
    {
        package["loaders"]![0]!["attributes"] = new JsonObject
        {
            ["crossorigin"] = "anonymous",
            ["integrity"] = "sha384-wKPFeiuTJJ9WVWivFrKiIYtsaQQ5LQVX6Rw0MFTIamKKfAodswEIXCK9p9J+wx//",
        };
        package["amplitude"]!["calls"]![0]![2]!["optOut"] = optOut;
    }

    /// <summary>The vendor's present snippet has one name for the environment.</summary>
    private static void TheVendorsHeap(JsonObject package) => package["heap"]!.AsObject().Remove("alias");

    /// <summary>The vendor's snippet loads the library itself instead of queueing a call that the library does not have, and numbers its version.</summary>
    private static void TheVendorsHightouch(JsonObject package)
    {
        package["hightouch"]!["calls"]!.AsArray().RemoveAt(0);
        package["hightouch"]!["version"] = "0.0.1";
    }

    /// <summary>The vendor's base code records which pixels there are.</summary>
    private static void TheVendorsTikTokBase(JsonObject package) => package["ttq"]!["pixels"] = new JsonArray("C12");

    /// <summary>The vendor's snippet has init, by which a page's own script can configure the library.</summary>
    private static void TheVendorsPlausibleStub(JsonObject package) => package["plausible"]!["init"] = "function";

    /// <summary>The id by which Pirsch finds its settings would hide the loader from the client, so they stand on an element of their own.</summary>
    private static void TheSettingsBesideThePirschLoader(JsonObject package) => package["loaders"]![0]!["attributes"] = new JsonObject();

    private async Task<JsonObject> OutcomeAsync(string scripts, JsonObject consents, bool afterLoad)
    {
        await using var site = await chromium.OpenAsync("<!doctype html><title>A site</title>", Cancel);
        foreach (var (url, body) in Libraries.Where(_ => afterLoad)) site.Serve(url, body);
        await site.AddC15tAsync(Cancel);
        const string Loaded = "await Promise.all([...document.querySelectorAll('script[src]')].map(s => new Promise(done => s.addEventListener('load', done))));";
        var outcome = await site.Page.EvaluateAsync<string>($"async () => {{ c15t.loadScripts({scripts}, {consents.ToJsonString()}, {{}}); {(afterLoad ? Loaded : "")} return JSON.stringify({Outcome}); }}").WaitAsync(Cancel);
        Assert.Empty(site.Errors);
        return JsonNode.Parse(outcome)!.AsObject();
    }

    /// <summary>The order of signals in a consent state, and of options, says nothing: sorts keys everywhere.</summary>
    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject found => new JsonObject(found.OrderBy(property => property.Key, StringComparer.Ordinal).Select(property => KeyValuePair.Create(property.Key, Sorted(property.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
