namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>Every vendor of the catalogue that can be told of a withdrawal is told before the page is left, and every other one is gone with it.</summary>
public sealed class VendorsToldTests(ChromiumFixture chromium)
{
    // Databuddy is told by a property of its own, and Speed Insights asks before each report: both are gone with their page.
    private static readonly string[] s_told = [.. Vendor.NamesOfTold.Except(["databuddy", "vercel-speed-insights"]).Order(StringComparer.Ordinal)];
    private static readonly string[] s_every = [.. Vendor.Names.Order(StringComparer.Ordinal)];

    private static readonly WalkedScope s_scope = new(1, [.. Vendor.All.Select(vendor => new WalkedScope.Destination(vendor.Type))]);

    private static readonly Dictionary<string, (Func<PageKind> Kind, Visitor Visitor)> s_pages = new()
    {
        ["2.2.1, withdrawn"] = (() => new PlainPage("2.2.1", "page.js") { Versions = [s_scope] }, new Visitor()),
        ["2.2.1, first answer is no"] = (() => new PlainPage("2.2.1", "page.js") { Versions = [s_scope] }, new Visitor(IsAsked: false)),
        ["1.8.6, withdrawn"] = (() => new PlainPage("1.8.6", "page-1.8.6.js", OnWithdrawal.ReloadWhereNeeded, "1.8.6") { Versions = [s_scope] }, new Visitor()),
        ["1.8.6, first answer is no"] = (() => new PlainPage("1.8.6", "page-1.8.6.js", OnWithdrawal.ReloadWhereNeeded, "1.8.6") { Versions = [s_scope] }, new Visitor(IsAsked: false)),
    };

    public static TheoryData<string> Pages => [.. s_pages.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Withdrawn_PageIsLeft_VendorsWereToldBefore(string name)
    {
        var (kind, visitor) = (s_pages[name].Kind(), s_pages[name].Visitor);
        await using var page = await OpenAsync(kind, visitor);

        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));

        Assert.Equal(s_told, await DeniedAsync(page));
        Assert.Empty(await page.RanAsync());
    }

    [Fact]
    public async Task WithdrawnInAnotherTab_ThisTabsVendorsAreToldAndThePageIsLeft()
    {
        var kind = new PlainPage("2.2.1", "page.js") { Versions = [s_scope] };
        await using var page = await OpenAsync(kind, new Visitor());
        var tab = await page.NewTabAsync();

        await page.ReloadsAsync(() => kind.RejectAsync(tab));

        Assert.Equal(s_told, await DeniedAsync(page));
        Assert.Empty(await page.RanAsync());
    }

    /// <summary>What was stored is gone, as after the visitor has deleted the site's data in another tab.</summary>
    [Fact]
    public async Task AnswerDeletedInAnotherTab_ThisTabsVendorsAreToldAndThePageIsLeft()
    {
        var kind = new PlainPage("2.2.1", "page.js") { Versions = [s_scope] };
        await using var page = await OpenAsync(kind, new Visitor());
        var tab = await page.NewTabAsync();

        await page.ReloadsAsync(() => tab.EvaluateAsync("() => { c15tStore.getState().resetConsents() }"));

        Assert.Equal(s_told, await DeniedAsync(page));
        Assert.Empty(await page.RanAsync());
    }

    /// <summary>Answers that follow one another before the client has acted on the first.</summary>
    [Theory]
    [InlineData("page.js", null)]
    [InlineData("page-1.8.6.js", "1.8.6")]
    public async Task AnswersInOneTask_LastOneCounts(string file, string? version)
    {
        var kind = new PlainPage("hasty", file, version is null ? OnWithdrawal.Stay : OnWithdrawal.ReloadWhereNeeded, version) { Versions = [s_scope] };
        await using var page = await RecipePage.OpenAsync(chromium, kind, s_scope);

        await page.Page.EvaluateAsync("() => { const save = answer => c15tStore.getState().saveConsents(answer); save('all'); save('necessary'); save('all'); save('necessary') }").WaitAsync(Cancel);
        await page.SettleAsync();
        Assert.Empty((await page.RunningAsync()).Intersect(Vendor.NamesOfTold));

        await page.Page.EvaluateAsync("() => { const save = answer => c15tStore.getState().saveConsents(answer); save('necessary'); save('all') }").WaitAsync(Cancel);
        await page.SettleAsync();
        Assert.Equal(s_every, (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task KeepList_CalledTwice_EachVendorRunsOnceAndIsToldOnce()
    {
        var kind = new PlainPage("twice", "page.js", OnWithdrawal.Stay) { Versions = [s_scope] };
        await using var page = await RecipePage.OpenAsync(chromium, new TwicePage(kind), s_scope);

        foreach (var _ in (int[])[1, 2])
        {
            await kind.AcceptAsync(page.Page);
            await page.SettleAsync();
            await kind.RejectAsync(page.Page);
            await page.SettleAsync();
        }

        Assert.Equal(s_every, (await page.RanAsync()).Order(StringComparer.Ordinal));
        Assert.Equal(4, page.Site.Requests.Count(url => url.EndsWith("/consent-records", StringComparison.Ordinal)));
    }

    private async Task<RecipePage> OpenAsync(PageKind kind, Visitor visitor)
    {
        var page = await RecipePage.OpenAsync(chromium, kind, s_scope, visitor);
        if (visitor.IsAsked) await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Equal(s_every, (await page.RunningAsync()).Order(StringComparer.Ordinal));
        return page;
    }

    /// <summary>The vendors that took consent to be denied at last, on this page or on one before it.</summary>
    private static async Task<string[]> DeniedAsync(RecipePage page) =>
        [.. (await page.Page.EvaluateAsync<string[]>("told => told.filter(vendor => libraries.state(vendor) === 'denied')", Vendor.NamesOfTold.ToArray()).WaitAsync(Cancel)).Order(StringComparer.Ordinal)];

    /// <summary>A page whose code starts twice, as React's StrictMode does it.</summary>
    private sealed class TwicePage(PlainPage page) : PageKind
    {
        private const string Start = "keepList(consentStore, list, { record: '/consent-records' });";

        public override string Name => page.Name;

        public override OnWithdrawal OnWithdrawal => page.OnWithdrawal;

        public override async Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken)
        {
            await page.ServeAsync(site, visitor, cancellationToken);
            site.Serve(OfflineSite.Origin + "page.js", await BundleAsync("page.js", visitor, cancellationToken, files => files.ReplaceAsync("page.js", Start, Start + Start, cancellationToken)));
        }
    }
}
