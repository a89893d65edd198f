using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// The page that README.md tells a site developer to write, run as it stands there with the client's own consent store: the visitor's choices go through the store, the answers of the
/// edge through the page's own code, and each vendor is told what it should be.
/// </summary>
public sealed class ConsentStoreTests(ChromiumFixture chromium)
{
    private const string Edge = "https://edge.example/v1/acme/production/scripts";

    // Counts the page's questions and their answers, and notes under which consent each script element came.
    private const string Watch =
        """
        window.asked = window.answered = 0;
        window.came = [];
        const realFetch = window.fetch;
        window.fetch = async (...request) => {
          asked++;
          const response = await realFetch(...request), json = response.json.bind(response);
          response.json = async () => { const body = await json(); setTimeout(() => answered++, 0); return body; };
          return response;
        };
        const arrived = new WeakSet();
        for (const event of ['load', 'error']) document.addEventListener(event, ({ target }) => arrived.add(target), true);
        const settled = async before => {
          const deadline = performance.now() + 120000;
          while (asked === before || answered < asked) {
            if (performance.now() > deadline) throw new Error(`Asked ${asked} times, answered ${answered} times.`);
            await new Promise(resolve => setTimeout(resolve, 1));
          }
          // The client works through a new list in a task of its own; then the libraries arrive.
          do await new Promise(resolve => setTimeout(resolve, 1));
          while ([...document.scripts].some(script => script.src && !arrived.has(script)));
        };
        new MutationObserver(changes => {
          for (const element of changes.flatMap(change => [...change.addedNodes]))
            if (element.tagName === 'SCRIPT') came.push([element.src, Object.entries(consentStore.getState().consents).filter(([, granted]) => granted).map(([name]) => name)]);
        }).observe(document.documentElement, { childList: true, subtree: true });
        window.choose = async granted => {
          const before = asked, store = consentStore.getState();
          for (const category of ['functionality', 'experience', 'measurement', 'marketing']) store.setSelectedConsent(category, granted.includes(category));
          await store.saveConsents('custom');
          await settled(before);
        };
        window.begun = () => settled(0);
        """;

    private const string Look =
        """
        () => {
          const names = queue => [...(queue || [])].map(call => call[0]);
          return JSON.stringify({
            google: (window.dataLayer || []).filter(entry => entry[0] === 'consent').map(entry => [entry[1], entry[2]]),
            started: (window.dataLayer || []).filter(entry => entry[0] === 'config' || entry.event === 'gtm.js').length,
            uet: window.uetq ? (uetq.q || uetq).filter(part => part && part.ad_storage).map(part => part.ad_storage) : [],
            tiktok: names(window.ttq), meta: names(window.fbq && fbq.queue).filter(name => name !== 'consent').concat([...(window.fbq ? fbq.queue : [])].filter(call => call[0] === 'consent').map(call => call[1])),
            x: names(window.twq && twq.queue), posthog: names(window.posthog), hotjar: window._hjSettings ? 1 : 0,
          });
        }
        """;

    private static readonly Dictionary<string, string> LoaderNeeds = new()
    {
        ["https://www.googletagmanager.com/gtag/js?id=G-A"] = "measurement",
        ["https://www.googletagmanager.com/gtm.js?id=GTM-A"] = "necessary",
        ["https://bat.bing.com/bat.js"] = "necessary",
        ["https://analytics.tiktok.com/i18n/pixel/events.js?sdkid=C1&lib=ttq"] = "marketing",
        ["https://connect.facebook.net/en_US/fbevents.js"] = "marketing",
        ["https://static.ads-twitter.com/uwt.js"] = "marketing",
        ["https://eu-assets.i.posthog.com/static/array.js"] = "necessary",
        ["https://static.hotjar.com/c/hotjar-1.js?sv=6"] = "measurement",
    };

