using System.Net;
using System.Text;
using ConsentSnapshots.EdgeApi.Disk;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

/// <summary>Which loader is served where worker and edge are of different builds.</summary>
public sealed class PublishedLoadersTests : IDisposable
{
    private const string Tags = "/v1/acme/production/tags.js";
    private const string TheLoader = "/v1/loader.js";
    private const string Another = "(function (list) { return [\"another build\", list]; })";
    private const string Third = "(function (list) { return [\"third build\", list]; })";
    private readonly TestStore _store = new();
    private readonly string _cache = Path.Combine(Path.GetTempPath(), $"edge-cache-{Guid.NewGuid():N}");

    public void Dispose()
    {
        _store.Dispose();
        if (Directory.Exists(_cache)) Directory.Delete(_cache, recursive: true);
    }

    [Fact]
    public async Task Tags_SameBuild_AreTheBlobOfThePublicContainerWithoutAReadOfIt()
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched));

        var tags = await edge.GetStringAsync(Tags);

        Assert.Equal(await BlobAsync(_store.TagsPath(TestStore.Acme)), tags);
        Assert.StartsWith("/* acme/production 1 */\n", tags, StringComparison.Ordinal);
        Assert.Equal((1, 0), (watched.Reads(TestStore.Acme), watched.OtherReads));
    }

    [Fact]
    public async Task Tags_NewVersion_AreTheNewBlob()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        using var before = await edge.GetAsync(Tags);

        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));

        using var after = await edge.GetUntilAsync(Tags, (_, body) => body.Contains("22222222222", StringComparison.Ordinal));
        Assert.Equal(await BlobAsync(_store.TagsPath(TestStore.Acme)), await after.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
    }

    [Fact]
    public async Task Tags_WorkerOfAnotherBuild_AreTheBlobOfThePublicContainer()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);

        var tags = await edge.GetStringAsync(Tags);

        Assert.Contains("another build", tags, StringComparison.Ordinal);
        Assert.Equal(await BlobAsync(_store.TagsPath(TestStore.Acme)), tags);
        Assert.Equal(Another, await edge.GetStringAsync(TheLoader));
    }

    [Fact]
    public async Task Tags_ScopeStillOfTheBuildBefore_HaveTheLoaderThatItsManifestNames()
    {
        // The scope is held, so the worker that was updated has published others only, and with them its own loader.
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        _store.PublishByAnotherBuild(TestStore.ScopeOf("globex"), Third, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);

        Assert.Equal(await BlobAsync(_store.TagsPath(TestStore.Acme)), await edge.GetStringAsync(Tags));
        Assert.Equal(await BlobAsync(_store.TagsPath(TestStore.ScopeOf("globex"))), await edge.GetStringAsync("/v1/globex/production/tags.js"));
        Assert.Equal(Third, await edge.GetStringAsync(TheLoader));
    }

    [Fact]
    public async Task Tags_ManyScopesOfAnotherBuild_ReadItsLoaderOnce()
    {
        foreach (var number in Enumerable.Range(0, 20)) _store.PublishByAnotherBuild(TestStore.ScopeOf($"org{number}"), Another, TestStore.Pixel("1"));
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(number => edge.GetStringAsync($"/v1/org{number}/production/tags.js")));

        Assert.InRange(watched.LoaderReads, 1, 2); // that of the follower, and that of a load that came before it
        Assert.Equal(0, watched.OtherReads);
    }

    [Fact]
    public async Task Tags_LoaderIsNowhere_HaveTheOneOfThisBuildUntilItIsThere()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        var published = await BlobAsync(_store.TagsPath(TestStore.Acme));
        File.Delete(_store.LoaderPath);
        File.Delete(_store.TagsPath(TestStore.Acme));
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:RevalidateInterval", "00:00:00.200"));
        var list = await edge.GetAsync("/v1/acme/production/scripts.json");

        Assert.Equal(_store.Current(TestStore.Acme).TagsBytes(), Encoding.UTF8.GetBytes(await edge.GetStringAsync(Tags)));

        // The worker's reconcile puts it back.
        TestStore.Write(_store.LoaderPath, Encoding.UTF8.GetBytes(Another));
        using var mended = await edge.GetUntilAsync(Tags, (_, body) => body == published);
        using var after = await edge.GetAsync("/v1/acme/production/scripts.json");
        Assert.Equal((list.Headers.ETag, list.Content.Headers.LastModified), (after.Headers.ETag, after.Content.Headers.LastModified));
        Assert.True(mended.Content.Headers.LastModified > list.Content.Headers.LastModified, "what changed within the second must look like a change");
    }

    [Theory]
    [InlineData("")]
    [InlineData("/* acme/production 1 */\n")]
    [InlineData("/* acme/production 1 */\nalert(1)\n(JSON.parse(\"{}\"));\n")]
    public async Task Tags_LoaderGoneAndBlobDamaged_HaveTheOneOfThisBuild(string blob)
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        TestStore.Write(_store.LoaderPath, "alert(1)"u8);
        TestStore.Write(_store.TagsPath(TestStore.Acme), Encoding.UTF8.GetBytes(blob));
        await using var edge = await TestEdge.StartAsync(_store);

        Assert.Equal(_store.Current(TestStore.Acme).TagsBytes(), Encoding.UTF8.GetBytes(await edge.GetStringAsync(Tags)));
    }

    [Fact]
    public async Task TagsAndLoader_StoreGoesDown_AreServedOn()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        var published = await BlobAsync(_store.TagsPath(TestStore.Acme));
        await using var edge = await TestEdge.StartAsync(_store);
        await edge.GetStringAsync("/v1/acme/production/scripts.json"); // nobody has asked for tags.js yet
        await edge.GetStringAsync(TheLoader);

        _store.TakeDown();

        Assert.Equal(published, await edge.GetStringAsync(Tags));
        Assert.Equal(Another, await edge.GetStringAsync(TheLoader));
    }

    [Fact]
    public async Task Tags_RestartWhileTheStoreIsDown_AreServedFromDiskWithTheirLoader()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        var published = await BlobAsync(_store.TagsPath(TestStore.Acme));
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            await edge.GetStringAsync("/v1/acme/production/scripts.json");
            await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "the state on disk");
        }
        _store.TakeDown();

        await using var restarted = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache));

        Assert.Equal(published, await restarted.GetStringAsync(Tags));
        Assert.Equal(Loader.Bytes.ToArray(), Encoding.UTF8.GetBytes(await restarted.GetStringAsync(TheLoader)));
    }

    [Fact]
    public async Task Tags_LoaderOnDiskDamaged_AreServedWithTheOneOfThisBuild()
    {
        var manifest = _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            await edge.GetStringAsync(Tags);
            await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "the state on disk");
        }
        _store.TakeDown();
        var file = Assert.Single(Directory.GetFiles(_cache, "*.loader"));
        await File.WriteAllTextAsync(file, "alert(1)", TestContext.Current.CancellationToken);

        await using var restarted = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache));

        Assert.Equal(manifest.TagsBytes(), Encoding.UTF8.GetBytes(await restarted.GetStringAsync(Tags)));
        Assert.False(File.Exists(file));
        Assert.Equal(1, restarted.Log.Count(5401));
    }

    [Fact]
    public async Task Disk_LoadersOfManyBuilds_KeepsTheNewest()
    {
        Directory.CreateDirectory(_cache);
        foreach (var number in Enumerable.Range(1, 30))
        {
            var text = Encoding.UTF8.GetBytes($"(function () {{ return {number}; }})");
            var path = Path.Combine(_cache, $"{SnapshotHash.Of(text)}.loader");
            await File.WriteAllBytesAsync(path, text, TestContext.Current.CancellationToken);
            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(number));
        }

        await using var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache));
        edge.Service<LastGoodDirectory>();

        Assert.Equal(PublishedLoaders.Most, Directory.GetFiles(_cache, "*.loader").Length);
        Assert.NotNull(edge.Service<PublishedLoaders>().Find(SnapshotHash.Of("(function () { return 30; })"u8).ToString()));
        Assert.Null(edge.Service<PublishedLoaders>().Find(SnapshotHash.Of("(function () { return 22; })"u8).ToString()));
    }

    [Fact]
    public async Task Loader_NothingPublished_IsTheOneOfThisBuild()
    {
        await using var edge = await TestEdge.StartAsync(_store);

        Assert.Equal(Loader.Bytes.ToArray(), Encoding.UTF8.GetBytes(await edge.GetStringAsync(TheLoader)));
    }

    [Fact]
    public async Task Loader_StoreDownFromTheStart_IsTheOneOfThisBuildUntilTheStoreComes()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        _store.TakeDown();
        await using var edge = await TestEdge.StartAsync(_store);
        using (var own = await edge.GetAsync(TheLoader))
        {
            Assert.Equal(HttpStatusCode.OK, own.StatusCode);
            Assert.Equal(Loader.Bytes.ToArray(), await own.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }

        _store.BringUp();

        (await edge.GetUntilAsync(TheLoader, (_, body) => body == Another)).Dispose();
    }

    [Fact]
    public async Task Loader_WorkerIsUpdated_FollowsWithoutBeingAskedForAScope()
    {
        _store.PublishByAnotherBuild(TestStore.Acme, Another, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:RevalidateInterval", "00:00:00.200"));
        Assert.Equal(Another, await edge.GetStringAsync(TheLoader));

        _store.PublishByAnotherBuild(TestStore.Acme, Third, TestStore.OneOfEach);

        (await edge.GetUntilAsync(TheLoader, (_, body) => body == Third)).Dispose();
    }

    [Fact]
    public async Task Loader_EmptyOrFarTooLong_IsNotTaken()
    {
        TestStore.Write(_store.LoaderPath, new byte[PublishedLoaders.Longest + 1]);
        await using var edge = await TestEdge.StartAsync(_store);
        Assert.Equal(Loader.Bytes.ToArray(), Encoding.UTF8.GetBytes(await edge.GetStringAsync(TheLoader)));

        TestStore.Write(_store.LoaderPath, []);
        Assert.True(await edge.Service<PublishedLoaders>().LookAsync(TestContext.Current.CancellationToken));

        Assert.Equal(Loader.Bytes.ToArray(), Encoding.UTF8.GetBytes(await edge.GetStringAsync(TheLoader)));
    }

    [Fact]
    public async Task Add_LoadersWithoutEnd_KeepsFewAndThisBuildsOwn()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var loaders = edge.Service<PublishedLoaders>();

        var hashes = Enumerable.Range(0, 1000).Select(number => loaders.Add(Encoding.UTF8.GetBytes($"{number}"))).ToList();

        Assert.Equal(PublishedLoaders.Most - 1, hashes.Count(hash => loaders.Find(hash) is not null));
        Assert.NotNull(loaders.Find(hashes[^1]));
        Assert.NotNull(loaders.Find(Loader.Hash));
    }

    private static Task<string> BlobAsync(string path) => File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
}
