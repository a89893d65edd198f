using System.Text;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>
/// A visitor's way through a page of some kind. After each step no vendor was asked for anything that the visitor has not granted, every vendor that the visitor has granted
/// has loaded, and nothing of the others is left in the browser. What loaded at each step is a table.
/// </summary>
internal sealed class PageWalk : IAsyncDisposable
{
    private static readonly string[] s_nothing = [];
    private static readonly string[] s_all = ["functionality", "experience", "measurement", "marketing"];

    private readonly PageKind _kind;
    private readonly RecipePage _page;
    private readonly StringBuilder _table = new();
    private WalkedScope? _list;
    private bool _answered;
    private int _requests;

    private PageWalk(PageKind kind, RecipePage page, WalkedScope list) => (_kind, _page, _list) = (kind, page, list);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Walks all the way; gives the table.</summary>
    public static async Task<string> WalkAsync(ChromiumFixture chromium, Func<PageKind> kind)
    {
        var table = new StringBuilder("| step | granted | loads in this step | runs after it |\n| --- | --- | --- | --- |\n");
        await using (var asked = await OpenAsync(chromium, kind(), new Visitor())) table.Append(await asked.WhereVisitorsAreAskedAsync());
        await using (var notAsked = await OpenAsync(chromium, kind(), new Visitor(IsAsked: false))) table.Append(await notAsked.WhereVisitorsMayOptOutAsync());
        await using (var signal = await OpenAsync(chromium, kind(), new Visitor(IsAsked: false, HasPrivacySignal: true))) table.Append(await signal.WithPrivacySignalAsync());
        return table.ToString();
    }

    public ValueTask DisposeAsync() => _page.DisposeAsync();

