using System.Text.Json;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Endpoints;

public sealed class ConfigEndpointTests : IDisposable
{
    private const string Config = "/v1/acme/production/config";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Config_Scope_HasEverythingABackendNeeds()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        using var body = JsonDocument.Parse(await edge.GetStringAsync(Config));
        var config = body.RootElement;
        Assert.Equal(
            ["schema", "organization", "environment", "version", "generatedAt", "categories", "requiredCategories", "combinations", "snapshots"],
            config.EnumerateObject().Select(property => property.Name));
        Assert.Equal(1, config.GetProperty("schema").GetInt32());
        Assert.Equal("acme", config.GetProperty("organization").GetString());
        Assert.Equal("production", config.GetProperty("environment").GetString());
        Assert.Equal(1, config.GetProperty("version").GetInt32());
        Assert.Equal("2026-03-01T10:00:10.000Z", config.GetProperty("generatedAt").GetString());
        Assert.Equal(["functionality", "experience", "measurement", "marketing"], config.GetProperty("categories").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal(manifest.Combinations.Select(combination => combination.Snapshot), config.GetProperty("combinations").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal(16, config.GetProperty("snapshots").EnumerateObject().Count());
        foreach (var snapshot in config.GetProperty("snapshots").EnumerateObject())
            Assert.Equal(manifest.Snapshots[snapshot.Name].ScriptCount, snapshot.Value.GetProperty("scripts").GetArrayLength());
    }

    [Fact]
    public async Task Config_SnapshotsOfIt_AreTheBlobsByteForByte()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        var body = await edge.GetStringAsync(Config);
        foreach (var set in Generator.Consent.ConsentSet.All)
            Assert.Contains($"\"{manifest[set].Snapshot}\":{System.Text.Encoding.UTF8.GetString(_store.SnapshotBytes(TestStore.Acme, set))}", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Config)]
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
    public async Task Config_NewVersion_ChangesBodyETagAndLastModified()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        using var before = await edge.GetAsync(Config);
        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
        using var after = await edge.GetUntilAsync(Config, (_, body) => body.Contains("\"version\":2,", StringComparison.Ordinal));
        Assert.NotEqual(HeaderTests.Header(before, "ETag"), HeaderTests.Header(after, "ETag"));
        Assert.Equal("Sun, 01 Mar 2026 10:00:20 GMT", HeaderTests.Header(after, "Last-Modified"));
    }
}
