using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>Worker and edge are scraped by a real Prometheus: what they expose is what is documented, and every query of the dashboard and every rule works on it.</summary>
public sealed partial class ScrapeTests(PostgresFixture postgres)
{
    /// <summary>What is exposed only after something that this test does not bring about.</summary>
    private static readonly HashSet<string> s_rare = new(StringComparer.Ordinal) { "consent_edge_publication_lag_negative_total" };

    private readonly Guid _acme = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Scrape_OfWorkerAndEdge_IsWhatIsDocumentedAndAnswersEveryQuery()
    {
        await using var product = await ObservedProduct.StartAsync(postgres, ("Schedule__Reconcile", "* * * * * ?"), ("Schedule__MaxRetryDelay", "00:00:01"));
        await using var prometheus = await PrometheusServer.StartAsync(Dashboard.Rules, ("worker", product.WorkerMetrics), ("edge", product.EdgeMetrics));
        await LiveThroughAsync(product);

        // What is exposed, and of which type, is what the documents say.
        var exposed = await ExposedAsync(product);
        var ours = exposed.Where(family => family.Key.StartsWith("consent_", StringComparison.Ordinal)).Select(family => (family.Key, family.Value)).Order();
        Assert.Equal(DocumentedMetric.All.Where(metric => !s_rare.Contains(metric.Name)).Select(metric => (metric.Name, metric.Type)).Order(), ours);

        // Dashboard and rules ask for nothing else.
        var series = exposed.SelectMany(family => new DocumentedMetric(family.Key, family.Value).Series).ToHashSet(StringComparer.Ordinal);
        var queries = Dashboard.Panels().SelectMany(panel => panel.Queries.Select(query => (panel.Title, Query: query.Replace("$__rate_interval", "30s", StringComparison.Ordinal)))).ToList();
        Assert.Empty(queries.SelectMany(query => Dashboard.MetricsOf(query.Query)).Concat(Dashboard.MetricsOf(await File.ReadAllTextAsync(Dashboard.Rules, Cancel))).Except(series).Except(s_rare));

        // Each query gives something.
        foreach (var (title, query) in queries)
        {
            if (Dashboard.MetricsOf(query).All(s_rare.Contains)) Assert.InRange(await prometheus.CountAsync(query), 0, 1);
            else await product.EventuallyAsync(async () => await prometheus.CountAsync(query) > 0, $"'{title}' shows something: {query}");
        }
        await product.EventuallyAsync(async () => (await prometheus.RulesAsync()).All(rule => rule.Health == "ok"), "every rule is evaluated without an error");
        Assert.Equal(12, (await prometheus.RulesAsync()).Count);
    }

    /// <summary>No series names a tenant, and the edge's metrics are not where visitors are.</summary>
    [Fact]
    public async Task Scrape_OfTheEdge_NamesNoTenantAndIsNotOnThePublicAddress()
    {
        await using var product = await ObservedProduct.StartAsync(postgres);
        await product.InsertAsync(_acme, """{"pixelId":"11111111111"}""");
        await product.ServesAsync(_acme, "11111111111");

        var (edge, worker) = ((await product.GetAsync(product.EdgeMetrics)).Body, (await product.GetAsync(product.WorkerMetrics)).Body);

        Assert.Contains("consent_edge_requests_total{", edge, StringComparison.Ordinal);
        Assert.Contains("service_name=\"consent-edge\"", edge, StringComparison.Ordinal);
        Assert.DoesNotContain(_acme.ToString(), edge + worker, StringComparison.Ordinal);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await product.GetAsync(new Uri(product.Edge, "/metrics"))).Code);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await product.GetAsync(new Uri(product.EdgeMetrics, $"/v1/{_acme}/production/scripts.json"))).Code);
    }

    /// <summary>A publication, a refusal to answer, an outage of the store, and its end.</summary>
    private async Task LiveThroughAsync(ObservedProduct product)
    {
        await product.InsertAsync(_acme, """{"pixelId":"11111111111"}""");
        await product.ServesAsync(_acme, "11111111111");
        await product.InsertAsync(_acme, """{"pixelId":"22222222222"}""");
        await product.ServesAsync(_acme, "22222222222");

        // A file stands where the store's private part was.
        var (place, aside) = (Path.Combine(product.Store.FullName, "private"), Path.Combine(product.Store.FullName, "aside"));
        Directory.Move(place, aside);
        await File.WriteAllTextAsync(place, "", Cancel);
        await product.InsertAsync(_acme, """{"pixelId":"33333333333"}""");
        await product.EventuallyAsync(async () =>
        {
            var exposed = await ExposedAsync(product);
            return ((string[])["consent_worker_store_errors_total", "consent_worker_retries_total", "consent_edge_store_errors_total"]).All(exposed.ContainsKey);
        }, "the outage is measured");
        File.Delete(place);
        Directory.Move(aside, place);
        await product.ServesAsync(_acme, "33333333333");
    }

    /// <summary>The families that worker and edge expose, and their types.</summary>
    private static async Task<SortedDictionary<string, string>> ExposedAsync(ObservedProduct product)
    {
        var families = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var address in (Uri[])[product.WorkerMetrics, product.EdgeMetrics])
            foreach (Match family in Family().Matches((await product.GetAsync(address)).Body)) families[family.Groups["name"].Value] = family.Groups["type"].Value;
        return families;
    }

    [GeneratedRegex("^# TYPE (?<name>[a-z_]+) (?<type>[a-z]+)$", RegexOptions.Multiline)]
    private static partial Regex Family();
}
