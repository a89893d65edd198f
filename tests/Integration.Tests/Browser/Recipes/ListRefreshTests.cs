using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A list that changes while a page is open.</summary>
public sealed class ListRefreshTests(ChromiumFixture chromium)
{
    private static readonly string[] s_all = ["functionality", "experience", "measurement", "marketing"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task VisiblePage_AMinutePasses_VendorThatLeftTheListIsTold()
    {
        await using var page = await OpenAsync();
        await page.PublishAsync(WalkedScope.Second);

        await page.Page.Clock.FastForwardAsync(61_000).WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.DoesNotContain("meta-pixel", await page.RunningAsync());
        Assert.Contains("hotjar", await page.RunningAsync());
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task HiddenPage_MinutesPass_AsksNobody()
    {
        await using var page = await OpenAsync();
        await HideAsync(page);
        var before = page.Site.Requests.Count;

        for (var minute = 0; minute < 5; minute++) await page.Page.Clock.FastForwardAsync(60_000).WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.Equal(before, page.Site.Requests.Count);
    }

    /// <summary>The list of a page that was hidden for long is old. What the visitor then grants in another tab must not load from it.</summary>
    [Fact]
    public async Task HiddenPage_GrantedInAnotherTabLater_RemovedVendorDoesNotLoad()
    {
        var kind = new PlainPage("slept", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site => site.Page.Clock.InstallAsync());
        await HideAsync(page);
        await page.Page.Clock.FastForwardAsync(600_000).WaitAsync(Cancel);
        await page.PublishAsync(WalkedScope.Second);

        var tab = await page.NewTabAsync();
        await kind.AcceptAsync(tab);
        await page.Page.WaitForFunctionAsync("() => c15tStore.getState().consents.marketing").WaitAsync(Cancel);
        await page.Page.WaitForFunctionAsync("() => (window.ranHere || []).includes('hotjar')").WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.Equal(WalkedScope.Second.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RanAsync()).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("meta-pixel", page.AskedSince(0));
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>The list may be from the browser's cache, or that of a machine that slept with the page open: no event says so, and the visitor answers at once.</summary>
    [Fact]
    public async Task Granted_ListChangedMeanwhile_LoadsFromTheNewList()
    {
        var kind = new PlainPage("cached", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await page.PublishAsync(WalkedScope.Second);

        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Equal(WalkedScope.Second.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RanAsync()).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("meta-pixel", page.AskedSince(0));
    }

    [Fact]
    public async Task Settings_OfARunningVendorChange_TakeEffectOnTheNextPage()
    {
        await using var page = await OpenAsync();
        var before = page.Site.Requests.Count;
        Serve(page, list => list.ToJsonString().Replace("G-GOOGLE1", "G-GOOGLE2", StringComparison.Ordinal));

        await page.ShowAgainAsync();

        Assert.Empty(page.AskedSince(before));
        Assert.Contains("google-analytics", await page.RunningAsync());
        await page.ReloadsAsync(() => page.Page.ReloadAsync());
        Assert.Contains(page.Site.Requests, url => url.Contains("id=G-GOOGLE2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Condition_OfARunningVendorBecomesStricter_VendorIsTold()
    {
        var kind = new PlainPage("stricter", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.SettleAsync();
        Assert.Contains("google-analytics", await page.RunningAsync());

        var stricter = new WalkedScope(2, new("google-analytics", "marketing"), new("posthog", "measurement"));
        await page.PublishAsync(stricter);
        await page.ShowAgainAsync();

        Assert.DoesNotContain("google-analytics", await page.RunningAsync());
        Assert.Contains("posthog", await page.RunningAsync());
    }

    /// <summary>A policy by hashes permits the scripts of the list that it was made from.</summary>
    [Fact]
    public async Task NewVendor_ThatThePagesPolicyDoesNotKnow_OthersGoOn()
    {
        var kind = new PlainPage("policy", "page.js") { Versions = [WalkedScope.First] };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        await page.PublishAsync(WalkedScope.Second);
        await page.ShowAgainAsync();

        Assert.Equal(WalkedScope.First.Permitted(s_all).Except(["meta-pixel"]).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task OlderList_FromAnotherNodeOfTheCdn_IsNotTaken()
    {
        var kind = new PlainPage("older", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.Second);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        await page.PublishAsync(WalkedScope.First);
        await page.ShowAgainAsync();

        Assert.Equal(WalkedScope.Second.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("meta-pixel", page.AskedSince(0));
    }

    [Fact]
    public async Task Withdrawn_WhileTheListIsAskedFor_NothingLoadsFromIt()
    {
        var kind = new PlainPage("race", "page.js", OnWithdrawal.Stay);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        var before = page.Site.Requests.Count;

        await page.PublishAsync(WalkedScope.Second);
        page.Site.Hold(RecipePage.ListUrl);
        await page.ShowAgainAsync();
        await kind.RejectAsync(page.Page);
        await page.SettleAsync();
        page.Site.Release();
        await page.SettleAsync();

        Assert.Empty(page.AskedSince(before));
        Assert.Empty((await page.RunningAsync()).Intersect(Vendor.NamesOfTold));
    }

    /// <summary>The client would load the page again only where something stops; here a grant comes in the same answer.</summary>
    [Fact]
    public async Task WithdrawnAndGrantedInOneAnswer_WithVersion186_PageIsLeftAndOnlyWhatIsGrantedLoads()
    {
        var kind = new PlainPage("1.8.6", "page-1.8.6.js", OnWithdrawal.ReloadWhereNeeded, "1.8.6");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.ChooseAsync(page.Page, ["marketing"]);
        await page.SettleAsync();
        var before = page.Site.Requests.Count;

        await page.ReloadsAsync(() => kind.ChooseAsync(page.Page, ["measurement"]));

        Assert.Equal(WalkedScope.First.Permitted(["measurement"]).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.AskedSince(before).Except(WalkedScope.First.Permitted(["measurement"])));
    }

    [Fact]
    public async Task NothingChanged_ShownAgain_NothingIsLoadedOrTold()
    {
        await using var page = await OpenAsync();
        var (before, notes) = (page.Site.Requests.Count, await page.Page.EvaluateAsync<int>("() => libraries.notes(0).length").WaitAsync(Cancel));

        for (var time = 0; time < 3; time++) await page.ShowAgainAsync();

        Assert.Empty(page.AskedSince(before));
        Assert.Equal(notes, await page.Page.EvaluateAsync<int>("() => libraries.notes(0).length").WaitAsync(Cancel));
    }

    /// <summary>A site may give the client scripts of its own besides.</summary>
    [Fact]
    public async Task ScriptsOfTheSiteItself_ListChanges_Stay()
    {
        await using var page = await OpenAsync();
        await page.Page.EvaluateAsync("() => { c15tStore.getState().setScripts([{ id: 'own', category: 'marketing', src: '/own.js' }]) }").WaitAsync(Cancel);

        await page.PublishAsync(WalkedScope.Second);
        await page.ShowAgainAsync();

        Assert.True(await page.Page.EvaluateAsync<bool>("() => c15tStore.getState().isScriptLoaded('own')").WaitAsync(Cancel));
    }

    private async Task<RecipePage> OpenAsync()
    {
        var kind = new PlainPage("refreshed", "page.js");
        var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site => site.Page.Clock.InstallAsync());
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        return page;
    }

    private static async Task HideAsync(RecipePage page) => await page.Page.EvaluateAsync("() => { Object.defineProperty(document, 'hidden', { get: () => true }) }").WaitAsync(Cancel);

    private static void Serve(RecipePage page, Func<JsonNode, string> change)
    {
        var list = WalkedScope.First.List.DeepClone();
        list["metadata"]!["version"] = 2;
        page.Site.Serve(RecipePage.ListUrl, change(list), "application/json");
    }
}
