using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// Google is told the right state in any order of consent sets, by the real client in a real browser. The mapping expected is written down
/// here by hand, not taken from the code under test.
/// </summary>
public sealed class GoogleConsentModeTests(ChromiumFixture chromium)
{
    /// <summary>The categories each signal needs; null: it is never granted.</summary>
    private static readonly Dictionary<string, string[]?> DefaultMapping = new()
    {
        ["security_storage"] = [],
        ["functionality_storage"] = ["functionality"],
        ["personalization_storage"] = ["experience"],
        ["analytics_storage"] = ["measurement"],
        ["ad_storage"] = ["marketing"],
        ["ad_user_data"] = ["marketing"],
        ["ad_personalization"] = ["marketing"],
    };

    /// <summary>What Google's own scripts would be: they only say that they ran.</summary>
    internal static readonly Dictionary<string, string> Vendors = new()
    {
        ["https://www.googletagmanager.com/gtag/js"] = "(window.ran = window.ran || []).push(document.currentScript.src)",
        ["https://www.googletagmanager.com/gtm.js"] = "(window.ran = window.ran || []).push(document.currentScript.src)",
    };

    // Each consent command since the last look, in order, with the events the container sees.
    private const string Look =
        """
        (() => {
          const layer = window.dataLayer || [], from = window.looked || 0;
          window.looked = layer.length;
          return layer.slice(from).map(entry => 'length' in entry ? [...entry].map(part => part instanceof Date ? 'date' : part) : entry);
        })()
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var scope in (string[])["gtm-always", "ga-measurement", "ga-and-gtm", "ga-always-and-gtm-marketing", "custom-mapping", "two-mappings", "empty-mapping", "partial-mapping"])
                for (var seed = 1; seed <= 2; seed++) cases.Add(scope, seed);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task AnyRoute_EveryStep_GoogleKnowsTheState(string scope, int seed)
    {
        var (rows, permitted, mapping) = Scope(scope);
        await using var walk = await ConsentWalk.OpenAsync(chromium, rows, Vendors, Cancel);
        var route = ConsentWalk.Route(seed, 60);
        // The client's shortest way through everything first: each set from each neighbour, so that seeds only add to it.
        route.InsertRange(0, seed == 1 ? ConsentSet.All.Select(set => (set, WalkStyle.AtOnce)) : []);
        var steps = await walk.GoAsync(route, Look, Cancel);

        JsonObject? told = null;
        var defaults = 0;
        foreach (var ((set, _), commands) in route.Zip(steps.Select(step => step!.AsArray())))
        {
            var expected = State(mapping, permitted(set) ? set : null);
            foreach (var command in commands.OfType<JsonArray>().Where(command => (string?)command[0] == "consent"))
            {
                var state = command[2]!.AsObject();
                Assert.Equal(mapping.Keys.Order(), state.Select(signal => signal.Key).Order());
                if ((string?)command[1] == "default")
                {
                    defaults++;
                    Assert.Null(told);
                }
                else
                {
                    Assert.Equal("update", (string?)command[1]);
                    Assert.False(JsonNode.DeepEquals(told, state), "An update that changes nothing.");
                }
                foreach (var (signal, value) in state)
                    if ((string?)value == "granted") Assert.Equal("granted", expected[signal]); // nothing in between grants more
                told = state;
            }
            if (told is null) Assert.False(permitted(set));
            else Assert.Equal(expected, told.ToDictionary(signal => signal.Key, signal => (string)signal.Value!));
        }
        Assert.Equal(1, defaults);

        // No tag started twice, and each of Google's scripts ran once.
        var everything = steps.SelectMany(step => step!.AsArray()).ToList();
        var started = everything.Where(entry => entry is JsonArray command && (string?)command[0] is "js" or "config").Select(entry => entry!.ToJsonString());
        Assert.Equal(started.Distinct(), started);
        Assert.Equal(rows.Count(row => row.Row.Type == "google-tag-manager"), everything.Count(entry => entry is JsonObject pushed && (string?)pushed["event"] == "gtm.js"));
        await walk.Site.Page.WaitForFunctionAsync("count => window.ran && ran.length >= count", rows.Length).WaitAsync(Cancel);
        var ran = await walk.Site.Page.EvaluateAsync<string[]>("() => window.ran").WaitAsync(Cancel);
        Assert.Equal(ran.Distinct(), ran);
        Assert.Equal(rows.Length, ran.Length);
    }

    [Fact]
    public async Task AtOnce_ContainerThatAlwaysLoads_OneUpdateATransition()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 1, "necessary")], Vendors, Cancel);
        var route = ConsentWalk.Route(7, 80).Select(step => (step.Set, WalkStyle.AtOnce)).ToList();
        var steps = await walk.GoAsync(route, Look, Cancel);
        for (var index = 1; index < route.Count; index++)
        {
            var pushed = steps[index]!.AsArray();
            if (route[index].Set == route[index - 1].Set) Assert.Empty(pushed);
            else
            {
                Assert.Equal(["consent", "update"], pushed[0]!.AsArray().Take(2).Select(part => (string)part!));
                Assert.Equal("""{"event":"consent-update"}""", pushed[1]!.ToJsonString());
                Assert.Equal(2, pushed.Count);
            }
        }
    }

    [Fact]
    public async Task FirstLoad_DefaultPrecedesTheTag_AndTheSnippetsForms()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium,
            [ConsentWalk.Row("google-analytics", """{"id":"G-A","customParameters":{"send_page_view":false}}"""), ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 2, "measurement")],
            Vendors, Cancel);
        var pushed = (await walk.GoAsync(ConsentSet.Of(ConsentCategory.Measurement), WalkStyle.AtOnce, Look, Cancel))[0]!.AsArray();
        Assert.Equal(["consent", "js", "config", "gtm.js"], pushed.Select(entry => entry is JsonArray command ? (string)command[0]! : (string)entry!["event"]!));
        Assert.Equal("""["config","G-A",{"send_page_view":false}]""", pushed[2]!.ToJsonString());
        // Google's library tells commands from data by this: arguments objects, never arrays.
        Assert.Equal("[object Arguments]", await walk.Site.Page.EvaluateAsync<string>("() => Object.prototype.toString.call(dataLayer[0])").WaitAsync(Cancel));
        Assert.True(await walk.Site.Page.EvaluateAsync<bool>("() => [...dataLayer[1]][1] instanceof Date").WaitAsync(Cancel));
    }

    [Fact]
    public async Task Withdrawal_OfATagThatNeedsConsent_DisablesAnalyticsUntilGrantedAgain()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("google-analytics", """{"id":"G-A"}""")], Vendors, Cancel);
        var measurement = ConsentSet.Of(ConsentCategory.Measurement);
        var disabled = await walk.GoAsync(
            [(measurement, WalkStyle.AtOnce), (default, WalkStyle.AtOnce), (measurement, WalkStyle.ConsentThenSnapshot), (ConsentSet.Everything, WalkStyle.AtOnce)],
            "window['ga-disable-G-A'] === true", Cancel);
        Assert.Equal([false, true, false, false], disabled.Select(value => (bool)value!));
    }

    [Fact]
    public async Task WithdrawnAndGrantedInOneTask_EndsGranted()
    {
        await using var walk = await ConsentWalk.OpenAsync(chromium, [ConsentWalk.Row("google-analytics", """{"id":"G-A"}""")], Vendors, Cancel);
        await walk.GoAsync(ConsentSet.Of(ConsentCategory.Measurement), WalkStyle.AtOnce, Look, Cancel);
        var pushed = await walk.Site.Page.EvaluateAsync<int>(
            """
            async () => {
              const before = dataLayer.length;
              walk.setScripts([], walk.consents([]));
              walk.setScripts([], walk.consents(['measurement']));
              await new Promise(resolve => setTimeout(resolve, 0));
              return dataLayer.length - before;
            }
            """).WaitAsync(Cancel);
        Assert.Equal(0, pushed);
        Assert.False(await walk.Site.Page.EvaluateAsync<bool>("() => window['ga-disable-G-A'] === true").WaitAsync(Cancel));
    }

    [Theory]
    [InlineData("gtag('consent', 'update', { ad_storage: 'granted' })")]
    [InlineData("(function () { window.dataLayer = [arguments] })('consent', 'update', { ad_storage: 'granted' })")]
    [InlineData("window.dataLayer = window.dataLayer.slice(); gtag('consent', 'update', { ad_storage: 'granted' })")]
    public async Task PageThatSpeaksOfConsent_BeforeTheTagHasArrived_DoesNotHaveTheLastWord(string says)
    {
        OpenedDestination[] rows = [ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 1, "necessary")];
        await using var walk = await ConsentWalk.OpenAsync(chromium, rows, Vendors, Cancel);

        // In one task, so that the tag cannot arrive in between: everything is granted, the page says something of its own, and everything is withdrawn.
        var last = await walk.Site.Page.EvaluateAsync<string>(
            """
            async ([scripts, says]) => {
              const settle = async () => { for (let i = 0; i < 5; i++) await null };
              const last = () => [...dataLayer].filter(entry => entry[0] === 'consent').at(-1)[2].ad_storage;
              walk.setScripts(JSON.parse(scripts), walk.consents(['functionality', 'experience', 'measurement', 'marketing']));
              await settle();
              const seen = [last()];
              (0, eval)(says);
              seen.push(last());
              walk.setScripts([], walk.consents([]));
              await settle();
              seen.push(last());
              gtag('consent', 'update', { ad_storage: 'granted' });
              seen.push(last());
              return seen.join() + (window.ran ? ', but the tag has run' : '');
            }
            """,
            new object[] { ConsentWalk.Snapshots(rows)[ConsentSet.Everything.Index]!.ToJsonString(), says }).WaitAsync(Cancel);

        Assert.Equal("granted,granted,denied,denied", last);
    }

    private static (OpenedDestination[] Rows, Func<ConsentSet, bool> Permitted, Dictionary<string, string[]?> Mapping) Scope(string name)
    {
        const string Custom = """{"measurement":["analytics_storage","ad_user_data"],"marketing":["ad_storage","ad_user_data"],"necessary":["security_storage"]}""";
        var custom = new Dictionary<string, string[]?>
        {
            ["security_storage"] = [],
            ["functionality_storage"] = null,
            ["personalization_storage"] = null,
            ["ad_personalization"] = null,
            ["analytics_storage"] = ["measurement"],
            ["ad_storage"] = ["marketing"],
            ["ad_user_data"] = ["measurement", "marketing"],
        };
        return name switch
        {
            "gtm-always" => ([ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 1, "necessary")], _ => true, DefaultMapping),
            "ga-measurement" => ([ConsentWalk.Row("google-analytics", """{"id":"G-A"}""")], set => set.Contains(ConsentCategory.Measurement), DefaultMapping),
            "ga-and-gtm" => (
                [ConsentWalk.Row("google-analytics", """{"id":"G-A"}"""), ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 2)],
                set => set.Contains(ConsentCategory.Measurement) || set.Contains(ConsentCategory.Marketing), DefaultMapping),
            "ga-always-and-gtm-marketing" => (
                [ConsentWalk.Row("google-analytics", """{"id":"G-A"}""", 1, "necessary"), ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A"}""", 2)],
                _ => true, DefaultMapping),
            "custom-mapping" => (
                [ConsentWalk.Row("google-analytics", "{\"id\":\"G-A\",\"consentMapping\":" + Custom + "}", 1, "functionality")],
                set => set.Contains(ConsentCategory.Functionality), custom),
            "two-mappings" => (
                [ConsentWalk.Row("google-analytics", """{"id":"G-A"}""", 1, "necessary"), ConsentWalk.Row("google-tag-manager", "{\"id\":\"GTM-A\",\"consentMapping\":" + Custom + "}", 2, "necessary")],
                _ => true, new Dictionary<string, string[]?>(DefaultMapping) { ["ad_user_data"] = ["measurement", "marketing"] }),
            "empty-mapping" => (
                [ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A","consentMapping":{}}""", 1, "necessary")], _ => true,
                DefaultMapping.ToDictionary(signal => signal.Key, _ => (string[]?)null)),
            "partial-mapping" => (
                [ConsentWalk.Row("google-tag-manager", """{"id":"GTM-A","consentMapping":{"measurement":["analytics_storage"]}}""", 1, "necessary")], _ => true,
                DefaultMapping.ToDictionary(signal => signal.Key, signal => signal.Key == "analytics_storage" ? signal.Value : null)),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such scope."),
        };
    }

    /// <summary>The state of every signal for a visitor; null: no tag is permitted, so all are denied.</summary>
    private static Dictionary<string, string> State(Dictionary<string, string[]?> mapping, ConsentSet? set) =>
        mapping.ToDictionary(entry => entry.Key, entry =>
            set is { } granted && entry.Value?.All(name => ConsentCategories.TryParse(name, out var category) && granted.Contains(category)) == true ? "granted" : "denied");
}
