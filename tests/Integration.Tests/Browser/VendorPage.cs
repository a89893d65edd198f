using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The consent client of a page.</summary>
internal enum ConsentClient
{
    /// <summary>c15t 2.2.1 told not to reload the page on a withdrawal.</summary>
    WithoutReload,

    /// <summary>c15t 2.2.1 as it is by default: it reloads the page on a withdrawal.</summary>
    Reloading,

    /// <summary>c15t 1.8.6, which never reloads the page.</summary>
    Older,
}

/// <summary>What a site's developer wrote, and what the site's policy is.</summary>
internal sealed record SiteCode
{
    public ConsentClient Client { get; init; }

    /// <summary>Elements at the beginning of the body.</summary>
    public string Markup { get; init; } = "";

    /// <summary>Elements of the head, before all scripts.</summary>
    public string Head { get; init; } = "";

    /// <summary>A script of the site that runs before the client starts.</summary>
    public string Before { get; init; } = "";

    /// <summary>A script of the site that runs after the client has started.</summary>
    public string After { get; init; } = "";

    /// <summary>Further options of the client, as the inside of a JavaScript object.</summary>
    public string Options { get; init; } = "";

    /// <summary>Where the visitor is: <c>DE</c> is asked for consent, <c>US-CA</c> may opt out.</summary>
    public string Country { get; init; } = "DE";

    /// <summary>The site's content security policy, if it has one.</summary>
    public string? Policy { get; init; }

    /// <summary>The nonce of the page's own scripts, if they have one.</summary>
    public string? Nonce { get; init; }

    /// <summary>Whether the client starts in the head, before there is a body.</summary>
    public bool InHead { get; init; }

    /// <summary>Whether the scripts of the head wait for the document.</summary>
    public bool Deferred { get; init; }

    /// <summary>How the list is handed to the client; <c>list</c> is the list, <c>options</c> the options of the client.</summary>
    public string Start { get; init; } = "site.start({ ...options, scripts: list });";
}

/// <summary>
/// A site's page whose consent client has the script list of some destinations, in a browser where every vendor's library is a stand-in that notes what it found and is told
/// (<c>tests/browser/libraries.js</c>). Tests look at what a visitor, the site's developer or the vendor sees, never at how our scripts do it.
/// </summary>
internal sealed class VendorPage : IAsyncDisposable
{
    public static readonly string[] Everything = ["functionality", "experience", "measurement", "marketing"];

    private VendorPage(OfflineSite site, JsonArray list, JsonNode policy)
    {
        Site = site;
        List = list;
        Policy = policy;
    }

    public OfflineSite Site { get; }

    /// <summary>The script list that the client has.</summary>
    public JsonArray List { get; }

