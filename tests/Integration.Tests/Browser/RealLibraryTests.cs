using ConsentSnapshots.Integration.Tests.Postgres;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>What vendors' own libraries send and store, as far as they can be had, when consent is withdrawn, given again, or not asked for yet.</summary>
public sealed class RealLibraryTests(ChromiumFixture chromium)
{
    private const string ClarityUpload = "https://x.clarity.ms/collect";

    // As the vendor's own tag does: it fetches the library, and starts it before what the page queued.
    private const string ClarityTag =
        $$"""
        if (!clarity.v && !clarity.t) {
          clarity.t = true;
          const library = document.createElement('script');
          library.src = 'https://www.clarity.ms/s/clarity.js';
          document.head.append(library);
          clarity('start', { projectId: 'clarity1', upload: '{{ClarityUpload}}', delay: 100 });
          clarity.q.unshift(clarity.q.pop());
        }
        """;

    /// <summary>A vendor's library, the settings of its destination, what the page does to have something sent, and how to see that it runs and what it sent.</summary>
    private static readonly Dictionary<string, (string Library, string Settings, string File, string Running, string Act, string[] Sent)> s_vendors = new()
    {
        // Headless browsers are filtered as robots, unless this option says that the page's owner wants none filtered.
        ["posthog"] = ("https://eu-assets.i.posthog.com/static/array.js", """{"id":"phc_x","initOptions":{"opt_out_useragent_filter":true}}""", "posthog.js", "window.posthog && posthog.__loaded",
            "posthog.capture('seen', {}, { send_instantly: true })", ["https://eu.i.posthog.com/e/", "https://eu.i.posthog.com/i/v0/e/"]),
        ["mixpanel"] = ("https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"batch_requests":false}}""", "mixpanel.js", "window.mixpanel && mixpanel.__loaded",
            "mixpanel.track('seen', {}, { send_immediately: true })", ["https://api-js.mixpanel.com/track/"]),
        ["amplitude"] = ("https://cdn.amplitude.com/libs/analytics-browser-2.44.4-min.js.gz", """{"apiKey":"abcdefghijkl"}""", "amplitude.js", "window.amplitude && amplitude.getDeviceId && amplitude.getDeviceId()",
            "(amplitude.track('seen'), amplitude.flush())", ["https://api2.amplitude.com/2/httpapi"]),
        ["microsoft-clarity"] = ("https://www.clarity.ms/tag/clarity1", """{"id":"clarity1"}""", "clarity.js", "window.clarity && clarity.v",
            "(document.body.append(document.createElement('p')), document.body.click(), clarity('event', 'seen'))", [ClarityUpload]),
    };

    public static TheoryData<string> Vendors => [.. s_vendors.Keys];

