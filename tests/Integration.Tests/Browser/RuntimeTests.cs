using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The runtime by itself: what it makes of elements that come and go, whoever the client is.</summary>
public sealed class RuntimeTests(ChromiumFixture chromium)
{
    [Fact]
    public async Task Runtime_RunAgain_GoesOnAsItWas()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.a = vendor('a')");

        await page.RunAsync("runtime()");
        await page.RunAsync("a.remove()");

        Assert.Equal(["a on", "a off"], await page.HeardAsync());
        Assert.Equal(0, await page.ValueAsync<int>("document.scripts.length"));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Runtime_PageSetsItsKey_StaysInItsPlace()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync(
            """
            const key = Symbol.for("consent-snapshots/1"), nothing = { run() {}, grant() {}, shelve() {} };
            Reflect.set(window, key, nothing);
            Reflect.deleteProperty(window, key);
            Reflect.defineProperty(window, key, { value: nothing });
            Reflect.set(window[key], "run", nothing.run);
            """);
        await page.RunAsync("vendor('a')");

        Assert.Equal(["a on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Runtime_ElementNamedLikeItsKey_StartsVendors()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, """<img alt="" id="consent-snapshots/1"><img alt="" name="Symbol(consent-snapshots/1)">""");

        await page.RunAsync("vendor('a')");

        Assert.Equal(["a on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Runtime_NotOnThePage_ScriptsOfVendorsDoNothing()
    {
        var texts = DestinationCatalogue.BuiltIn.Types.SelectMany(type => new[] { type.PageScript, type.Bootstrap?.PageScript }).OfType<InlineScript>().Select(script => script.Text).Distinct().ToArray();
        Assert.True(texts.Length > 20, $"Only {texts.Length} scripts were found.");
        await using var page = await RuntimePage.OpenAsync(chromium, withRuntime: false);
        var before = await page.ValueAsync<string[]>("Object.getOwnPropertyNames(window)");
        var requests = page.Site.Requests.Count;

        await page.RunAsync("vendor('a'); grant('a', 'marketing')");
        await page.RunAsync($"for (const text of {JsonSerializer.Serialize(texts)}) insert(text, {{ key: 'a', load: {{ src: 'https://acme.example/library.js' }} }})");

        Assert.Equal(before, await page.ValueAsync<string[]>("Object.getOwnPropertyNames(window)"));
        Assert.Equal(requests, page.Site.Requests.Count);
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Element_HasRun_StandsWhereThePageFindsNone()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync("window.ours = [vendor('a'), grant('a', 'marketing'), runtime()]");

        Assert.Equal(["a on marketing"], await page.HeardAsync());
        Assert.False(await page.ValueAsync<bool>("ours.some(element => element.isConnected)"));
        Assert.Equal(0, await page.ValueAsync<int>("document.querySelectorAll('script, [data-config]').length"));
    }

    [Fact]
    public async Task Element_RemovedByWhoeverHoldsIt_IsWithdrawn()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.a = vendor('a'); window.marketing = grant('a', 'marketing')");

        await page.RunAsync("marketing.remove()");
        await page.RunAsync("a.remove()");

        Assert.Equal(["a on marketing", "a on", "a off"], await page.HeardAsync());
    }

    [Fact]
    public async Task Markup_RemovedByThePage_WithdrawsNothing()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("vendor('a'); grant('a', 'marketing')");

        await page.RunAsync("document.head.innerHTML = ''; document.body.replaceChildren()");
        await page.RunAsync("document.querySelectorAll('html *').forEach(element => element.remove())");
        await page.RunAsync("document.documentElement.innerHTML = '<head></head><body></body>'");

        Assert.Equal(["a on marketing"], await page.HeardAsync());
    }

    [Fact]
    public async Task Element_RemovedAndInsertedInOnePass_TellsNothing()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.a = vendor('a')");

        await page.RunAsync("a.remove(); window.a = vendor('a')");
        Assert.Equal(["a on"], await page.HeardAsync());

        await page.RunAsync("a.remove()");
        Assert.Equal(["a on", "a off"], await page.HeardAsync());
        Assert.Equal(["acme"], await page.RanAsync());
    }

    [Fact]
    public async Task Elements_OfTwoClients_EitherOneWithdraws()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.first = vendor('a')");
        await page.RunAsync("window.second = vendor('a')");

        await page.RunAsync("first.remove()");
        Assert.Equal(["a on", "a off"], await page.HeardAsync());

        await page.RunAsync("second.remove()");
        Assert.Equal(["a on", "a off"], await page.HeardAsync());
    }

    [Fact]
    public async Task Grants_OfOnePass_AreToldOnce()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("vendor('a')");

        await page.RunAsync("window.all = [grant('a', 'marketing'), grant('a', 'measurement')]");
        await page.RunAsync("for (const element of all) element.remove()");

        Assert.Equal(["a on", "a on marketing measurement", "a on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Script_NobodyConfigured_StartsNothing()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync(
            """
            const call = "window[Symbol.for('consent-snapshots/1')].run('acme', { start() { log.ran.push('start') } })";
            insert(call);
            setTimeout(call);
            """);

        Assert.Empty(await page.RanAsync());
        // The page's own element stays where the page put it.
        Assert.Equal(1, await page.ValueAsync<int>("document.scripts.length"));
    }

    [Fact]
    public async Task Vendors_OneWithdrawn_OtherIsToldNothing()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.a = vendor('a')");
        await page.RunAsync("window.b = vendor('b', 'other')");

        await page.RunAsync("a.remove()");

        Assert.Equal(["a on", "b on", "a off"], await page.HeardAsync());
    }

    [Fact]
    public async Task Vendor_ThatThrows_CostsNobodyElse()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync("vendor('a', 'broken'); vendor('b', 'other')");

        Assert.Equal(["b on"], await page.HeardAsync());
        Assert.Equal(0, page.AskedFor("broken"));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Destination_NeedsAnother_StartsAndEndsWithIt()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("vendor('b', 'needy')");
        Assert.Equal(0, page.AskedFor("needy"));

        await page.RunAsync("window.a = vendor('a')");
        Assert.Equal(1, page.AskedFor("needy"));
        await page.RunAsync("a.remove()");

        Assert.Equal(["a off", "a on", "b off", "b on"], (await page.HeardAsync()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task OnePerPage_FirstWithdrawnBeforeTheLibraryRan_SecondHasThePlace()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("window.a = vendor('a', 'single'); vendor('b', 'single')");
        Assert.Equal(["a on"], await page.ValueAsync<string[]>("single"));
        await page.RunAsync("a.remove()");
        await page.ReleaseAsync();

        Assert.Equal(["b on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Library_OfTwoDestinations_RunsOnceAfterBothArePrepared()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync("vendor('a'); vendor('b'); grant('b', 'marketing')");

        Assert.Equal(["acme"], await page.RanAsync());
        Assert.Equal(["a on", "b on marketing"], await page.HeardAsync());
    }

    [Fact]
    public async Task Library_WherePolicyWantsANonce_Runs()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, nonce: "n0nce");

        await page.RunAsync("vendor('a')");

        Assert.Equal(["acme"], await page.RanAsync());
    }

    [Fact]
    public async Task Library_HasRun_LeavesTheDocument()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("vendor('a')");
        Assert.Equal([RuntimePage.LibraryOf("acme")], await page.ValueAsync<string[]>("[...document.scripts].map(script => script.src)"));
        await page.ReleaseAsync();

        Assert.Equal(["acme"], await page.RanAsync());
        Assert.Equal(0, await page.ValueAsync<int>("document.scripts.length"));
    }

    [Fact]
    public async Task Library_WithdrawnUnderWay_NeverRuns()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("window.a = vendor('a')");
        await page.RunAsync("a.remove()");
        await page.ReleaseAsync();

        Assert.Equal(1, page.AskedFor("acme"));
        Assert.Empty(await page.RanAsync());
    }

    /// <summary>As where the vendor calls the page back, and the page's code takes the consent back.</summary>
    [Fact]
    public async Task Library_WithdrawnByWhatItDoesAsItRuns_IsToldAndRunsOnce()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        page.ServeLibrary("plain", "a.remove();");

        await page.RunAsync("window.a = vendor('a', 'plain')");
        Assert.Equal(["a on", "a off"], await page.HeardAsync());
        await page.RunAsync("vendor('a', 'plain')");

        Assert.Equal(["a on", "a off", "a on", "a ready"], await page.HeardAsync());
        Assert.Equal(["plain"], await page.RanAsync());
    }

    [Fact]
    public async Task Library_WithdrawnAndGrantedUnderWay_RunsOnceWithThePresentConsent()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("window.all = [vendor('a'), grant('a', 'marketing')]");
        await page.RunAsync("for (const element of all) element.remove()");
        await page.RunAsync("vendor('a')");
        await page.ReleaseAsync();

        Assert.Equal(["acme"], await page.RanAsync());
        Assert.Equal(["a on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Library_OneOfTwoDestinationsWithdrawnUnderWay_RunsForTheOther()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("vendor('a'); window.b = vendor('b')");
        await page.RunAsync("b.remove()");
        await page.ReleaseAsync();

        Assert.Equal(["acme"], await page.RanAsync());
        Assert.Equal(["a on"], await page.HeardAsync());
    }

    [Fact]
    public async Task Library_WasOutOfReach_NextGrantTriesAgain()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        page.Site.Refuse(RuntimePage.LibraryOf("acme"));
        await page.RunAsync("vendor('a')");
        Assert.Empty(await page.RanAsync());

        page.ServeLibrary("acme");
        await page.RunAsync("grant('a', 'marketing')");

        Assert.Equal(["acme"], await page.RanAsync());
        Assert.Equal(["a on marketing"], await page.HeardAsync());
    }

    [Fact]
    public async Task Library_ThePageHasOne_IsNotAskedFor()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync("vendor('a', 'present'); vendor('b', 'other')");

        Assert.Equal(["other"], await page.RanAsync());
        Assert.Equal(0, page.AskedFor("present"));
    }

    [Fact]
    public async Task Library_HasRun_ItsVendorIsToldThatItIsReadyOnce()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);

        await page.RunAsync("vendor('a', 'late')");
        await page.RunAsync("grant('a', 'marketing')");

        Assert.Equal(["a on", "a ready", "a on marketing"], await page.HeardAsync());
    }

    [Fact]
    public async Task Queue_OfThePage_OnlyOurEntriesAreTakenBack()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);
        await page.RunAsync("window.acme = ['before']");

        await page.RunAsync("window.a = vendor('a')");
        await page.RunAsync("acme.push('after')");
        Assert.Equal(["before", "a on", "after"], await page.WaitingAsync());
        await page.RunAsync("a.remove()");

        Assert.Equal(["before", "after"], await page.WaitingAsync());
    }

    [Fact]
    public async Task Queue_OfOurs_IsEmptiedByAWithdrawal()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("window.a = vendor('a')");
        await page.RunAsync("acme.push('queued under the consent')");
        await page.RunAsync("a.remove()");

        Assert.Empty(await page.WaitingAsync());
    }

    [Fact]
    public async Task Queue_ConsentGrowsBeforeTheLibraryRan_OurEntriesAreReplacedWhereTheyStand()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);

        await page.RunAsync("vendor('a')");
        await page.RunAsync("acme.push('of the page')");
        await page.RunAsync("grant('a', 'marketing')");

        Assert.Equal(["a on marketing", "of the page"], await page.WaitingAsync());
    }

    [Fact]
    public async Task Setting_WithdrawnBeforeTheLibraryRan_IsAsThePageHadIt()
    {
        await using var page = await RuntimePage.OpenAsync(chromium, isHeld: true);
        await page.RunAsync("window.theme = 'of the page'");

        await page.RunAsync("window.a = vendor('a', 'set')");
        Assert.Equal(["a", "a"], await page.ValueAsync<string[]>("[theme, account]"));
        await page.RunAsync("a.remove()");

        Assert.Equal("of the page", await page.ValueAsync<string>("theme"));
        Assert.False(await page.ValueAsync<bool>("'account' in window"));
    }

    [Theory]
    [InlineData("""<img alt="" id="acme">""")]
    [InlineData("""<form name="acme"></form>""")]
    [InlineData("""<a id="acme"></a><a id="acme"></a>""")]
    [InlineData("""<iframe name="acme"></iframe>""")]
    public async Task Global_ElementHasItsName_VendorStarts(string markup)
    {
        await using var page = await RuntimePage.OpenAsync(chromium, markup);

        await page.RunAsync("vendor('a')");

        Assert.Equal(["a on"], await page.HeardAsync());
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Global_PageKeepsAnElementThere_VendorStarts()
    {
        await using var page = await RuntimePage.OpenAsync(chromium);
        await page.RunAsync("window.acme = document.createElement('div')");

        await page.RunAsync("vendor('a')");

        Assert.Equal(["a on"], await page.HeardAsync());
    }

    [Theory]
    [InlineData("currentScript")]
    [InlineData("head")]
    [InlineData("implementation")]
    [InlineData("createElement")]
    public async Task Document_ElementsHideAProperty_GrantAndWithdrawalCount(string property)
    {
        await using var page = await RuntimePage.OpenAsync(chromium, $"<img alt=\"\" name=\"{property}\"><img alt=\"\" name=\"{property}\">", isHeld: true);
        Assert.Equal(2, await page.ValueAsync<int>($"document.{property}.length"));

        await page.RunAsync("window.a = vendor('a')");
        await page.RunAsync("window.b = vendor('b', 'other')");
        await page.RunAsync("a.remove()");
        await page.ReleaseAsync();

        Assert.Equal(["other"], await page.RanAsync());
        Assert.Equal(["b on"], await page.HeardAsync());
    }
}
