using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Integration.Tests.Postgres;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>A site that a visitor walks through. What differs between consent tools is here; the way and what is checked on it is the same for all (<see cref="SiteWalk"/>).</summary>
internal abstract class WalkedSite
{
    /// <summary>The client-side router of the site's pages: <c>astro</c> or <c>turbo</c>.</summary>
    public string Router { get; init; } = "astro";

    /// <summary>Elements of the head of every page: what brings the consent tool and the list.</summary>
    public abstract string Head { get; }

    /// <summary>The sources that the head needs in the page's policy, besides those of the list.</summary>
    public virtual string ScriptSources => "https://edge.example";

    /// <summary>Further JavaScript before everything else on each page.</summary>
    public virtual string Before => "";

    /// <summary>Registers what the site and the edge answer, with this list; called again when the list has changed.</summary>
    public abstract void Serve(OfflineSite site, JsonObject list);

    /// <summary>The edge answers nothing from now on.</summary>
    public abstract void CutEdge(OfflineSite site);

    /// <summary>Waits until the consent tool of a page has started.</summary>
    public virtual Task ReadyAsync(IPage page) => Task.CompletedTask;

    /// <summary>What the visitor does in the dialog: grants exactly these.</summary>
    public abstract Task AnswerAsync(IPage page, IReadOnlyCollection<string> granted);

    /// <summary>Waits until a page that does not reload has followed a withdrawal of everything in another tab.</summary>
    public abstract Task FollowedAsync(IPage page);

    /// <summary>Whether a page reloads when these are withdrawn on it after all scripts ran.</summary>
    public abstract bool Reloads(IReadOnlyCollection<string> withdrawn);
}

/// <summary>
/// A visitor's way through a site, and at each step what was asked of vendors, what vendors know, and what is left in the browser. Each of these is compared with what the visitor has granted, and
/// all steps make a table.
/// </summary>
internal sealed class SiteWalk : IAsyncDisposable
{
    private const string NextUrl = OfflineSite.Origin + "next";
    private const string AwayUrl = OfflineSite.Origin + "away";

    // As a browser that has run for a while: a test says how much later it is.
    private const string Clock = "{ const now = Date.now; window.later = 0; Date.now = () => now.call(Date) + later; }";

    /// <summary>The vendors of the site, what each needs, and what its library leaves in the browser.</summary>
    private static readonly (string Type, string Name, string Needs, string? Cookie)[] s_vendors =
    [
        ("google-tag-manager", "Google Tag Manager", "necessary", null),
        ("posthog", "PostHog", "measurement", "ph_posthog1"),
        ("meta-pixel", "Meta", "marketing", "_fbp"),
        ("x-pixel", "X", "marketing", "_twclid"),
    ];

    private static readonly string[] s_categories = ["functionality", "experience", "measurement", "marketing"];

    private readonly WalkedSite _walked;
    private readonly List<string[]> _rows = [];
    private string[] _before = [];
    private string[] _granted = [];
    private int _requests;

    private SiteWalk(OfflineSite site, WalkedSite walked)
    {
        Site = site;
        _walked = walked;
    }

