using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>Vendors with a consent call of their own are told each change, once, at the moment of the change, and never start twice.</summary>
public sealed class OptInTests(ChromiumFixture chromium)
{
    private const string PostHogLoader = "https://eu-assets.i.posthog.com/static/array.js";
    private const string MixpanelLoader = "https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js";
    private const string MetaLoader = "https://connect.facebook.net/en_US/fbevents.js";

    // Loaders that only say that they ran: what the page queues for the vendor stays to be looked at.
    private static readonly Dictionary<string, string> SilentVendors = new[] { PostHogLoader, MixpanelLoader, MetaLoader }
        .ToDictionary(url => url, _ => "(window.ran = window.ran || []).push(document.currentScript.src)");

    private static readonly ConsentSet Measurement = ConsentSet.Of(ConsentCategory.Measurement);
    private static readonly ConsentSet Marketing = ConsentSet.Of(ConsentCategory.Marketing);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Queue(string queue) => $"[...({queue} || [])].map(call => Array.from(call))";

    [Theory]
    [InlineData("posthog", """{"id":"phc_x"}""", "window.posthog", """["opt_in_capturing",{"captureEventName":null}]""", """["opt_out_capturing"]""", """["opt_in_capturing"]""")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", "window.mixpanel", """["opt_in_tracking",{}]""", """["opt_out_tracking"]""", """["opt_in_tracking"]""")]
    public async Task NeedsConsent_WithdrawnAndGrantedAgain_IsToldOnceEach(string type, string settings, string queue, string first, string withdrawn, string again)
    {
        foreach (var style in Enum.GetValues<WalkStyle>())
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row(type, settings)], SilentVendors, Cancel);
            var seen = await walk.GoAsync(
                [(Marketing, style), (Measurement, style), (ConsentSet.Everything, style), (default, style), (Marketing, style), (Measurement, style), (Marketing, style)],
                Queue(queue), Cancel);
            string[] expected = [first, withdrawn, again, withdrawn];
            Assert.Equal([0, 1, 1, 2, 2, 3, 4], seen.Select(calls => calls!.AsArray().Count));
            Assert.Equal(expected, seen[^1]!.AsArray().Select(call => call!.ToJsonString()));
            await AssertStartedOnceAsync(walk, queue);
        }
    }

    [Theory]
    [InlineData("posthog", """{"id":"phc_x"}""", "window.posthog", """["clear_opt_in_out_capturing"]""", """["opt_in_capturing"]""", """["opt_out_capturing"]""")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", "window.mixpanel", """["opt_out_tracking",{"delete_user":false}]""", """["opt_in_tracking"]""", """["opt_out_tracking"]""")]
    public async Task AlwaysLoads_Undecided_IsOptedOutUntilMeasurementIsGranted(string type, string settings, string queue, string first, string granted, string withdrawn)
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row(type, settings, 1, "necessary")], SilentVendors, Cancel);
        var seen = await walk.GoAsync(
            [(default, WalkStyle.AtOnce), (Marketing, WalkStyle.ConsentThenSnapshot), (Measurement, WalkStyle.ConsentThenSnapshot), (Marketing, WalkStyle.AtOnce)],
            Queue(queue), Cancel);
        Assert.Equal([first], seen[1]!.AsArray().Select(call => call!.ToJsonString()));
        Assert.Equal([first, granted], seen[2]!.AsArray().Select(call => call!.ToJsonString()));
        Assert.Equal([first, granted, withdrawn], seen[3]!.AsArray().Select(call => call!.ToJsonString()));
        await AssertStartedOnceAsync(walk, queue);
    }

    [Fact]
    public async Task PostHog_RealLibrary_FollowsAnyRoute()
    {
        var vendors = new Dictionary<string, string> { [PostHogLoader] = await VendorAsync("posthog.js") };
        foreach (var required in (string[])["necessary", "measurement"])
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("posthog", """{"id":"phc_x"}""", 1, required)], vendors, Cancel);
            await walk.GoAsync(Measurement, WalkStyle.AtOnce, "0", Cancel);
            await walk.Site.Page.WaitForFunctionAsync("() => window.posthog && posthog.__loaded").WaitAsync(Cancel);
            var route = ConsentWalk.Route(11, 40);
            var seen = await walk.GoAsync(route, "[posthog.has_opted_in_capturing(), posthog.has_opted_out_capturing(), posthog.config.token]", Cancel);
            foreach (var ((set, _), state) in route.Zip(seen))
                Assert.Equal(set.Contains(ConsentCategory.Measurement) ? """[true,false,"phc_x"]""" : """[false,true,"phc_x"]""", state!.ToJsonString());
        }
    }

    [Fact]
    public async Task Mixpanel_RealLibrary_FollowsAnyRoute()
    {
        var vendors = new Dictionary<string, string> { [MixpanelLoader] = await VendorAsync("mixpanel.js") };
        foreach (var required in (string[])["necessary", "measurement"])
        {
            await using var walk = await ConsentWalk.OpenAsync(
                chromium, [ConsentWalk.Row("mixpanel", """{"token":"0123456789abcdef0123456789abcdef"}""", 1, required)], vendors, Cancel);
            await walk.GoAsync(Measurement, WalkStyle.AtOnce, "0", Cancel);
            await walk.Site.Page.WaitForFunctionAsync("() => window.mixpanel && mixpanel.__loaded").WaitAsync(Cancel);
            var route = ConsentWalk.Route(12, 40);
            var seen = await walk.GoAsync(route, "[mixpanel.has_opted_in_tracking(), mixpanel.has_opted_out_tracking()]", Cancel);
            foreach (var ((set, _), state) in route.Zip(seen))
                Assert.Equal(set.Contains(ConsentCategory.Measurement) ? "[true,false]" : "[false,true]", state!.ToJsonString());
        }
    }

    [Fact]
    public async Task Mixpanel_RealLibraryUndecided_TracksNothing()
    {
        var vendors = new Dictionary<string, string> { [MixpanelLoader] = await VendorAsync("mixpanel.js") };
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [ConsentWalk.Row("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"track_pageview":true,"batch_requests":false}}""", 1, "necessary")], vendors, Cancel);
        await walk.GoAsync(default, WalkStyle.AtOnce, "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.mixpanel && mixpanel.__loaded").WaitAsync(Cancel);
        await walk.Site.Page.EvaluateAsync("() => { mixpanel.track('denied'); return new Promise(resolve => setTimeout(resolve, 0)); }").WaitAsync(Cancel);
        Assert.DoesNotContain(walk.Site.Requests, url => url.Contains("/track", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MetaPixel_TwoPixels_AreRevokedWithTheLastAndStartOnce()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [ConsentWalk.Row("meta-pixel", """{"pixelId":"1"}"""), ConsentWalk.Row("meta-pixel", """{"pixelId":"2","initOptions":{"em":"x"}}""", 2, "measurement")], SilentVendors, Cancel);
        var seen = await walk.GoAsync(
            [(Marketing, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot), (Measurement, WalkStyle.AtOnce),
             (default, WalkStyle.AtOnce), (Marketing, WalkStyle.AtOnce)],
            Queue("fbq.queue"), Cancel);
        Assert.Equal(
            ["""["consent","grant"]""", """["init","1"]""", """["track","PageView"]""",
             """["init","2",{"em":"x"}]""", """["trackSingle","2","PageView"]""",
             """["consent","revoke"]""", """["consent","grant"]"""],
            seen[^1]!.AsArray().Select(call => call!.ToJsonString()));
        Assert.Equal([3, 5, 5, 6, 7], seen.Select(calls => calls!.AsArray().Count));
        await AssertLoadedOnceAsync(walk);
    }

    [Fact]
    public async Task SecondDestinationOfAType_IsANamedInstance()
    {
        var vendors = new Dictionary<string, string> { [PostHogLoader] = await VendorAsync("posthog.js"), [MixpanelLoader] = await VendorAsync("mixpanel.js") };
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [
                ConsentWalk.Row("posthog", """{"id":"phc_1"}"""), ConsentWalk.Row("posthog", """{"id":"phc_2"}""", 2, "marketing"),
                ConsentWalk.Row("mixpanel", """{"token":"11111111111111111111111111111111"}""", 3), ConsentWalk.Row("mixpanel", """{"token":"22222222222222222222222222222222"}""", 4, "marketing"),
            ], vendors, Cancel);
        await walk.GoAsync(Measurement, WalkStyle.AtOnce, "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.posthog && posthog.__loaded && window.mixpanel && mixpanel.__loaded").WaitAsync(Cancel);
        const string Look =
            """
            [posthog.config.token, posthog.has_opted_out_capturing(), posthog.posthog_00000002 && [posthog.posthog_00000002.config.token, posthog.posthog_00000002.has_opted_out_capturing()],
             mixpanel.get_config('token'), mixpanel.has_opted_out_tracking(), mixpanel.mixpanel_00000004 && [mixpanel.mixpanel_00000004.get_config('token'), mixpanel.mixpanel_00000004.has_opted_out_tracking()]]
            """;
        var seen = await walk.GoAsync(
            [(Measurement, WalkStyle.AtOnce), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot), (Marketing, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.AtOnce)], Look, Cancel);
        Assert.Equal("""["phc_1",false,null,"11111111111111111111111111111111",false,null]""", seen[0]!.ToJsonString());
        Assert.Equal("""["phc_1",false,["phc_2",false],"11111111111111111111111111111111",false,["22222222222222222222222222222222",false]]""", seen[1]!.ToJsonString());
        Assert.Equal("""["phc_1",true,["phc_2",false],"11111111111111111111111111111111",true,["22222222222222222222222222222222",false]]""", seen[2]!.ToJsonString());
        Assert.Equal("""["phc_1",true,["phc_2",true],"11111111111111111111111111111111",true,["22222222222222222222222222222222",true]]""", seen[3]!.ToJsonString());
    }

    [Fact]
    public async Task MicrosoftUet_AnyRoute_IsToldEachChangeOnceAndStartsOnce()
    {
        var vendors = new Dictionary<string, string>
        {
            ["https://bat.bing.com/bat.js"] = "(window.made = window.made || []); window.UET = function (o) { made.push(o.ti); this.q = [...o.q]; this.push = (...calls) => this.q.push(...calls) }",
        };
        foreach (var required in (string[])["necessary", "marketing"])
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("microsoft-uet", """{"id":"1"}""", 1, required), ConsentWalk.Row("microsoft-uet", """{"id":"2"}""", 2, required)], vendors, Cancel);
            List<(ConsentSet Set, WalkStyle Style)> route = [(Marketing, WalkStyle.AtOnce), .. ConsentWalk.Route(21, 40)];
            const string Look = "['uetq', 'microsoft_uet_00000002'].map(name => (window[name].q || window[name]).filter(part => part && part.ad_storage).map(part => part.ad_storage))";
            var seen = await walk.GoAsync(route, Look, Cancel);
            var expected = new List<string>();
            foreach (var ((set, _), told) in route.Zip(seen))
            {
                var state = set.Contains(ConsentCategory.Marketing) ? "granted" : "denied";
                if (expected.Count == 0 || expected[^1] != state) expected.Add(state);
                Assert.All(told!.AsArray(), queue => Assert.Equal(expected, queue!.AsArray().Select(value => (string)value!)));
            }
            await walk.Site.Page.WaitForFunctionAsync("() => window.made && made.length === 2").WaitAsync(Cancel);
            Assert.Equal(["1", "2"], (await walk.Site.Page.EvaluateAsync<string[]>("() => made").WaitAsync(Cancel)).Order());
            Assert.Single(walk.Site.Requests, vendors.ContainsKey);
            Assert.Equal("consent,default,pageLoad", await walk.Site.Page.EvaluateAsync<string>("() => [...uetq.q.slice(0, 2), ...uetq.q.filter(part => part === 'pageLoad')].join()").WaitAsync(Cancel));
        }
    }

    [Fact]
    public async Task MicrosoftClarity_AnyRoute_KnowsTheState()
    {
        var vendors = new Dictionary<string, string> { ["https://www.clarity.ms/tag/abc"] = "(window.ran = window.ran || []).push(1)" };
        foreach (var required in (string[])["necessary", "measurement"])
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("microsoft-clarity", """{"id":"abc"}""", 1, required)], vendors, Cancel);
            List<(ConsentSet Set, WalkStyle Style)> route = [(Measurement, WalkStyle.AtOnce), .. ConsentWalk.Route(31, 50)];
            var seen = await walk.GoAsync(route, Queue("clarity.q"), Cancel);
            var before = 0;
            foreach (var ((set, style), calls) in route.Zip(seen))
            {
                var permitted = required == "necessary" || set.Contains(ConsentCategory.Measurement);
                string State(ConsentCategory category) => permitted && set.Contains(category) ? "granted" : "denied";
                var told = calls!.AsArray().Where(call => (string?)call![0] == "consentv2").ToList();
                Assert.Equal($$"""["consentv2",{"ad_Storage":"{{State(ConsentCategory.Marketing)}}","analytics_Storage":"{{State(ConsentCategory.Measurement)}}"}]""", told[^1]!.ToJsonString());
                Assert.InRange(told.Count - before, 0, style == WalkStyle.AtOnce ? 1 : 2);
                // What may not load any more is stopped.
                var last = calls.AsArray().Select(call => (string)call![0]!).LastOrDefault(name => name is "stop" or "start");
                Assert.Equal(permitted, last is null or "start");
                foreach (var call in told.Skip(before))
                {
                    // Nothing in between grants more than the visitor did.
                    if ((string?)call![1]!["ad_Storage"] == "granted") Assert.Equal("granted", State(ConsentCategory.Marketing));
                    if ((string?)call[1]!["analytics_Storage"] == "granted") Assert.Equal("granted", State(ConsentCategory.Measurement));
                }
                before = told.Count;
            }
            Assert.Single(walk.Site.Requests, vendors.ContainsKey);
        }
    }

    [Theory]
    [InlineData("""{"pixelId":"a"}""", "init,track", "init,track,disableFirstPartyCookies", "init,track,disableFirstPartyCookies,enableFirstPartyCookies")]
    [InlineData("""{"pixelId":"a","disableFirstPartyCookies":true}""", "init,track", "init,track,disableFirstPartyCookies", "init,track,disableFirstPartyCookies")]
    public async Task Reddit_WithdrawnAndGrantedAgain_CookiesFollow(string settings, string first, string withdrawn, string again)
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("reddit-pixel", settings)],
            new Dictionary<string, string> { ["https://www.redditstatic.com/ads/pixel.js"] = "" }, Cancel);
        var seen = await walk.GoAsync([(Marketing, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (Marketing, WalkStyle.ConsentThenSnapshot)],
            "[...rdt.callQueue].map(call => call[0]).join()", Cancel);
        Assert.Equal([first, withdrawn, again], seen.Select(calls => (string)calls!));
    }

    [Theory]
    [InlineData("heap", """{"envId":"1"}""", """{"envId":"2"}""", "https://cdn.us.heap-api.com/config/1/heap_config.js", "heapReadyCb.map(call => call.name).join()", "stopTracking", "startTracking")]
    [InlineData("intercom", """{"appId":"a"}""", """{"appId":"b"}""", "https://widget.intercom.io/widget/a", "[...Intercom.q].map(call => JSON.stringify([...call])).join()",
        """["shutdown"]""", """["boot",{"app_id":"a","api_base":"https://api-iam.intercom.io"}]""")]
    public async Task OneAPage_WithdrawnAndGrantedAgain_IsToldOnceEach(string type, string settings, string second, string loader, string look, string withdrawn, string again)
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row(type, settings, 1, "measurement"), ConsentWalk.Row(type, second, 2, "marketing")],
            new Dictionary<string, string> { [loader] = "" }, Cancel);
        var seen = await walk.GoAsync(
            [(Measurement, WalkStyle.AtOnce), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot), (Marketing, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.AtOnce), (Measurement, WalkStyle.AtOnce)],
            look, Cancel);
        Assert.Equal(["", "", withdrawn, withdrawn, $"{withdrawn},{again}"], seen.Select(calls => (string)calls!));
        await AnsweredAsync(walk, loader);
        Assert.Single(walk.Site.Requests, loader);
    }

    [Fact]
    public async Task Amplitude_RealLibrary_FollowsAnyRoute()
    {
        const string Loader = "https://cdn.amplitude.com/libs/analytics-browser-2.44.4-min.js.gz";
        var vendors = new Dictionary<string, string> { [Loader] = await VendorAsync("amplitude.js") };
        foreach (var required in (string[])["necessary", "measurement"])
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium,
                [ConsentWalk.Row("amplitude", """{"apiKey":"a"}""", 1, required), ConsentWalk.Row("amplitude", """{"apiKey":"b"}""", 2, "marketing")], vendors, Cancel);
            await walk.GoAsync(ConsentSet.Everything, WalkStyle.AtOnce, "0", Cancel);
            const string Second = "amplitude._iq.amplitude_00000002";
            // That it ran at all says that its hash is the one in the snippet.
            await walk.Site.Page.WaitForFunctionAsync($"() => window.amplitude && amplitude.getOptOut && amplitude.getOptOut() === false && {Second}.getOptOut() === false").WaitAsync(Cancel);
            var route = ConsentWalk.Route(13, 40);
            var seen = await walk.GoAsync(route, $"[amplitude.getOptOut(), {Second}.getOptOut()]", Cancel);
            foreach (var ((set, _), state) in route.Zip(seen))
                Assert.Equal([!set.Contains(ConsentCategory.Measurement), !set.Contains(ConsentCategory.Marketing)], state!.AsArray().Select(value => (bool)value!));
            Assert.Single(walk.Site.Requests, Loader);
        }
    }

    [Theory]
    [InlineData("", "false")]
    [InlineData("measurement", "true")]
    public async Task Amplitude_RealLibraryWithdrawnBefore_StateOfTheStartCounts(string granted, string tracks)
    {
        const string Loader = "https://cdn.amplitude.com/libs/analytics-browser-2.44.4-min.js.gz";
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("amplitude", """{"apiKey":"abcdefghijkl"}""", 1, "necessary")],
            new Dictionary<string, string> { [Loader] = await VendorAsync("amplitude.js") }, Cancel);
        // What the library keeps of a visitor of an earlier page, who had the other state then.
        await walk.Site.Page.EvaluateAsync(
            $$"""() => document.cookie = 'AMP_abcdefghij=' + btoa(encodeURIComponent(JSON.stringify({ deviceId: 'x', sessionId: 1, optOut: {{tracks}} }))) + ';path=/'""").WaitAsync(Cancel);
        await walk.GoAsync(granted == "" ? default : Measurement, WalkStyle.AtOnce, "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.amplitude && amplitude.getOptOut && amplitude.getOptOut() !== undefined && amplitude.getDeviceId() === 'x'").WaitAsync(Cancel);
        Assert.Equal(tracks != "true", await walk.Site.Page.EvaluateAsync<bool>("() => amplitude.getOptOut()").WaitAsync(Cancel));
    }

    [Fact]
    public async Task Databuddy_AnyRoute_TrackerIsDisabledWhereDenied()
    {
        const string Loader = "https://cdn.databuddy.cc/databuddy.js";
        var vendors = new Dictionary<string, string> { [Loader] = "window.databuddy = { options: { ...window.databuddyConfig } }; window.first = databuddy.options.disabled" };
        foreach (var required in (string[])["necessary", "measurement"])
        {
            await using var walk = await ConsentWalk.OpenAsync(chromium,
                [ConsentWalk.Row("databuddy", """{"clientId":"a"}""", 1, required), ConsentWalk.Row("databuddy", """{"clientId":"b","configWhenGranted":{"x":1}}""", 2, "marketing")], vendors, Cancel);
            var start = required == "necessary" ? default : Measurement;
            await walk.GoAsync(start, WalkStyle.AtOnce, "0", Cancel);
            await walk.Site.Page.WaitForFunctionAsync("() => window.databuddy").WaitAsync(Cancel);
            Assert.Equal(required == "necessary", await walk.Site.Page.EvaluateAsync<bool>("() => first").WaitAsync(Cancel));
            var route = ConsentWalk.Route(14, 40);
            var seen = await walk.GoAsync(route, "[databuddy.options.disabled, databuddyConfig.disabled]", Cancel);
            foreach (var ((set, _), state) in route.Zip(seen))
                Assert.All(state!.AsArray(), disabled => Assert.Equal(!set.Contains(ConsentCategory.Measurement), (bool)disabled!));
        }
    }

    [Fact]
    public async Task AdobeAnalytics_TestMode_DebugsOnceLoaded()
    {
        const string Loader = "https://assets.adobedtm.com/a/launch.js";
        var row = ConsentWalk.Row("adobe-analytics", $$"""{"scriptUrl":"{{Loader}}"}""");
        await using var walk = await ConsentWalk.OpenAsync(chromium, [row with { Row = row.Row with { TestMode = true } }],
            new Dictionary<string, string> { [Loader] = "window._satellite = { told: [], setDebug(on) { this.told.push(on) } }" }, Cancel);
        await walk.GoAsync([(Measurement, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (Measurement, WalkStyle.ConsentThenSnapshot)], "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window._satellite && _satellite.told.length").WaitAsync(Cancel);
        Assert.Equal("[true]", await walk.Site.Page.EvaluateAsync<string>("() => JSON.stringify(_satellite.told)").WaitAsync(Cancel));
    }

    [Fact]
    public async Task TikTok_TwoPixels_AreRevokedWithTheLastAndStartOnce()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [ConsentWalk.Row("tiktok-pixel", """{"pixelId":"A"}"""), ConsentWalk.Row("tiktok-pixel", """{"pixelId":"B"}""", 2, "measurement")],
            new Dictionary<string, string> { ["https://analytics.tiktok.com/i18n/pixel/events.js"] = "" }, Cancel);
        var seen = await walk.GoAsync(
            [(Marketing, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.ConsentThenSnapshot), (Measurement, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (Marketing, WalkStyle.AtOnce)],
            "[[...ttq].map(call => call[0]).join(), Object.keys(ttq._i).map(id => id + ':' + [...ttq._i[id]].map(call => call[0]).join()).join(' ')]", Cancel);
        Assert.Equal(
            ["""["grantConsent,page","A:"]""", """["grantConsent,page","A: B:page"]""", """["grantConsent,page","A: B:page"]""",
             """["grantConsent,page,revokeConsent","A: B:page"]""", """["grantConsent,page,revokeConsent,grantConsent","A: B:page"]"""],
            seen.Select(state => state!.ToJsonString()));
        await AnsweredAsync(walk, "https://analytics.tiktok.com/", 2);
        Assert.Equal(2, walk.Site.Requests.Count(url => url.StartsWith("https://analytics.tiktok.com/", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("hotjar", """{"siteId":1}""", "measurement", "https://static.hotjar.com/c/hotjar-1.js?sv=6", "JSON.stringify(_hjSettings)", """{"hjid":1,"hjsv":6}""")]
    [InlineData("linkedin-insights", """{"id":"1"}""", "marketing", "https://snap.licdn.com/li.lms-analytics/insight.min.js", "_linkedin_data_partner_ids.join()", "1")]
    [InlineData("segment", """{"writeKey":"key"}""", "measurement", "https://cdn.segment.com/analytics.js/v1/key/analytics.min.js", "[...analytics].map(call => call[0]).join()", "page")]
    [InlineData("x-pixel", """{"pixelId":"o1"}""", "marketing", "https://static.ads-twitter.com/uwt.js", "[...twq.queue].map(call => call[0]).join()", "config")]
    [InlineData("snapchat-pixel", """{"pixelId":"a"}""", "marketing", "https://sc-static.net/scevent.min.js", "[...snaptr.queue].map(call => call[0]).join()", "init,track")]
    [InlineData("fathom-analytics", """{"site":"ABC"}""", "measurement", "https://cdn.usefathom.com/script.js", "document.querySelectorAll('script[data-site]').length + ''", "1")]
    [InlineData("umami-analytics", """{"websiteId":"a"}""", "measurement", "https://cloud.umami.is/script.js", "document.querySelectorAll('script[data-website-id]').length + ''", "1")]
    [InlineData("ahrefs-analytics", """{"key":"a"}""", "measurement", "https://analytics.ahrefs.com/analytics.js", "document.querySelectorAll('script[data-key]').length + ''", "1")]
    [InlineData("cloudflare-web-analytics", """{"token":"a"}""", "measurement", "https://static.cloudflareinsights.com/beacon.min.js", "document.querySelector('script[data-cf-beacon]').dataset.cfBeacon", """{"token":"a","spa":true}""")]
    [InlineData("adobe-analytics", """{"scriptUrl":"https://assets.adobedtm.com/a/launch.js"}""", "measurement", "https://assets.adobedtm.com/a/launch.js", "adobeDataLayer.length + ''", "0")]
    [InlineData("clearbit", """{"publishableKey":"pk_a"}""", "marketing", "https://tag.clearbitscripts.com/v1/pk_a/tags.js", "document.querySelectorAll('script[referrerpolicy]').length + ''", "1")]
    [InlineData("crisp", """{"websiteId":"a","safeMode":true}""", "functionality", "https://client.crisp.chat/l.js", "JSON.stringify($crisp)", """[["safe",true]]""")]
    [InlineData("hightouch", """{"writeKey":"key"}""", "measurement", "https://cdn.hightouch-events.com/browser/release/v1-latest/events.min.js", "[...htevents].map(call => call[0]).join()", "page")]
    [InlineData("plausible-analytics", """{"scriptId":"a"}""", "measurement", "https://plausible.io/js/pa-a.js", "JSON.stringify(plausible.o)", "{}")]
    [InlineData("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example"}""", "measurement", "https://cdn.rudderlabs.com/v3/modern/rsa.min.js", "[...rudderanalytics].map(call => call[0]).join()", "load,page")]
    [InlineData("logrocket", """{"appId":"a/b"}""", "measurement", "https://cdn.logrocket.io/LogRocket.min.js", "LogRocket.calls.join()", "a/b")]
    [InlineData("rybbit-analytics", """{"siteId":"a"}""", "measurement", "https://app.rybbit.io/api/script.js", "document.querySelectorAll('script[data-site-id]').length + ''", "1")]
    [InlineData("pirsch", """{"identificationCode":"a"}""", "measurement", "https://api.pirsch.io/pa.js", "[...document.querySelectorAll('#pianjs')].map(e => e.dataset.code).join()", "a")]
    [InlineData("promptwatch", """{"projectId":"a"}""", "measurement", "https://ingest.promptwatch.com/js/client.min.js", "document.querySelectorAll('script[data-project-id]').length + ''", "1")]
    public async Task NoConsentCall_GrantedAgain_StartsAndLoadsOnce(string type, string settings, string category, string loader, string look, string expected)
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row(type, settings)], new Dictionary<string, string> { [loader.Split('?')[0]] = type == "logrocket" ? "window.LogRocket = { calls: [], init(id) { this.calls.push(id) } }" : "" }, Cancel);
        var granted = ConsentQuery.ParseValue(category).Consent;
        var seen = await walk.GoAsync(
            [(granted, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (granted, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.AtOnce)], look, Cancel);
        Assert.All(seen, state => Assert.Equal(expected, (string)state!));
        await AnsweredAsync(walk, loader);
        Assert.Single(walk.Site.Requests, loader);
    }

    /// <summary>Its library is an entry of the list, which the client loads; the mode that our script tells it is there exactly while consent is.</summary>
    [Fact]
    public async Task VercelAnalytics_GrantedAgain_LoadsOnceAndTheModeGoesWithTheConsent()
    {
        const string Loader = "https://site.example/_vercel/insights/script.js";
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("vercel-analytics", "{}")], new Dictionary<string, string> { [Loader] = "" }, Cancel);
        var granted = ConsentQuery.ParseValue("measurement").Consent;
        var seen = await walk.GoAsync(
            [(granted, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (granted, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.AtOnce)],
            "window.vam + ' ' + vaq.length", Cancel);
        Assert.Equal(["production 0", "undefined 0", "production 0", "undefined 0", "production 0"], seen.Select(state => (string)state!));
        await AnsweredAsync(walk, Loader);
        Assert.Single(walk.Site.Requests, Loader);
    }

    [Theory]
    [InlineData("necessary")]
    [InlineData("measurement")]
    public async Task Matomo_LibraryUnderWay_FindsThePresentStateOnly(string required)
    {
        var vendors = new Dictionary<string, string> { ["https://ma.example/matomo.js"] = "(window.ran = window.ran || []).push(1)" };
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("matomo-analytics", """{"matomoUrl":"https://ma.example"}""", 1, required)], vendors, Cancel);
        List<(ConsentSet Set, WalkStyle Style)> route = [(Measurement, WalkStyle.AtOnce), .. ConsentWalk.Route(41, 40)];
        walk.Site.Hold("https://ma.example/matomo.js");
        var seen = await walk.GoAsync(route, "[..._paq].map(call => call[0])", Cancel, hasty: true);
        foreach (var ((set, _), calls) in route.Zip(seen))
        {
            var granted = set.Contains(ConsentCategory.Measurement);
            if (required == "measurement" && !granted)
            {
                Assert.Empty(calls!.AsArray());
                continue;
            }
            string[] expected =
            [
                "setTrackerUrl", "setSiteId", .. required == "necessary" ? ["requireConsent"] : Array.Empty<string>(),
                .. granted ? ["setConsentGiven"] : Array.Empty<string>(),
                "trackPageView",
            ];
            Assert.Equal(expected, calls!.AsArray().Select(call => (string)call!));
        }
        walk.Site.Release();
        await walk.GoAsync(Measurement, WalkStyle.AtOnce, "0", Cancel);
        Assert.Equal(1, await walk.Site.Page.EvaluateAsync<int>("() => ran.length").WaitAsync(Cancel));
    }

    [Fact]
    public async Task Matomo_SecondTracker_IsToldItsOwnStateByItself()
    {
        // As much of the library as counts: it runs what waits on its one async tracker, then stands in for the queue.
        const string Library =
            """
            (() => {
              const tracker = name => { const told = []; trackers[name] = told; return new Proxy({}, { get: (_, call) => (...args) => { told.push([call, ...args].join(':')); } }); };
              const trackers = window.trackers = {}, first = tracker('first');
              window.Matomo = { getTracker: (url, id) => tracker(url + ' ' + id) };
              const apply = ([call, ...args]) => typeof call === 'function' ? call.apply(first, args) : first[call](...args);
              _paq.forEach(apply);
              window._paq = { push: apply };
            })();
            """;
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [
                ConsentWalk.Row("matomo-analytics", """{"matomoUrl":"https://ma.example","siteId":1,"disableCookies":true}""", 1, "necessary"),
                ConsentWalk.Row("matomo-analytics", """{"matomoUrl":"https://ma.example","siteId":2,"trackPageView":false}""", 2, "marketing"),
            ],
            new Dictionary<string, string> { ["https://ma.example/matomo.js"] = Library }, Cancel);
        await walk.GoAsync(Marketing, WalkStyle.AtOnce, "0", Cancel);
        await walk.Site.Page.WaitForFunctionAsync("() => window.trackers").WaitAsync(Cancel);
        var seen = await walk.GoAsync(
            [(ConsentSet.Everything, WalkStyle.ConsentThenSnapshot), (Measurement, WalkStyle.AtOnce), (Marketing, WalkStyle.ConsentThenSnapshot)], "JSON.stringify(trackers)", Cancel);
        Assert.Equal(
            """{"first":["setTrackerUrl:https://ma.example/matomo.php","setSiteId:1","disableCookies","requireConsent","trackPageView","setConsentGiven:false","forgetConsentGiven"],"https://ma.example/matomo.php 2":["setConsentGiven","forgetConsentGiven","setConsentGiven"]}""",
            (string)seen[2]!);
        Assert.EndsWith("""2":["setConsentGiven","forgetConsentGiven"]}""", (string)seen[1]!, StringComparison.Ordinal);
        Assert.Single(walk.Site.Requests, "https://ma.example/matomo.js");
    }

    [Theory]
    [InlineData("necessary")]
    [InlineData("measurement")]
    public async Task RudderStack_AnyRoute_IsToldEachChangeAfterTheFirstGrant(string required)
    {
        var vendors = new Dictionary<string, string> { ["https://cdn.rudderlabs.com/v3/modern/rsa.min.js"] = "(window.ran = window.ran || []).push(1)" };
        const string Settings = """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"measurement":["m"],"marketing":["k"]}}}""";
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("rudderstack", Settings, 1, required)], vendors, Cancel);
        List<(ConsentSet Set, WalkStyle Style)> route = [(default, WalkStyle.AtOnce), (Measurement, WalkStyle.AtOnce), .. ConsentWalk.Route(51, 40)];
        var seen = await walk.GoAsync(route,
            "window.rudderanalytics ? [...rudderanalytics].map(call => call[0] === 'consent' ? call[1].consentManagement.allowedConsentIds.join('') + '-' + call[1].consentManagement.deniedConsentIds.join('') : call[0]) : []", Cancel);
        Assert.Equal(required == "necessary" ? "load,page" : "", string.Join(',', seen[0]!.AsArray()));
        Assert.Equal(required == "necessary" ? "load,page,m-k" : "m-k,load,page", string.Join(',', seen[1]!.AsArray()));
        foreach (var ((set, _), calls) in route.Zip(seen).Skip(1))
        {
            var permitted = required == "necessary" || set.Contains(ConsentCategory.Measurement);
            var (measurement, marketing) = (permitted && set.Contains(ConsentCategory.Measurement), permitted && set.Contains(ConsentCategory.Marketing));
            var told = calls!.AsArray().Select(call => (string)call!).Where(call => call.Contains('-', StringComparison.Ordinal)).ToList();
            Assert.Equal($"{(measurement ? "m" : "")}{(marketing ? "k" : "")}-{(measurement ? "" : "m")}{(marketing ? "" : "k")}", told[^1]);
            Assert.DoesNotContain(told.Skip(1).Zip(told), pair => pair.First == pair.Second);
        }
        Assert.Equal(1, seen[^1]!.AsArray().Count(call => (string)call! == "load"));
        await AssertRanOnceAsync(walk, vendors);
    }

    [Fact]
    public async Task RudderStack_IdUnderTwoCategories_NeedsBoth()
    {
        const string Settings = """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"measurement":["m","both"],"marketing":["k","both"]}}}""";
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("rudderstack", Settings, 1, "necessary")],
            new Dictionary<string, string> { ["https://cdn.rudderlabs.com/v3/modern/rsa.min.js"] = "" }, Cancel);

        var seen = await walk.GoAsync(
            [(Measurement, WalkStyle.AtOnce), (ConsentSet.Everything, WalkStyle.AtOnce), (Marketing, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.AtOnce)],
            "[...rudderanalytics].filter(call => call[0] === 'consent').at(-1)[1].consentManagement.allowedConsentIds.join()", Cancel);

        Assert.Equal(["m", "m,both,k,both", "k", ""], seen.Select(allowed => (string)allowed!));
    }

    [Fact]
    public async Task RudderStack_AlwaysLoadsWithoutConsentIds_HoldsBackUntilTheFirstGrant()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example"}""", 1, "necessary")],
            new Dictionary<string, string> { ["https://cdn.rudderlabs.com/v3/modern/rsa.min.js"] = "" }, Cancel);
        var seen = await walk.GoAsync(
            [(Marketing, WalkStyle.AtOnce), (Measurement, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.AtOnce), (Measurement, WalkStyle.AtOnce)],
            "JSON.stringify([rudderanalytics[0][3].preConsent, [...rudderanalytics].map(call => call[0]).join()])", Cancel);
        const string Inert = """{"enabled":true,"storage":{"strategy":"none"},"events":{"delivery":"buffer"}}""";
        Assert.Equal([$"[{Inert},\"load,page\"]", .. Enumerable.Repeat($"[{Inert},\"load,page,consent\"]", 3)], seen.Select(state => (string)state!));
    }

    [Fact]
    public async Task LogRocket_WithdrawnBeforeItLoaded_StartsWithTheNextGrantAndOnce()
    {
        const string Loader = "https://cdn.logrocket.io/LogRocket.min.js";
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("logrocket", """{"appId":"a/b"}"""), ConsentWalk.Row("logrocket", """{"appId":"a/c"}""", 2)],
            new Dictionary<string, string> { [Loader] = "window.LogRocket = { calls: [], init(id) { this.calls.push(id) } }" }, Cancel);
        // Both sets in one pass of the page: the library does not come in between.
        await walk.GoAsync([(Measurement, WalkStyle.AtOnce), (default, WalkStyle.AtOnce)], "0", Cancel, hasty: true);
        var then = await walk.GoAsync([(Measurement, WalkStyle.ConsentThenSnapshot), (default, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.AtOnce)], "LogRocket.calls.join()", Cancel);
        Assert.All(then, calls => Assert.Equal("a/b", (string)calls!));
    }

    private static async Task AssertRanOnceAsync(ConsentWalk walk, Dictionary<string, string> vendors)
    {
        await walk.Site.Page.WaitForFunctionAsync("() => window.ran").WaitAsync(Cancel);
        Assert.Equal(1, await walk.Site.Page.EvaluateAsync<int>("() => ran.length").WaitAsync(Cancel));
        Assert.Single(walk.Site.Requests, vendors.ContainsKey);
    }

    private static async Task AssertStartedOnceAsync(ConsentWalk walk, string queue)
    {
        Assert.Equal(1, await walk.Site.Page.EvaluateAsync<int>($"() => {queue}._i.length").WaitAsync(Cancel));
        await AssertLoadedOnceAsync(walk);
    }

    /// <summary>The page's requests are seen some time after it made them: waits until this many of what begins so are answered.</summary>
    private static async Task AnsweredAsync(ConsentWalk walk, string start, int count = 1) =>
        await walk.Site.Page.WaitForFunctionAsync(
            "([start, count]) => performance.getEntriesByType('resource').filter(entry => entry.name.startsWith(start)).length >= count", new object[] { start, count }).WaitAsync(Cancel);

    private static async Task AssertLoadedOnceAsync(ConsentWalk walk)
    {
        await walk.Site.Page.WaitForFunctionAsync("() => window.ran").WaitAsync(Cancel);
        Assert.Single(walk.Site.Requests, SilentVendors.ContainsKey);
    }

    private static Task<string> VendorAsync(string file) => File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(C15tBundle.Path)!, file), Cancel);
}
