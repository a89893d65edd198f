using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What vendors stored is deleted once the visitor has refused or withdrawn, wherever they stored it, and nothing else is.</summary>
public sealed class ErasureTests(ChromiumFixture chromium)
{
    private const string Deep = "https://www.shop.site.example/a/b/c";

    private const string Store =
        """
        () => {
          for (const [name, where] of [['_v1', 'path=/'], ['_v2', 'path=/; domain=site.example'], ['_v3', 'path=/; domain=shop.site.example'], ['_v4', 'path=/a/b'], ['_v5', 'path=/a'], ['_v6', ''],
            ['_v7', 'path=/a/b/c; domain=www.shop.site.example'], ['_v8', 'path=/; secure; samesite=strict'], ['session', 'path=/'], ['x_v', 'path=/'], ['exact', 'path=/'], ['exactly', 'path=/']])
            document.cookie = `${name}=1; ${where}`;
          for (const storage of [localStorage, sessionStorage]) for (const name of ['_v1', '_v:2', 'v', 'exact', 'exactly']) storage.setItem(name, '1');
        }
        """;

    private const string Stored =
        """
        () => [...document.cookie.split('; ').map(cookie => cookie.split('=')[0]), ...Object.keys(localStorage).map(name => `local ${name}`), ...Object.keys(sessionStorage).map(name => `session ${name}`)]
          .filter(name => /v|exact|^session$/.test(name) && !/privacy|c15t|told|consent/.test(name))
        """;

    private static readonly string[] s_all = ["_v1", "_v2", "_v3", "_v4", "_v5", "_v6", "_v7", "_v8", "exact", "exactly", "local _v1", "local _v:2", "local exact", "local exactly", "local v",
        "session", "session _v1", "session _v:2", "session exact", "session exactly", "session v", "x_v"];

    private static readonly string[] s_others = ["exactly", "local _v1", "local _v:2", "local exact", "local exactly", "local v", "session", "session _v1", "session exact", "session exactly", "session v", "x_v"];

    private static readonly string[] s_kept = ["exactly", "local exactly", "local v", "session", "session _v1", "session exact", "session exactly", "session v", "x_v"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Refused_NamesOfTheListGoFromEveryDomainAndPath_OthersStay()
    {
        var kind = new PlainPage("erasing", "page.js");
        await using var page = await OpenAsync(kind);
        await page.Page.EvaluateAsync(Store).WaitAsync(Cancel);
        Assert.Equal(s_all, await StoredAsync(page));

        // The visitor has not answered yet.
        await page.ShowAgainAsync();
        Assert.Equal(s_all, await StoredAsync(page));

        // One of the two categories of _v* is enough to keep it in local storage.
        await kind.ChooseAsync(page.Page, ["experience"]);
        await page.SettleAsync();
        Assert.Equal(s_others, await StoredAsync(page));

        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));
        Assert.Equal(s_kept, await StoredAsync(page));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Granted_NothingGoes()
    {
        var kind = new PlainPage("erasing", "page.js");
        await using var page = await OpenAsync(kind);
        await page.Page.EvaluateAsync(Store).WaitAsync(Cancel);

        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        await page.ReloadsAsync(() => page.Page.ReloadAsync());

        Assert.Equal(s_all, await StoredAsync(page));
    }

    /// <summary>Some browsers throw where a site may store nothing.</summary>
    [Fact]
    public async Task Storage_Blocked_PageWorksWithoutAnError()
    {
        var kind = new PlainPage("blocked", "page.js");
        await using var page = await OpenAsync(kind,
            "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('Access is denied', 'SecurityError') } });");

        await page.Page.EvaluateAsync("() => { c15tStore.getState().saveConsents('necessary').catch(() => {}) }").WaitAsync(Cancel);
        await page.ShowAgainAsync();

        Assert.Equal("A site", await page.Page.TitleAsync().WaitAsync(Cancel));
        Assert.Empty(page.Site.Errors);
    }

    private async Task<RecipePage> OpenAsync(PageKind kind, string? script = null)
    {
        var list = WalkedScope.First.List.DeepClone();
        list["erase"] = JsonNode.Parse(
            """
            [{"cookie":"_v*","unless":"marketing"},{"cookie":"exact","unless":{"and":["marketing","experience"]}},{"localStorage":"_v*","unless":{"or":["marketing","experience"]}},
             {"localStorage":"exact","unless":{"or":["marketing","experience"]}},{"sessionStorage":"_v:2","unless":"marketing"}]
            """);
        var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: async site =>
        {
            site.Serve(RecipePage.ListUrl, list.ToJsonString(), "application/json");
            if (script is null) return;
            // The stand-ins for libraries store what they note.
            foreach (var vendor in Vendor.All) site.Serve(vendor.Library, "");
            await site.Page.AddInitScriptAsync(script);
        });
        var html = await page.Page.EvaluateAsync<string>("() => fetch('/next').then(answer => answer.text())").WaitAsync(Cancel);
        page.Site.Serve(Deep, html.Replace("'self'", "'self' https://site.example", StringComparison.Ordinal), "text/html");
        page.Site.Serve(new Uri(new Uri(Deep), "/page.js").ToString(), await page.Page.EvaluateAsync<string>("() => fetch('/page.js').then(answer => answer.text())").WaitAsync(Cancel));
        await page.Page.GotoAsync(Deep).WaitAsync(Cancel);
        await page.SettleAsync();
        return page;
    }

    private static async Task<string[]> StoredAsync(RecipePage page) => [.. (await page.Page.EvaluateAsync<string[]>(Stored).WaitAsync(Cancel)).Order(StringComparer.Ordinal)];
}
