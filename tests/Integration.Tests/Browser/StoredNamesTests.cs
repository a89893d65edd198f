using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Integration.Tests.Postgres;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// What vendors' own libraries leave in a browser, against what the list says of it: a page that erases as the list says leaves nothing of theirs, nothing of the site's is erased, and what was
/// refused stays refused.
/// </summary>
public sealed class StoredNamesTests(ChromiumFixture chromium)
{
    private const string Key = "0123456789abcdefghijklmnopq";

    private const string ClarityTag =
        """
        if (!clarity.v && !clarity.t) {
          clarity.t = true;
          const library = document.createElement('script');
          library.src = 'https://www.clarity.ms/s/clarity.js';
          document.head.append(library);
          clarity('start', { projectId: 'clarity1', upload: 'https://x.clarity.ms/collect', delay: 100 });
          clarity.q.unshift(clarity.q.pop());
        }
        """;

    /// <summary>By a word for the case: the type, its settings, its library, how to see that it runs, what the page does then, and where it sends events.</summary>
    private static readonly Dictionary<string, (string Type, string Settings, string Library, string File, string Running, string Act, string[] Sent)> s_cases = new()
    {
        ["posthog"] = PostHog(""),
        ["posthog with names of the site's own"] = PostHog(",\"persistence_name\":\"shop\""),
        ["posthog in cookies alone"] = PostHog(",\"persistence\":\"cookie\",\"opt_out_capturing_persistence_type\":\"cookie\""),
        ["posthog in the session alone"] = PostHog(",\"persistence\":\"sessionStorage\""),
        ["posthog with a record of its own name"] = PostHog(",\"consent_persistence_name\":\"answer\""),
        ["posthog in debug mode"] = PostHog(",\"debug\":true"),
        ["mixpanel"] = Mixpanel(""),
        ["mixpanel with names of the site's own"] = Mixpanel(",\"persistence_name\":\"shop\",\"persistence\":\"localStorage\""),
        ["mixpanel with a record of its own name"] = Mixpanel(",\"opt_out_tracking_cookie_prefix\":\"answer_\",\"opt_out_tracking_persistence_type\":\"cookie\""),
        ["amplitude"] = Amplitude("{}"),
        ["amplitude in localStorage"] = Amplitude("""{"identityStorage":"localStorage"}"""),
        ["microsoft-clarity"] = ("microsoft-clarity", """{"id":"clarity1"}""", "https://www.clarity.ms/tag/clarity1", "clarity.js", "window.clarity && clarity.v && document.cookie.includes('_clsk')",
            "(document.body.append(document.createElement('p')), document.body.click(), clarity('event', 'seen'))", ["https://x.clarity.ms/collect"]),
        ["segment"] = ("segment", $$"""{"writeKey":"{{Key}}"}""", $"https://cdn.segment.com/analytics.js/v1/{Key}/analytics.min.js", "segment.js", "window.analytics && analytics.initialized", ActsAs("analytics"), []),
        ["hightouch"] = ("hightouch", $$"""{"writeKey":"{{Key}}"}""", "https://cdn.hightouch-events.com/browser/release/v1-latest/events.min.js", "hightouch.js", "window.htevents && htevents.initialized",
            ActsAs("htevents"), []),
        ["rudderstack"] = RudderStack(""),
        ["rudderstack in localStorage"] = RudderStack(""","loadOptions":{"storage":{"type":"localStorage"}}"""),
        ["rudderstack in the session"] = RudderStack(""","loadOptions":{"storage":{"type":"sessionStorage"}}"""),
    };

