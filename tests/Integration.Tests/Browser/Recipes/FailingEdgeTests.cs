namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>Whatever comes in the place of a list, the page works, has the last list or none, and the site's own code gets no exception.</summary>
public sealed class FailingEdgeTests(ChromiumFixture chromium)
{
    private const string Html = "<!doctype html><title>502 Bad Gateway</title>";

    private static readonly string[] s_all = ["functionality", "experience", "measurement", "marketing"];
    private static readonly string[] s_offered = ["experience", "functionality", "marketing", "measurement", "necessary"];

    private static readonly Dictionary<string, Action<OfflineSite>> s_failures = new()
    {
        ["no JSON"] = site => site.Serve(RecipePage.ListUrl, Html, "text/html"),
        ["JSON cut off"] = site => site.Serve(RecipePage.ListUrl, WalkedScope.Second.List.ToJsonString()[..5000], "application/json"),
        ["null"] = site => site.Serve(RecipePage.ListUrl, "null", "application/json"),
        ["no array of scripts"] = site => site.Serve(RecipePage.ListUrl, """{"scripts":{"length":1},"metadata":{"version":9}}""", "application/json"),
        ["nothing"] = site => site.Serve(RecipePage.ListUrl, "", "application/json"),
        ["404"] = site => site.Serve(RecipePage.ListUrl, """{"error":"Not found","message":"No such scope"}""", "application/json", 404),
        ["503 with a list"] = site => site.Serve(RecipePage.ListUrl, WalkedScope.Second.List.ToJsonString(), "application/json", 503),
        ["503"] = site => site.Serve(RecipePage.ListUrl, Html, "text/html", 503),
        ["no connection"] = site => site.Refuse(RecipePage.ListUrl),
        ["no answer"] = site => site.Hold(RecipePage.ListUrl),
    };

    public static TheoryData<string> Failures => [.. s_failures.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task List_CannotBeHadAtTheStart_VisitorIsAskedAboutEverything_AndVendorsLoadOnceItCan(string failure)
    {
        var kind = new PlainPage("failing", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site =>
        {
            s_failures[failure](site);
            return Task.CompletedTask;
        });

        Assert.Equal("banner", await page.Page.EvaluateAsync<string>("() => c15tStore.getState().activeUI").WaitAsync(Cancel));
        Assert.Equal(s_offered, (await kind.OfferedAsync(page.Page)).Order(StringComparer.Ordinal));
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Empty(page.AskedSince(0));

        page.Site.Release();
        await page.PublishAsync(WalkedScope.First);
        await page.ShowAgainAsync();

        Assert.Equal(WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RanAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task List_CannotBeHadLater_LastOneStays(string failure)
    {
        var kind = new PlainPage("failing", "page.js", OnWithdrawal.Stay);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.SettleAsync();

        s_failures[failure](page.Site);
        await page.ShowAgainAsync();
        await kind.AcceptAsync(page.Page);
        // The page waits for an answer that does not come, and then takes the last list.
        await page.Page.WaitForFunctionAsync("() => window.ranHere.includes('x-pixel')").WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.Equal(WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RanAsync()).Order(StringComparer.Ordinal));

        await kind.RejectAsync(page.Page);
        await page.SettleAsync();
        Assert.Empty((await page.RunningAsync()).Intersect(Vendor.NamesOfTold));
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>The same for the page that asks for the scripts of a consent.</summary>
    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Answer_CannotBeHad_NoVendorMoreLoads(string failure)
    {
        var kind = new AnswerPage();
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.SettleAsync();
        var before = page.Site.Requests.Count;

        page.Site.Refuse(AnswerPage.AnswerUrl);
        s_failures[failure](page.Site);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Empty(page.AskedSince(before));
        Assert.Equal(WalkedScope.First.Permitted(["measurement"]).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));

        page.Site.Release();
        await page.PublishAsync(WalkedScope.First);
        await page.ShowAgainAsync();
        Assert.Equal(WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }
}
