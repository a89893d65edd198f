using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>
/// An open page of some kind. Every vendor's library is a stand-in that notes that it ran, and that stores what the vendor's own library stores.
/// </summary>
internal sealed class RecipePage : IAsyncDisposable
{
    public const string ListUrl = "https://edge.example/v1/acme/production/scripts.json";

    /// <summary>The addresses of the site's pages, which are all of this kind.</summary>
    public static readonly string[] Paths = ["", "next", "other"];

    // What the libraries of these vendors leave in the browser. Meta's writes once more as its page goes.
    private static readonly Dictionary<string, string> s_storing = new()
    {
        ["google-analytics"] = "document.cookie = '_ga=1;path=/;domain=site.example'; document.cookie = '_ga_GOOGLE1=1;path=/;domain=site.example';",
        ["posthog"] = "localStorage.setItem('ph_phc_posthog1_posthog', '1'); document.cookie = 'ph_phc_posthog1_posthog=1;path=/';",
        ["meta-pixel"] = "document.cookie = '_fbp=1;path=/'; addEventListener('pagehide', () => { document.cookie = '_fbp=late;path=/' });",
    };

    private static readonly Dictionary<string, string[]> s_stored = new()
    {
        ["google-analytics"] = ["_ga", "_ga_GOOGLE1"],
        ["posthog"] = ["ph_phc_posthog1_posthog"],
        ["meta-pixel"] = ["_fbp"],
    };

    private readonly PageKind _kind;

    private RecipePage(OfflineSite site, PageKind kind) => (Site, _kind) = (site, kind);

    public OfflineSite Site { get; }

    public IPage Page => Site.Page;

    public bool IsEdgeDown { get; private set; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Opens the site's first page in a fresh browser profile.</summary>
    /// <param name="scope">What the edge serves; null where it is down.</param>
    /// <param name="prepare">What a test adds before the page is asked for.</param>
    /// <param name="keepsPages">Whether a page that is left stays as it was for a visitor who comes back.</param>
    public static async Task<RecipePage> OpenAsync(
        ChromiumFixture chromium, PageKind kind, WalkedScope? scope, Visitor? visitor = null, Func<OfflineSite, Task>? prepare = null, bool keepsPages = false)
    {
        visitor ??= new Visitor();
        var site = await chromium.OpenAsync("", async site =>
        {
            foreach (var vendor in Vendor.All)
                site.Serve(vendor.Library, $"(window.ranHere = window.ranHere || []).push('{vendor.Type}'); {vendor.StandIn}; {s_storing.GetValueOrDefault(vendor.Type)}");
            foreach (var router in (string[])["astro", "turbo"]) site.Serve($"{OfflineSite.Origin}{router}.js", await File.ReadAllTextAsync(C15tBundle.Built(router + ".js"), Cancel));
            await kind.ServeAsync(site, visitor, Cancel);
            await kind.PublishAsync(site, scope, Cancel);
            var signal = visitor.HasPrivacySignal ? "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });" : "";
            await site.Page.Context.AddInitScriptAsync(signal + await File.ReadAllTextAsync(C15tBundle.Source("libraries.js"), Cancel));
            if (prepare is not null) await prepare(site);
        }, Cancel, keepsPages);
        var page = new RecipePage(site, kind);
        await page.SettleAsync();
        return page;
    }

    /// <summary>Lets the edge serve another version, or be down.</summary>
    public Task PublishAsync(WalkedScope? scope)
    {
        IsEdgeDown = scope is null;
        return _kind.PublishAsync(Site, scope, Cancel);
    }

    /// <summary>Waits until the client has started and nothing is left to happen.</summary>
    public async Task SettleAsync()
    {
        await ReadyAsync(Page);
        await Site.SettleAsync(Cancel);
    }

    /// <summary>Does something that makes the browser load the page again, and waits for that.</summary>
    public async Task ReloadsAsync(Func<Task> act)
    {
        await Page.EvaluateAsync("() => { window.left = true }").WaitAsync(Cancel);
        await act();
        await Page.WaitForFunctionAsync("() => !window.left").WaitAsync(Cancel);
        await SettleAsync();
    }

    /// <summary>As the browser does when the visitor comes back to the tab.</summary>
    public async Task ShowAgainAsync()
    {
        await Page.EvaluateAsync("() => { document.dispatchEvent(new Event('visibilitychange')) }").WaitAsync(Cancel);
        await SettleAsync();
    }

    /// <summary>Opens the site in another tab.</summary>
    public async Task<IPage> NewTabAsync()
    {
        var tab = await Site.NewTabAsync(Cancel);
        await ReadyAsync(tab);
        return tab;
    }

    /// <summary>The vendors whose library ran in the page's present document.</summary>
    public Task<string[]> RanAsync() => Page.EvaluateAsync<string[]>("() => window.ranHere || []").WaitAsync(Cancel);

    /// <summary>Those of them that go on: they were not told that consent is withdrawn.</summary>
    public async Task<string[]> RunningAsync() =>
        await Page.EvaluateAsync<string[]>("told => (window.ranHere || []).filter(vendor => !told.includes(vendor) || libraries.state(vendor) !== 'denied')", Vendor.NamesOfTold.ToArray()).WaitAsync(Cancel);

    /// <summary>Which of the vendors whose names are known have left something in the browser.</summary>
    public async Task<IReadOnlyList<string>> StoredAsync()
    {
        var names = await Page.EvaluateAsync<string[]>(
            "() => [...document.cookie.split('; ').map(cookie => cookie.split('=')[0]), ...Object.keys(localStorage), ...Object.keys(sessionStorage)]").WaitAsync(Cancel);
        return [.. s_stored.Where(stored => stored.Value.Intersect(names).Any()).Select(stored => stored.Key)];
    }

    /// <summary>The vendors that the browser asked for something since a number of requests, each as often as it did.</summary>
    public IReadOnlyList<string> AskedSince(int requests) =>
        [.. Site.Requests.Skip(requests).Select(url => Vendor.All.FirstOrDefault(vendor => url.Split('?')[0] == vendor.Library)?.Type).OfType<string>()];

    public async ValueTask DisposeAsync()
    {
        await Site.DisposeAsync();
        await _kind.DisposeAsync();
    }

    private static async Task ReadyAsync(IPage page) =>
        await page.WaitForFunctionAsync("() => window.c15tStore && !c15tStore.getState().isLoadingConsentInfo").WaitAsync(Cancel);
}
