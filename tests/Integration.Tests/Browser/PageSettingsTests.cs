using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>One row never stops the others at the page, and what a site's own code says to a vendor stays.</summary>
public sealed class PageSettingsTests(ChromiumFixture chromium)
{
    private const string OwnScript = "https://own.example/own.js";

    [Fact]
    public async Task Intercom_PagesOwnSettings_AreMergedWithOurs()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("intercom").Row()], new SiteCode { Before = "window.intercomSettings = { user_id: 'u1', email: 'user@site.example' }" });
        await page.ChooseAsync(VendorPage.Everything);
        await page.ChooseAsync();
        await page.ChooseAsync(VendorPage.Everything);

        const string Merged = "intercom1 u1 user@site.example";
        var heard = (await page.HeardByAsync("intercom")).Select(call => JsonNode.Parse(call)!.AsArray()).ToList();
        Assert.All(heard.Where(call => (string)call[0]! is "settings" or "boot"), call => Assert.Equal(Merged, $"{call[1]!["app_id"]} {call[1]!["user_id"]} {call[1]!["email"]}"));
        Assert.Equal(["settings", "shutdown", "boot"], heard.Select(call => (string)call[0]!));
    }

    [Fact]
    public async Task Intercom_PageSaysWhoTheUserIsAfterTheStart_IsKeptInALaterBoot()
    {
        await using var page = await VendorPage.OpenAsync(chromium, [Vendor.Of("intercom").Row()], new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);
        await page.EvaluateAsync("() => { window.intercomSettings = { ...window.intercomSettings, user_id: 'u1' } }");
        await page.ChooseAsync();
        await page.ChooseAsync(VendorPage.Everything);

        var boot = JsonNode.Parse((await page.HeardByAsync("intercom"))[^1])!;
        Assert.Equal("boot intercom1 u1", $"{boot[0]} {boot[1]!["app_id"]} {boot[1]!["user_id"]}");
    }

    [Fact]
    public async Task OtherVendors_PagesOwnSettings_AreKept()
    {
        const string Own =
            """
            window.CRISP_RUNTIME_CONFIG = { session_merge: true };
            window.databuddyConfig = { own: true };
            window.dataLayer = [{ event: 'own' }];
            window._paq = [['setUserId', 'own']];
            window.adobeDataLayer = [{ event: 'own' }];
            """;
        string[] types = ["crisp", "databuddy", "google-tag-manager", "matomo-analytics", "adobe-analytics"];
        await using var page = await VendorPage.OpenAsync(chromium, [.. types.Select((type, place) => Vendor.Of(type).Row(place + 1))], new SiteCode { Before = Own });
        await page.ChooseAsync(VendorPage.Everything);

        Assert.Equal(types.Order(StringComparer.Ordinal), await page.RanAsync());
        Assert.Equal("""["settings","crisp1",{"locale":"fr","session_merge":true}]""", Sorted((await page.HeardByAsync("crisp"))[0]));
        Assert.Equal("""["settings",{"disabled":false,"own":true}]""", Sorted((await page.HeardByAsync("databuddy"))[0]));
        foreach (var type in types[2..]) Assert.Single(await page.HeardByAsync(type), call => call.Contains("\"own\"", StringComparison.Ordinal));
    }

    /// <summary>The consent client throws where a script wants a body that is not there yet, and loads nothing behind it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ScriptForTheBody_ClientInTheHead_OthersLoad(bool older)
    {
        var rows = new List<OpenedDestination>
        {
            ConsentWalk.Row("script", $$"""{"src":"{{OwnScript}}","target":"body"}""", 1, "necessary"),
            ConsentWalk.Row("script", """{"textContent":"window.ownText = 1","target":"body"}""", 2, "necessary"),
            Vendor.Of("google-tag-manager").Row(3, "necessary"),
            Vendor.Of("plausible-analytics").Row(4, "necessary"),
        };

        await using var page = await VendorPage.OpenAsync(chromium, rows, new SiteCode
        {
            Client = older ? ConsentClient.Older : ConsentClient.WithoutReload,
            InHead = true,
            // The client's pass over its scripts alone: its store wants a body for other things.
            Start = "site.ready = Promise.resolve(); c15t.loadScripts(list, { necessary: true, functionality: false, experience: false, measurement: false, marketing: false }, {});",
        });

        Assert.Equal(["google-tag-manager", "plausible-analytics"], await page.RanAsync());
    }

    /// <summary>A server may write the list into its page.</summary>
    [Fact]
    public async Task List_WrittenIntoThePage_DoesNotEndThePagesScript()
    {
        var snapshot = VendorPage.Snapshot(
            [ConsentWalk.Row("script", """{"textContent":"window.ownText = '</script><!--<script>'"}""", 1, "necessary"), Vendor.Of("meta-pixel").Row(2, "necessary")]);
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production),
            [ConsentWalk.Row("script", """{"textContent":"window.ownText = '</script><!--<script>'"}""", 1, "necessary"), Vendor.Of("meta-pixel").Row(2, "necessary")]);
        var published = System.Text.Encoding.UTF8.GetString(generated[Generator.Consent.ConsentSet.Everything].Bytes.Span);
        Assert.Equal(2, snapshot["metadata"]!["destinationCount"]!.GetValue<int>());

        await using var site = await chromium.OpenAsync(Html($"<script>window.published = {published};</script>"), TestContext.Current.CancellationToken);

        Assert.Equal(snapshot["scripts"]!.ToJsonString(), JsonNode.Parse(await site.Page.EvaluateAsync<string>("() => JSON.stringify(window.published ? published.scripts : [])"))!.ToJsonString());
        Assert.Empty(site.Errors);
    }

    [Theory]
    [InlineData("tiktok-pixel", """{"pixelId":"TIKTOK1","scriptSrc":"https://analytics.tiktok.com/i18n/pixel/events.js?v=2"}""", "v=2", "sdkid=TIKTOK1")]
    public async Task LibrarysUrl_HasAQueryOfItsOwn_IsOneQuery(string type, string settings, params string[] parameters)
    {
        await using var page = await VendorPage.OpenAsync(chromium, [ConsentWalk.Row(type, settings)], new SiteCode());
        await page.ChooseAsync(VendorPage.Everything);

        var request = Assert.Single(page.Site.Requests, url => url.StartsWith(Vendor.Of(type).Library, StringComparison.Ordinal));
        Assert.Equal(1, request.Count(character => character == '?'));
        Assert.All(parameters, parameter => Assert.Contains(parameter, request.Split('?')[1].Split('&')));
    }

    /// <summary>A browser refuses another site's script that has a hash and was not asked for with CORS.</summary>
    [Fact]
    public async Task OwnScript_IntegrityWithoutCrossorigin_IsReportedOrLoads()
    {
        const string Body = "window.ownRan = 1";
        var hash = Convert.ToBase64String(System.Security.Cryptography.SHA384.HashData(System.Text.Encoding.UTF8.GetBytes(Body)));
        var row = ConsentWalk.Row("script", $$$"""{"src":"{{{OwnScript}}}","attributes":{"integrity":"sha384-{{{hash}}}"}}""", 1, "necessary");
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), [row]);
        if (generated.Problems.Any()) return;

        await using var page = await VendorPage.OpenAsync(chromium, [row], new SiteCode(), site => site.Serve(OwnScript, Body));

        Assert.Equal(1, (int?)await page.ValueAsync("window.ownRan"));
    }

    /// <summary>An advertising id in the type of Google's analytics is not loaded on consent to measurement.</summary>
    [Theory]
    [InlineData("AW-123456")]
    [InlineData("DC-123456")]
    public async Task GoogleAdvertisingId_OnlyMeasurementGranted_DoesNotLoad(string id)
    {
        await using var page = await VendorPage.OpenAsync(chromium, [ConsentWalk.Row("google-analytics", $$"""{"id":"{{id}}"}""")], new SiteCode());

        await page.ChooseAsync("measurement");
        Assert.Empty(await page.RanAsync());

        await page.ChooseAsync("measurement", "marketing");
        Assert.Equal(["google-analytics"], await page.RanAsync());
    }

    private static string Html(string head) => $"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>A site</title>{head}</head><body><h1>A site</h1></body></html>";

    private static string Sorted(string call) =>
        new JsonArray([.. JsonNode.Parse(call)!.AsArray().Select(part => part is JsonObject settings
            ? new JsonObject(settings.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())))
            : part?.DeepClone())]).ToJsonString();
}
