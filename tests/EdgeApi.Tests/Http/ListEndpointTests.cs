using System.Net;
using System.Text.Json;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class ListEndpointTests : IDisposable
{
    private const string List = "/v1/acme/production/scripts.json";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(List)]
    [InlineData("/v1/acme/production/config")]
    public async Task List_Scope_IsTheBlobOfThePublicContainer(string path)
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);

        using var response = await edge.GetAsync(path);

        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(_store.Public, BlobNames.List(TestStore.Acme)), TestContext.Current.CancellationToken),
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task List_Scope_HasEverythingAClientNeeds()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        using var body = JsonDocument.Parse(await edge.GetStringAsync(List));
        var list = body.RootElement;
        Assert.Equal(["scripts", "vendors", "clearOnRevocation", "erase", "metadata"], list.EnumerateObject().Select(property => property.Name));
        var metadata = list.GetProperty("metadata");
        Assert.Equal(
            ["schema", "organization", "environment", "version", "generatedAt", "snapshot", "destinationCount", "scriptCount", "requiredCategories", "reloadOnRevocation", "csp", "combinations"],
            metadata.EnumerateObject().Select(property => property.Name));
        Assert.Equal((2, 1, 4, 5), (metadata.GetProperty("schema").GetInt32(), metadata.GetProperty("version").GetInt32(),
            metadata.GetProperty("destinationCount").GetInt32(), metadata.GetProperty("scriptCount").GetInt32()));
        Assert.Equal("2026-03-01T10:00:10.000Z", metadata.GetProperty("generatedAt").GetString());
        Assert.Equal(manifest[ConsentSet.Everything].Snapshot, metadata.GetProperty("snapshot").GetString());
        Assert.Equal("meta-pixel", list.GetProperty("vendors")[0].GetProperty("id").GetString());
    }

    [Theory]
    [InlineData(List)]
    [InlineData("/v1/acme/production/scripts?consent=marketing")]
    [InlineData("/v1/acme/production/scripts?consent=%3C/script%3E")]
    [InlineData("/v1/%3Cscript%3E/production/config")]
    public async Task Answer_WhateverStandsInIt_DoesNotEndAScriptElement(string address)
    {
        _store.Publish(TestStore.Acme, TestStore.Own("window.own = '</script><!--\u2028';"));
        await using var edge = await TestEdge.StartAsync(_store);

        using var response = await edge.GetAsync(address);

        Assert.DoesNotContain(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), character => character is '<' or '\u2028');
    }

    [Fact]
    public async Task List_NewVersion_ChangesBodyETagAndLastModified()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        using var before = await edge.GetAsync(List);
        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
        using var after = await edge.GetUntilAsync(List, (_, body) => body.Contains("\"version\":2,", StringComparison.Ordinal));
        Assert.NotEqual(HeaderTests.Header(before, "ETag"), HeaderTests.Header(after, "ETag"));
        Assert.Equal("Sun, 01 Mar 2026 10:00:20 GMT", HeaderTests.Header(after, "Last-Modified"));
    }

    [Fact]
    public async Task Path_EveryConsentSet_AnswersAsTheQueryDoes()
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        foreach (var set in ConsentSet.All)
        {
            using var path = await edge.GetAsync($"/v1/acme/production/scripts/{set.Name}.json");
            using var query = await edge.GetAsync($"/v1/acme/production/scripts?consent={set}");
            Assert.Equal(HttpStatusCode.OK, path.StatusCode);
            Assert.Equal(await query.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), await path.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            Assert.Equal(HeaderTests.Header(query, "ETag"), HeaderTests.Header(path, "ETag"));
        }
    }

    [Theory]
    [InlineData("everything")]
    [InlineData("marketing-measurement")]
    [InlineData("measurement,marketing")]
    [InlineData("Marketing")]
    [InlineData("necessary-marketing")]
    [InlineData("marketing-")]
    public async Task Path_NoConsentSet_Is404(string name)
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync($"/v1/acme/production/scripts/{name}.json");
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await Errors.AssertAsync(response, "Unknown consent set");
    }
}