    public OfflineSite Site { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IPage Page => Site.Page;

    /// <summary>The list of the site's destinations, with what its vendors leave, without these vendors.</summary>
    public static JsonObject List(int version, params string[] without)
    {
        IEnumerable<OpenedDestination> rows = s_vendors.Where(vendor => !without.Contains(vendor.Type)).Select((vendor, place) => Vendor.Of(vendor.Type).Row(place + 1, vendor.Needs));
        var list = JsonNode.Parse(LoaderPage.Manifest(rows, version).ListBytes())!.AsObject();
        list["erase"] = new JsonArray([.. s_vendors.Where(vendor => vendor.Cookie is not null).SelectMany(vendor => ((string[])["cookie", "localStorage"]).Select(kind => (JsonNode)new JsonObject
        {
            [kind] = kind == "cookie" ? vendor.Cookie : vendor.Cookie + "_*",
            ["unless"] = vendor.Needs,
        }))]);
        return list;
    }

    /// <summary>Walks the whole way of a visitor who is asked for consent, and gives the table.</summary>
    public static async Task<string> WalkAsync(ChromiumFixture chromium, WalkedSite walked)
    {
        await using var walk = await OpenAsync(chromium, walked);
        await walk.StepAsync("a new visitor opens the site", [], () => Task.CompletedTask);
        await walk.StepAsync("rejects everything", [], () => walk.AnswerAsync());
        await walk.StepAsync("opens another page", [], () => walk.GoAsync(NextUrl));
        await walk.StepAsync("accepts measurement", ["measurement"], () => walk.AnswerAsync("measurement"));
        await walk.StepAsync("accepts everything", s_categories, () => walk.AnswerAsync(s_categories));
        await walk.StepAsync("reloads the page", s_categories, () => walk.Page.ReloadAsync().WaitAsync(Cancel));
        await walk.StepAsync($"follows a link, without a load ({(walked.Router == "astro" ? "Astro" : "Turbo")}'s router)", s_categories, walk.RouteAsync);
        await walk.StepAsync("withdraws marketing", ["functionality", "experience", "measurement"], () => walk.AnswerAsync("functionality", "experience", "measurement"));
        await walk.StepAsync("accepts everything again", s_categories, () => walk.AnswerAsync(s_categories));
        await walk.StepAsync("withdraws everything in another tab", [], walk.WithdrawInAnotherTabAsync);
        await walk.StepAsync("accepts everything again", s_categories, () => walk.AnswerAsync(s_categories));
        await walk.StepAsync("leaves, withdraws everything on the next page, and comes back with the back button", [], walk.WithdrawAwayAndComeBackAsync);
        await walk.StepAsync("accepts everything again", s_categories, () => walk.AnswerAsync(s_categories));
        await walk.StepAsync("looks at the page again a minute later; Meta has left the list", s_categories, walk.LookAgainAsync, without: "meta-pixel");
        await walk.StepAsync("reloads the page while the edge is down", s_categories, walk.ReloadWithoutTheEdgeAsync, without: "meta-pixel");
        return walk.Table();
    }

    /// <summary>Opens a site where a visitor may opt out, in a browser with or without Global Privacy Control.</summary>
    public static async Task<string> WalkWhereOneMayOptOutAsync(ChromiumFixture chromium, WalkedSite walked)
    {
        string[] unlessObjected = ["functionality", "experience"];
        var table = new StringBuilder();
        await using (var walk = await OpenAsync(chromium, walked))
        {
            await walk.StepAsync("a new visitor opens the site", s_categories, () => Task.CompletedTask);
            await walk.StepAsync("opts out", [], () => walk.AnswerAsync());
            await walk.StepAsync("opens another page", [], () => walk.GoAsync(NextUrl));
            table.Append(walk.Table());
        }
        await using (var walk = await OpenAsync(chromium, walked, "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"))
        {
            await walk.StepAsync("a new visitor with Global Privacy Control opens the site", unlessObjected, () => Task.CompletedTask);
            await walk.StepAsync("accepts everything", s_categories, () => walk.AnswerAsync(s_categories));
            table.AppendJoin("", walk.Rows());
        }
        return table.ToString();
    }

    public ValueTask DisposeAsync() => Site.DisposeAsync();

    private static async Task<SiteWalk> OpenAsync(ChromiumFixture chromium, WalkedSite walked, string before = "")
    {
        var list = List(1);
        var html = Html(walked, list);
        SiteWalk? walk = null;
        await chromium.OpenAsync(html, async site =>
        {
            walk = new SiteWalk(site, walked);
            foreach (var url in (string[])[NextUrl, AwayUrl]) site.Serve(url, html, "text/html");
            foreach (var vendor in s_vendors) site.Serve(Vendor.Of(vendor.Type).Library, Vendor.Of(vendor.Type).StandIn + (vendor.Cookie is { } cookie ? Leaving(cookie) : ""));
            site.Serve(OfflineSite.Origin + "router.js", await File.ReadAllTextAsync(C15tBundle.Built(walked.Router + ".js"), Cancel));
            walked.Serve(site, list);
            await site.Page.Context.AddInitScriptAsync(Clock + await File.ReadAllTextAsync(C15tBundle.Source("libraries.js"), Cancel) + walked.Before + before);
        }, Cancel, keepsPages: true);
        return walk!;
    }

    private static string Leaving(string name) => $"; document.cookie = '{name}=1;path=/'; localStorage.setItem('{name}_stored', '1')";

    /// <summary>Every page of the site: its policy is what the list names, and what its own scripts need.</summary>
    private static string Html(WalkedSite walked, JsonObject list)
    {
        var csp = list["metadata"]!["csp"]!.AsObject();
        string Sources(string directive) => string.Join(' ', csp[directive]?.AsArray().Select(source => (string)source!) ?? []);
        var policy = $"default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' {walked.ScriptSources} {Sources("script-src")}; connect-src 'self' https://edge.example {Sources("connect-src")}; img-src 'self' {Sources("img-src")}";
        return $"""
            <!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>A site</title>
            <meta name="astro-view-transitions-enabled" content="true"><script defer src="/router.js"></script>{walked.Head}</head>
            <body><main><h1>A site</h1></main></body></html>
            """;
    }

    /// <summary>One step: what the visitor does, and what is granted then.</summary>
    private async Task StepAsync(string name, string[] granted, Func<Task> act, string? without = null)
    {
        if (_rows.Count > 0) _requests = Site.Requests.Count;
        (_before, _granted) = (_granted, granted);
        await act();
        await SettleAsync(Page);

        var permitted = s_vendors.Where(vendor => vendor.Type != without && (vendor.Needs == "necessary" || granted.Contains(vendor.Needs))).ToList();
        var asked = Site.Requests.Skip(_requests).ToList();
        var loaded = s_vendors.Where(vendor => asked.Any(url => url.StartsWith(Vendor.Of(vendor.Type).Library, StringComparison.Ordinal))).ToList();
        var states = JsonNode.Parse(await Page.EvaluateAsync<string>(
            """
            told => JSON.stringify(Object.fromEntries(told.filter(vendor => libraries.notes(0).some(note => note.library === vendor && note.page === performance.timeOrigin)).map(vendor => [vendor, libraries.state(vendor) || 'nothing'])))
            """, s_vendors.Select(vendor => vendor.Type).Where(Vendor.NamesOfTold.Contains).ToArray()).WaitAsync(Cancel))!.AsObject();
        var left = await Page.EvaluateAsync<string[]>("() => [...document.cookie.split('; '), ...Object.keys(localStorage)].filter(name => /^(_fbp|_twclid|ph_)/.test(name)).map(name => name.split('=')[0]).sort()").WaitAsync(Cancel);

        // A vendor that the page may load by what is granted now, and nobody else, was asked for anything and knows of consent.
        Assert.All(loaded, vendor => Assert.True(permitted.Contains(vendor), $"{name}: {vendor.Name} was loaded, and the visitor has granted {string.Join(", ", granted)}."));
        foreach (var (type, state) in states)
        {
            var vendor = s_vendors.Single(vendor => vendor.Type == type);
            // Google Tag Manager always runs; what it is told is consent to marketing.
            var expected = vendor.Type == without ? false : vendor.Needs == "necessary" ? granted.Contains("marketing") : granted.Contains(vendor.Needs);
            Assert.Equal((name, type, expected ? "granted" : "denied"), (name, type, (string)state!));
        }
        Assert.All(left, key => Assert.True(s_vendors.Any(vendor => vendor.Cookie is { } cookie && key.StartsWith(cookie, StringComparison.Ordinal) && granted.Contains(vendor.Needs)), $"{name}: {key} is left."));
        Assert.Empty(Site.Errors);
        Assert.Equal("A site", await Page.EvaluateAsync<string>("() => document.querySelector('h1').textContent").WaitAsync(Cancel));

        _rows.Add(
        [
            name,
            granted.Length == 0 ? "nothing" : granted.Length == s_categories.Length ? "everything" : string.Join(", ", granted),
            loaded.Count == 0 ? "—" : string.Join(", ", loaded.Select(vendor => vendor.Name)),
            states.Count == 0 ? "—" : string.Join(", ", states.Select(state => $"{s_vendors.Single(vendor => vendor.Type == state.Key).Name} {state.Value}")),
            left.Length == 0 ? "—" : string.Join(", ", left.Where(key => !key.EndsWith("_stored", StringComparison.Ordinal)).Select(key => $"`{key}`")),
        ]);
    }

    private string Table() => "| the visitor | has granted | loaded | vendors that run here know | cookies of vendors |\n| --- | --- | --- | --- | --- |\n" + string.Concat(Rows());

    private IEnumerable<string> Rows() => _rows.Select(row => $"| {string.Join(" | ", row)} |\n");

    private async Task SettleAsync(IPage page)
    {
        await _walked.ReadyAsync(page);
        if (page == Page) await Site.SettleAsync(Cancel);
    }

    private async Task GoAsync(string url)
    {
        await Page.GotoAsync(url, new PageGotoOptions { WaitUntil = WaitUntilState.DOMContentLoaded }).WaitAsync(Cancel);
        await SettleAsync(Page);
    }

    private Task AnswerAsync(params string[] granted) => ReloadingAsync(Page, () => _walked.AnswerAsync(Page, granted));

    /// <summary>Does what makes a page reload, if this step's withdrawal does, and waits for the new page.</summary>
    private async Task ReloadingAsync(IPage page, Func<Task> act)
    {
        await page.EvaluateAsync("() => { window.left = true }").WaitAsync(Cancel);
        await act();
        if (Reloads) await page.WaitForFunctionAsync("() => !window.left && document.readyState !== 'loading'").WaitAsync(Cancel);
        await SettleAsync(page);
    }

    private bool Reloads => _before.Except(_granted).Any() && _walked.Reloads([.. _before.Except(_granted)]);

    private async Task RouteAsync()
    {
        await Page.EvaluateAsync("() => { document.querySelector('h1').textContent = 'Before'; window.here = true; router('/next?routed') }").WaitAsync(Cancel);
        await Page.WaitForFunctionAsync("() => document.querySelector('h1')?.textContent === 'A site' && location.search === '?routed'").WaitAsync(Cancel);
        Assert.True(await Page.EvaluateAsync<bool>("() => window.here === true").WaitAsync(Cancel));
    }

    private async Task WithdrawInAnotherTabAsync()
    {
        var tab = await Site.NewTabAsync(Cancel, NextUrl);
        await _walked.ReadyAsync(tab);
        // What the other tab loads before the withdrawal, it loads with consent.
        await tab.WaitForFunctionAsync($"() => libraries.ran().length === {s_vendors.Length}").WaitAsync(Cancel);
        _requests = Site.Requests.Count;
        await ReloadingAsync(Page, async () =>
        {
            await _walked.AnswerAsync(tab, []);
            if (!Reloads) await _walked.FollowedAsync(Page);
        });
        await tab.CloseAsync().WaitAsync(Cancel);
    }

    private async Task WithdrawAwayAndComeBackAsync()
    {
        await Page.EvaluateAsync("() => { window.kept = true }").WaitAsync(Cancel);
        await GoAsync(AwayUrl);
        await AnswerAsync();
        _requests = Site.Requests.Count;
        // The page that the browser kept still has all that was granted on it.
        await Page.EvaluateAsync("() => { setTimeout(() => history.back()) }").WaitAsync(Cancel);
        await Eventually.TrueAsync(IsBackAsync, Reloads ? "the page came back and was loaded anew" : "the browser brought back the page that it kept");
    }

    private async Task<bool> IsBackAsync()
    {
        try
        {
            return await Page.EvaluateAsync<bool>("reloads => location.pathname !== '/away' && document.readyState !== 'loading' && (window.kept === true) === !reloads", Reloads).WaitAsync(Cancel);
        }
        catch (PlaywrightException)
        {
            // One page goes and the other comes.
            return false;
        }
    }

    private async Task LookAgainAsync()
    {
        _walked.Serve(Site, List(2, "meta-pixel"));
        await Page.EvaluateAsync("() => { later = 60_000; document.dispatchEvent(new Event('visibilitychange', { bubbles: true })) }").WaitAsync(Cancel);
    }

    private async Task ReloadWithoutTheEdgeAsync()
    {
        _walked.CutEdge(Site);
        await GoAsync(NextUrl);
    }
}
