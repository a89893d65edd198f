using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// Two destinations of a vendor that has room for one on a page: the first is set up, its library is the only one loaded, and nothing of the second is told or changed.
/// (Vendors with room for two are in <see cref="OptInTests"/>.)
/// </summary>
public sealed class SecondDestinationTests(ChromiumFixture chromium)
{
    // Type, the first's settings, the second's, what says whose page it is, what that is, and what the second's URL or its element would contain.
    private static readonly (string Type, string First, string Second, string Look, string Expected, string Absent)[] Cases =
    [
        ("segment", """{"writeKey":"first"}""", """{"writeKey":"second"}""", "[analytics._writeKey, ...[...analytics].map(call => call[0])].join()", "first,page", "/v1/second/"),
        ("hightouch", """{"writeKey":"first"}""", """{"writeKey":"second","scriptUrl":"https://ht-second.example/a.js"}""", "[htevents._writeKey, ...[...htevents].map(call => call[0])].join()", "first,page", "ht-second"),
        ("hotjar", """{"siteId":1}""", """{"siteId":2222}""", "_hjSettings.hjid", "1", "hotjar-2222"),
        ("microsoft-clarity", """{"id":"first"}""", """{"id":"second"}""", "[...clarity.q].filter(call => call[0] === 'consentv2').map(call => call[1].analytics_Storage).join()", "granted,denied,granted", "tag/second"),
        ("heap", """{"envId":"1"}""", """{"envId":"2222"}""", "heap.envId", "1", "config/2222"),
        ("intercom", """{"appId":"first"}""", """{"appId":"second"}""", "intercomSettings.app_id", "first", "widget/second"),
        ("crisp", """{"websiteId":"first"}""", """{"websiteId":"second","safeMode":true,"scriptSrc":"https://cr-second.example/l.js"}""", "[CRISP_WEBSITE_ID, $crisp.length].join()", "first,0", "cr-second"),
        ("rudderstack", """{"writeKey":"first","dataPlaneUrl":"https://rs.example"}""", """{"writeKey":"rs-second","dataPlaneUrl":"https://rs2.example"}""",
            "[...rudderanalytics].map(call => call.slice(0, 2).join(':')).join()", "load:first,page", "rs-second"),
        ("logrocket", """{"appId":"a/first"}""", """{"appId":"a/second","scriptUrl":"https://lr-second.example/a.js"}""", "LogRocket.calls.join()", "a/first", "lr-second"),
        ("plausible-analytics", """{"scriptId":"first"}""", """{"scriptId":"second","hashBasedRouting":true}""", "JSON.stringify(plausible.o)", "{}", "pa-second"),
        ("adroll", """{"advertiserId":"1111111111111111111111","pixelId":"2222222222222222222222"}""", """{"advertiserId":"3333333333333333333333","pixelId":"4444444444444444444444"}""",
            "[adroll_adv_id, adroll_pix_id, adroll.length].join()", "1111111111111111111111,2222222222222222222222,1", "j/33333"),
        ("braze", """{"apiKey":"first-key","baseUrl":"https://bz.example"}""", """{"apiKey":"second-key","baseUrl":"https://bz.example","scriptUrl":"https://bz-second.example/a.js"}""",
            "braze.calls.join()", "initialize first-key,disable,initialize first-key", "bz-second"),
        ("criteo", """{"account":1}""", """{"account":2222}""", "JSON.stringify(criteo_q)", """[{"event":"setAccount","account":1}]""", "a=2222"),
        ("front-chat", """{"chatId":"first-chat"}""", """{"chatId":"second-chat","scriptUrl":"https://fr-second.example/a.js"}""", "FrontChat.calls.join()", "init first-chat,shutdown,init first-chat", "fr-second"),
        ("fullstory", """{"orgId":"first"}""", """{"orgId":"second","scriptUrl":"https://fs-second.example/fs.js"}""", "[_fs_org, ...FS.q.map(call => call[0])].join()", "first,shutdown,restart", "fs-second"),
        ("hubspot", """{"portalId":"1"}""", """{"portalId":"2222"}""", "_hsq.map(call => call.length).join()", "2,1,2", "/2222.js"),
        ("mouseflow", """{"websiteId":"01234567-89ab-cdef-0123-456789abcdef"}""", """{"websiteId":"fedcba98-7654-3210-fedc-ba9876543210"}""", "_mfq.length", "0", "fedcba98"),
        ("new-relic", """{"licenseKey":"NRJS-first","applicationId":"1"}""", """{"licenseKey":"NRJS-second","applicationId":"2","agentType":"lite"}""", "NREUM.info.applicationID", "1", "nr-loader-rum"),
        ("onesignal", """{"appId":"01234567-89ab-cdef-0123-456789abcdef"}""", """{"appId":"fedcba98-7654-3210-fedc-ba9876543210","scriptUrl":"https://os-second.example/a.js"}""", "OneSignalDeferred.length", "3", "os-second"),
        ("optimizely", """{"projectId":"1","cookieDomain":"first.example"}""", """{"projectId":"2222","cookieDomain":"second.example"}""", "optimizely.map(call => call.cookieDomain).join()", "first.example", "js/2222"),
        ("sentry", """{"dsn":"https://0123456789abcdef@o1.ingest.sentry.io/1"}""", """{"dsn":"https://fedcba9876543210@o1.ingest.sentry.io/2"}""", "typeof sentryOnLoad", "function", "fedcba9876543210"),
        ("tawk-to", """{"propertyId":"first0000","settings":{"x":1}}""", """{"propertyId":"second000","settings":{"x":2}}""", "[Tawk_API.x, Tawk_API.autoStart].join()", "1,true", "second000"),
        ("vercel-speed-insights", """{"dsn":"vsi-first"}""", """{"dsn":"vsi-second"}""", "siq.length", "1", "vsi-second"),
        ("zendesk", """{"key":"first-key"}""", """{"key":"second-key","settings":{"x":2}}""", "window.zESettings", "undefined", "second-key"),
        ("databuddy", """{"clientId":"first","configWhenGranted":{"x":1}}""", """{"clientId":"db-second","configWhenGranted":{"x":2}}""", "databuddyConfig.x", "1", "db-second"),
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A library that is an entry of the list is the client's to load, so each destination has its own; what the page script tells is of the first.</summary>
    [Fact]
    public async Task EntryOfTheList_SecondNeedsTheSameConsent_EachLoadsItsOwn()
    {
        await using var walk = await ConsentWalk.OpenAsync(
            chromium,
            [
                ConsentWalk.Row("vercel-analytics", """{"dsn":"ve-first"}""", 1, "measurement"), ConsentWalk.Row("vercel-analytics", """{"dsn":"ve-second","mode":"development"}""", 2, "measurement"),
                ConsentWalk.Row("plausible-analytics", """{"domain":"first.example"}""", 3, "measurement"), ConsentWalk.Row("plausible-analytics", """{"domain":"second.example"}""", 4, "measurement"),
            ],
            new Dictionary<string, string>(), Cancel);
        walk.Site.ServeEveryOtherScript("");
        var seen = await walk.GoAsync([(ConsentSet.Everything, WalkStyle.AtOnce)],
            "window.vam + ' ' + [...document.querySelectorAll('script[src]')].map(script => script.dataset.dsn || script.dataset.domain).filter(Boolean).sort().join()", Cancel);
        Assert.Equal("production first.example,second.example,ve-first,ve-second", (string)Assert.Single(seen)!);
        Assert.Empty(walk.Site.Errors);
    }

    [Fact]
    public async Task OnePerPage_SecondNeedsTheSameConsent_FirstHoldsAndSecondLoadsNothing()
    {
        var rows = new List<OpenedDestination>();
        foreach (var (type, first, second, _, _, _) in Cases)
        {
            rows.Add(ConsentWalk.Row(type, first, rows.Count + 1, "measurement", "functionality"));
            rows.Add(ConsentWalk.Row(type, second, rows.Count + 1, "measurement", "functionality"));
        }
        var libraries = new Dictionary<string, string>
        {
            ["https://cdn.logrocket.io/LogRocket.min.js"] = "window.LogRocket = { calls: [], init(id) { this.calls.push(id) } }",
            ["https://chat-assets.frontapp.com/v1/chat.bundle.js"] = "window.FrontChat = (name, options) => FrontChat.calls.push([name, options.chatId].join(' ').trim()); FrontChat.calls = []",
            ["https://js.appboycdn.com/web-sdk/6.13/braze.min.js"] =
                "window.braze = { calls: [], isDisabled: () => false, initialize(key) { this.calls.push('initialize ' + key) }, disableSDK() { this.calls.push('disable') }, automaticallyShowInAppMessages() {}, openSession() {} }",
        };
        await using var walk = await ConsentWalk.OpenAsync(chromium, rows, libraries, Cancel);
        walk.Site.ServeEveryOtherScript("");
        await walk.Site.Page.EvaluateAsync(
            """
            () => {
              window.inserted = [];
              new MutationObserver(changes => inserted.push(...changes.flatMap(change => [...change.addedNodes]).filter(element => element.src)))
                .observe(document, { childList: true, subtree: true });
            }
            """).WaitAsync(Cancel);
        await walk.GoAsync(
            [(ConsentSet.Everything, WalkStyle.AtOnce), (default, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot)], "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.LogRocket && LogRocket.calls.length && window.FrontChat && window.braze").WaitAsync(Cancel);
        var elements = JsonNode.Parse(await walk.Site.Page.EvaluateAsync<string>("() => JSON.stringify(inserted.map(element => element.outerHTML))").WaitAsync(Cancel))!
            .AsArray().Select(element => (string)element!).ToList();
        Assert.Equal(Cases.Length, elements.Count);
        foreach (var (type, _, _, look, expected, absent) in Cases)
        {
            Assert.Equal((type, expected), (type, await walk.Site.Page.EvaluateAsync<string>($"() => String({look})").WaitAsync(Cancel)));
            Assert.DoesNotContain(elements, element => element.Contains(absent, StringComparison.Ordinal));
            Assert.DoesNotContain(walk.Site.Requests, url => url.Contains(absent, StringComparison.Ordinal));
        }
        Assert.Empty(walk.Site.Errors);
    }
}