    // These go on until the page is left: nothing tells them of a withdrawal. Their services do not answer, so that events wait in the browser.
    private static readonly string[] s_goOn = ["segment", "hightouch", "rudderstack"];

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    // Clarity sends what it gathered before at a moment of its own; RealLibraryTests measure it.
    public static TheoryData<string> CasesThatCanBeCounted => [.. s_cases.Where(one => one.Key != "microsoft-clarity" && !s_goOn.Contains(one.Value.Type)).Select(one => one.Key)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Withdrawn_AndErasedAsTheListSays_NothingOfTheVendorIsLeft(string name)
    {
        await using var page = await OpenAsync(name, name == "microsoft-clarity" ? [] : null);
        await PutOwnAsync(page);
        await page.ChooseAsync(VendorPage.Everything);
        await RunsAndActsAsync(page, name);
        // It has left something, or the test shows nothing.
        Assert.NotEmpty((await StoredAsync(page)).Except(s_own));

        await page.ChooseAsync();
        await EraseAsync(page, name, []);

        var kept = Kept(name);
        var left = (await StoredAsync(page)).Except(s_own).Where(entry => !kept.Contains(entry)).ToList();
        Assert.True(left.Count == 0, $"Left: {string.Join(", ", left)}");
        Assert.Subset((await StoredAsync(page)).ToHashSet(), s_own.ToHashSet());
    }

    /// <summary>Who the visitor is, and what is not sent yet: the cases above have seen both.</summary>
    [Theory]
    [InlineData("segment", "cookie ajs_anonymous_id", "localStorage ajs_user_traits", "localStorage persisted-queue:v1:")]
    [InlineData("hightouch", "cookie htjs_anonymous_id", "localStorage htjs_user_traits", "localStorage persisted-queue:v1:")]
    [InlineData("rudderstack", "cookie rl_anonymous_id", "cookie rl_trait", "localStorage rudder_")]
    public async Task ServiceDoesNotAnswer_VisitorAndEventsAreInTheBrowser(string name, params string[] expected)
    {
        await using var page = await OpenAsync(name);
        await page.ChooseAsync("measurement");
        await RunsAndActsAsync(page, name);

        var stored = await StoredAsync(page);

        Assert.All(expected, start => Assert.True(stored.Any(entry => entry.StartsWith(start, StringComparison.Ordinal)), $"No {start} in: {string.Join(", ", stored)}"));
    }

    /// <summary>With the consent that it needs, nothing of it is erased.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Granted_AndErasedAsTheListSays_NothingIsErased(string name)
    {
        await using var page = await OpenAsync(name, name == "microsoft-clarity" ? [] : null);
        await page.ChooseAsync("measurement");
        await RunsAndActsAsync(page, name);
        var before = await StoredAsync(page);

        await EraseAsync(page, name, ["measurement"]);

        Assert.Equal(before, await StoredAsync(page));
    }

    /// <summary>The library that still runs finds its names gone; it must not take that for a visitor who was never asked.</summary>
    [Theory]
    [MemberData(nameof(CasesThatCanBeCounted))]
    public async Task WithdrawnAndErased_StaysWithdrawn_AndWorksAgainAfterANewGrant(string name)
    {
        await using var page = await OpenAsync(name);
        await page.ChooseAsync(VendorPage.Everything);
        await RunsAndActsAsync(page, name);
        Assert.True(await SendsAsync(page, name), "Nothing is sent although consent is given.");

        await page.ChooseAsync();
        await EraseAsync(page, name, []);
        Assert.False(await SendsAsync(page, name), "Something is sent after the withdrawal.");

        await page.ChooseAsync(VendorPage.Everything);
        Assert.True(await SendsAsync(page, name), "Nothing is sent after the new grant.");
    }

    /// <summary>A library that always loads follows the visitor with a grant only, so what it leaves goes with the grant.</summary>
    [Theory]
    [InlineData("mixpanel")]
    [InlineData("amplitude")]
    [InlineData("posthog")]
    public async Task AlwaysLoads_WithdrawnAndErased_NothingOfTheVendorIsLeft(string name)
    {
        await using var page = await OpenAsync(name, ["necessary"]);
        await page.ChooseAsync(VendorPage.Everything);
        await RunsAndActsAsync(page, name);

        await page.ChooseAsync();
        await EraseAsync(page, name, [], "necessary");

        var kept = Kept(name, "necessary");
        var left = (await StoredAsync(page)).Where(entry => !kept.Contains(entry)).ToList();
        Assert.True(left.Count == 0, $"Left: {string.Join(", ", left)}");
    }

    // What a site may have beside: names that only look like a vendor's.
    private static readonly string[] s_own = ["cookie session", "cookie ph_theme", "localStorage cart", "localStorage mp_volume", "sessionStorage AMP_open", "localStorage ph_shopping"];

    private static Task PutOwnAsync(VendorPage page) => page.EvaluateAsync(
        """
        own => own.forEach(entry => {
          const [store, name] = entry.split(' ');
          if (store === 'cookie') document.cookie = `${name}=1; path=/`;
          else window[store].setItem(name, '1');
        })
        """, s_own);

    private static (string, string, string, string, string, string, string[]) PostHog(string options) =>
        ("posthog", $$"""{"id":"phc_x","initOptions":{"opt_out_useragent_filter":true{{options}}} }""", "https://eu-assets.i.posthog.com/static/array.js", "posthog.js", "window.posthog && posthog.__loaded",
            "posthog.capture('seen', {}, { send_instantly: true })", ["https://eu.i.posthog.com/e/", "https://eu.i.posthog.com/i/v0/e/"]);

    private static (string, string, string, string, string, string, string[]) Mixpanel(string options) =>
        ("mixpanel", $$"""{"token":"0123456789abcdef0123456789abcdef","initOptions":{"batch_requests":false{{options}}} }""", "https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js", "mixpanel.js",
            "window.mixpanel && mixpanel.__loaded", "mixpanel.track('seen', {}, { send_immediately: true })", ["https://api-js.mixpanel.com/track/"]);

    private static (string, string, string, string, string, string, string[]) Amplitude(string options) =>
        ("amplitude", $$"""{"apiKey":"abcdefghijkl","initOptions":{{options}}}""", "https://cdn.amplitude.com/libs/analytics-browser-2.44.4-min.js.gz", "amplitude.js",
            "window.amplitude && amplitude.getDeviceId && amplitude.getDeviceId()", "(amplitude.track('seen'), amplitude.flush())", ["https://api2.amplitude.com/2/httpapi"]);

    private static (string, string, string, string, string, string, string[]) RudderStack(string options) =>
        ("rudderstack", $$"""{"writeKey":"{{Key}}","dataPlaneUrl":"https://rs.example"{{options}} }""", "https://cdn.rudderlabs.com/v3/modern/rsa.min.js", "rudderstack.js",
            "window.rudderanalytics && rudderanalytics.getAnonymousId && rudderanalytics.getSessionId()", ActsAs("rudderanalytics"), []);

    private static string ActsAs(string library) => $"({library}.identify('visitor', {{ plan: 'one' }}), {library}.group('group', {{ size: 1 }}), {library}.track('seen'), window.dispatchEvent(new Event('pagehide')))";

    /// <summary>What the vendors' services tell their libraries of a source.</summary>
    private static readonly (string Url, string Json)[] s_sources =
    [
        ($"https://cdn.segment.com/v1/projects/{Key}/settings", $$"""{"integrations":{"Segment.io":{"apiKey":"{{Key}}","unbundledIntegrations":[],"addBundledMetadata":true} } }"""),
        ("https://api.rudderstack.com/sourceConfig/", $$"""
            {"source":{"id":"source","name":"site","writeKey":"{{Key}}","enabled":true,"workspaceId":"workspace","destinations":[],"connections":[],
             "config":{"statsCollection":{"errors":{"enabled":false},"metrics":{"enabled":false} } } },"updatedAt":"2026-01-01T00:00:00.000Z"}
            """),
    ];

    private static OpenedDestination Row(string name, params string[] required) => ConsentWalk.Row(s_cases[name].Type, s_cases[name].Settings, 1, required);

    private async Task<VendorPage> OpenAsync(string name, string[]? required = null)
    {
        var vendor = s_cases[name];
        var library = await File.ReadAllTextAsync(C15tBundle.Built(vendor.File), Cancel);
        return await VendorPage.OpenAsync(chromium, [Row(name, required ?? [])], new SiteCode(), site =>
        {
            site.Serve(vendor.Library, vendor.Type == "microsoft-clarity" ? ClarityTag : library);
            site.Serve("https://www.clarity.ms/s/clarity.js", library);
            foreach (var url in s_cases.Values.SelectMany(one => one.Sent)) site.Serve(url, "{}", "application/json");
            foreach (var (url, json) in s_sources) site.Serve(url, json, "application/json");
        }, withClock: vendor.Type != "microsoft-clarity");
    }

    private static async Task RunsAndActsAsync(VendorPage page, string name)
    {
        await Eventually.TrueAsync(() => page.EvaluateAsync<bool>($"() => !!({s_cases[name].Running})"), $"{name} runs");
        await page.EvaluateAsync($"() => {{ {s_cases[name].Act} }}");
        await LetTimePassAsync(page, name);
    }

    private static async Task LetTimePassAsync(VendorPage page, string name)
    {
        if (name != "microsoft-clarity") await page.Site.Page.Clock.RunForAsync(2_000).WaitAsync(Cancel);
        await page.SettleAsync();
    }

    private static async Task<bool> SendsAsync(VendorPage page, string name)
    {
        int Sent() => page.Site.Requests.Count(url => s_cases[name].Sent.Any(start => url.StartsWith(start, StringComparison.Ordinal)));
        var before = Sent();
        await page.EvaluateAsync($"() => {{ {s_cases[name].Act} }}");
        for (var turn = 0; turn < 5 && Sent() == before; turn++) await LetTimePassAsync(page, name);
        return Sent() > before;
    }

    /// <summary>What the scope's list tells a page to erase.</summary>
    private static JsonArray Erase(string name, params string[] required)
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), [Row(name, required)]);
        var at = DateTimeOffset.UnixEpoch.AddDays(20_000);
        var manifest = Manifest.Create(
            new ManifestEnvelope
            {
                Scope = generated.Scope,
                Version = 1,
                GeneratedAt = at,
                PublicationId = Guid.NewGuid(),
                Generator = "test",
                SourceEpoch = 1,
                SourceRevision = 1,
                Fingerprint = generated.Content.Fingerprint,
            },
            generated.Content, [.. generated.Content.Lists.Select(list => new Snapshot(generated.Content.SnapshotBytes(list)))], [.. Enumerable.Repeat(new CombinationSince(1, at), ConsentSet.Count)]);
        return JsonNode.Parse(manifest.ListBytes())!["erase"]!.AsArray();
    }

    /// <summary>Erases as any page could that reads the list: nothing here is the product's.</summary>
    private static Task EraseAsync(VendorPage page, string name, string[] granted, params string[] required) => page.EvaluateAsync(
        """
        ([erase, granted]) => {
          const holds = (condition) => typeof condition === 'string' ? condition === 'necessary' || granted.includes(condition)
            : condition.and ? condition.and.every(holds) : condition.or ? condition.or.some(holds) : false;
          const means = (pattern) => (name) => pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
          for (const { unless, ...entry } of JSON.parse(erase)) {
            if (holds(unless)) continue;
            const [[store, pattern]] = Object.entries(entry);
            if (store !== 'cookie') Object.keys(window[store]).filter(means(pattern)).forEach((key) => window[store].removeItem(key));
            else for (const cookie of document.cookie.split('; ').map((one) => one.split('=')[0]).filter(means(pattern)))
              for (const domain of ['', '; domain=site.example']) document.cookie = `${cookie}=; max-age=0; path=/${domain}`;
          }
        }
        """, new object[] { Erase(name, required).ToJsonString(), granted });

    /// <summary>The records of the visitor's own answer, which the list leaves alone.</summary>
    private static string[] Kept(string name, params string[] required)
    {
        var listed = Erase(name, required).ToJsonString();
        string[] kept =
        [
            "localStorage __ph_opt_in_out_phc_x", "cookie __ph_opt_in_out_phc_x", "localStorage answer", "localStorage __mp_opt_in_out_0123456789abcdef0123456789abcdef",
            "cookie answer_0123456789abcdef0123456789abcdef",
        ];
        foreach (var entry in kept) Assert.DoesNotContain($"\"{entry.Split(' ')[1]}\"", listed, StringComparison.Ordinal);
        return kept;
    }

    /// <summary>Every cookie and key of the page, the consent client's own and the test's excepted.</summary>
    private static async Task<string[]> StoredAsync(VendorPage page) =>
        [.. (await page.EvaluateAsync<string[]>(
            """
            () => [
              ...document.cookie.split('; ').filter(Boolean).map(cookie => `cookie ${cookie.split('=')[0]}`),
              ...['localStorage', 'sessionStorage'].flatMap(store => Object.keys(window[store]).map(key => `${store} ${key}`)),
            ].filter(entry => !/ (c15t|libraries)/.test(entry))
            """)).Order(StringComparer.Ordinal)];
}