    private static readonly string[] Nothing = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReadmeSnippet_VisitorChangesConsentThereAndBack_EveryVendorIsToldAndNothingLoadsWithoutConsent()
    {
        await using var site = await OpenAsync(
            [
                ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 1, "necessary"), ConsentWalk.Row("google-analytics", """{"id":"G-A"}""", 2),
                ConsentWalk.Row("microsoft-uet", """{"id":"1"}""", 3, "necessary"), ConsentWalk.Row("tiktok-pixel", """{"pixelId":"C1"}""", 4),
                ConsentWalk.Row("meta-pixel", """{"pixelId":"1"}""", 5), ConsentWalk.Row("x-pixel", """{"pixelId":"o1"}""", 6),
                ConsentWalk.Row("posthog", """{"id":"phc_x"}""", 7, "necessary"), ConsentWalk.Row("hotjar", """{"siteId":1}""", 8),
            ]);
        await site.Page.EvaluateAsync("() => begun()").WaitAsync(Cancel);
        string[][] route = [[], ["measurement"], ["marketing"], ["measurement", "marketing"], [], ["marketing"], ["functionality", "experience", "measurement", "marketing"], ["measurement"]];
        var google = 0;
        JsonNode? last = null;
        var (marketing, measurement) = (new List<bool>(), new List<bool>());
        foreach (var (step, granted) in route.Index())
        {
            if (step > 0) await site.Page.EvaluateAsync("granted => choose(granted)", granted).WaitAsync(Cancel);
            var seen = JsonNode.Parse(await site.Page.EvaluateAsync<string>(Look).WaitAsync(Cancel))!;
            Note(marketing, granted.Contains("marketing"));
            Note(measurement, granted.Contains("measurement"));

            // Google: one default, then for each change updates that end with the right state and in between grant nothing that is not granted.
            var commands = seen["google"]!.AsArray();
            Assert.InRange(commands.Count - google, 1, 2);
            foreach (var (index, command) in commands.Index().Skip(google))
            {
                Assert.Equal(index == 0 ? "default" : "update", (string?)command![0]);
                Assert.False(index > 0 && JsonNode.DeepEquals(commands[index - 1]![1], command[1]), "An update that changes nothing.");
                foreach (var (signal, category) in (ReadOnlySpan<(string, string)>)[("analytics_storage", "measurement"), ("ad_storage", "marketing"), ("functionality_storage", "functionality")])
                {
                    var expected = granted.Contains(category) ? "granted" : "denied";
                    if (index == commands.Count - 1) Assert.Equal(expected, (string?)command[1]![signal]);
                    else Assert.True((string?)command[1]![signal] == "denied" || expected == "granted", $"{signal} is granted in between.");
                }
            }
            google = commands.Count;

            // The others: each change once, in order.
            Assert.Equal(marketing.Select(on => on ? "granted" : "denied"), Texts(seen["uet"]));
            var adverts = marketing.SkipWhile(on => !on).ToList();
            Assert.Equal(adverts.Count == 0 ? Nothing : ["grantConsent", "page", .. adverts.Skip(1).Select(on => on ? "grantConsent" : "revokeConsent")], Texts(seen["tiktok"]));
            Assert.Equal(adverts.Count == 0 ? Nothing : ["init", "track", .. adverts.Select(on => on ? "grant" : "revoke")], Texts(seen["meta"]));
            Assert.Equal(adverts.Count == 0 ? Nothing : ["config"], Texts(seen["x"]));
            Assert.Equal(measurement.Select((on, step) => on ? "opt_in_capturing" : step == 0 ? "clear_opt_in_out_capturing" : "opt_out_capturing"), Texts(seen["posthog"]));
            Assert.Equal(measurement.Contains(true) ? 1 : 0, (int)seen["hotjar"]!);
            last = seen;
        }
        Assert.Equal(2, (int)last!["started"]!);

        // No loader came to a page without its consent, and each ran once.
        var came = JsonNode.Parse(await site.Page.EvaluateAsync<string>("() => JSON.stringify(came)").WaitAsync(Cancel))!.AsArray();
        var loaders = came.Where(element => (string?)element![0] != "").ToList();
        Assert.All(loaders, element => Assert.Contains(LoaderNeeds[(string)element![0]!], Texts(element[1])));
        await site.Page.WaitForFunctionAsync($"() => window.ran && ran.length >= {LoaderNeeds.Count}").WaitAsync(Cancel);
        Assert.Equal(LoaderNeeds.Keys.Order(StringComparer.Ordinal), (await site.Page.EvaluateAsync<string[]>("() => ran").WaitAsync(Cancel)).Order(StringComparer.Ordinal));
        Assert.Empty(site.Errors);
    }

    /// <summary>The page of the snippet in README.md, for the scope of these rows; the edge's answers are what the generator makes.</summary>
    private async Task<OfflineSite> OpenAsync(IEnumerable<OpenedDestination> rows)
    {
        var snapshots = ConsentWalk.Snapshots(rows);
        var site = await chromium.OpenAsync("<!doctype html><title>A site</title>", Cancel);
        site.ServeEveryOtherScript("(window.ran = window.ran || []).push(document.currentScript.src)");
        site.ServeJson(Edge, request =>
        {
            var set = ConsentQuery.ParseValue(Uri.UnescapeDataString(request.Query["?consent=".Length..])).Consent;
            return new JsonObject { ["scripts"] = snapshots[set.Index]!.DeepClone() }.ToJsonString();
        });
        await site.AddC15tAsync(Cancel);
        var page = await ReadmeRecipe.ReadAsync(Edge, C15tBundle.WithoutBackend, Cancel);
        await site.Page.EvaluateAsync($"() => {{ {Watch}\n{page}\nwindow.consentStore = consentStore; }}").WaitAsync(Cancel);
        return site;
    }

    private static void Note(List<bool> states, bool state)
    {
        if (states.Count == 0 || states[^1] != state) states.Add(state);
    }

    private static string[] Texts(JsonNode? list) => [.. list!.AsArray().Select(text => (string)text!)];
}
