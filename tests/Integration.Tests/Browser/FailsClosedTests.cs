using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// A vendor that must be told the visitor's consent runs only after it has been told: whatever a policy blocks, whatever the site's elements are called, and whatever the site's own code does.
/// </summary>
public sealed class FailsClosedTests(ChromiumFixture chromium)
{
    // What a site's elements can be to a script that looks for a property of the window.
    private static readonly Dictionary<string, Func<string, string>> s_elements = new()
    {
        ["section"] = name => $"<section id=\"{name}\"></section>",
        ["anchor"] = name => $"<a id=\"{name}\" href=\"/elsewhere\">A link</a>",
        ["form"] = name => $"<form name=\"{name}\"><input name=\"q\"><input name=\"push\"></form>",
        ["image"] = name => $"<img name=\"{name}\" alt=\"\">",
        ["two"] = name => $"<section id=\"{name}\"></section><a id=\"{name}\">A link</a>",
    };

    // Properties of a document that a form or an image can take, as far as the consent client itself does not use them.
    private static readonly string[] s_documentNames = ["currentScript", "implementation", "adoptNode", "createDocumentFragment", "importNode", "defaultView", "baseURI"];

    private static Task<(IReadOnlyList<string> Names, Dictionary<string, string> Heard)>? s_plain;

    public static TheoryData<string> Elements => [.. s_elements.Keys];

    public static TheoryData<string> Gtags =>
    [
        "window.gtag = (...args) => dataLayer.push(args)",
        "window.otherLayer = []; window.gtag = function () { otherLayer.push(arguments) }",
        "window.gtag = () => {}",
        "window.gtag = () => { throw new Error('This gtag is not ready.') }",
        "window.gtag = { push() {} }",
    ];

