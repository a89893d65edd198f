using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// Whatever a page does to its own markup, a client-side router's navigation included, withdraws nobody's consent; and the visitor's own withdrawal afterwards is told.
/// </summary>
public sealed class NavigationTests(ChromiumFixture chromium)
{
    private const string NextUrl = OfflineSite.Origin + "next";

    // The next page, as the server of the same site answers it.
    private const string Next =
        """
        <!doctype html><html lang="en"><head hx-head="merge"><meta charset="utf-8"><title>The next page</title><meta name="astro-view-transitions-enabled" content="true"><style>main { color: black }</style>
        <script defer src="/before.js"></script><script defer src="/client.js"></script><script defer src="/site.js"></script><script defer src="/start.js"></script><script defer src="/after.js"></script>
        </head><body><main id="main"><h1>The next page</h1></main></body></html>
        """;

    /// <summary>What site code does to its page.</summary>
    private static readonly Dictionary<string, string> s_changes = new()
    {
        ["a style added through innerHTML"] = "document.head.innerHTML += '<style>body { margin: 0 }</style>';",
        ["the head replaced"] = "const head = document.createElement('head'); head.append(document.createElement('title')); document.head.replaceWith(head);",
        ["the head emptied at once"] = "document.head.replaceChildren();",
        ["the head emptied over several tasks"] = "while (document.head.lastChild) { document.head.lastChild.remove(); await site.turn(); }",
        ["the head sorted"] = "document.head.append(...[...document.head.children].sort((a, b) => a.outerHTML < b.outerHTML ? -1 : 1));",
        ["the head sorted over several tasks"] = "const all = [...document.head.children].reverse(); for (const element of all) { element.remove(); await site.turn(); document.head.append(element); await site.turn(); }",
        ["the scripts moved to the body"] = "document.body.append(...document.head.querySelectorAll('script'));",
        ["the scripts moved to the body over several tasks"] = "for (const script of document.head.querySelectorAll('script')) { script.remove(); await site.turn(); document.body.append(script); await site.turn(); }",
        ["all scripts taken out"] = "for (const script of document.querySelectorAll('script')) script.remove();",
        ["all scripts run again"] =
            """
            for (const script of document.querySelectorAll('script:not([src])')) {
              const again = document.createElement('script');
              for (const { name, value } of script.attributes) again.setAttribute(name, value);
              again.textContent = script.textContent;
              script.replaceWith(again);
            }
            """,
        ["the page written anew"] = "document.open(); document.write('<!doctype html><title>Anew</title><h1>Anew</h1>'); document.close();",
        ["the body replaced"] = "document.body = document.createElement('body');",
    };

    public static TheoryData<string> Changes => [.. s_changes.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("astro")]
    [InlineData("turbo")]
    [InlineData("swup")]
    [InlineData("htmx")]
    public async Task Router_NavigatesTwice_TellsNothing_AndAWithdrawalAfterwardsIsTold(string router)
    {
        var script = await File.ReadAllTextAsync(C15tBundle.Built(router + ".js"), Cancel);
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(),
            new SiteCode { Head = """<meta name="astro-view-transitions-enabled" content="true">""", After = script, InHead = true, Deferred = true },
            site => site.Serve(NextUrl, Next, "text/html"));
        await page.ChooseAsync(VendorPage.Everything);
        var notes = await page.NotesAsync();

        foreach (var visit in (string[])["/next?1", "/next?2"])
        {
            await page.EvaluateAsync("([url]) => { document.querySelector('h1').textContent = 'Before'; router(url) }", new[] { visit });
            await page.Site.Page.WaitForFunctionAsync("() => document.querySelector('h1') && document.querySelector('h1').textContent === 'The next page'").WaitAsync(Cancel);
            await page.SettleAsync();
        }

        await AssertNothingToldAsync(page, notes);
        await AssertWithdrawalIsToldAsync(page);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Markup_Changed_TellsNothing_AndAWithdrawalAfterwardsIsTold(string change)
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);
        var notes = await page.NotesAsync();

        await page.EvaluateAsync($"async () => {{ {s_changes[change]} }}");
        await page.SettleAsync();

        await AssertNothingToldAsync(page, notes);
        await AssertWithdrawalIsToldAsync(page);
    }

    /// <summary>The same for a container that always loads and grants that come one by one.</summary>
    [Fact]
    public async Task Markup_ChangedBetweenGrants_EachGrantAndWithdrawalIsTold()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("google-tag-manager").Row(1, "necessary"), Vendor.Of("posthog").Row(2, "necessary")], new SiteCode());

        foreach (var granted in (string[][])[["marketing"], [], ["measurement", "marketing"], ["measurement"], ["marketing"], []])
        {
            await page.EvaluateAsync("() => { document.head.innerHTML += '<style>body { margin: 0 }</style>' }");
            await page.ChooseAsync(granted);
            await page.EvaluateAsync("() => { document.head.replaceChildren() }");
            await page.SettleAsync();

            var states = await page.StatesAsync();
            Assert.Equal(
                (string.Join('+', granted), granted.Contains("marketing") ? "granted" : "denied", granted.Contains("measurement") ? "granted" : "denied"),
                (string.Join('+', granted), states["google-tag-manager"], states["posthog"]));
        }
    }

    [Fact]
    public async Task ClientsBundle_RunTwice_LastEventCounts()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);

        // As a router does that runs the page's scripts again: a second client, which has the visitor's answer from the storage.
        await page.EvaluateAsync("() => { window.first = site.store }");
        await RunAgainAsync(page);
        await page.AssertStateAsync("granted");
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());

        await page.ChooseAsync();
        await page.AssertStateAsync("denied");

        await page.ChooseAsync(VendorPage.Everything);
        await page.AssertStateAsync("granted");

        await page.EvaluateAsync("() => site.choose([], first)");
        await page.SettleAsync();
        await page.AssertStateAsync("denied");
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
    }

    [Fact]
    public async Task ClientsBundle_RunTwiceAfterTheHeadWasReplaced_WithdrawalIsTold()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);

        await page.EvaluateAsync("() => { document.head.replaceWith(document.createElement('head')) }");
        await RunAgainAsync(page);

        await page.AssertStateAsync("granted");
        await AssertWithdrawalIsToldAsync(page);
    }

    private static async Task RunAgainAsync(VendorPage page)
    {
        foreach (var name in (string[])["client", "site", "start"])
            await page.Site.Page.AddScriptTagAsync(new PageAddScriptTagOptions { Url = $"{OfflineSite.Origin}{name}.js" }).WaitAsync(Cancel);
        await page.SettleAsync();
    }

    private static async Task AssertNothingToldAsync(VendorPage page, int notes)
    {
        var told = await page.ToldSinceAsync(notes);
        Assert.True(told.Count == 0, $"{told.Count} calls: {string.Join(' ', told)}");
        await page.AssertStateAsync("granted");
    }

    private static async Task AssertWithdrawalIsToldAsync(VendorPage page)
    {
        await page.ChooseAsync();
        await page.AssertStateAsync("denied");

        await page.ChooseAsync(VendorPage.Everything);
        await page.AssertStateAsync("granted");
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
    }
}
