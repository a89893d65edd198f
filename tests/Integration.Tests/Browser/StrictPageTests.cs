namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>Pages with a strict policy, a framework's double start, or vendors that nobody can reach.</summary>
public sealed class StrictPageTests(ChromiumFixture chromium)
{
    private static readonly string[] s_everyVendor = [.. Vendor.Names.Order(StringComparer.Ordinal)];

    [Theory]
    [InlineData("script-src 'nonce-n0nce' 'strict-dynamic'")]
    [InlineData("script-src 'nonce-n0nce'")]
    public async Task Nonce_OfThePage_EveryVendorRunsAndKnows(string policy)
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Policy = policy, Nonce = "n0nce" });

        await AssertEveryVendorKnowsAsync(page);
    }

    [Fact]
    public async Task Policy_OfTheListAlone_EveryVendorRunsAndKnows()
    {
        var csp = VendorPage.Snapshot(Vendor.Rows())["metadata"]!["csp"]!.AsObject();
        var sources = csp["script-src"]!.AsArray().Select(source => (string)source!).ToList();
        Assert.DoesNotContain(sources, source => source.Contains("unsafe", StringComparison.Ordinal));

        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Policy = $"script-src 'self' {string.Join(' ', sources)}" });

        await AssertEveryVendorKnowsAsync(page);
    }

    /// <summary>The client writes texts and URLs into script elements, so a site that uses it has a default policy for them.</summary>
    [Fact]
    public async Task TrustedTypes_WithTheDefaultPolicyThatTheClientNeeds_EveryVendorRunsAndKnows()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode
        {
            Policy = "require-trusted-types-for 'script'",
            Before = "trustedTypes.createPolicy('default', { createScript: text => text, createScriptURL: url => url })",
        });

        await AssertEveryVendorKnowsAsync(page);
    }

    /// <summary>As a framework does that runs an effect twice, to find effects that cannot stand it.</summary>
    [Theory]
    [InlineData("site.start({ ...options, scripts: list }); site.start({ ...options, scripts: list });")]
    [InlineData("site.start(options); site.store.getState().setScripts(list); site.store.getState().setScripts(list);")]
    [InlineData("site.start(options); const copy = () => JSON.parse(JSON.stringify(list)); site.store.getState().setScripts(copy()); site.store.getState().setScripts(copy());")]
    public async Task List_HandedOverTwice_EveryVendorStartsOnceAndIsToldOnce(string start)
    {
        await using var plain = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Start = start });
        foreach (var each in (VendorPage[])[plain, page])
        {
            await each.ChooseAsync(VendorPage.Everything);
            await each.ChooseAsync();
        }

        foreach (var vendor in Vendor.Names) Assert.Equal(await plain.HeardByAsync(vendor), await page.HeardByAsync(vendor));
        Assert.Equal(s_everyVendor, await page.RanAsync());
    }

    [Fact]
    public async Task VendorsHosts_AllBlocked_PageGoesOnWithoutAnError()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode(), site =>
        {
            foreach (var vendor in Vendor.All) site.Refuse(vendor.Library);
        });

        foreach (var granted in (string[][])[VendorPage.Everything, [], VendorPage.Everything]) await page.ChooseAsync(granted);

        Assert.Empty(await page.RanAsync());
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task TwoContainers_EachGrantAndWithdrawal_OneStateAndEachStartsOnce()
    {
        await using var page = await VendorPage.OpenAsync(chromium,
            [ConsentWalk.Row("google-tag-manager", """{"id":"GTM-ONE"}""", 1, "necessary"), ConsentWalk.Row("google-tag-manager", """{"id":"GTM-TWO"}""", 2, "measurement")], new SiteCode());

        foreach (var granted in (string[][])[["measurement"], ["measurement", "marketing"], [], ["marketing"], ["measurement"]])
        {
            await page.ChooseAsync(granted);
            Assert.Equal(granted.Contains("marketing") ? "granted" : "denied", (await page.StatesAsync())["google-tag-manager"]);
        }

        Assert.Equal(["https://www.googletagmanager.com/gtm.js?id=GTM-ONE", "https://www.googletagmanager.com/gtm.js?id=GTM-TWO"],
            page.Site.Requests.Where(url => url.Contains("/gtm.js", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    private static async Task AssertEveryVendorKnowsAsync(VendorPage page)
    {
        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(s_everyVendor, await page.RanAsync());
        await page.AssertStateAsync("granted");

        await page.ChooseAsync();
        await page.AssertStateAsync("denied");
        Assert.Empty(page.Site.Errors);
    }
}
