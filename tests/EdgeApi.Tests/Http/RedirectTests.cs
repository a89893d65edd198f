using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class RedirectTests : IDisposable
{
    private readonly TestStore _store = new();

    public RedirectTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Scripts_RedirectMode_Is307ToTheImmutableBlob()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Mode", "redirect"), ("Storage:PublicBaseUrl", "https://cdn.example/x"));
        using var response = await edge.GetAsync("/v1/acme/production/scripts?consent=marketing");
        Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
        Assert.Equal($"https://cdn.example/x/acme/production/{_store.Current(TestStore.Acme).Combinations[8].Snapshot}.json", HeaderTests.Header(response, "Location"));
        // A cache in front that ignores queries must not hand one visitor's way to another.
        Assert.Equal("max-age=30, private", HeaderTests.Header(response, "Cache-Control"));
        Assert.Equal("*", HeaderTests.Header(response, "Access-Control-Allow-Origin"));
        Assert.Equal("0", HeaderTests.Header(response, "Content-Length"));
        using var path = await edge.GetAsync("/v1/acme/production/scripts/marketing.json");
        Assert.Equal(HeaderTests.Header(response, "Location"), HeaderTests.Header(path, "Location"));
        using var list = await edge.GetAsync("/v1/acme/production/scripts.json");
        Assert.Equal(HttpStatusCode.TemporaryRedirect, list.StatusCode);
        Assert.Equal("https://cdn.example/x/acme/production/scripts.json", HeaderTests.Header(list, "Location"));
        Assert.Equal("max-age=30, private", HeaderTests.Header(list, "Cache-Control"));
        foreach (var (address, blob) in new[] { ("/v1/acme/production/tags.js", "acme/production/tags.js"), ("/v1/loader.js", "_/loader.js") })
        {
            using var script = await edge.GetAsync(address);
            Assert.Equal(HttpStatusCode.TemporaryRedirect, script.StatusCode);
            Assert.Equal($"https://cdn.example/x/{blob}", HeaderTests.Header(script, "Location"));
            Assert.Equal("max-age=30, private", HeaderTests.Header(script, "Cache-Control"));
        }
        using var error = await edge.GetAsync("/v1/acme/production/scripts");
        Assert.Equal(HttpStatusCode.BadRequest, error.StatusCode);
    }

    [Fact]
    public async Task Snapshot_DirectoryStore_IsServedForEverFromTheEdge()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var hash = _store.Current(TestStore.Acme).Combinations[8].Snapshot;
        using var response = await edge.GetAsync($"/public/acme/production/{hash}.json");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(_store.SnapshotBytes(TestStore.Acme, Generator.Consent.ConsentSet.FromIndex(8)),
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal("public, max-age=31536000, immutable", HeaderTests.Header(response, "Cache-Control"));
        Assert.Equal($"\"{hash}\"", HeaderTests.Header(response, "ETag"));
        Assert.Equal("*", HeaderTests.Header(response, "Access-Control-Allow-Origin"));
        using var confirmed = await edge.GetAsync($"/public/acme/production/{hash}.json", ("If-None-Match", $"\"{hash}\""));
        Assert.Equal(HttpStatusCode.NotModified, confirmed.StatusCode);
        using var head = await edge.SendAsync(HttpMethod.Head, $"/public/acme/production/{hash}.json");
        Assert.Equal(HeaderTests.Header(response, "Content-Length"), HeaderTests.Header(head, "Content-Length"));
    }

    [Theory]
    [InlineData("scripts.json", "application/json")]
    [InlineData("tags.js", "text/javascript; charset=utf-8")]
    public async Task ListAndTags_DirectoryStore_AreServedBrieflyFromTheEdge(string name, string contentType)
    {
        await using var edge = await TestEdge.StartAsync(_store);

        using var response = await edge.GetAsync($"/public/acme/production/{name}");

        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_store.Public, "acme", "production", name), TestContext.Current.CancellationToken),
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal("public, max-age=30, stale-while-revalidate=60, stale-if-error=3600", HeaderTests.Header(response, "Cache-Control"));
        Assert.Equal(contentType, HeaderTests.Header(response, "Content-Type"));
        using var confirmed = await edge.GetAsync($"/public/acme/production/{name}", ("If-None-Match", HeaderTests.Header(response, "ETag")!));
        Assert.Equal(HttpStatusCode.NotModified, confirmed.StatusCode);
        using var loader = await edge.GetAsync("/public/_/loader.js");
        Assert.Equal("public, max-age=3600", HeaderTests.Header(loader, "Cache-Control"));
        using var dated = await edge.GetAsync($"/public/acme/production/{name}", ("If-Modified-Since", "Sun, 01 Mar 2027 10:00:00 GMT"));
        Assert.Equal(HttpStatusCode.OK, dated.StatusCode);
    }

    [Theory]
    [InlineData("/public/acme/production/00000000000000000000000000000000.json")]
    [InlineData("/public/acme/production/..%2f..%2f..%2fprivate%2fcurrent%2facme%2fproduction.json")]
    [InlineData("/public/acme/production/production.json")]
    [InlineData("/public/acme/production/0000000000000000000000000000000A.json")]
    [InlineData("/public/acme/qa/00000000000000000000000000000000.json")]
    public async Task Snapshot_NoneOfTheName_Is404(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await Errors.AssertAsync(response, "Unknown blob");
    }

    [Theory]
    [InlineData("/public/../private/current/acme/production.json")]
    [InlineData("/public/%2e%2e/private/current/acme/production.json")]
    [InlineData("/public/acme/../../private/current/acme/production.json")]
    [InlineData("/public//etc/passwd")]
    public async Task Public_PathOutOfTheContainer_Is404(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        Assert.Equal(404, (await edge.SendRawTargetAsync(path)).Status);
    }

    [Fact]
    public async Task Snapshot_StoreDown_Is503()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        _store.TakeDown();
        using var response = await edge.GetAsync("/public/acme/production/00000000000000000000000000000000.json");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        await Errors.AssertAsync(response, "Temporarily unavailable");
    }
}
