using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary><c>Edge:Scopes</c>: an edge that answers for some scopes only.</summary>
public sealed class ScopeLimitTests : IDisposable
{
    private readonly TestStore _store = new();
    private readonly WatchedStore _watched;

    public ScopeLimitTests()
    {
        _watched = new WatchedStore(_store);
        foreach (var organization in new[] { "acme", "globex", "initech" })
            foreach (var scope in Scope.Of(OrganizationId.Parse(organization))) _store.Publish(scope, TestStore.OneOfEach);
    }

    public void Dispose() => _store.Dispose();

    private Task<TestEdge> StartAsync() =>
        TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(_watched), ("Edge:Scopes", " acme , globex/production"));

    private static IEnumerable<string> PathsOf(string organization, string environment) =>
    [
        $"/v1/{organization}/{environment}/scripts.json",
        $"/v1/{organization}/{environment}/config",
        $"/v1/{organization}/{environment}/tags.js",
        $"/v1/{organization}/{environment}/scripts?consent=marketing",
        $"/v1/{organization}/{environment}/scripts/marketing.json",
        $"/analytics/scripts?consent=marketing&organizationId={organization}&environment={environment}",
    ];

    [Theory]
    [InlineData("acme", "development")]
    [InlineData("acme", "staging")]
    [InlineData("acme", "production")]
    [InlineData("globex", "production")]
    public async Task Any_ScopeThatIsNamed_IsAnswered(string organization, string environment)
    {
        await using var edge = await StartAsync();

        var snapshot = _store.Current(TestStore.ScopeOf(organization, environment)).Combinations[0].Snapshot;
        foreach (var path in PathsOf(organization, environment)
            .Concat([$"/public/{organization}/{environment}/scripts.json", $"/public/{organization}/{environment}/tags.js", $"/public/{organization}/{environment}/{snapshot}.json"]))
        {
            using var response = await edge.GetAsync(path);
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{path}: {response.StatusCode}");
        }
    }

    [Theory]
    [InlineData("globex", "staging")]
    [InlineData("globex", "development")]
    [InlineData("initech", "production")]
    [InlineData("ACME", "production")]
    public async Task Any_OtherScope_IsAnsweredLikeOneThatDoesNotExist(string organization, string environment)
    {
        await using var edge = await StartAsync();

        foreach (var (path, nobodys) in PathsOf(organization, environment).Zip(PathsOf("nobody", environment)))
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
            {
                using var response = await edge.SendAsync(method, path);
                using var unknown = await edge.SendAsync(method, nobodys);
                Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
                Assert.Equal(await WithoutDateAsync(unknown), await WithoutDateAsync(response));
            }
    }

    [Theory]
    [InlineData("globex", "staging")]
    [InlineData("initech", "production")]
    public async Task Public_OtherScope_IsAnsweredLikeABlobThatDoesNotExist(string organization, string environment)
    {
        await using var edge = await StartAsync();
        var snapshot = _store.Current(TestStore.ScopeOf(organization, environment)).Combinations[0].Snapshot;

        foreach (var name in new[] { "scripts.json", "tags.js", $"{snapshot}.json" })
        {
            using var response = await edge.GetAsync($"/public/{organization}/{environment}/{name}", ("If-None-Match", "*"));
            using var unknown = await edge.GetAsync($"/public/nobody/{environment}/{name}", ("If-None-Match", "*"));
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            Assert.Equal(await WithoutDateAsync(unknown), await WithoutDateAsync(response));
        }
        Assert.Equal(0, _watched.OtherReads);
    }

    [Fact]
    public async Task Any_OtherScope_IsNotReadAndNotRemembered()
    {
        await using var edge = await StartAsync();

        foreach (var (organization, environment) in new[] { ("globex", "staging"), ("initech", "production"), ("nobody", "production") })
            foreach (var path in PathsOf(organization, environment)) (await edge.GetAsync(path)).Dispose();

        Assert.Equal((0, 0), (_watched.AllReads, _watched.OtherReads));
        Assert.Equal((0, 0), (edge.Held.Count, edge.Missing.Count));
    }

    [Fact]
    public async Task Any_OtherScopeChanges_IsStillNotRead()
    {
        await using var edge = await StartAsync();
        await edge.FollowsAsync();
        (await edge.GetAsync("/v1/initech/production/scripts.json")).Dispose();

        _store.Publish(TestStore.ScopeOf("initech"), TestStore.Pixel("22222222222"));
        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
        (await edge.GetUntilAsync("/v1/acme/production/scripts.json", (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();

        Assert.Equal(0, _watched.Reads(TestStore.ScopeOf("initech")));
        using var response = await edge.GetAsync("/v1/initech/production/scripts.json");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData("/v1/globex%2Fproduction/production/scripts.json")]
    [InlineData("/v1/acme%2F..%2Finitech/production/scripts.json")]
    [InlineData("/v1/acme/../initech/production/scripts.json")]
    [InlineData("/v1/acme/%2e%2e/initech/production/scripts.json")]
    [InlineData("/v1/initech./production/scripts.json")]
    [InlineData("/v1/initech%00/production/scripts.json")]
    [InlineData("/v1/initech/production%20/scripts.json")]
    [InlineData("/public/acme/../initech/production/scripts.json")]
    [InlineData("/public/acme/production/..%2f..%2finitech%2fproduction%2fscripts.json")]
    [InlineData("/public/initech%2Fproduction%2Fscripts.json")]
    [InlineData("/public//initech/production/scripts.json")]
    [InlineData("/public/./initech/production/scripts.json")]
    [InlineData("/public/acme/production/..\\..\\..\\initech\\production\\scripts.json")]
    [InlineData("/public/INITECH/production/scripts.json")]
    [InlineData("/public/initech./production/scripts.json")]
    [InlineData("/PUBLIC/initech/production/scripts.json")]
    [InlineData("/V1/initech/production/SCRIPTS.JSON")]
    [InlineData("http://edge/v1/initech/production/scripts.json")]
    public async Task Any_OtherScopeByARoundaboutPath_Is404(string target)
    {
        await using var edge = await StartAsync();

        var (status, answer) = await edge.SendRawTargetAsync(target);

        Assert.True(status is 404 or 400, answer);
        Assert.Equal((0, 0), (_watched.AllReads, _watched.OtherReads));
    }

    [Fact]
    public async Task Loader_LimitedEdge_IsAnsweredForAll()
    {
        await using var edge = await StartAsync();
        foreach (var path in new[] { "/v1/loader.js", "/public/_/loader.js", "/health/live" })
        {
            using var response = await edge.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task Any_OtherScopeWhileTheStoreIsDown_IsStill404()
    {
        await using var edge = await StartAsync();
        _store.TakeDown();

        using var other = await edge.GetAsync("/v1/initech/production/scripts.json");
        using var blob = await edge.GetAsync("/public/initech/production/scripts.json");

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (other.StatusCode, blob.StatusCode));
    }

    [Fact]
    public async Task Start_LimitedEdge_SaysHowManyScopes()
    {
        await using var edge = await StartAsync();
        Assert.Contains(edge.Log.Entries, entry => entry.Message.StartsWith("This edge answers for 4 scopes only", StringComparison.Ordinal));
    }

    private static async Task<string> WithoutDateAsync(HttpResponseMessage response)
    {
        response.Headers.Date = null;
        return $"{(int)response.StatusCode}\n{response.Headers}{response.Content.Headers}{await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}";
    }
}
