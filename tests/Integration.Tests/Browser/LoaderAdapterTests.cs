using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The adapters of docs/loader.md, as they stand there, with stand-ins for the consent tools (<c>tests/browser/consent-tools.js</c>).</summary>
public sealed partial class LoaderAdapterTests(ChromiumFixture chromium)
{
    /// <summary>By the stand-in's name: the heading of the adapter, what starts it with a mapping for all categories, and one that knows only that statistics permit marketing.</summary>
    private static readonly Dictionary<string, (string Heading, string? Start, string Other)> s_tools = new()
    {
        ["tcf"] = ("IAB TCF", "consentFromTcf({ functionality: [1, 5, 6], experience: [1, 5, 6], measurement: [1, 8, 9], marketing: [1, 2, 3, 4, 7] })", "consentFromTcf({ marketing: [1, 8, 9], measurement: [] })"),
        ["oneTrust"] = ("OneTrust", null, "consentFromOneTrust({ marketing: ['C0002'], measurement: [] })"),
        ["cookiebot"] = ("Cookiebot", null, "consentFromCookiebot({ marketing: 'statistics' })"),
        ["usercentrics2"] = ("Usercentrics", "consentFromUsercentrics({ functionality: 'functional', experience: 'functional', measurement: 'statistics', marketing: 'marketing' })", "consentFromUsercentrics({ marketing: 'statistics' })"),
        ["usercentrics3"] = ("Usercentrics", "consentFromUsercentrics({ functionality: 'functional', experience: 'functional', measurement: 'statistics', marketing: 'marketing' })", "consentFromUsercentrics({ marketing: 'statistics' })"),
        ["wordPress"] = ("WP Consent API", null, "consentFromWordPress({ marketing: 'statistics' })"),
    };

    // What the page has in its head, in this order; what is not in it comes when the page is there.
    private static readonly string[] s_orders = ["tool adapter loader", "adapter tool loader", "loader tool adapter", "adapter loader", "loader adapter", "stub adapter loader"];

    public static TheoryData<string> Tools => [.. s_tools.Keys];

