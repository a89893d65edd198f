using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The page of README.md with the client's own defaults: what its visitors withdraw reaches every vendor, or the page is left.</summary>
public sealed class ReadmeRecipeTests(ChromiumFixture chromium)
{
    private const string Edge = "https://edge.example/v1/acme/production/scripts";
    private const string Europe = "mode: 'offline', offlinePolicy: { policyPacks: [c15t.policyPackPresets.europeOptIn()] }, overrides: { country: 'DE' },";
    private const string California = "mode: 'offline', offlinePolicy: { policyPacks: [c15t.policyPackPresets.californiaOptOut()] }, overrides: { country: 'US', region: 'CA' },";

    private static readonly string[] s_everyVendor = [.. Vendor.Names.Order(StringComparer.Ordinal)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Withdrawn_PageReloads_VendorsWereToldBefore()
    {
        await using var page = await OpenAsync(Europe);
        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(s_everyVendor, await page.RanAsync());

        // The page is left before an edge somewhere in the network could answer.
        page.Site.Hold(Edge);
        await page.ChooseAndReloadAsync();
        page.Site.Release();
        await page.SettleAsync();

        // Databuddy is told by a property of its own, which is gone with its page.
        await page.AssertStateAsync("denied", Vendor.NamesOfTold.Except(["databuddy"]));
        Assert.Equal(s_everyVendor, await page.RanAsync());
    }

    /// <summary>Where the visitor had not answered before, the client does not reload; vendors that cannot be told would go on.</summary>
    [Fact]
    public async Task OptOutPolicy_FirstAnswerIsNo_VendorsAreToldAndThePageIsLeft()
    {
        await using var page = await OpenAsync(California);
        Assert.Equal(s_everyVendor, await page.RanAsync());

        await page.EvaluateAsync("() => { window.left = true; site.choose([]) }");
        await page.Site.Page.WaitForFunctionAsync("() => !window.left", null, new() { Timeout = 10_000 }).WaitAsync(Cancel);
        await page.SettleAsync();

        await page.AssertStateAsync("denied", Vendor.NamesOfTold.Except(["databuddy"]));
        Assert.Equal(s_everyVendor, await page.RanAsync());
    }

    [Fact]
    public async Task WithdrawnInAnotherTab_ThisTabsVendorsStop()
    {
        await using var page = await OpenAsync(Europe);
        await page.ChooseAsync(VendorPage.Everything);
        await page.EvaluateAsync("() => { window.left = true }");

        var other = await page.Site.NewTabAsync(Cancel);
        await other.WaitForFunctionAsync("() => window.site && site.ready").WaitAsync(Cancel);
        await other.EvaluateAsync("async () => { await site.ready; site.choose([]) }").WaitAsync(Cancel);

        // Told, or left.
        await page.Site.Page.WaitForFunctionAsync(
            "told => !window.left || told.every(vendor => libraries.state(vendor) === 'denied')", Vendor.NamesOfTold.ToArray(), new() { Timeout = 10_000 }).WaitAsync(Cancel);
    }

    /// <summary>A page that comes out of the browser's back/forward cache knows what was withdrawn on a later page.</summary>
    [Fact]
    public async Task RestoredFromTheBackForwardCache_WithdrawnMeanwhile_VendorsStop()
    {
        await using var page = await OpenAsync(Europe);
        await page.ChooseAsync(VendorPage.Everything);
        await page.EvaluateAsync("() => { window.left = true }");

        // What the browser does when it restores a page: the storage has changed, and there is no event but this one.
        await page.EvaluateAsync(
            """
            () => {
              const key = Object.keys(localStorage).find(name => name.startsWith('c15t')), stored = JSON.parse(localStorage[key]);
              for (const name of Object.keys(stored.consents)) if (name !== 'necessary') stored.consents[name] = false;
              localStorage[key] = JSON.stringify(stored);
              document.cookie = document.cookie.split('; ').find(cookie => cookie.startsWith(key + '=')).split('=')[0] + '=;path=/;expires=Thu, 01 Jan 1970 00:00:00 GMT';
              dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
            }
            """);

        await page.Site.Page.WaitForFunctionAsync(
            "told => !window.left || told.every(vendor => libraries.state(vendor) === 'denied')", Vendor.NamesOfTold.ToArray(), new() { Timeout = 10_000 }).WaitAsync(Cancel);
    }

    private async Task<VendorPage> OpenAsync(string options)
    {
        var rows = Vendor.Rows();
        var snapshots = ConsentWalk.Snapshots(rows);
        var recipe = await ReadmeRecipe.ReadAsync(Edge, options, Cancel);
        return await VendorPage.OpenAsync(chromium, rows, new SiteCode
        {
            Client = ConsentClient.Reloading,
            Start = recipe + "site.store = consentStore; site.ready = (async () => { while (consentStore.getState().isLoadingConsentInfo) await site.turn(); await site.turn(); })();",
        }, site => site.ServeJson(Edge, request =>
        {
            var set = ConsentQuery.ParseValue(Uri.UnescapeDataString(request.Query["?consent=".Length..])).Consent;
            return new JsonObject { ["scripts"] = snapshots[set.Index]!.DeepClone() }.ToJsonString();
        }));
    }
}
