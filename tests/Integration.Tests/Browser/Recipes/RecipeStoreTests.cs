using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What vendors find in their queues as the visitor grants and withdraws on a page that stays: no library has arrived that would take the calls over.</summary>
public sealed class RecipeStoreTests(ChromiumFixture chromium)
{
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

    private static readonly WalkedScope s_scope = new(1,
        new("google-tag-manager", "necessary"), new("google-analytics", "measurement"), new("microsoft-uet", "necessary"), new("tiktok-pixel", "marketing"),
        new("meta-pixel", "marketing"), new("x-pixel", "marketing"), new("posthog", "necessary"), new("hotjar", "measurement"));

    private static readonly Dictionary<string, Func<PageKind>> s_kinds = new()
    {
        ["the list"] = () => new PlainPage("2.2.1", "page.js", OnWithdrawal.Stay) { Versions = [s_scope] },
        ["an answer for each consent"] = () => new AnswerPage(OnWithdrawal.Stay) { Versions = [s_scope] },
    };

    private static readonly string[] Nothing = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Kinds => [.. s_kinds.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Consent_ThereAndBack_EveryVendorIsToldEachChangeOnce(string name)
    {
        var kind = s_kinds[name]();
        await using var page = await RecipePage.OpenAsync(chromium, kind, s_scope, prepare: site =>
        {
            foreach (var vendor in Vendor.All) site.Serve(vendor.Library, "");
            return Task.CompletedTask;
        });
        var requests = 0;
        string[][] route = [[], ["measurement"], ["marketing"], ["measurement", "marketing"], [], ["marketing"], ["functionality", "experience", "measurement", "marketing"], ["measurement"]];
        var google = 0;
        JsonNode? last = null;
        var (marketing, measurement) = (new List<bool>(), new List<bool>());
        foreach (var (step, granted) in route.Index())
        {
            if (step > 0) await kind.ChooseAsync(page.Page, granted);
            await page.SettleAsync();
            Assert.Empty(page.AskedSince(requests).Except(s_scope.Permitted(granted)));
            requests = page.Site.Requests.Count;
            var seen = JsonNode.Parse(await page.Page.EvaluateAsync<string>(Look).WaitAsync(Cancel))!;
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
        Assert.Equal(s_scope.Permitted(["measurement", "marketing"]).Order(StringComparer.Ordinal), page.AskedSince(0).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    private static void Note(List<bool> states, bool state)
    {
        if (states.Count == 0 || states[^1] != state) states.Add(state);
    }

    private static string[] Texts(JsonNode? list) => [.. list!.AsArray().Select(text => (string)text!)];
}