    /// <summary>What the list needs of a content security policy.</summary>
    public JsonNode Policy { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The list of these destinations with every consent, and its policy.</summary>
    public static JsonNode Snapshot(IEnumerable<OpenedDestination> rows)
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn)
            .Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), rows);
        Assert.Empty(generated.Problems);
        return JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!;
    }

    /// <summary>Opens a page for these destinations, and waits until its client has started and what it loaded has run.</summary>
    /// <param name="withClock">Whether the test can let the page's time pass faster.</param>
    /// <param name="prepare">Says beforehand what the site and the vendors answer, and what is held back.</param>
    public static async Task<VendorPage> OpenAsync(ChromiumFixture chromium, IReadOnlyList<OpenedDestination> rows, SiteCode code, Action<OfflineSite>? prepare = null, bool withClock = false)
    {
        var snapshot = Snapshot(rows);
        var list = snapshot["scripts"]!.AsArray();
        var site = await chromium.OpenAsync(Html(code), async site =>
        {
            foreach (var vendor in Vendor.All) site.Serve(vendor.Library, vendor.StandIn);
            site.ServeEveryOtherScript("");
            await ServeOwnAsync(site, code, list);
            await site.Page.AddInitScriptAsync(await File.ReadAllTextAsync(C15tBundle.Source("libraries.js"), Cancel));
            if (withClock) await site.Page.Clock.InstallAsync();
            prepare?.Invoke(site);
        }, Cancel);
        var page = new VendorPage(site, list, snapshot["metadata"]!["csp"]!);
        await page.SettleAsync();
        return page;
    }

    /// <summary>The visitor's answer in the consent dialog: exactly these categories.</summary>
    public async Task ChooseAsync(params string[] granted)
    {
        await EvaluateAsync("granted => site.choose(granted)", granted);
        await SettleAsync();
    }

    /// <summary>The visitor's answer in the dialog of a page that the client then reloads.</summary>
    public async Task ChooseAndReloadAsync(params string[] granted)
    {
        await EvaluateAsync("granted => { window.left = true; site.choose(granted) }", granted);
        await Site.Page.WaitForFunctionAsync("() => !window.left").WaitAsync(Cancel);
        await SettleAsync();
    }

    /// <summary>Waits until what the page loads has run, the held back excepted.</summary>
    public async Task SettleAsync()
    {
        await Site.Page.WaitForFunctionAsync("() => window.site && site.ready").WaitAsync(Cancel);
        await EvaluateAsync("() => site.ready");
        await Site.SettleAsync(Cancel);
    }

    public Task EvaluateAsync(string script, object? argument = null) => Site.Page.EvaluateAsync(script, argument).WaitAsync(Cancel);

    public Task<T> EvaluateAsync<T>(string script, object? argument = null) => Site.Page.EvaluateAsync<T>(script, argument).WaitAsync(Cancel);

    /// <summary>The value of a JavaScript expression, as JSON.</summary>
    public async Task<JsonNode?> ValueAsync(string expression) => JsonNode.Parse(await EvaluateAsync<string>($"() => JSON.stringify({expression} ?? null)"));

    /// <summary>The vendors whose library ran so far, in alphabetical order, each as often as it ran.</summary>
    public async Task<string[]> RanAsync() => [.. (await EvaluateAsync<string[]>("() => libraries.ran()")).Order(StringComparer.Ordinal)];

    /// <summary>Everything that a vendor's library found as it ran, and was told since.</summary>
    public async Task<string[]> HeardByAsync(string vendor) =>
        await EvaluateAsync<string[]>("vendor => libraries.heardBy(vendor).map(call => JSON.stringify(call))", vendor);

    /// <summary>What each vendor was told since the last look.</summary>
    public async Task<IReadOnlyList<string>> ToldSinceAsync(int from) =>
        await EvaluateAsync<string[]>("from => libraries.notes(from).map(({ page, ...note }) => JSON.stringify(note))", from);

    /// <summary>How many notes there are, for <see cref="ToldSinceAsync"/>.</summary>
    public Task<int> NotesAsync() => EvaluateAsync<int>("() => libraries.notes(0).length");

    /// <summary>What the vendors that are told take the visitor's consent to be, those whose library ran; a vendor that was not told says so.</summary>
    public async Task<Dictionary<string, string>> StatesAsync() =>
        (await EvaluateAsync<string[][]>("told => told.filter(vendor => libraries.ran().includes(vendor)).map(vendor => [vendor, libraries.state(vendor) || 'was told nothing'])", Vendor.NamesOfTold.ToArray()))
        .ToDictionary(entry => entry[0], entry => entry[1]);

    /// <summary>Asserts what every vendor that is told takes the visitor's consent to be.</summary>
    public async Task AssertStateAsync(string expected, IEnumerable<string>? vendors = null)
    {
        var states = await StatesAsync();
        var different = (vendors ?? Vendor.NamesOfTold).Where(vendor => states.GetValueOrDefault(vendor) != expected).Select(vendor => $"{vendor}: {states.GetValueOrDefault(vendor, "did not run")}").ToList();
        Assert.True(different.Count == 0, $"Not {expected}: {string.Join(", ", different)}");
    }

    public ValueTask DisposeAsync() => Site.DisposeAsync();

    private static async Task ServeOwnAsync(OfflineSite site, SiteCode code, JsonArray list)
    {
        var options = (code.Client == ConsentClient.Older
            ? ""
            : $"mode: 'offline', {(code.Client == ConsentClient.WithoutReload ? "reloadOnConsentRevoked: false, " : "")}")
            + (code.Country == "DE"
                ? "offlinePolicy: { policyPacks: [c15t.policyPackPresets?.europeOptIn()] }, overrides: { country: 'DE' }, "
                : "offlinePolicy: { policyPacks: [c15t.policyPackPresets?.californiaOptOut()] }, overrides: { country: 'US', region: 'CA' }, ")
            + (code.Nonce is { } nonce ? $"nonce: '{nonce}', " : "") + code.Options;
        site.Serve(OfflineSite.Origin + "client.js", await File.ReadAllTextAsync(code.Client == ConsentClient.Older ? C15tBundle.Built("c15t-1.8.6.js") : C15tBundle.Path, Cancel));
        site.Serve(OfflineSite.Origin + "site.js", await File.ReadAllTextAsync(C15tBundle.Source("site.js"), Cancel));
        site.Serve(OfflineSite.Origin + "before.js", code.Before);
        site.Serve(OfflineSite.Origin + "start.js", $"(() => {{ const list = {list.ToJsonString()}, options = {{ {options} }}; {code.Start} }})();");
        site.Serve(OfflineSite.Origin + "after.js", code.After);
    }

    private static string Html(SiteCode code)
    {
        var nonce = code.Nonce is { } value ? $" nonce=\"{value}\"" : "";
        var defer = code.Deferred ? " defer" : "";
        var scripts = string.Concat(((string[])["before", "client", "site", "start", "after"]).Select(name => $"<script{nonce}{defer} src=\"/{name}.js\"></script>"));
        var policy = code.Policy is { } content ? $"<meta http-equiv=\"Content-Security-Policy\" content=\"{content}\">" : "";
        return $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{policy}<title>A site</title>{code.Head}{(code.InHead ? scripts : "")}</head>"
            + $"<body>{code.Markup}<main><h1>A site</h1></main>{(code.InHead ? "" : scripts)}</body></html>";
    }
}
