using System.Text.Json.Nodes;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The loader on a page: what the site may say, what the list may be, and what is loaded, removed and erased then.</summary>
public sealed class LoaderTests(ChromiumFixture chromium)
{
    private const string All = "{ functionality: true, experience: true, measurement: true, marketing: true }";

    private static readonly string[] s_nothing = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // ---- The visitor's consent -----------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData("(window.consentSnapshots ||= []).push({ measurement: true })", "", "m")]
    [InlineData("window.consentSnapshots = [{ measurement: true }, { marketing: true }]", "", "k")]
    [InlineData("window.queue = window.consentSnapshots = []", "queue.push({ measurement: true })", "m")]
    [InlineData("", "(window.consentSnapshots ||= []).push({ measurement: true })", "m")]
    [InlineData("", "consentSnapshots.push({ measurement: true }, { marketing: true })", "k")]
    [InlineData("window.consentSnapshots = []", "", "")]
    [InlineData("window.consentSnapshots = { measurement: true }", "", "")]
    [InlineData("window.consentSnapshots = Object.freeze([{ measurement: true }])", "", "")]
    [InlineData("", "", "")]
    public async Task Statement_BeforeOrAfterTheLoader_LastOneCounts(string before, string after, string ran)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), new LoaderSite { Head = $"<script>{before}</script>" });

        await page.RunAsync(after);

        Assert.Equal(ran.Length > 0 ? [ran, "n"] : ["n"], await page.RanAsync());
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("null")]
    [InlineData("undefined")]
    [InlineData("true")]
    [InlineData("'measurement'")]
    [InlineData("['measurement']")]
    [InlineData("{ measurement: 1 }")]
    [InlineData("{ measurement: 'true' }")]
    [InlineData("{ Measurement: true }")]
    [InlineData("{ necessary: false, constructor: true, unknown: true }")]
    [InlineData("{ get measurement() { throw new Error('no') } }")]
    public async Task Statement_ThatGrantsNothing_WithdrawsAndThrowsNothing(string statement)
    {
        var list = LoaderPage.List(LoaderPage.Script("m"), LoaderPage.Script("n", "\"necessary\""), LoaderPage.Script("u", "\"unknown\""), LoaderPage.Script("c", "\"constructor\""));
        await using var page = await LoaderPage.OpenAsync(chromium, list);

        await page.SayAsync(statement);

        Assert.Equal(["n"], await page.RanAsync());
        Assert.Equal(["n"], await page.LoadedAsync());
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("""<div id="consentSnapshots"></div>""")]
    [InlineData("""<a id="consentSnapshots"></a><a id="consentSnapshots" name="0"></a>""")]
    [InlineData("""<form id="consentSnapshots"><input name="push"><input name="length"></form>""")]
    [InlineData("""<img name="currentScript"><img name="head"><img name="body"><img name="cookie"><img name="hidden"><img name="implementation"><form name="createElement"></form><form name="addEventListener"></form><i id="navigator"></i><i id="localStorage"></i><i id="cookie"></i>""")]
    public async Task Markup_ThatHidesNames_CountsAsNothingSaid(string markup)
    {
        var list = Vendors();
        list["erase"] = JsonNode.Parse("""[{"cookie":"_m","unless":"measurement"}]""");
        await using var page = await LoaderPage.OpenAsync(chromium, list, new LoaderSite { Tag = "", Markup = $"{markup}<script src=\"{LoaderPage.TagsUrl}\"></script>" });
        Assert.Equal(["n"], await page.RanAsync());

        await page.SayAsync("{ measurement: true }");
        await page.RunAsync("Object.getOwnPropertyDescriptor(Document.prototype, 'cookie').set.call(document, '_m=1'); consentSnapshots.push({})");

        Assert.Equal(["m", "n"], await page.RanAsync());
        Assert.Equal("", await page.ValueAsync<string>("Object.getOwnPropertyDescriptor(Document.prototype, 'cookie').get.call(document)"));
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("\"necessary\"", "{}", true)]
    [InlineData("""{"and":["measurement","marketing"]}""", "{ measurement: true, marketing: true }", true)]
    [InlineData("""{"and":["measurement","marketing"]}""", "{ marketing: true }", false)]
    [InlineData("""{"or":["measurement",{"and":["functionality","experience"]}]}""", "{ functionality: true, experience: true }", true)]
    [InlineData("""{"or":["measurement",{"and":["functionality","experience"]}]}""", "{ functionality: true }", false)]
    [InlineData("""{"not":"marketing"}""", "{}", false)]
    [InlineData("""{"not":{"and":["unknown"]}}""", All, false)]
    [InlineData("""{"and":[]}""", All, false)]
    [InlineData("""{"or":[]}""", All, false)]
    [InlineData("""{"and":"measurement"}""", All, false)]
    [InlineData("""{"some":["measurement"]}""", All, false)]
    [InlineData("""["measurement"]""", All, false)]
    [InlineData("""{"and":[["measurement"]]}""", All, false)]
    [InlineData("true", All, false)]
    [InlineData("null", All, false)]
    [InlineData("\"\"", All, false)]
    [InlineData("\"unknown\"", All, false)]
    public async Task Condition_NotMetOrNotUnderstood_DoesNotLoad(string condition, string statement, bool loads)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, LoaderPage.List(LoaderPage.Script("x", condition)));

        await page.SayAsync(statement);

        Assert.Equal(loads ? ["x"] : s_nothing, await page.RanAsync());
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("true", "{ measurement: true, marketing: true, experience: true, answered: false }", "e")]
    [InlineData("'1'", "{ measurement: true, marketing: true, experience: true, answered: false }", "e")]
    [InlineData("true", "{ measurement: true, marketing: true, experience: true }", "m k e")]
    [InlineData("true", "{ measurement: true, marketing: true, experience: true, answered: true }", "m k e")]
    [InlineData("false", "{ measurement: true, marketing: true, experience: true, answered: false }", "m k e")]
    [InlineData("'0'", "{ measurement: true, marketing: true, experience: true, answered: false }", "m k e")]
    [InlineData("undefined", "{ measurement: true, marketing: true, experience: true, answered: false }", "m k e")]
    public async Task GlobalPrivacyControl_CountsUntilTheVisitorHasAnswered(string signal, string statement, string ran)
    {
        var list = LoaderPage.List(LoaderPage.Script("m"), LoaderPage.Script("k", "\"marketing\""), LoaderPage.Script("e", "\"experience\""));
        await using var page = await LoaderPage.OpenAsync(chromium, list,
            new LoaderSite { Before = $"Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {{ get: () => {signal}, configurable: true }});" });

        await page.SayAsync(statement);

        Assert.Equal(ran.Split(' ').Order(StringComparer.Ordinal), await page.RanAsync());
    }

    // ---- The scripts ---------------------------------------------------------------------------------------------------------------

    /// <summary>Our id of an element aside, a page cannot tell which of the two made it.</summary>
    [Fact]
    public async Task Elements_AreMadeAsTheClientMakesThem()
    {
        var list = LoaderPage.List();
        list["scripts"] = VendorPage.Snapshot(Vendor.Rows())["scripts"]!.DeepClone();
        foreach (var more in (string[])["\"async\":false", "\"async\":true,\"fetchPriority\":\"low\"", "\"defer\":true,\"attributes\":{\"crossorigin\":\"anonymous\",\"data-x\":\"<>\"}", "\"target\":\"body\""])
            list["scripts"]!.AsArray().Add(LoaderPage.Script($"x{list["scripts"]!.AsArray().Count}", more: more));
        await using var page = await LoaderPage.OpenAsync(chromium, LoaderPage.List(), new LoaderSite { Tag = $"""<script nonce="n0nce" src="{LoaderPage.TagsUrl}"></script>""" });
        await page.Site.AddC15tAsync(Cancel);

        var made = await page.Site.Page.EvaluateAsync<string[][]>(
            """
            async text => {
              const list = JSON.parse(text), made = { client: [], loader: [] };
              let by = 'client';
              const { appendChild } = Node.prototype;
              Node.prototype.appendChild = function (element) {
                if (!(element instanceof HTMLScriptElement)) return appendChild.call(this, element);
                const attributes = [...element.attributes].filter(({ name }) => name !== 'id').map(({ name, value }) => `${name}=${value}`);
                made[by].push(JSON.stringify([this.nodeName, element.src, element.textContent, element.async, element.defer, element.fetchPriority, element.nonce, attributes]));
                return element;
              };
              const granted = { functionality: true, experience: true, measurement: true, marketing: true };
              c15t.updateScripts(list.scripts, { necessary: true, ...granted }, {}, { nonce: 'n0nce' });
              by = 'loader';
              consentSnapshots.push(granted);
              await consentSnapshots.load(list);
              return [made.client, made.loader];
            }
            """, list.ToJsonString()).WaitAsync(Cancel);

        Assert.Equal(list["scripts"]!.AsArray().Count, made[0].Length);
        Assert.Equal(made[0], made[1]);
    }

    [Fact]
    public async Task Script_ThatFails_CostsNoOther()
    {
        var list = LoaderPage.List(
            JsonNode.Parse("""{"id":"throws","category":"necessary","textContent":"throw new Error('its own')"}""")!.AsObject(),
            LoaderPage.Script("a", "\"necessary\"", "\"attributes\":{\"\":\"no name\"}"),
            LoaderPage.Script("b", "\"necessary\"", "\"attributes\":5"),
            LoaderPage.Script("gone", "\"necessary\""),
            LoaderPage.Script("last", "\"necessary\""));
        list["scripts"]!.AsArray().Insert(0, null);
        list["scripts"]!.AsArray().Insert(1, JsonNode.Parse("[]"));
        await using var page = await LoaderPage.OpenAsync(chromium, list, prepare: site => site.Refuse("https://gone.example/x.js"));

        Assert.Equal(["b", "last"], await page.RanAsync());
        Assert.StartsWith("Error: its own\n", Assert.Single(page.Site.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_ThatChangesConsentOrListAsItRuns_IsFollowedAtOnce()
    {
        var list = LoaderPage.List(
            JsonNode.Parse("""{"id":"denies","category":"measurement","textContent":"consentSnapshots.push({ marketing: true })"}""")!.AsObject(), LoaderPage.Script("m"), LoaderPage.Script("k", "\"marketing\""));
        await using var page = await LoaderPage.OpenAsync(chromium, list);

        await page.SayAsync("{ measurement: true }");

        Assert.Equal(["k"], await page.RanAsync());
        Assert.Equal(["k"], await page.LoadedAsync());
    }

    [Fact]
    public async Task TargetBody_BeforeThereIsABody_LoadsWhenItIsThere()
    {
        var list = LoaderPage.List(LoaderPage.Script("b", "\"necessary\"", "\"target\":\"body\""), LoaderPage.Script("h", "\"necessary\""));
        await using var page = await LoaderPage.OpenAsync(chromium, list);

        Assert.Equal(["b", "h"], await page.RanAsync());
        Assert.Equal("BODY", await page.ValueAsync<string>("document.getElementById('consent-snapshots:b').parentNode.nodeName"));
        page.AssertUndisturbed();
    }

    [Fact]
    public async Task WithdrawnAndGrantedAgain_LibraryThatMustNotRunTwiceRunsOnce()
    {
        var list = LoaderPage.List(LoaderPage.Script("once", more: "\"persistAfterConsentRevoked\":true"), LoaderPage.Script("again"));
        await using var page = await LoaderPage.OpenAsync(chromium, list);

        await page.SayAsync("{ measurement: true }");
        await page.SayAsync("{ measurement: true, marketing: true }");
        Assert.Equal(["again", "once"], await page.RanAsync());
        await page.SayAsync("{}");
        Assert.Empty(await page.LoadedAsync());
        await page.SayAsync("{ measurement: true }");

        Assert.Equal(["again", "again", "once"], await page.RanAsync());
        Assert.Equal(["again", "once"], await page.LoadedAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"persistAfterConsentRevoked\":true")]
    public async Task WithdrawnWhileALibraryIsUnderWay_ItDoesNotRun_AndRunsOnceWhenGrantedAgain(string more)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, LoaderPage.List(LoaderPage.Script("m", more: more)), prepare: site => site.Hold("https://m.example/x.js"));

        await page.SayAsync("{ measurement: true }");
        await page.SayAsync("{}");
        page.Site.Release();
        await page.Site.SettleAsync(Cancel);
        Assert.Empty(await page.RanAsync());

        await page.SayAsync("{ measurement: true }");
        Assert.Equal(["m"], await page.RanAsync());
    }

    [Theory]
    [InlineData("{ measurement: true, marketing: true }", "{ measurement: true }", true)]
    [InlineData("{ measurement: true, marketing: true }", "{ measurement: true, reload: false }", false)]
    [InlineData("{ measurement: true, marketing: true }", "{ marketing: true }", false)]
    [InlineData("{ measurement: true, marketing: true }", "{ measurement: true, answered: false }", true)]
    [InlineData("{ measurement: true, functionality: true }", "{ measurement: true }", false)]
    public async Task Withdrawal_OfACategoryThatNeedsAReload_ReloadsIfAScriptOfItRan(string granted, string withdrawn, bool reloads)
    {
        var list = Vendors();
        list["metadata"]!["reloadOnRevocation"] = new JsonArray("marketing", "functionality");
        await using var page = await LoaderPage.OpenAsync(chromium, list);
        await page.SayAsync(granted);
        var pages = page.Site.Requests.Count(url => url == OfflineSite.Origin);

        if (reloads) await page.SayAndReloadAsync(withdrawn);
        else await page.SayAsync(withdrawn);

        Assert.Equal(reloads ? pages + 1 : pages, page.Site.Requests.Count(url => url == OfflineSite.Origin));
        // The new page waits for what is said on it.
        if (reloads) Assert.Equal(["n"], await page.RanAsync());
        page.AssertUndisturbed();
    }

    // ---- What vendors left ---------------------------------------------------------------------------------------------------------

    private const string Leave =
        """
        for (const cookie of ['_a=1', '_a=1;path=/', '_a=1;domain=site.example', '_p_1=1;path=/', '_p_2=1', '_kept=1', '_a_longer=1', '_both=1']) document.cookie = cookie;
        for (const storage of [localStorage, sessionStorage]) for (const key of ['a', 'p.1', 'p.2', 'kept', 'pq']) storage.setItem(key, '1');
        """;

    private static readonly string s_erase =
        """
        [{"cookie":"_a","unless":"measurement"},{"cookie":"_p_*","unless":"measurement"},{"cookie":"_both","unless":{"or":["measurement","marketing"]}},{"cookie":"*","unless":"functionality"},
         {"localStorage":"a","unless":"measurement"},{"localStorage":"p.*","unless":"measurement"},{"sessionStorage":"p.*","unless":"measurement"},{"localStorage":"","unless":"functionality"}]
        """;

    [Fact]
    public async Task Withdrawal_ErasesExactlyWhatTheListNames()
    {
        var list = Vendors();
        list["erase"] = JsonNode.Parse(s_erase);
        await using var page = await LoaderPage.OpenAsync(chromium, list);
        await page.SayAsync("{ measurement: true, marketing: true }");
        await page.RunAsync(Leave);

        await page.SayAsync("{ marketing: true }");

        Assert.Equal(["_a_longer", "_both", "_kept"], await CookiesAsync(page));
        Assert.Equal(["consent-snapshots", "kept", "p.q", "pq"], (await KeysAsync(page, "localStorage")).Append("p.q").Order(StringComparer.Ordinal));
        Assert.Equal(["a", "kept", "pq"], await KeysAsync(page, "sessionStorage"));
    }

    [Fact]
    public async Task Erasing_WaitsForTheVisitorsAnswer_AndComesBackOnTheNextPage()
    {
        var list = Vendors();
        list["erase"] = JsonNode.Parse(s_erase);
        await using var page = await LoaderPage.OpenAsync(chromium, list);
        await page.RunAsync(Leave);
        await page.SayAsync("{ answered: false }");
        Assert.Contains("_a", await CookiesAsync(page));
        Assert.Contains("a", await KeysAsync(page, "localStorage"));

        await page.Site.Page.ReloadAsync().WaitAsync(Cancel);
        Assert.Contains("_a", await CookiesAsync(page));
        await page.SayAsync("{}");

        Assert.Equal(["_a_longer", "_kept"], await CookiesAsync(page));
    }

    /// <summary>A cookie does not say to whom it was set: each way of setting one is tried.</summary>
    [Theory]
    [InlineData("_a=1;path=/shop")]
    [InlineData("_a=1;path=/shop/")]
    [InlineData("_a=1;path=/shop/shoes")]
    [InlineData("_a=1")]
    [InlineData("_a=1;path=/;domain=example.com")]
    [InlineData("_a=1;path=/shop;domain=shop.example.com")]
    [InlineData("_a=1;path=/;domain=www.shop.example.com;secure")]
    [InlineData("_a=x=y")]
    public async Task Cookie_OfAnyDomainAndPathOfThePage_IsErased(string cookie)
    {
        const string page = "https://www.shop.example.com/shop/shoes/red";
        var list = LoaderPage.List();
        list["erase"] = JsonNode.Parse("""[{"cookie":"_a","unless":"measurement"}]""");
        await using var opened = await LoaderPage.OpenAsync(chromium, list, prepare: site => site.Serve(page, new LoaderSite().Html(), "text/html"));
        await opened.Site.Page.GotoAsync(page).WaitAsync(Cancel);
        Assert.StartsWith("_a=", await opened.ValueAsync<string>($"(document.cookie = '{cookie}', document.cookie)"), StringComparison.Ordinal);

        await opened.Site.Page.EvaluateAsync("() => consentSnapshots.push({})").WaitAsync(Cancel);

        await opened.Site.Page.WaitForFunctionAsync("() => document.cookie === ''").WaitAsync(Cancel);
    }

    // ---- Other tabs ----------------------------------------------------------------------------------------------------------------

    [Fact]
    public async Task OtherTab_FollowsAnswers_AndNoDefaults()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors());
        var other = await page.Site.NewTabAsync(Cancel);
        Task<string[]> LoadedInOther() => other.EvaluateAsync<string[]>("() => consentSnapshots.loaded").WaitAsync(Cancel);

        await page.SayAsync("{ measurement: true }");
        await other.WaitForFunctionAsync("() => consentSnapshots.loaded.includes('m')").WaitAsync(Cancel);

        // The default of a region is no answer: it tells the other tab nothing, and what comes after it does.
        await page.SayAsync("{ measurement: true, marketing: true, answered: false }");
        await page.SayAsync("{ functionality: true }");
        await other.WaitForFunctionAsync("() => consentSnapshots.granted.functionality").WaitAsync(Cancel);

        Assert.Equal(["n"], await LoadedInOther());
        Assert.DoesNotContain("k", await other.EvaluateAsync<string[]>("() => ran").WaitAsync(Cancel));
    }

    [Fact]
    public async Task NewPage_WithAnAnswerKeptBefore_WaitsForWhatIsSaidOnIt()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors());
        await page.SayAsync("{ measurement: true, marketing: true }");

        await page.Site.Page.ReloadAsync().WaitAsync(Cancel);
        await page.Site.SettleAsync(Cancel);
        Assert.Equal(["n"], await page.RanAsync());

        // Neither does it count later, when the page is shown again or another key of the storage changes.
        var other = await page.Site.NewTabAsync(Cancel);
        await other.EvaluateAsync("() => localStorage.setItem('another', '1')").WaitAsync(Cancel);
        await page.RunAsync("dispatchEvent(new Event('pageshow')); document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");
        Assert.Equal(["n"], await page.RanAsync());
    }

    [Theory]
    [InlineData("Object.defineProperty(window, 'localStorage', { get() { throw new Error('closed') } });")]
    [InlineData("Object.defineProperty(window, 'localStorage', { value: null });")]
    [InlineData("Storage.prototype.setItem = () => { throw new Error('full') };")]
    [InlineData("try { localStorage.setItem('consent-snapshots', '{'); } catch {}")]
    [InlineData("try { localStorage.setItem('consent-snapshots', 'null'); } catch {}")]
    public async Task Storage_ClosedFullOrSpoilt_IsNoFault(string before)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), new LoaderSite { Before = before });

        await page.SayAsync("{ measurement: true }");
        await page.RunAsync("dispatchEvent(new Event('pageshow'))");

        Assert.Equal(["m", "n"], await page.RanAsync());
        Assert.Equal(["m", "n"], await page.LoadedAsync());
        page.AssertUndisturbed();
    }

    // ---- The list ------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(404, "text/html", "<h1>Not found</h1>")]
    [InlineData(404, "application/json", """{"error":"not_found","message":"…"}""")]
    [InlineData(503, "application/json", """{"error":"unavailable","message":"…"}""")]
    [InlineData(200, "text/html", "<!doctype html><title>Sign in to the network</title>")]
    [InlineData(200, "application/json", "")]
    [InlineData(200, "application/json", "{")]
    [InlineData(200, "application/json", "null")]
    [InlineData(200, "application/json", "[]")]
    [InlineData(200, "application/json", """{"scripts":{}}""")]
    [InlineData(0, "", "")]
    public async Task List_ThatIsNone_LeavesTheLastOne_WithOneWarning(int status, string type, string body)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors());
        await page.SayAsync("{ measurement: true }");
        if (status == 0) page.Site.Refuse(LoaderPage.ListUrl);
        else page.Site.Serve(LoaderPage.ListUrl, body, type, status);

        await page.RunAsync($"await consentSnapshots.load('{LoaderPage.ListUrl}')");
        Assert.Equal(["m", "n"], await page.LoadedAsync());
        await page.SayAsync("{ measurement: true, marketing: true }");

        Assert.Equal(["k", "m", "n"], await page.RanAsync());
        Assert.Single(page.Warnings);
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("undefined")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("5")]
    [InlineData("{ scripts: 'none' }")]
    [InlineData("'https://'")]
    public async Task Load_OfWhatIsNoList_LeavesTheLastOne_WithOneWarning(string list)
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors());

        await page.RunAsync($"await consentSnapshots.load({list})");
        await page.SayAsync("{ measurement: true }");

        Assert.Equal(["m", "n"], await page.RanAsync());
        Assert.Single(page.Warnings);
        page.AssertUndisturbed();
    }

    [Fact]
    public async Task List_ThatDoesNotCome_IsGivenUp()
    {
        // The page's patience, without the wait.
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(),
            new LoaderSite { Before = "{ const wait = setTimeout; window.setTimeout = (action, time, ...more) => wait(action, time === 5000 ? 0 : time, ...more); }" },
            site => site.Hold(LoaderPage.ListUrl));
        await page.RunAsync("later = 60_000; consentSnapshots.push({ measurement: true })");

        Assert.Equal(["m", "n"], await page.RanAsync());
        Assert.Single(page.Warnings);
        page.AssertUndisturbed();
    }

    [Fact]
    public async Task LoaderAlone_LoadsNothingUntilItHasAList_AndTriesAgainLater()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), new LoaderSite { Tag = $"""<script src="{LoaderPage.LoaderUrl}"></script>""" });
        page.Site.Refuse(LoaderPage.ListUrl);
        await page.SayAsync("{ measurement: true }");
        await page.RunAsync($"await consentSnapshots.load('{LoaderPage.ListUrl}')");
        Assert.Empty(await page.RanAsync());

        page.Publish(Vendors());
        await page.RunAsync("later = 60_000; document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");

        Assert.Equal(["m", "n"], await page.RanAsync());
        page.AssertUndisturbed();
    }

    [Fact]
    public async Task List_Older_IsAskedForAgainBeforeAnythingIsLoaded()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors());
        page.Publish(LoaderPage.List(2, LoaderPage.Script("n", "\"necessary\""), LoaderPage.Script("k", "\"marketing\""), LoaderPage.Script("new")));

        // While it is young, it counts.
        await page.SayAsync("{ marketing: true }");
        Assert.DoesNotContain(LoaderPage.ListUrl, page.Site.Requests);

        await page.RunAsync("later = 60_000; consentSnapshots.push({ marketing: true, measurement: true })");
        Assert.Equal(["k", "n", "new"], await page.RanAsync());
        Assert.Single(page.Site.Requests, LoaderPage.ListUrl);
        Assert.Equal(2, await page.ValueAsync<int>("consentSnapshots.list.metadata.version"));
    }

    [Fact]
    public async Task WithdrawnWhileTheListIsAskedFor_NothingIsLoaded()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), prepare: site => site.Hold(LoaderPage.ListUrl));

        await page.RunAsync("window.seen = []; addEventListener('consent-snapshots', () => seen.push(!!consentSnapshots.granted.measurement)); later = 60_000; consentSnapshots.push({ measurement: true })");
        await page.SayAsync("{}");
        Assert.Equal("true false", await page.ValueAsync<string>("seen.join(' ')"));
        page.Site.Release();
        await page.Site.SettleAsync(Cancel);

        Assert.Equal(["n"], await page.RanAsync());
    }

    [Fact]
    public async Task List_Newer_RemovesWhatLeftIt_AndKeepsWhatRunsUnderItsNewCondition()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, LoaderPage.List(LoaderPage.Script("gone"), LoaderPage.Script("stays", more: "\"attributes\":{\"data-x\":\"1\"}"), LoaderPage.Script("moves")));
        await page.SayAsync("{ measurement: true }");
        var newer = LoaderPage.List(2, LoaderPage.Script("stays", "\"marketing\"", "\"attributes\":{\"data-x\":\"2\"}"), LoaderPage.Script("moves", more: "\"attributes\":{\"data-x\":\"2\"}"));

        await page.RunAsync($"consentSnapshots.load({newer.ToJsonString()})");
        Assert.Equal(["moves"], await page.LoadedAsync());
        Assert.Equal("", await page.ValueAsync<string>("document.getElementById('consent-snapshots:moves').dataset.x || ''"));
        await page.SayAsync("{ measurement: true, marketing: true }");

        Assert.Equal(["gone", "moves", "stays", "stays"], await page.RanAsync());
        Assert.Equal("2", await page.ValueAsync<string>("document.getElementById('consent-snapshots:stays').dataset.x"));
    }

    [Fact]
    public async Task List_OlderThanThePagesOwn_IsNotTaken()
    {
        await using var page = await LoaderPage.OpenAsync(chromium, LoaderPage.List(3, LoaderPage.Script("n", "\"necessary\"")));

        await page.RunAsync($"consentSnapshots.load({LoaderPage.List(2, LoaderPage.Script("revoked", "\"necessary\"")).ToJsonString()})");

        Assert.Equal(["n"], await page.RanAsync());
        Assert.Equal(3, await page.ValueAsync<int>("consentSnapshots.list.metadata.version"));
    }

    // ---- Twice on a page -----------------------------------------------------------------------------------------------------------

    [Fact]
    public async Task TagsTwice_NothingRunsTwice()
    {
        var tag = new LoaderSite().Tag;
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), new LoaderSite { Tag = $"""{tag}<script src="{LoaderPage.LoaderUrl}"></script>{tag}""" });
        await page.SayAsync("{ measurement: true }");

        // As a router that runs the head's scripts again, on a page that begins its queue anew.
        await page.RunAsync("window.consentSnapshots = [{ measurement: true, marketing: true }]");
        await page.Site.Page.AddScriptTagAsync(new PageAddScriptTagOptions { Url = LoaderPage.TagsUrl }).WaitAsync(Cancel);
        await page.Site.SettleAsync(Cancel);
        await page.SayAsync("{ measurement: true, marketing: true }");

        Assert.Equal(["k", "m", "n"], await page.RanAsync());
        Assert.Empty(page.Warnings);
        page.AssertUndisturbed();
    }

    [Fact]
    public async Task Tags_OfAnotherScope_AreRefusedWithAWarning()
    {
        const string other = "https://edge.example/v1/globex/production/tags.js";
        var theirs = LoaderPage.List(9, LoaderPage.Script("theirs", "\"necessary\""));
        theirs["metadata"]!["organization"] = "globex";
        await using var page = await LoaderPage.OpenAsync(chromium, Vendors(), new LoaderSite { Tag = $"""{new LoaderSite().Tag}<script src="{other}"></script>""" },
            site => site.Serve(other, LoaderPage.Tags(theirs)));

        Assert.Equal(["n"], await page.RanAsync());
        Assert.Single(page.Warnings);

        // A site that says so itself has it.
        await page.RunAsync($"consentSnapshots.load({theirs.ToJsonString()})");
        Assert.Equal(["theirs"], await page.LoadedAsync());
        page.AssertUndisturbed();
    }

    // ---- Policies ------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData("script-src 'nonce-n0nce' 'strict-dynamic'")]
    [InlineData("script-src 'nonce-n0nce' https://edge.example")]
    [InlineData("script-src https://edge.example LIST")]
    [InlineData("require-trusted-types-for 'script'; trusted-types default")]
    public async Task StrictPolicy_PublishedTags_EveryVendorRunsAndIsTold(string policy)
    {
        var manifest = LoaderPage.Manifest(Vendor.Rows());
        var list = JsonNode.Parse(manifest.ListBytes())!.AsObject();
        // A stand-in that the policy's hosts permit has no hash of its own.
        var sources = string.Join(' ', list["metadata"]!["csp"]!["script-src"]!.AsArray().Select(source => (string)source!));
        var site = new LoaderSite
        {
            Policy = policy.Replace("LIST", sources, StringComparison.Ordinal),
            Tag = $"""<script nonce="n0nce" src="{LoaderPage.TagsUrl}"></script>""",
            Before = await File.ReadAllTextAsync(C15tBundle.Source("libraries.js"), Cancel)
                + "if (window.trustedTypes && !trustedTypes.defaultPolicy) try { trustedTypes.createPolicy('default', { createScript: text => text, createScriptURL: url => url }); } catch {}",
        };
        await using var page = await LoaderPage.OpenAsync(chromium, list, site, offline =>
        {
            foreach (var vendor in Vendor.All) offline.Serve(vendor.Library, vendor.StandIn);
            offline.Serve(LoaderPage.TagsUrl, System.Text.Encoding.UTF8.GetString(manifest.TagsBytes()));
        });

        await page.SayAsync(All);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), (await page.ValueAsync<string[]>("libraries.ran()")).Order(StringComparer.Ordinal));
        Assert.All(Vendor.NamesOfTold, vendor => Assert.Equal("granted", page.ValueAsync<string>($"libraries.state('{vendor}')").GetAwaiter().GetResult()));

        await page.SayAsync("{ reload: false }");
        Assert.All(Vendor.NamesOfTold, vendor => Assert.Equal("denied", page.ValueAsync<string>($"libraries.state('{vendor}')").GetAwaiter().GetResult()));

        await page.SayAsync(All);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), (await page.ValueAsync<string[]>("libraries.ran()")).Distinct().Order(StringComparer.Ordinal));
        Assert.All(Vendor.NamesOfTold, vendor => Assert.Equal("granted", page.ValueAsync<string>($"libraries.state('{vendor}')").GetAwaiter().GetResult()));
        page.AssertUndisturbed();
    }

    [Theory]
    [InlineData("require-trusted-types-for 'script'; trusted-types 'none'")]
    [InlineData("script-src https://edge.example")]
    public async Task Policy_ThatPermitsNothing_LoadsNothingAndDisturbsNobody(string policy)
    {
        var list = Vendors();
        list["scripts"]!.AsArray().Add(JsonNode.Parse("""{"id":"inline","category":"necessary","textContent":"(window.ran ||= []).push('inline')"}"""));
        await using var page = await LoaderPage.OpenAsync(chromium, list, new LoaderSite { Policy = policy });

        await page.SayAsync(All);
        await page.SayAsync("{}");

        Assert.Empty(await page.RanAsync());
        page.AssertUndisturbed();
    }

    private static JsonObject Vendors() => LoaderPage.List(LoaderPage.Script("n", "\"necessary\""), LoaderPage.Script("m"), LoaderPage.Script("k", "\"marketing\""));

    private static async Task<string[]> CookiesAsync(LoaderPage page) =>
        [.. (await page.ValueAsync<string>("document.cookie")).Split("; ", StringSplitOptions.RemoveEmptyEntries).Select(cookie => cookie.Split('=')[0]).Distinct().Order(StringComparer.Ordinal)];

    private static async Task<string[]> KeysAsync(LoaderPage page, string storage) => [.. (await page.ValueAsync<string[]>($"Object.keys({storage})")).Order(StringComparer.Ordinal)];
}