    // A policy that permits every host, and of inline scripts none, an older build's, or only what the vendors share.
    [Theory]
    [InlineData("no hash")]
    [InlineData("hashes of an older build")]
    [InlineData("the first script's hash alone")]
    [InlineData("hashes of shared scripts alone")]
    public async Task Policy_KeepsOurScriptsFromRunning_NoVendorLoads(string permits)
    {
        var texts = VendorPage.Snapshot(Vendor.Rows())["scripts"]!.AsArray().Where(script => script!["textContent"] is not null).ToList();
        var shared = texts.GroupBy(script => (string)script!["textContent"]!).Where(group => group.Select(script => VendorOf(script!)).Distinct().Count() > 1).Select(group => group.Key);
        var hashes = permits switch
        {
            "no hash" => [],
            "hashes of an older build" => texts.Select(script => Hash((string)script!["textContent"]! + " ")),
            "the first script's hash alone" => [Hash((string)texts[0]!["textContent"]!)],
            _ => shared.Select(Hash),
        };

        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Policy = $"script-src 'self' https: {string.Join(' ', hashes)}" });
        await page.ChooseAsync(VendorPage.Everything);

        AssertNoLibrary(page);
        Assert.Empty(await page.RanAsync());
    }

    [Theory]
    [MemberData(nameof(Elements))]
    public async Task Elements_NamedAsWhatVendorsCallTheirs_ChangeNothing(string element)
    {
        var plain = await PlainAsync();
        var markup = string.Concat(plain.Names.Select(name => s_elements[element](WebUtility.HtmlEncode(name))));

        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Markup = markup });
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();

        await AssertHeardAsync(plain, page);
        Assert.Empty(page.Site.Errors);
    }

    // A frame's window is an object that is no element; where it takes a vendor's place, the vendor may stay away, but is never left untold.
    [Fact]
    public async Task Frames_NamedAsWhatVendorsCallTheirs_NoVendorRunsUntold()
    {
        var plain = await PlainAsync();
        var markup = string.Concat(plain.Names.Select(name => $"<iframe name=\"{WebUtility.HtmlEncode(name)}\" hidden></iframe>"));

        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Markup = markup });
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();

        foreach (var vendor in (await page.RanAsync()).Distinct()) Assert.Equal($"{vendor}: {plain.Heard[vendor]}", $"{vendor}: {await HeardAsync(page, vendor)}");
    }

    [Theory]
    [InlineData("img")]
    [InlineData("form")]
    [InlineData("object")]
    [InlineData("embed")]
    public async Task Elements_NamedAsWhatADocumentHas_ChangeNothing(string tag)
    {
        var plain = await PlainAsync();
        var markup = string.Concat(s_documentNames.Select(name => $"<{tag} name=\"{name}\" id=\"{name}\"></{tag}>"));

        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Markup = markup });
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();

        await AssertHeardAsync(plain, page);
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>A stranger's element that has the name of the running script, and a configuration as ours has it.</summary>
    [Theory]
    [InlineData("meta-pixel")]
    [InlineData("matomo-analytics")]
    [InlineData("google-tag-manager")]
    [InlineData("google-analytics")]
    [InlineData("microsoft-clarity")]
    [InlineData("x-pixel")]
    public async Task Element_NamedCurrentScriptWithAConfiguration_IsNotAsked(string type)
    {
        var vendor = Vendor.Of(type);
        var config = VendorPage.Snapshot([vendor.Row()])["scripts"]!.AsArray()
            .Where(script => script!["textContent"] is not null).Select(script => (string?)script!["attributes"]?["data-config"])
            .Last(text => text is not null)!;
        var strangers = config.Replace("1", "9", StringComparison.Ordinal).Replace("matomo.example", "stranger.example", StringComparison.Ordinal);

        await using var page = await VendorPage.OpenAsync(chromium, [vendor.Row()], new SiteCode { Markup = $"<img name=\"currentScript\" alt=\"\" data-config=\"{WebUtility.HtmlEncode(strangers)}\">" });
        await page.ChooseAsync(VendorPage.Everything);

        await using var plain = await VendorPage.OpenAsync(chromium, [vendor.Row()], new SiteCode());
        await plain.ChooseAsync(VendorPage.Everything);
        Assert.Equal(await plain.HeardByAsync(type), await page.HeardByAsync(type));
        Assert.Equal(Scripts(plain), Scripts(page));
        Assert.Empty(page.Site.Errors);
    }

    [Theory]
    [MemberData(nameof(Gtags))]
    public async Task Google_PageHasAGtagOfItsOwn_TagFindsOurStateInTheLayerItReads(string gtag)
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("google-tag-manager").Row(1, "necessary"), Vendor.Of("google-analytics").Row(2, "necessary")],
            new SiteCode { Before = $"window.dataLayer = []; {gtag}" });

        foreach (var (granted, expected) in ((string[], string)[])[([], "denied denied"), (["measurement"], "granted denied"), (VendorPage.Everything, "granted granted"), ([], "denied denied")])
        {
            await page.ChooseAsync(granted);
            Assert.Equal(expected, await GoogleStateAsync(page));
        }

        Assert.Equal(["google-analytics", "google-tag-manager"], await page.RanAsync());
    }

    [Fact]
    public async Task Google_PagesOwnCommandsInTheLayer_DoNotOutvoteOurs()
    {
        const string Own =
            """
            window.dataLayer = [];
            window.gtag = function () { dataLayer.push(arguments) };
            const all = Object.fromEntries(['ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage', 'functionality_storage', 'personalization_storage'].map(signal => [signal, 'granted']));
            gtag('consent', 'default', all);
            gtag('consent', 'update', all);
            """;
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("google-tag-manager").Row(1, "necessary"), Vendor.Of("google-analytics").Row(2, "necessary")], new SiteCode { Before = Own });

        Assert.Equal("denied denied", await GoogleStateAsync(page));
    }

    [Fact]
    public async Task Google_LayerReplacedWhileTheTagIsUnderWay_HoldsOurStateOrNoTagRuns()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("google-tag-manager").Row(1, "necessary")], new SiteCode(), site => site.Hold(Vendor.Of("google-tag-manager").Library));
        await page.EvaluateAsync("() => { window.dataLayer = [{ event: 'the page has a layer of its own' }] }");

        page.Site.Release();
        await page.SettleAsync();

        Assert.All(await page.StatesAsync(), state => Assert.Equal(new("google-tag-manager", "denied"), state));
    }

    [Fact]
    public async Task Google_OlderClientsOwnUpdates_OursHasTheLastWord()
    {
        // Under this mapping the measurement that the visitor grants is no consent to analytics.
        const string Settings = """{"id":"GTM-GOOGLE1","consentMapping":{"marketing":["ad_storage","analytics_storage"]}}""";
        await using var page = await VendorPage.OpenAsync(chromium, [ConsentWalk.Row("google-tag-manager", Settings, 1, "necessary")], new SiteCode
        {
            Client = ConsentClient.Older,
            Before = "window.dataLayer = []; window.gtag = function () { dataLayer.push(arguments) };",
        });

        foreach (var granted in (string[][])[["measurement"], ["marketing"], ["measurement", "marketing"], ["measurement"], []])
        {
            await page.ChooseAsync(granted);
            var expected = granted.Contains("marketing") ? "granted granted" : "denied denied";
            Assert.Equal($"{string.Join('+', granted)}: {expected}", $"{string.Join('+', granted)}: {await GoogleStateAsync(page, "google-tag-manager")}");
        }
    }

    /// <summary>The destination is known by itself, not by what it tells the vendor, so one of the same id that needs another consent counts too.</summary>
    [Theory]
    [InlineData("meta-pixel", """{"pixelId":"2001"}""", "2001")]
    [InlineData("tiktok-pixel", """{"pixelId":"SECOND"}""", "SECOND")]
    [InlineData("snapchat-pixel", """{"pixelId":"second"}""", "second")]
    [InlineData("reddit-pixel", """{"pixelId":"second"}""", "second")]
    [InlineData("x-pixel", """{"pixelId":"second"}""", "second")]
    [InlineData("linkedin-insights", """{"id":"2001"}""", "2001")]
    [InlineData("google-analytics", """{"id":"G-SECOND"}""", "G-SECOND")]
    [InlineData("posthog", """{"id":"phc_second"}""", "phc_second")]
    [InlineData("mixpanel", """{"token":"22222222222222222222222222222222"}""", "22222222222222222222222222222222")]
    [InlineData("meta-pixel", """{"pixelId":"1004","initOptions":{"em":"second"}}""", "second")]
    [InlineData("reddit-pixel", """{"pixelId":"reddit1","initOptions":{"externalId":"second"}}""", "second")]
    [InlineData("google-analytics", """{"id":"G-GOOGLE1","customParameters":{"own":"second"}}""", "second")]
    public async Task SecondDestinationOfAType_IsNotIgnored(string type, string settings, string expected)
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of(type).Row(1, "measurement"), ConsentWalk.Row(type, settings, 2, "marketing")], new SiteCode(),
            site => site.Hold(Vendor.Of(type).Library));
        await page.ChooseAsync("measurement");
        await page.ChooseAsync("measurement", "marketing");

        page.Site.Release();
        await page.SettleAsync();

        Assert.Contains(await page.HeardByAsync(type), call => call.Contains(expected, StringComparison.Ordinal));
    }

    private static string VendorOf(JsonNode script) => ((string)script["id"]!).Split(':')[0];

    private static string Hash(string text) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";

    /// <summary>The scripts that the page asked other sites for, in alphabetical order.</summary>
    private static IEnumerable<string> Scripts(VendorPage page) =>
        page.Site.Requests.Where(url => !url.StartsWith(OfflineSite.Origin, StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static void AssertNoLibrary(VendorPage page) =>
        Assert.Empty(Vendor.All.Where(vendor => page.Site.Requests.Any(url => url.Split('?')[0] == vendor.Library)).Select(vendor => vendor.Type));

    private static async Task<string> GoogleStateAsync(VendorPage page, string type = "google-analytics")
    {
        // Both signals, of what one library found and was told.
        const string Signal =
            """
            ([vendor, name]) => {
              const state = {};
              for (const kind of ['default', 'update'])
                for (const [command, what, signals] of libraries.heardBy(vendor)) if (command === 'consent' && what === kind) Object.assign(state, signals);
              return state[name] || 'was not told';
            }
            """;
        return $"{await page.EvaluateAsync<string>(Signal, new[] { type, "analytics_storage" })} {await page.EvaluateAsync<string>(Signal, new[] { type, "ad_storage" })}";
    }

    private static string Short(string heard) => heard.ReplaceLineEndings(" ") is { Length: > 200 } text ? text[..200] + "…" : heard.ReplaceLineEndings(" ");

    private static async Task<string> HeardAsync(VendorPage page, string vendor) => string.Join('\n', await page.HeardByAsync(vendor));

    /// <summary>What every vendor hears on a page where nothing is in the way, and which names such a page's window has that it did not have before.</summary>
    private Task<(IReadOnlyList<string> Names, Dictionary<string, string> Heard)> PlainAsync()
    {
        // The tests of a class run one after the other.
        return s_plain ??= LookAsync();
    }

    private async Task<(IReadOnlyList<string> Names, Dictionary<string, string> Heard)> LookAsync()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { After = "window.namesBefore = Object.getOwnPropertyNames(window)" });
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        var names = await page.EvaluateAsync<string[]>("() => Object.getOwnPropertyNames(window).filter(name => !namesBefore.includes(name) && name !== 'namesBefore')");
        var heard = new Dictionary<string, string>();
        foreach (var vendor in Vendor.Names) heard[vendor] = await HeardAsync(page, vendor);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        return (names, heard);
    }

    private static async Task AssertHeardAsync((IReadOnlyList<string> Names, Dictionary<string, string> Heard) plain, VendorPage page)
    {
        var different = new List<string>();
        var ran = await page.RanAsync();
        foreach (var vendor in Vendor.Names)
        {
            var heard = ran.Contains(vendor) ? await HeardAsync(page, vendor) : "(did not run)";
            if (heard != plain.Heard[vendor]) different.Add($"{vendor} heard {Short(heard)} and not {Short(plain.Heard[vendor])}");
        }
        Assert.True(different.Count == 0, $"{different.Count} vendors:\n{string.Join('\n', different)}");
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), ran);
    }
}