    private static async Task<PageWalk> OpenAsync(ChromiumFixture chromium, PageKind kind, Visitor visitor) =>
        new(kind, await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, visitor, keepsPages: true), WalkedScope.First);

    private async Task<string> WhereVisitorsAreAskedAsync()
    {
        string[] some = ["measurement"], most = ["functionality", "experience", "measurement"];
        await StepAsync("a new visitor arrives", s_nothing);
        Assert.Equal(["experience", "functionality", "marketing", "measurement", "necessary"], (await _kind.OfferedAsync(_page.Page)).Order(StringComparer.Ordinal));

        _answered = true;
        await StepAsync("rejects all", s_nothing, () => _kind.RejectAsync(_page.Page));
        await StepAsync("accepts some", some, () => _kind.ChooseAsync(_page.Page, some));
        await StepAsync("accepts all", s_all, () => _kind.AcceptAsync(_page.Page));
        await StepAsync("loads the page again", s_all, LoadAgainAsync);
        await StepAsync("follows a link, with Turbo", s_all, () => NavigateAsync("turbo", "/next"));
        await StepAsync("loads the page again", s_all, LoadAgainAsync);
        await StepAsync("follows a link, with Astro's router", s_all, () => NavigateAsync("astro", "/"));
        await StepAsync("withdraws marketing", most, () => WithdrawAsync(s_all, most, page => _kind.ChooseAsync(page, most)));
        await StepAsync("grants it again", s_all, () => _kind.AcceptAsync(_page.Page));
        await StepAsync("withdraws everything", s_nothing, () => WithdrawAsync(s_all, s_nothing, _kind.RejectAsync));
        await StepAsync("grants everything again", s_all, () => _kind.AcceptAsync(_page.Page));

        IPage? tab = null;
        await StepAsync("opens a second tab", s_all, async () =>
        {
            tab = await _page.NewTabAsync();
            // Settling waits for what the first tab asks for, and this one asks as well.
            await tab.WaitForFunctionAsync("vendors => vendors.every(vendor => window.ranHere?.includes(vendor))", WalkedScope.First.Permitted(s_all)).WaitAsync(Cancel);
        });
        await StepAsync("withdraws everything in the second tab", s_nothing, () => WithdrawInAsync(tab!));
        await tab!.CloseAsync();
        await StepAsync("grants everything again", s_all, () => _kind.AcceptAsync(_page.Page));

        await StepAsync("leaves for another page", s_all, LeaveAsync);
        await StepAsync("withdraws everything there", s_nothing, () => WithdrawAsync(s_all, s_nothing, _kind.RejectAsync));
        await StepAsync("comes back with the back button", s_nothing, BackAsync);
        await StepAsync("grants everything again", s_all, () => _kind.AcceptAsync(_page.Page));

        await _page.PublishAsync(null);
        await StepAsync("the edge is down, and the page is shown again", s_all, _page.ShowAgainAsync);
        await StepAsync("withdraws marketing", most, () => WithdrawAsync(s_all, most, page => _kind.ChooseAsync(page, most)));
        await StepAsync("loads the page again", most, LoadAgainAsync);
        await _page.PublishAsync(WalkedScope.First);
        _list = WalkedScope.First;
        await StepAsync("the edge is up, and the page is shown again", most, _page.ShowAgainAsync);
        await StepAsync("grants everything again", s_all, () => _kind.AcceptAsync(_page.Page));

        await _page.PublishAsync(WalkedScope.Second);
        _list = WalkedScope.Second;
        await StepAsync("Meta is removed, Hotjar is added, and the page is shown again", s_all, _page.ShowAgainAsync);
        await StepAsync("loads the page again", s_all, LoadAgainAsync);
        return _table.ToString();
    }

    private async Task<string> WhereVisitorsMayOptOutAsync()
    {
        await StepAsync("a new visitor arrives where nobody has to ask", s_all);
        _answered = true;
        await StepAsync("says no for the first time", s_nothing, () => WithdrawAsync(s_all, s_nothing, _kind.RejectAsync));
        await StepAsync("accepts all", s_all, () => _kind.AcceptAsync(_page.Page));
        return _table.ToString();
    }

    private async Task<string> WithPrivacySignalAsync()
    {
        await StepAsync("a new visitor arrives there with Global Privacy Control", ["functionality", "experience"]);
        _answered = true;
        await StepAsync("accepts all all the same", s_all, () => _kind.AcceptAsync(_page.Page));
        await StepAsync("loads the page again", s_all, LoadAgainAsync);
        return _table.ToString();
    }

    /// <summary>Takes a step, and looks at everything that it came to.</summary>
    private async Task StepAsync(string step, IReadOnlyCollection<string> granted, Func<Task>? act = null)
    {
        if (act is not null) await act();
        await _page.SettleAsync();

        var permitted = _list?.Permitted(granted) ?? [];
        var asked = _page.AskedSince(_requests);
        _requests = _page.Site.Requests.Count;
        Assert.True(!asked.Except(permitted).Any(), $"{_kind.Name}, {step}: asked {string.Join(", ", asked.Except(permitted))} with {string.Join('+', granted)} granted.");
        var ran = await _page.RanAsync();
        Assert.True(!permitted.Except(ran).Any(), $"{_kind.Name}, {step}: {string.Join(", ", permitted.Except(ran))} did not load.");
        var running = await _page.RunningAsync();
        Assert.True(!permitted.Except(running).Any(), $"{_kind.Name}, {step}: {string.Join(", ", permitted.Except(running))} does not know of the grant.");
        var goingOn = running.Except(permitted).ToArray();
        Assert.True(!goingOn.Intersect(Vendor.NamesOfTold).Any(), $"{_kind.Name}, {step}: {string.Join(", ", goingOn.Intersect(Vendor.NamesOfTold))} was not told.");
        if (_kind.OnWithdrawal != OnWithdrawal.Stay) Assert.True(goingOn.Length == 0, $"{_kind.Name}, {step}: {string.Join(", ", goingOn)} goes on.");
        if (_answered && _kind.Erases)
        {
            // The list names what the vendors that it has leave behind, and only those.
            var left = (await _page.StoredAsync()).Intersect(_list?.Permitted(s_all) ?? []).Except(permitted).ToArray();
            Assert.True(left.Length == 0, $"{_kind.Name}, {step}: names of {string.Join(", ", left)} are left.");
        }
        Assert.Empty(_page.Site.Errors);
        var everything = (_list ?? WalkedScope.First).Permitted(s_all);
        _table.Append($"| {step} | {Names(granted, s_all)} | {Names(asked, everything)} | {Names(running, everything)} |\n");
    }

    private static string Names(IEnumerable<string> names, IReadOnlyList<string> all)
    {
        var named = all.Intersect(names).Concat(names.Except(all)).ToArray();
        return named.Length == 0 ? "–" : named.SequenceEqual(all) ? "all" : string.Join(", ", named);
    }

    private Task LoadAgainAsync() => LoadsAsync(() => _page.Page.ReloadAsync());

    /// <summary>The browser loads the page again; while the edge is down, most pages have no list then.</summary>
    private async Task LoadsAsync(Func<Task> act)
    {
        if (_page.IsEdgeDown && !_kind.HasListWithoutEdge) _list = null;
        await _page.ReloadsAsync(act);
    }

    /// <summary>The visitor withdraws consent on the page, which is loaded again where its kind does that.</summary>
    private async Task WithdrawAsync(IReadOnlyCollection<string> before, IReadOnlyCollection<string> after, Func<IPage, Task> answer)
    {
        if (IsLeft(before, after)) await LoadsAsync(() => answer(_page.Page));
        else await answer(_page.Page);
    }

    /// <summary>Whether the page is left on this withdrawal.</summary>
    private bool IsLeft(IReadOnlyCollection<string> before, IReadOnlyCollection<string> after) => _kind.OnWithdrawal switch
    {
        OnWithdrawal.Reload => true,
        OnWithdrawal.Stay => false,
        // X can be neither told nor stopped, nor can Segment.
        _ => before.Except(after).Any(category => category is "marketing" or "experience" or "measurement"),
    };

    private async Task WithdrawInAsync(IPage tab)
    {
        if (IsLeft(s_all, s_nothing)) await _page.ReloadsAsync(() => _kind.RejectAsync(tab));
        else
        {
            await _kind.RejectAsync(tab);
            await _page.Page.WaitForFunctionAsync("() => !c15tStore.getState().consents.marketing").WaitAsync(Cancel);
        }
    }

    // A router of the page's own changes the page, and the browser does not load it.
    private async Task NavigateAsync(string router, string url)
    {
        await _page.Page.EvaluateAsync("() => { window.stayed = true }").WaitAsync(Cancel);
        await _page.Page.EvaluateAsync(
            """
            ([router]) => new Promise((resolve, reject) => {
              const script = document.createElement('script');
              Object.assign(script, { src: `/${router}.js`, nonce: document.querySelector('script[nonce]')?.nonce ?? '', onload: resolve, onerror: reject });
              document.head.append(script);
            })
            """, new[] { router }).WaitAsync(Cancel);
        await _page.Page.EvaluateAsync("([url]) => { router(url) }", new[] { url }).WaitAsync(Cancel);
        await _page.Page.WaitForFunctionAsync("url => document.querySelector('h1')?.textContent === url", url).WaitAsync(Cancel);
        Assert.True(await _page.Page.EvaluateAsync<bool>("() => window.stayed").WaitAsync(Cancel), "The browser loaded the page.");
    }

    private async Task LeaveAsync()
    {
        await _page.Page.EvaluateAsync("() => { addEventListener('pageshow', ({ persisted }) => { if (persisted) sessionStorage.setItem('restored', '1') }) }").WaitAsync(Cancel);
        await _page.ReloadsAsync(() => _page.Page.EvaluateAsync("() => { location.href = '/other' }"));
    }

    private async Task BackAsync()
    {
        await _page.Page.EvaluateAsync("() => { window.here = true; history.back() }").WaitAsync(Cancel);
        await _page.Page.WaitForFunctionAsync("() => !window.here && sessionStorage.getItem('restored')").WaitAsync(Cancel);
        if (IsLeft(s_all, s_nothing)) await _page.Page.WaitForFunctionAsync("() => !window.left").WaitAsync(Cancel);
    }
}