    public static TheoryData<string, string> ToolsInOrders => new(s_tools.Keys.SelectMany(tool => s_orders.Select(order => (tool, order))));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(ToolsInOrders))]
    public async Task Tool_AsksAndIsAnswered_LoaderFollowsEachAnswer(string tool, string order)
    {
        await using var page = await OpenAsync(tool, order, "arrive()");
        if (!order.Contains("tool", StringComparison.Ordinal)) await page.RunAsync($"consentTools.{tool}.arrive()");
        Assert.Equal(["n"], await page.RanAsync());
        Assert.Null(await page.ValueAsync<string?>("localStorage.getItem('consent-snapshots')"));

        foreach (var (choice, loaded) in ((string, string)[])
            [("{ statistics: true }", "measurement"), ("{ statistics: true, preferences: true, marketing: true }", "functionality experience measurement marketing"), ("{ marketing: true }", "marketing"), ("{}", ""), ("{ preferences: true }", "functionality experience")])
        {
            await page.RunAsync($"consentTools.{tool}.choose({choice})");

            await AssertLoadedAsync(page, loaded);
        }
        page.AssertUndisturbed();
    }

    // In which order the parts come is looked at above.
    public static TheoryData<string, string> ToolsInAndAfterTheHead => new(s_tools.Keys.SelectMany(tool => ((string[])["tool adapter loader", "adapter loader"]).Select(order => (tool, order))));

    [Theory]
    [MemberData(nameof(ToolsInAndAfterTheHead))]
    public async Task Tool_WithAnAnswerOfAnEarlierPage_LoaderHasItAtOnce(string tool, string order)
    {
        await using var page = await OpenAsync(tool, order, "arrive({ statistics: true })");
        if (!order.Contains("tool", StringComparison.Ordinal)) await page.RunAsync($"consentTools.{tool}.arrive({{ statistics: true }})");

        await AssertLoadedAsync(page, "measurement");
        Assert.NotNull(await page.ValueAsync<string?>("localStorage.getItem('consent-snapshots')"));
        page.AssertUndisturbed();
    }

    [Theory]
    [MemberData(nameof(Tools))]
    public async Task Tool_ThatNeverArrives_NothingIsGranted(string tool)
    {
        foreach (var order in (string[])["adapter loader", "stub adapter loader"])
        {
            await using var page = await OpenAsync(tool, order, "");

            Assert.Equal(["n"], await page.RanAsync());
            page.AssertUndisturbed();
        }
    }

    [Theory]
    [MemberData(nameof(Tools))]
    public async Task Mapping_OfThePage_GrantsWhatItNamesAndNothingElse(string tool)
    {
        await using var page = await OpenAsync(tool, "tool adapter loader", "arrive()", s_tools[tool].Other);

        await page.RunAsync($"consentTools.{tool}.choose({{ statistics: true, preferences: true }})");
        await AssertLoadedAsync(page, "marketing");
        await page.RunAsync($"consentTools.{tool}.choose({{ preferences: true, marketing: true }})");

        await AssertLoadedAsync(page, "");
    }

    /// <summary>Where the law asks for no consent, a tool grants by itself; that is no answer, so Global Privacy Control counts and nothing is kept.</summary>
    [Theory]
    [MemberData(nameof(Tools))]
    public async Task Tool_ThatGrantsByItself_IsNoAnswerOfTheVisitor(string tool)
    {
        var start = tool == "tcf" ? "consentFromTcf(undefined, { functionality: true, experience: true, measurement: true, marketing: true, answered: false })" : null;
        foreach (var (signal, loaded) in ((bool, string)[])[(false, "functionality experience measurement marketing"), (true, "functionality experience")])
        {
            await using var page = await OpenAsync(tool, "tool adapter loader", "imply()", start, $"Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {{ get: () => {(signal ? "true" : "false")} }});");

            await AssertLoadedAsync(page, loaded);
            Assert.Null(await page.ValueAsync<string?>("localStorage.getItem('consent-snapshots')"));
        }
    }

    [Fact]
    public async Task Tcf_WhereTheGdprDoesNotApply_GrantsNothingByDefault()
    {
        await using var page = await OpenAsync("tcf", "tool adapter loader", "imply()", "consentFromTcf()");

        await AssertLoadedAsync(page, "");
    }

    [Fact]
    public async Task Tcf_ByDefault_GrantsWhatAllPurposesOfACategoryPermit()
    {
        await using var page = await OpenAsync("tcf", "tool adapter loader", "arrive()", "consentFromTcf()");

        foreach (var (purposes, loaded) in ((string, string)[])[("1, 8, 9", "measurement"), ("1, 8", ""), ("8, 9", ""), ("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11", "experience measurement marketing"), ("1", "")])
        {
            await page.RunAsync($"consentTools.tcf.consent([{purposes}])");

            await AssertLoadedAsync(page, loaded);
        }
    }

    /// <summary>A default that names a category which the vendor does not have would grant nothing; one that guesses could grant too much.</summary>
    [Theory]
    [InlineData("usercentrics2")]
    [InlineData("usercentrics3")]
    public async Task Usercentrics_ByDefault_GrantsNoMeasurement(string tool)
    {
        await using var page = await OpenAsync(tool, "tool adapter loader", "arrive({ preferences: true, statistics: true, marketing: true })", "consentFromUsercentrics()");

        await AssertLoadedAsync(page, "functionality experience marketing");
    }

    private static async Task AssertLoadedAsync(LoaderPage page, string categories)
    {
        string[] expected = [.. categories.Split(' ', StringSplitOptions.RemoveEmptyEntries).Append("n").Order(StringComparer.Ordinal)];
        // An adapter may have to wait for its tool.
        await page.Site.Page.WaitForFunctionAsync("expected => JSON.stringify([...consentSnapshots.loaded].sort()) === expected", System.Text.Json.JsonSerializer.Serialize(expected)).WaitAsync(Cancel);
        await page.Site.SettleAsync(Cancel);
        Assert.Equal(expected, await page.LoadedAsync());
    }

    private Task<LoaderPage> OpenAsync(string tool, string order, string arrival, string? start = null, string before = "")
    {
        var parts = order.Split(' ').Select(part => part switch
        {
            "loader" => new LoaderSite().Tag,
            "adapter" => "<script src=\"/adapter.js\"></script>",
            "stub" => $"<script>consentTools.{tool}.prepare()</script>",
            _ => $"<script>consentTools.{tool}.prepare(); consentTools.{tool}.{arrival}</script>",
        });
        var list = LoaderPage.List(
            [LoaderPage.Script("n", "\"necessary\""), .. ((string[])["functionality", "experience", "measurement", "marketing"]).Select(category => LoaderPage.Script(category, $"\"{category}\"", "\"persistAfterConsentRevoked\":true"))]);
        var site = new LoaderSite { Tag = "<script src=\"/consent-tools.js\"></script>" + string.Concat(parts), Before = before };
        return LoaderPage.OpenAsync(chromium, list, site, offline =>
        {
            offline.Serve(OfflineSite.Origin + "consent-tools.js", File.ReadAllText(C15tBundle.Source("consent-tools.js")));
            offline.Serve(OfflineSite.Origin + "adapter.js", Adapter(s_tools[tool].Heading, start ?? s_tools[tool].Start));
        });
    }

    /// <summary>The adapter's code in the documentation, or the same with another last line.</summary>
    private static string Adapter(string heading, string? start)
    {
        var docs = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "loader.md"));
        var code = Code().Match(docs, docs.IndexOf($"### {heading}\n", StringComparison.Ordinal)).Groups["code"].Value.TrimEnd();
        var lastLine = code.LastIndexOf('\n') + 1;
        Assert.Matches(@"^consentFrom\w+\(\);$", code[lastLine..]);
        return start is null ? code : code[..lastLine] + start;
    }

    [GeneratedRegex("```js\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();
}
