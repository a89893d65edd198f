using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What is special about React pages: components that mount twice, a banner that waits for the list, and the styles of the banner.</summary>
public sealed class ReactTests(ChromiumFixture chromium)
{
    private static readonly string[] s_everything = ["functionality", "experience", "measurement", "marketing"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Mounts the application, takes it away, and mounts it again, as a router does with a layout; StrictMode starts each effect twice.
    private static string Twice(string suffix) =>
        $$"""
        import { StrictMode } from 'react';
        import { createRoot } from 'react-dom/client';
        import { Consent } from './consent{{suffix}}';
        const place = document.getElementById('app');
        const mount = () => {
          const root = createRoot(place);
          root.render(<StrictMode><Consent><p>An application</p></Consent></StrictMode>);
          return root;
        };
        const first = mount();
        setTimeout(() => { first.unmount(); mount(); window.mountedTwice = true; });
        """;

    [Theory]
    [InlineData(null)]
    [InlineData("1.8.6")]
    public async Task Application_InStrictModeAndMountedTwice_EachVendorRunsOnceAndStops(string? version)
    {
        var kind = new ReactPage("mounted twice", OnWithdrawal.Stay, version) { Entry = Twice(version is null ? ".jsx" : $"-{version}.jsx"), IsDevelopment = true };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await page.Page.WaitForFunctionAsync("() => window.mountedTwice").WaitAsync(Cancel);

        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Equal(WalkedScope.First.Permitted(s_everything).Order(), (await page.RanAsync()).Order());
        Assert.Equal(WalkedScope.First.List["scripts"]!.AsArray().Count, await page.Page.EvaluateAsync<int>("() => c15tStore.getState().scripts.length"));
        Assert.Equal(0, await ReactPage.Button(page.Page, "Accept All").CountAsync());
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>A visitor who accepts all before the list has come would accept nothing.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("1.8.6")]
    public async Task List_ThatIsLate_ApplicationIsThereAndTheBannerWaits(string? version)
    {
        var kind = new ReactPage("late", clientVersion: version);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site =>
        {
            site.Hold(RecipePage.ListUrl);
            return Task.CompletedTask;
        });

        await ReactPage.Button(page.Page, "Privacy settings").WaitForAsync().WaitAsync(Cancel);
        Assert.Equal(0, await ReactPage.Button(page.Page, "Accept All").CountAsync());

        page.Site.Release();
        await ReactPage.Button(page.Page, "Customize").WaitForAsync().WaitAsync(Cancel);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Equal(WalkedScope.First.Permitted(s_everything).Order(), (await page.RanAsync()).Order());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1.8.6")]
    public async Task List_ThatCannotBeHad_VisitorIsAskedAboutEverything(string? version)
    {
        var kind = new ReactPage("no list", clientVersion: version);
        await using var page = await RecipePage.OpenAsync(chromium, kind, scope: null);

        Assert.Equal(5, (await kind.OfferedAsync(page.Page)).Length);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Empty(await page.RanAsync());
        Assert.Empty(page.Site.Errors);

        // The answer counts on the next page, when the list can be had.
        await page.PublishAsync(WalkedScope.First);
        await page.ReloadsAsync(() => page.Page.ReloadAsync());
        Assert.Equal(WalkedScope.First.Permitted(s_everything).Order(), (await page.RanAsync()).Order());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("1.8.6")]
    public async Task Policy_WithANonce_EveryVendorRuns(string? version)
    {
        var kind = new ReactPage("nonce", clientVersion: version) { ScriptSources = $"'nonce-{ReactPage.Nonce}' 'strict-dynamic'" };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);

        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Equal(WalkedScope.First.Permitted(s_everything).Order(), (await page.RanAsync()).Order());

        // So do those of a list that came later.
        await page.PublishAsync(WalkedScope.Second);
        await page.ShowAgainAsync();
        Assert.Contains("hotjar", await page.RanAsync());
    }

    /// <summary>What docs/c15t-react.md says that the banner's own styles need.</summary>
    [Theory]
    [InlineData(null, $"'self' 'nonce-{ReactPage.Nonce}'", true)]
    [InlineData(null, "'self'", false)]
    [InlineData("1.8.6", "'self' 'unsafe-inline'", true)]
    [InlineData("1.8.6", $"'self' 'nonce-{ReactPage.Nonce}'", false)]
    public async Task Styles_OfTheBanner_AreAppliedWhereThePolicyPermitsThem(string? version, string sources, bool areApplied)
    {
        var kind = new ReactPage("styles", clientVersion: version) { StyleSources = sources };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site => site.Page.AddInitScriptAsync(
            "window.refused = []; addEventListener('securitypolicyviolation', ({ effectiveDirective, sourceFile }) => effectiveDirective.startsWith('style-src') && sourceFile?.includes('/site.js') && refused.push(effectiveDirective))"));

        await ReactPage.OpenDialogAsync(page.Page);

        Assert.Equal(areApplied, (await page.Page.EvaluateAsync<string[]>("() => refused").WaitAsync(Cancel)).Length == 0);
    }

    [Theory]
    [InlineData(null, 1280, 800)]
    [InlineData(null, 390, 844)]
    [InlineData("1.8.6", 1280, 800)]
    [InlineData("1.8.6", 390, 844)]
    public async Task BannerAndDialog_OnEachScreen_AreInSight(string? version, int width, int height)
    {
        var kind = new ReactPage("in sight", clientVersion: version);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site => site.Page.SetViewportSizeAsync(width, height));

        await AssertInSightAsync(page.Page, "banner", "Reject All", "Accept All", "Customize");
        await ReactPage.OpenDialogAsync(page.Page);
        await AssertInSightAsync(page.Page, "dialog", "Reject All", "Accept All", "Save Settings");

        async Task AssertInSightAsync(IPage shown, string what, params string[] buttons)
        {
            foreach (var button in buttons)
            {
                var locator = ReactPage.Button(shown, button);
                // Clickable means that it no longer moves, and that nothing lies over it.
                await locator.ClickAsync(new() { Trial = true }).WaitAsync(Cancel);
                var box = (await locator.BoundingBoxAsync().WaitAsync(Cancel))!;
                Assert.True(box.X >= 0 && box.Y >= 0 && box.X + box.Width <= width && box.Y + box.Height <= height, $"{button} of the {what} is at {box.X:0},{box.Y:0}, {box.Width:0} by {box.Height:0}.");
            }
            // For whoever wants to look.
            if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_SCREENSHOTS") is { Length: > 0 } folder)
                await shown.ScreenshotAsync(new() { Path = Path.Combine(folder, $"react-{version ?? "2.2.1"}-{what}-{width}.png") }).WaitAsync(Cancel);
        }
    }
}
