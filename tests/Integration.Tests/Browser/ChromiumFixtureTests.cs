namespace ConsentSnapshots.Integration.Tests.Browser;

public sealed class ChromiumFixtureTests(ChromiumFixture chromium)
{
    private const string Html = "<!doctype html><title>A site</title><h1>A site</h1>";

    private const string OnlyMeasurement =
        "{ necessary: true, functionality: false, experience: false, measurement: true, marketing: false }";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LoadScripts_InlineScriptWithConsent_Runs()
    {
        await using var site = await chromium.OpenAsync(Html, Cancel);
        await site.AddC15tAsync(Cancel);

        var loaded = await site.Page.EvaluateAsync<string[]>(
            $$"""
            () => c15t.loadScripts([
              { id: 'granted', category: 'measurement', textContent: 'window.ran = JSON.parse(document.currentScript.dataset.config).n',
                attributes: { 'data-config': '{"n":7}' } },
              { id: 'denied', category: 'marketing', textContent: 'window.denied = true' },
            ], {{OnlyMeasurement}})
            """);

        Assert.Equal(["granted"], loaded);
        Assert.Equal(7, await site.Page.EvaluateAsync<int>("() => window.ran"));
        Assert.False(await site.Page.EvaluateAsync<bool>("() => 'denied' in window"));
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task LoadScripts_LoaderOfAVendor_IsAnsweredByTheTestAndTheRestIsRefused()
    {
        await using var site = await chromium.OpenAsync(Html, Cancel);
        site.Serve("https://vendor.example/sdk.js", "window.vendor = 'here'");
        await site.AddC15tAsync(Cancel);

        await site.Page.EvaluateAsync(
            $$"""
            () => c15t.loadScripts([
              { id: 'vendor', category: 'measurement', src: 'https://vendor.example/sdk.js?v=1' },
              { id: 'unknown', category: 'measurement', src: 'https://unknown.example/sdk.js', onError: () => { window.refused = true } },
            ], {{OnlyMeasurement}})
            """);

        await site.Page.WaitForFunctionAsync("() => window.vendor === 'here' && window.refused").WaitAsync(Cancel);
        Assert.Equal(
            [OfflineSite.Origin, "https://unknown.example/sdk.js", "https://vendor.example/sdk.js?v=1"],
            site.Requests.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Bundle_OnAPage_HasTheClientAndItsVendors()
    {
        await using var site = await chromium.OpenAsync(Html, Cancel);
        await site.AddC15tAsync(Cancel);

        var missing = await site.Page.EvaluateAsync<string[]>(
            """
            () => [
              ...['loadScripts', 'updateScripts', 'unloadScripts', 'isScriptLoaded', 'createConsentManagerStore', 'getOrCreateConsentRuntime']
                .filter(name => typeof c15t[name] !== 'function'),
              ...['gtag', 'googleTagManager', 'metaPixel', 'mixpanelAnalytics', 'posthog']
                .filter(name => typeof c15tScripts[name] !== 'function'),
            ]
            """);

        Assert.Empty(missing);
    }
}
