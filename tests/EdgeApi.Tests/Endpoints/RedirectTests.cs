using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Endpoints;

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
        Assert.Equal("public, max-age=60", HeaderTests.Header(response, "Cache-Control"));
        Assert.Equal("*", HeaderTests.Header(response, "Access-Control-Allow-Origin"));
        Assert.Equal("0", HeaderTests.Header(response, "Content-Length"));
        using var config = await edge.GetAsync("/v1/acme/production/config");
        Assert.Equal(HttpStatusCode.OK, config.StatusCode);
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
    [InlineData("/public/acme/production/00000000000000000000000000000000.json")]
    [InlineData("/public/acme/production/production.json")]
    [InlineData("/public/acme/production/0000000000000000000000000000000A.json")]
    [InlineData("/public/acme/qa/00000000000000000000000000000000.json")]
    public async Task Snapshot_NoneOfTheName_Is404(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await Errors.AssertAsync(response, "Unknown snapshot");
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
