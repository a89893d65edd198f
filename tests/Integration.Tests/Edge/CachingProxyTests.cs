using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Tests.Publishing;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>An edge behind a real nginx whose cache leaves the query out of its key: no visitor gets more than that visitor granted.</summary>
public sealed class CachingProxyTests : IAsyncLifetime
{
    private static readonly string[] s_sets = [.. ConsentSet.All.OrderByDescending(set => set.Index).Select(set => set.Name)];

    private PublishedEdge _edge = null!;
    private Nginx _nginx = null!;
    private HttpClient _http = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _edge = await PublishedEdge.StartAsync(Cancel, PublicationWorld.MetaPixel("11111111111", "marketing"), PublicationWorld.MetaPixel("22222222222", "measurement"),
            PublicationWorld.MetaPixel("33333333333", "functionality"), PublicationWorld.MetaPixel("44444444444", "experience"));
        _nginx = await Nginx.StartAsync(_edge.Address, Cancel);
        _http = new HttpClient { BaseAddress = _nginx.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_nginx is not null) await _nginx.DisposeAsync();
        if (_edge is not null) await _edge.DisposeAsync();
    }

    [Theory]
    [InlineData("/v1/acme/production/scripts?consent={0}")]
    [InlineData("/analytics/scripts?organizationId=acme&environment=production&consent={0}")]
    public async Task Queries_OneAfterTheOther_EachGetTheirOwn(string form)
    {
        // The visitor who granted everything comes first: an answer that was kept would give it all to the others.
        foreach (var round in (int[])[1, 2])
            foreach (var set in s_sets)
            {
                var (answer, cache) = await GetAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, form, set.Replace('-', ',')));
                AssertGrants(set, answer, $"round {round}");
                Assert.NotEqual("HIT", cache);
            }
    }

    [Fact]
    public async Task Paths_AreKept_AndEachIsItsOwn()
    {
        foreach (var expected in (string[])["MISS", "HIT"])
            foreach (var set in s_sets)
            {
                var (answer, cache) = await GetAsync($"/v1/acme/production/scripts/{set}.json");
                AssertGrants(set, answer, expected);
                Assert.Equal(expected, cache);
            }
    }

    [Fact]
    public async Task List_IsKept()
    {
        await GetAsync("/v1/acme/production/scripts.json");
        var (list, cache) = await GetAsync("/v1/acme/production/scripts.json");

        Assert.Equal("HIT", cache);
        Assert.Equal(5, list["scripts"]!.AsArray().Count);
    }

    private static void AssertGrants(string set, JsonNode answer, string when)
    {
        var pixels = answer["scripts"]!.AsArray().Select(script => (string?)script!["attributes"]?["data-config"] ?? "").ToList();
        foreach (var (category, pixel) in ((string, string)[])[("marketing", "11111111111"), ("measurement", "22222222222"), ("functionality", "33333333333"), ("experience", "44444444444")])
            Assert.True(pixels.Exists(config => config.Contains(pixel, StringComparison.Ordinal)) == set.Split('-').Contains(category), $"{when}: {set} and {category}");
    }

    private async Task<(JsonNode Answer, string Cache)> GetAsync(string path)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        response.EnsureSuccessStatusCode();
        return (JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!, response.Headers.GetValues("X-Cache").Single());
    }
}
