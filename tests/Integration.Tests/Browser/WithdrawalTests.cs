using System.Text.RegularExpressions;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>What vendors are told and send when consent is withdrawn, also before their libraries have arrived, and when it is given again.</summary>
public sealed partial class WithdrawalTests(ChromiumFixture chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WithdrawnBeforeTheLibrariesArrived_NoneRuns_AndGrantedAgainEachStartsAfresh()
    {
        await using var plain = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await plain.ChooseAsync(VendorPage.Everything);
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode(), HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        page.Site.Release();
        await page.SettleAsync();
        Assert.Empty(await page.RanAsync());

        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await AssertHeardAsSameAsync(plain, page);
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task GrantedAgainBeforeTheLibrariesArrived_EachRunsOnceAndStartsAfresh()
    {
        await using var plain = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await plain.ChooseAsync(VendorPage.Everything);
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode(), HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        await page.ChooseAsync(VendorPage.Everything);
        page.Site.Release();
        await page.SettleAsync();

        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await AssertHeardAsSameAsync(plain, page);
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task OneCategoryWithdrawnBeforeTheLibrariesArrived_OnlyItsVendorsStayAway()
    {
        var rows = Vendor.All.Select((vendor, place) => vendor.Row(place + 1, place % 2 == 0 ? "measurement" : "marketing")).ToList();
        var measuring = Vendor.Names.Where((_, place) => place % 2 == 0).Order(StringComparer.Ordinal);
        await using var page = await VendorPage.OpenAsync(chromium, rows, new SiteCode(), HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync("measurement");
        page.Site.Release();
        await page.SettleAsync();

        Assert.Equal(measuring, await page.RanAsync());
    }

    [Fact]
    public async Task GrantedWithdrawnAndGrantedInOneTask_VendorsGoOn()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);

        // The store's own saving waits for a task of its own; these are the client's passes, one after the other.
        await page.EvaluateAsync(
            """
            () => {
              const set = granted => { site.store.setState({ consents: Object.fromEntries(Object.keys(site.store.getState().consents).map(name => [name, granted || name === 'necessary'])) }); site.store.getState().updateScripts(); };
              set(false);
              set(true);
              set(false);
              set(true);
            }
            """);
        await page.SettleAsync();

        await page.AssertStateAsync("granted");
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
    }

    [Fact]
    public async Task GrantedWithdrawnAndGrantedInOneTask_LibrariesUnderWay_EachRunsOnceAndStartsAfresh()
    {
        await using var plain = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await plain.ChooseAsync(VendorPage.Everything);
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode(), HoldAll);

        await page.EvaluateAsync(
            """
            () => {
              const set = granted => { site.store.setState({ consents: Object.fromEntries(Object.keys(site.store.getState().consents).map(name => [name, granted || name === 'necessary'])) }); site.store.getState().updateScripts(); };
              set(true);
              set(false);
              set(true);
            }
            """);
        page.Site.Release();
        await page.SettleAsync();

        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await AssertHeardAsSameAsync(plain, page);
    }

    [Fact]
    public async Task PagesOwnCalls_WithdrawnBeforeTheLibrariesArrived_AreKeptForALaterGrant()
    {
        const string Own =
            """
            window.dataLayer = [{ event: 'own' }];
            window._paq = [['own']];
            window.adobeDataLayer = [{ event: 'own' }];
            window.$crisp = [['own']];
            window.uetq = ['own'];
            window.fbq = function () { fbq.callMethod ? fbq.callMethod.apply(fbq, arguments) : fbq.queue.push(arguments) };
            Object.assign(fbq, { push: fbq, loaded: true, version: '2.0', queue: [] });
            fbq('own');
            window.clarity = function () { (clarity.q = clarity.q || []).push(arguments) };
            clarity('own');
            window.rdt = function () { rdt.sendEvent ? rdt.sendEvent.apply(rdt, arguments) : rdt.callQueue.push(arguments) };
            rdt.callQueue = [['own']];
            """;
        string[] types = ["google-tag-manager", "matomo-analytics", "adobe-analytics", "crisp", "microsoft-uet", "meta-pixel", "microsoft-clarity", "reddit-pixel"];
        await using var page = await VendorPage.OpenAsync(chromium, [.. types.Select((type, place) => Vendor.Of(type).Row(place + 1))], new SiteCode { Before = Own }, HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        page.Site.Release();
        await page.SettleAsync();
        await page.ChooseAsync(VendorPage.Everything);

        foreach (var type in types)
        {
            var heard = await page.HeardByAsync(type);
            Assert.True(heard.Count(call => call.Contains("\"own\"", StringComparison.Ordinal)) == 1, $"{type} heard {string.Join(' ', heard)}");
            Assert.True(heard.Distinct().Count() == heard.Length, $"{type} heard twice: {string.Join(' ', heard)}");
        }
    }

    /// <summary>A container that always loads finds what the visitor's consent is now, and nothing of what it was before.</summary>
    [Fact]
    public async Task AlwaysLoads_WithdrawnBeforeTheLibraryArrived_FindsThePresentState()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("google-tag-manager").Row(1, "necessary")], new SiteCode(), HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        page.Site.Release();
        await page.SettleAsync();

        Assert.Equal("denied", (await page.StatesAsync())["google-tag-manager"]);
        // Of all signals only that of security is always granted.
        Assert.DoesNotContain(await page.HeardByAsync("google-tag-manager"), call =>
            call.StartsWith("[\"consent\"", StringComparison.Ordinal) && call.Replace("\"security_storage\":\"granted\"", "", StringComparison.Ordinal).Contains("\"granted\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AlwaysLoads_GrantedBeforeTheLibraryArrived_FindsThePresentState()
    {
        var rows = Vendor.Rows("necessary");
        await using var page = await VendorPage.OpenAsync(chromium, rows, new SiteCode(), HoldAll);

        await page.ChooseAsync(VendorPage.Everything);
        page.Site.Release();
        await page.SettleAsync();

        await page.AssertStateAsync("granted");
    }

    /// <summary>Before the visitor has answered, a vendor that always loads is started in its denied state, where it has one.</summary>
    [Fact]
    public async Task AlwaysLoads_NoAnswerYet_IsStartedDenied()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows("necessary"), new SiteCode());

        // These have no state of their own before consent: that they always load is what their organization said.
        string[] without =
        [
            "braze", "front-chat", "fullstory", "heap", "intercom", "meta-pixel", "mouseflow", "openai-pixel", "pinterest", "reddit-pixel", "sentry", "tawk-to", "tiktok-pixel", "vercel-speed-insights",
        ];
        await page.AssertStateAsync("denied", Vendor.NamesOfTold.Except(without));
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());

        await page.ChooseAsync(VendorPage.Everything);
        await page.AssertStateAsync("granted");
    }

    [Fact]
    public async Task ClientThatReloads_Withdrawn_IsToldBeforeTheReload()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode
        {
            Client = ConsentClient.Reloading,
            Options = "callbacks: { onBeforeConsentRevocationReload: () => site.store.getState().updateScripts() },",
        });
        await page.ChooseAsync(VendorPage.Everything);
        await page.AssertStateAsync("granted");

        await page.ChooseAndReloadAsync();

        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        // Databuddy is told by a property of its own, and Speed Insights asks before each report: both are gone with their page.
        await page.AssertStateAsync("denied", Vendor.NamesOfTold.Except(["databuddy", "vercel-speed-insights"]));
    }

    [Fact]
    public async Task ClientThatReloads_WithdrawnBeforeTheLibrariesArrived_NoneRuns()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode
        {
            Client = ConsentClient.Reloading,
            Options = "callbacks: { onBeforeConsentRevocationReload: () => site.store.getState().updateScripts() },",
        }, HoldAll);
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAndReloadAsync();
        page.Site.Release();
        await page.SettleAsync();

        Assert.Empty(await page.RanAsync());
    }

    [Fact]
    public async Task OptOutPolicy_FirstAnswerIsNo_VendorsThatCanBeToldAreTold()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Client = ConsentClient.Reloading, Country = "US-CA" });
        await page.AssertStateAsync("granted");

        await page.ChooseAsync();

        await page.AssertStateAsync("denied");
    }

    [Fact]
    public async Task OptOutPolicy_FirstAnswerIsNoBeforeTheLibrariesArrived_NoneRuns()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Client = ConsentClient.Reloading, Country = "US-CA" }, HoldAll);

        await page.ChooseAsync();
        page.Site.Release();
        await page.SettleAsync();

        Assert.Empty(await page.RanAsync());
    }

    [Fact]
    public async Task Matomo_WithdrawnAndGrantedAgainOnALaterPage_IsCountedAgain()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("matomo-analytics").Row()], new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(1, await page.EvaluateAsync<int>("() => libraries.counted()"));
        await page.ChooseAsync();

        await page.Site.Page.ReloadAsync().WaitAsync(Cancel);
        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(2, await page.EvaluateAsync<int>("() => libraries.counted()"));

        // And on the pages after that one, where consent is there from the start.
        await page.Site.Page.ReloadAsync().WaitAsync(Cancel);
        await page.SettleAsync();
        Assert.Equal(3, await page.EvaluateAsync<int>("() => libraries.counted()"));
    }

    private static void HoldAll(OfflineSite site)
    {
        foreach (var vendor in Vendor.All) site.Hold(vendor.Library);
    }

    private static async Task AssertHeardAsSameAsync(VendorPage plain, VendorPage page)
    {
        var different = new List<string>();
        foreach (var vendor in Vendor.Names)
        {
            var (expected, heard) = (await plain.HeardByAsync(vendor), await page.HeardByAsync(vendor));
            if (!expected.Select(Timeless).SequenceEqual(heard.Select(Timeless))) different.Add($"{vendor} heard {string.Join(' ', heard)} and not {string.Join(' ', expected)}");
        }
        Assert.True(different.Count == 0, $"{different.Count} vendors:\n{string.Join('\n', different)}");
    }

    private static string Timeless(string call) => Time().Replace(call, "0");

    [GeneratedRegex("[0-9]{13}")]
    private static partial Regex Time();
}
