using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>Options that people set reach the vendor's library, in the place where it looks for them and before it runs.</summary>
public sealed class VendorOptionsTests(ChromiumFixture chromium)
{
    private const string Gtm = "https://www.googletagmanager.com/gtm.js";

    // What each entry of a layer is: a command by its first words, anything else as it is; only Arguments objects are commands.
    private const string Told =
        "[...LAYER].map(entry => Object.prototype.toString.call(entry) === '[object Arguments]' ? [entry[0], entry[1] instanceof Date ? 'date' : entry[1], entry[2] && entry[2].ad_storage] : { ...entry, 'gtm.start': 0 })";

    [Fact]
    public async Task TagManager_EnvironmentAndDataLayerOfItsOwn_AreAskedForAndToldInThatLayer()
    {
        await using var page = await OpenAsync("google-tag-manager", """{"id":"GTM-A","auth":"a_b","preview":"env-3","dataLayer":"siteLayer"}""", Gtm, Layer("siteLayer"));

        await page.ChooseAsync("marketing");
        Assert.Equal("""[["consent","default","granted"],{"gtm.start":0,"event":"gtm.js"}]""", (await page.ValueAsync("window.seen"))!.ToJsonString());
        Assert.Contains($"{Gtm}?id=GTM-A&l=siteLayer&gtm_auth=a_b&gtm_preview=env-3&gtm_cookies_win=x", page.Site.Requests);
        Assert.Null(await page.ValueAsync("window.dataLayer"));

        await page.ChooseAsync();
        Assert.Equal("""["consent","update","denied"]""", (await LastCommandAsync(page, "siteLayer")).ToJsonString());

        await page.ChooseAsync("marketing");
        Assert.Equal("""["consent","update","granted"]""", (await LastCommandAsync(page, "siteLayer")).ToJsonString());
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task GoogleTags_TwoDataLayers_EachIsToldTheStateBeforeItsTag()
    {
        var rows = new[]
        {
            ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A","dataLayerName":"siteLayer","dataLayer":{"pageType":"home"}}""", 1, "measurement"),
            ConsentWalk.Row("google-analytics", """{"id":"G-B"}""", 2, "measurement"),
        };
        await using var page = await VendorPage.OpenAsync(chromium, rows, new SiteCode(), site =>
        {
            site.Serve(Gtm, $"window.seen = {Layer("siteLayer")}");
            site.Serve("https://www.googletagmanager.com/gtag/js", $"window.seenByTag = {Layer("dataLayer")}");
        });

        await page.ChooseAsync("measurement");
        Assert.Equal("""[["consent","default","denied"],{"pageType":"home","gtm.start":0},{"gtm.start":0,"event":"gtm.js"}]""", (await page.ValueAsync("window.seen"))!.ToJsonString());
        Assert.Equal("""[["consent","default","denied"],["js","date",null],["config","G-B",null]]""", (await page.ValueAsync("window.seenByTag"))!.ToJsonString());

        await page.ChooseAsync("measurement", "marketing");
        foreach (var layer in (string[])["siteLayer", "dataLayer"])
            Assert.Equal("""["consent","update","granted"]""", (await LastCommandAsync(page, layer)).ToJsonString());
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task GoogleTags_PageThatGrantsInALayerOfItsOwnName_DoesNotHaveTheLastWord()
    {
        await using var page = await OpenAsync("google-tag-manager", """{"id":"GTM-A","dataLayer":"siteLayer"}""", Gtm, "1", "measurement");
        await page.ChooseAsync("measurement");

        await page.EvaluateAsync("() => { (function () { siteLayer.push(arguments); })('consent', 'update', { ad_storage: 'granted' }); }");

        Assert.Equal("""["consent","update","denied"]""", (await LastCommandAsync(page, "siteLayer")).ToJsonString());
    }

    [Fact]
    public async Task GoogleTags_PageThatReplacesALayerOfItsOwnName_KeepsTheState()
    {
        await using var page = await OpenAsync("google-tag-manager", """{"id":"GTM-A","dataLayer":"siteLayer"}""", Gtm, "1", "marketing", prepare: site => site.Hold(Gtm));
        await page.EvaluateAsync("() => { site.choose(['marketing']) }");
        await page.Site.Page.WaitForFunctionAsync("() => window.siteLayer && siteLayer.length === 2").WaitAsync(TestContext.Current.CancellationToken);

        await page.EvaluateAsync("() => { window.siteLayer = [{ own: 1 }]; }");

        Assert.Equal("""[["consent","default","granted"],{"gtm.start":0,"event":"gtm.js"},{"own":1,"gtm.start":0}]""", (await page.ValueAsync(Layer("siteLayer")))!.ToJsonString());
    }

    [Fact]
    public async Task PostHog_HostThatIsAPathOfTheSite_IsLoadedFromAndToldThatPath()
    {
        await using var page = await OpenAsync("posthog", """{"id":"phc_a","apiHost":"/ingest","uiHost":"https://eu.posthog.com","features":{"surveys":false,"featureFlags":false}}""",
            OfflineSite.Origin + "ingest/static/array.js", "posthog._i[0][1]");

        await page.ChooseAsync("measurement");

        var options = (await page.ValueAsync("window.seen"))!;
        Assert.Equal(("/ingest", "https://eu.posthog.com"), ((string?)options["api_host"], (string?)options["ui_host"]));
        Assert.Equal((true, true), ((bool?)options["disable_surveys"], (bool?)options["advanced_disable_feature_flags"]));
    }

    [Theory]
    [InlineData("plausible-analytics", """{"scriptId":"pa-Ab1","outboundLinks":true,"formSubmissions":true,"logging":false,"endpoint":"/api/event"}""", "https://plausible.io/js/pa-Ab1.js",
        "plausible.o", """{"endpoint":"/api/event","outboundLinks":true,"formSubmissions":true,"logging":false}""")]
    [InlineData("plausible-analytics", """{"domain":"shop.example","exclude":["/admin/**"]}""", "https://plausible.io/js/script.exclusions.js",
        "[document.currentScript.dataset.domain, document.currentScript.dataset.exclude]", """["shop.example","/admin/**"]""")]
    [InlineData("umami-analytics", """{"websiteId":"a-1","hostUrl":"/stats","scriptUrl":"/stats/script.js","doNotTrack":true,"excludeSearch":true}""", OfflineSite.Origin + "stats/script.js",
        "{ ...document.currentScript.dataset }", """{"websiteId":"a-1","hostUrl":"/stats","doNotTrack":"true","excludeSearch":"true"}""")]
    [InlineData("segment", """{"writeKey":"k1","cdnURL":"https://seg.example","integrations":{"All":false}}""", "https://seg.example/analytics.js/v1/k1/analytics.min.js",
        "[analytics._loadOptions, analytics._cdn, analytics._writeKey]", """[{"integrations":{"All":false}},"https://seg.example","k1"]""")]
    [InlineData("matomo-analytics", """{"matomoUrl":"/ma","siteId":3,"cookieDomain":"*.shop.example","doNotTrack":true,"enableHeartBeatTimer":true,"trackAllContentImpressions":true}""", OfflineSite.Origin + "ma/matomo.js",
        "_paq.map(call => [...call])",
        """[["setTrackerUrl","/ma/matomo.php"],["setSiteId","3"],["setCookieDomain","*.shop.example"],["setDoNotTrack",true],["enableHeartBeatTimer"],["setConsentGiven"],["trackPageView"],["trackAllContentImpressions"]]""")]
    [InlineData("matomo-tag-manager", """{"cloudId":"my","containerId":"Ab12"}""", "https://cdn.matomo.cloud/my.matomo.cloud/container_Ab12.js", "_mtm.map(one => one.event)", """["mtm.Start"]""")]
    [InlineData("meta-pixel", """{"pixelId":"12","autoConfig":false}""", "https://connect.facebook.net/en_US/fbevents.js", "fbq.queue.map(call => [...call])",
        """[["consent","grant"],["set","autoConfig",false,"12"],["init","12"],["track","PageView"]]""")]
    [InlineData("tiktok-pixel", """{"pixelId":"C1","trackPageView":false}""", "https://analytics.tiktok.com/i18n/pixel/events.js", "ttq.map(call => call[0])", """["grantConsent"]""")]
    [InlineData("vercel-analytics", """{"basePath":"/base"}""", OfflineSite.Origin + "base/insights/script.js", "document.currentScript.dataset.endpoint", "\"/base/insights\"")]
    [InlineData("fathom-analytics", """{"site":"ABC","excludedDomains":["localhost","a.example"]}""", "https://cdn.usefathom.com/script.js", "document.currentScript.dataset.excludedDomains", "\"localhost,a.example\"")]
    [InlineData("intercom", """{"appId":"a1","region":"eu","alignment":"left"}""", "https://widget.intercom.io/widget/a1", "intercomSettings", """{"alignment":"left","app_id":"a1","api_base":"https://api-iam.eu.intercom.io"}""")]
    [InlineData("databuddy", """{"clientId":"a","options":{"samplingRate":0.5},"trackErrors":true}""", "https://cdn.databuddy.cc/databuddy.js", "databuddyConfig", """{"samplingRate":0.5,"trackErrors":true,"disabled":false}""")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","api_host":"/mp","scriptUrl":"/mp/lib.js"}""", OfflineSite.Origin + "mp/lib.js", "mixpanel._i[0][1].api_host", "\"/mp\"")]
    [InlineData("amplitude", """{"apiKey":"k1","serverZone":"EU","scriptUrl":"/am/a.js"}""", OfflineSite.Origin + "am/a.js", "amplitude._q[0].args[1]", """{"serverZone":"EU","optOut":false}""")]
    public async Task Vendor_OptionsOfTheSettings_AreThereAsItsLibraryRuns(string type, string settings, string library, string found, string expected)
    {
        await using var page = await OpenAsync(type, settings, library, found);

        await page.ChooseAsync(VendorPage.Everything);

        Assert.Equal(expected, (await page.ValueAsync("window.seen"))?.ToJsonString());
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>A vendor's script that finds its own element by its id. The client removes the element that it made, whatever its id is.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CustomScript_ElementWithAnId_IsFoundByItAndGoesWithTheConsent(bool older)
    {
        const string Script = "const own = document.getElementById('vendor-own'); (window.ran = window.ran || []).push([own.dataset.code, own.dataset.dev])";
        var row = ConsentWalk.Row("script", """{"src":"https://own.example/a.js","attributes":{"id":"vendor-own","data-code":"abc","data-dev":"shop.example"}}""", 1, "marketing");
        await using var page = await VendorPage.OpenAsync(chromium, [row], new SiteCode { Client = older ? ConsentClient.Older : ConsentClient.WithoutReload },
            site => site.Serve("https://own.example/a.js", $"(() => {{ {Script} }})()"));

        await page.ChooseAsync("marketing");
        Assert.Equal("""[["abc","shop.example"]]""", (await page.ValueAsync("window.ran"))!.ToJsonString());

        await page.ChooseAsync();
        Assert.Equal(0, (int?)await page.ValueAsync("document.querySelectorAll('#vendor-own').length"));

        await page.ChooseAsync("marketing");
        Assert.Equal(2, ((await page.ValueAsync("window.ran"))!.AsArray()).Count);
        Assert.Empty(page.Site.Errors);
    }

    private static string Layer(string name) => Told.Replace("LAYER", name, StringComparison.Ordinal);

    private static async Task<JsonNode> LastCommandAsync(VendorPage page, string layer) =>
        (await page.ValueAsync(Layer(layer)))!.AsArray().Last(entry => entry is JsonArray command && (string?)command[0] == "consent")!;

    /// <summary>A page with one destination, whose library notes as it runs what it finds.</summary>
    private Task<VendorPage> OpenAsync(string type, string settings, string library, string found, string? required = null, Action<OfflineSite>? prepare = null) =>
        VendorPage.OpenAsync(chromium, [ConsentWalk.Row(type, settings, 1, required is null ? [] : [required])], new SiteCode(), site =>
        {
            site.Serve(library, $"window.seen = JSON.parse(JSON.stringify({found} ?? null))");
            prepare?.Invoke(site);
        });
}
