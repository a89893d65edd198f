using System.Collections.Concurrent;
using System.Globalization;
using ConsentSnapshots.Integration.Tests.Browser;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Integration.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Cdn;

/// <summary>
/// How long after a publication that takes a vendor out a page can still load that vendor, through caches that nobody purges. It really waits, for four minutes, so it runs only when
/// it is asked for: <c>benchmarks/revocation.sh</c>. The figures stand in <c>docs/cdn.md</c>.
/// </summary>
/// <remarks>
/// Visitors come when it is worst: just before a cache may no longer give the old list, and again just before their browser may no longer use it. Each has an organization and a browser
/// profile of its own, so that no visitor makes a cache ask for the newer list that another one then gets.
/// </remarks>
public sealed class RevocationTimeTests(AzuriteFixture azurite, ChromiumFixture chromium)
{
    private const string Vendor = "https://vendor.example/";

    // When the visitors' pages ask for the list, in seconds since the caches have it. Before that, only the first visitor of each way has done so.
    private static readonly double[][] s_visits = [[30, 86, 104], [88, 106], [89], [92], [98]];
    private static readonly double[][] s_visitsTwiceAsLong = [[84, 168, 190], [86, 173], [88, 175], [89, 177.5, 195], [92], [98]];
    private static readonly double[][] s_visitsAfterwards = [[120], [185], [205]];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact(Explicit = true)]
    public async Task Vendor_TakenOut_LoadsNoLongerThanTheHeadersSay()
    {
        string[] organizations = [.. Enumerable.Range(1, s_visitsTwiceAsLong.Length).Select(number => $"org-{number}")];
        (string, string)[] with = [.. organizations.Select(organization =>
            (organization, $$"""[{ "type": "script", "settings": { "src": "{{Vendor}}{{organization}}.js" }, "requiredConsent": ["necessary"] }]"""))];
        (string, string)[] without = [.. organizations.Select(organization => (organization, "[]"))];

        await using var pages = await PagesAsync();
        using var azure = await SelfHostedSite.OnAzureAsync(azurite);
        using var folder = SelfHostedSite.OnDirectory();
        SelfHostedSite[] sites = [azure, folder];
        foreach (var site in sites) await site.WriteAsync(with);
        await using var onAzure = await azure.RunAsync();
        await using var onFolder = await folder.RunAsync();
        foreach (var running in (SelfHostedSite.Running[])[onAzure, onFolder]) await running.ServesNextAsync(organizations);

        static string WithoutDate(string settings) => CdnSettings.Replace(settings, "proxy_pass_header Date;", "");
        await using var plain = await CdnSettings.InFrontOfAsync(azure.Container, Cancel, WithoutDate);
        await using var documented = await CdnSettings.InFrontOfAsync(azure.Container, Cancel);
        await using var asked = await CdnSettings.InFrontOfAsync(azure.Container, Cancel, WithoutDate);
        await using var careless = await CdnSettings.InFrontOfAsync(azure.Container, Cancel, settings => CdnSettings.Replace(WithoutDate(settings), "proxy_cache_use_stale ", "proxy_cache_use_stale updating "));
        await using var files = await CdnSettings.OverAsync(folder.Root, Cancel);
        Measurement[] measurements =
        [
            new("nginx as above", documented, "page", s_visits, 90),
            new("nginx as above, but without `proxy_pass_header Date`", plain, "page", s_visitsTwiceAsLong, 180),
            new("the same, and the page asks with `cache: 'no-cache'`", asked, "asking", s_visits, 90),
            new("nginx over a directory store", files, "page", s_visits[..1], 90),
            new("with `updating` in `proxy_cache_use_stale`", careless, "page", s_visitsAfterwards, null),
        ];
        foreach (var measurement in measurements) await measurement.OpenAsync(chromium, pages);

        // The list gets into the caches, and at once the vendor is taken out of it.
        foreach (var measurement in measurements) await measurement.FirstVisitAsync();
        await Task.WhenAll(measurements.Select(measurement => measurement.FillAsync(organizations)));
        var filled = TimeProvider.System.GetTimestamp();
        foreach (var site in sites) await site.WriteAsync(without);
        foreach (var running in (SelfHostedSite.Running[])[onAzure, onFolder]) await running.ServesNextAsync(organizations);
        var published = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(measurements.Select(measurement => measurement.VisitAsync(filled, published)));

        await ReportAsync(measurements, TimeProvider.System.GetElapsedTime(filled, published));
        foreach (var measurement in measurements)
        {
            await measurement.DisposeAsync();
            Assert.All(measurement.Loads, load => Assert.True(!load.HasVendor || load.After <= (measurement.Limit ?? double.MaxValue), $"{measurement.Name}: loaded {load.After} s after the publication."));
        }
    }

    private static async Task ReportAsync(IEnumerable<Measurement> measurements, TimeSpan filling)
    {
        List<string> lines = ["| | the last page that loads the vendor | the first page after that |", "| --- | --- | --- |"];
        List<string> details = [string.Create(CultureInfo.InvariantCulture, $"Published {filling.TotalSeconds:0.0} s after the caches had the list.")];
        foreach (var measurement in measurements)
        {
            var loads = measurement.Loads.OrderBy(load => load.After).ToList();
            var last = loads.FindLastIndex(load => load.HasVendor);
            lines.Add($"| {measurement.Name} | {(last < 0 ? "–" : Seconds(loads[last]))} | {(last + 1 == loads.Count ? "–" : Seconds(loads[last + 1]))} |");
            details.Add($"{measurement.Name}: {string.Join(", ", loads.Select(load => $"{Seconds(load)} {(load.HasVendor ? "loads" : "does not")}"))}");
        }
        lines.AddRange(details);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', lines));
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_REPORT") is { Length: > 0 } file) await File.AppendAllLinesAsync(file, lines, Cancel);
    }

    private static string Seconds(Load load) => string.Create(CultureInfo.InvariantCulture, $"{load.After:0.0} s");

    /// <summary>A site whose page is the one of docs/c15t.md. It asks for the list when the test says so, which gives it the address: a busy machine takes its time with a page.</summary>
    private static async Task<WebApplication> PagesAsync()
    {
        const string Address = "'https://edge.example/v1/acme/production/scripts.json'", Given = "await new Promise((load) => (window.load = load))";
        using var recipe = await RecipeFiles.ReadAsync("docs/c15t.md", Cancel);
        await recipe.ReplaceAsync("page.js", "mode: 'hosted', backendURL: 'https://your-instance.c15t.dev'", "mode: 'offline'", Cancel);
        await recipe.ReplaceAsync("page.js", Address, Given, Cancel);
        var page = await recipe.BundleAsync("page.js", Cancel);
        await recipe.ReplaceAsync("page.js", $"fetchList({Given})", $"fetchList({Given}, undefined, 'no-cache')", Cancel);
        var asking = await recipe.BundleAsync("page.js", Cancel);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var site = builder.Build();
        site.Urls.Add("http://127.0.0.1:0");
        site.MapGet("/{name}", (string name) => Results.Text($"<!doctype html><title>A site</title><script type=\"module\" src=\"/{name}/page.js\"></script>", "text/html"));
        site.MapGet("/page/page.js", () => Results.Text(page, "text/javascript"));
        site.MapGet("/asking/page.js", () => Results.Text(asking, "text/javascript"));
        await site.StartAsync(Cancel);
        return site;
    }

    /// <summary>Whether a page loaded the vendor, and when that was.</summary>
    private readonly record struct Load(bool HasVendor, double After);

    /// <summary>One way of serving the list, and the visitors that it has.</summary>
    /// <param name="Visits">When each visitor loads the page, in seconds since the caches have the list.</param>
    /// <param name="Limit">How many seconds after the publication the vendor may still load.</param>
    private sealed record Measurement(string Name, Nginx Cdn, string Page, double[][] Visits, double? Limit) : IAsyncDisposable
    {
        private readonly List<IPage> _visitors = [];

        public ConcurrentBag<Load> Loads { get; } = [];

        private string Site { get; set; } = "";

        public async Task OpenAsync(ChromiumFixture chromium, WebApplication pages)
        {
            Site = pages.Urls.First();
            foreach (var _ in Visits) _visitors.Add(await (await chromium.NewProfileAsync(Cancel)).NewPageAsync().WaitAsync(Cancel));
        }

        public async Task FirstVisitAsync()
        {
            await BeginAsync(0);
            Assert.True(await HasVendorAsync(0), $"{Name}: the vendor does not load before it was taken out.");
        }

        /// <summary>Asks for what no visitor has asked for, as others have.</summary>
        public async Task FillAsync(IEnumerable<string> organizations)
        {
            using var http = new HttpClient();
            // A busy machine's storage may refuse a connection.
            foreach (var organization in organizations)
                await Eventually.TrueAsync(async () => { using var answer = await http.GetAsync(List(organization), Cancel); return answer.IsSuccessStatusCode; }, $"{Name} has the list of {organization}");
        }

        public Task VisitAsync(long filled, long published) => Task.WhenAll(Visits.Select(async (times, visitor) =>
        {
            foreach (var time in times)
            {
                await BeginAsync(visitor);
                var wait = TimeSpan.FromSeconds(time) - TimeProvider.System.GetElapsedTime(filled);
                if (wait > TimeSpan.Zero) await Task.Delay(wait, TimeProvider.System, Cancel);
                var after = TimeProvider.System.GetElapsedTime(published);
                Loads.Add(new(await HasVendorAsync(visitor), after.TotalSeconds));
            }
        }));

        public async ValueTask DisposeAsync()
        {
            foreach (var visitor in _visitors) await visitor.Context.DisposeAsync();
        }

        private Uri List(string organization) => new(Cdn.Address, $"/{organization}/production/scripts.json");

        /// <summary>Loads the page up to the moment when it asks for the list.</summary>
        private async Task BeginAsync(int visitor)
        {
            await _visitors[visitor].GotoAsync($"{Site}/{Page}").WaitAsync(Cancel);
            await _visitors[visitor].WaitForFunctionAsync("() => window.load").WaitAsync(Cancel);
        }

        /// <summary>Lets the page ask for the list, looks, and leaves it.</summary>
        private async Task<bool> HasVendorAsync(int visitor)
        {
            var page = _visitors[visitor];
            await page.EvaluateAsync("list => { load(list) }", List($"org-{visitor + 1}").ToString()).WaitAsync(Cancel);
            await page.WaitForFunctionAsync("() => window.c15tStore && !c15tStore.getState().isLoadingConsentInfo").WaitAsync(Cancel);
            var hasVendor = await page.EvaluateAsync<bool>("vendor => [...document.scripts].some(script => script.src.startsWith(vendor))", Vendor).WaitAsync(Cancel);
            await page.GotoAsync("about:blank").WaitAsync(Cancel);
            return hasVendor;
        }
    }
}