    // Clarity's uploads follow each other by their answers: it is measured against another visitor's page.
    public static TheoryData<string> VendorsInFastTime => [.. s_vendors.Keys.Where(type => type != "microsoft-clarity")];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(VendorsInFastTime))]
    public async Task WithdrawnWithoutReload_SendsNothing_AndAgainAfterANewGrant(string type)
    {
        await using var page = await OpenAsync(type);
        await page.ChooseAsync(VendorPage.Everything);
        await RunningAsync(page, type);
        Assert.True(await SendsAsync(page, type), "Nothing is sent although consent is given.");

        await page.ChooseAsync();
        Assert.False(await SendsAsync(page, type), "Something is sent after the withdrawal.");

        await page.ChooseAsync(VendorPage.Everything);
        Assert.True(await SendsAsync(page, type), "Nothing is sent after the new grant.");
    }

    /// <summary>While another visitor's page uploads again and again, the one without consent does not, and goes on with a new grant.</summary>
    [Fact]
    public async Task Clarity_WithdrawnWithoutReload_UploadsNothing_AndAgainAfterANewGrant()
    {
        const string Type = "microsoft-clarity";
        await using var other = await OpenAsync(Type, withClock: false);
        await using var page = await OpenAsync(Type, withClock: false);
        foreach (var each in (VendorPage[])[other, page])
        {
            await each.ChooseAsync(VendorPage.Everything);
            await UploadsAsync(each, each, 1);
        }

        await page.ChooseAsync();
        // As it stops it sends what it gathered with consent, at a moment of its own.
        await UploadsAsync(other, page, 1);
        var before = Uploads(page);
        await UploadsAsync(other, page, 5);
        Assert.Equal(before, Uploads(page));

        await page.ChooseAsync(VendorPage.Everything);
        await UploadsAsync(page, page, 1);
    }

    [Theory]
    [MemberData(nameof(Vendors))]
    public async Task WithdrawnBeforeTheLibraryArrived_NeitherSendsNorStores_AndStartsWithANewGrant(string type)
    {
        await using var page = await OpenAsync(type, hold: true);
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        var (requests, stored) = (page.Site.Requests.Count, await StoredAsync(page));

        page.Site.Release();
        await page.SettleAsync();
        await page.Site.Page.Clock.RunForAsync(5_000).WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.Empty(page.Site.Requests.Skip(requests));
        Assert.Equal(stored, await StoredAsync(page));

        await page.ChooseAsync(VendorPage.Everything);
        await RunningAsync(page, type);
        Assert.True(await SendsAsync(page, type), "Nothing is sent after the new grant.");
    }

    /// <summary>A visitor who has not answered has not refused: no event, and no refusal that outlasts the page.</summary>
    [Theory]
    [InlineData("posthog")]
    [InlineData("mixpanel")]
    [InlineData("amplitude")]
    public async Task AlwaysLoads_NoAnswerYet_NoEventAndNoRefusalIsStored(string type)
    {
        await using var page = await OpenAsync(type, "necessary");
        await RunningAsync(page, type);

        Assert.False(await SendsAsync(page, type), "Something is sent before the visitor has answered.");
        var stored = await StoredAsync(page);
        // The other two have no denied state that they do not store; they are told the present one at every start.
        if (type == "posthog") Assert.DoesNotContain(stored, entry => entry.Contains("opt_in_out", StringComparison.Ordinal));

        await page.ChooseAsync(VendorPage.Everything);
        Assert.True(await SendsAsync(page, type), "Nothing is sent after the grant.");

        // PostHog then counts without cookies, as its organization chose by letting it always load (cookieless_mode "on_reject").
        await page.ChooseAsync();
        if (type != "posthog") Assert.False(await SendsAsync(page, type), "Something is sent after the withdrawal.");
    }

    private async Task<VendorPage> OpenAsync(string type, string? required = null, bool hold = false, bool withClock = true)
    {
        var vendor = s_vendors[type];
        var library = await File.ReadAllTextAsync(C15tBundle.Built(vendor.File), Cancel);
        return await VendorPage.OpenAsync(chromium, [ConsentWalk.Row(type, vendor.Settings, 1, required is null ? [] : [required])], new SiteCode(), site =>
        {
            site.Serve(vendor.Library, type == "microsoft-clarity" ? ClarityTag : library);
            site.Serve("https://www.clarity.ms/s/clarity.js", library);
            foreach (var url in s_vendors.Values.SelectMany(one => one.Sent)) site.Serve(url, "{}", "application/json");
            if (hold) site.Hold(vendor.Library);
        }, withClock);
    }

    private static int Uploads(VendorPage page) => page.Site.Requests.Count(url => url == ClarityUpload);

    /// <summary>Waits until a page has uploaded so many times more, while something happens on it and on the other.</summary>
    private static async Task UploadsAsync(VendorPage page, VendorPage other, int more)
    {
        var enough = Uploads(page) + more;
        await Eventually.TrueAsync(async () =>
        {
            foreach (var each in new[] { page, other }.Distinct()) await each.EvaluateAsync($"() => {{ {s_vendors["microsoft-clarity"].Act} }}");
            return Uploads(page) >= enough;
        }, "Clarity uploads", 30);
    }

    // The page's time is the test's, and so are its animation frames, by which the browser's driver would look.
    private static Task RunningAsync(VendorPage page, string type) => Eventually.TrueAsync(() => page.EvaluateAsync<bool>($"() => !!({s_vendors[type].Running})"), $"{type} runs");

    /// <summary>Whether something is sent when the page does what has its vendor send something, however long the library waits.</summary>
    private static async Task<bool> SendsAsync(VendorPage page, string type)
    {
        int Sent() => page.Site.Requests.Count(url => s_vendors[type].Sent.Any(start => url.StartsWith(start, StringComparison.Ordinal)));
        var before = Sent();
        await page.EvaluateAsync($"() => {{ {s_vendors[type].Act} }}");
        for (var second = 0; second < 5 && Sent() == before; second++)
        {
            await page.Site.Page.Clock.RunForAsync(2_000).WaitAsync(Cancel);
            await page.SettleAsync();
        }
        return Sent() > before;
    }

    /// <summary>What the browser keeps of the visitor, the consent client's own and the test's excepted.</summary>
    private static Task<string[]> StoredAsync(VendorPage page) => page.EvaluateAsync<string[]>(
        """
        () => [...document.cookie.split('; '), ...Object.entries(localStorage).map(entry => entry.join('='))]
          .map(text => { try { const [name, value] = [text.split('=')[0], text.split('=').slice(1).join('=')]; return name.startsWith('AMP_') ? name + '=' + decodeURIComponent(atob(value)) : text; } catch { return text; } })
          .filter(text => text && !text.startsWith('c15t'))
        """);
}
