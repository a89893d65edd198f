using System.Text;
using System.Text.Json;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Upgrades;

/// <summary>What <c>docs/upgrades.md</c> says of an edge whose worker is of another build.</summary>
public sealed class StoreOfAnotherBuildTests : IDisposable
{
    private readonly TestStore _store = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _store.Dispose();

    /// <summary>The store in the repository, which the first build of schema 2 has written.</summary>
    [Theory]
    [InlineData("development")]
    [InlineData("staging")]
    [InlineData("production")]
    public async Task StoreOfTheFirstBuild_EachAnswer_HasTheScriptsThatWerePublished(string environment)
    {
        CopyFixture();
        await using var edge = await TestEdge.StartAsync(_store);
        var scope = TestStore.ScopeOf("acme", environment);
        var manifest = Manifest.Parse(await File.ReadAllBytesAsync(_store.CurrentPath(scope), Cancel));

        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(_store.Public, BlobNames.List(scope)), Cancel), await edge.GetStringAsync($"/v1/{scope}/scripts.json"));
        Assert.Equal(await File.ReadAllTextAsync(_store.TagsPath(scope), Cancel), await edge.GetStringAsync($"/v1/{scope}/tags.js"));
        Assert.Equal(await File.ReadAllTextAsync(_store.LoaderPath, Cancel), await edge.GetStringAsync("/v1/loader.js"));
        foreach (var set in ConsentSet.All)
        {
            var name = manifest[set].Snapshot;
            var published = JsonElement.Parse(await File.ReadAllTextAsync(Path.Combine(_store.Public, scope.ToString(), $"{name}.json"), Cancel)).GetProperty("scripts").GetRawText();
            var answer = JsonElement.Parse(await edge.GetStringAsync($"/v1/{scope}/scripts/{set.Name}.json"));
            Assert.Equal(published, answer.GetProperty("scripts").GetRawText());
            Assert.Equal(name, answer.GetProperty("metadata").GetProperty("snapshot").GetString());
        }
    }

    /// <summary>An edge of this build over the store of the first one, whose worker is then updated.</summary>
    [Fact]
    public async Task StoreOfTheFirstBuild_NextVersionOfThisBuild_IsFollowed()
    {
        CopyFixture();
        await using var edge = await TestEdge.StartAsync(_store);
        await edge.FollowsAsync();
        Assert.Contains("\"version\":2,", await edge.GetStringAsync("/v1/acme/production/scripts.json"), StringComparison.Ordinal);

        _store.WriteCurrent(Manifest.Parse(await File.ReadAllBytesAsync(_store.CurrentPath(TestStore.Acme), Cancel)));
        Assert.Equal(3, _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111")).Version);

        (await edge.GetUntilAsync("/v1/acme/production/scripts.json", (_, body) => body.Contains("\"version\":3,", StringComparison.Ordinal) && body.Contains("11111111111", StringComparison.Ordinal))).Dispose();
        Assert.Equal(await File.ReadAllTextAsync(_store.TagsPath(TestStore.Acme), Cancel), await edge.GetStringAsync("/v1/acme/production/tags.js"));
    }

    /// <summary>A later worker that adds to the manifest: an edge of this build reads what it knows.</summary>
    [Fact]
    public async Task ManifestOfALaterBuild_WithPropertiesThatThisOneDoesNotKnow_IsServed()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        var before = await edge.GetStringAsync("/v1/acme/production/scripts.json");
        const string Added = "\"later\":{\"a\":[1,{\"b\":null}]},";
        var text = Encoding.UTF8.GetString(manifest.Bytes.Span);
        foreach (var place in (string[])["\"version\":", "\"combinations\":", "\"since\":", "\"policy\":", "\"erase\":"])
        {
            Assert.Contains(place, text, StringComparison.Ordinal);
            text = text.Replace(place, Added + place, StringComparison.Ordinal);
        }
        // Not into the entries of the version's own times, which have a version, too.
        text = text.Replace($"{{{Added}\"version\":", "{\"version\":", StringComparison.Ordinal);
        TestStore.Write(_store.CurrentPath(TestStore.Acme), Encoding.UTF8.GetBytes(text));

        await using var restarted = await TestEdge.StartAsync(_store);

        Assert.Equal(before, await restarted.GetStringAsync("/v1/acme/production/scripts.json"));
        Assert.Equal(0, restarted.Log.Count(5201));
    }

    private void CopyFixture()
    {
        var from = Checkout.At("tests", "fixtures", "store");
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            TestStore.Write(Path.Combine(_store.Root, Path.GetRelativePath(from, file)), File.ReadAllBytes(file));
    }
}
