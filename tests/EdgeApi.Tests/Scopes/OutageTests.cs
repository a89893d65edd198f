using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Http;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

public sealed class OutageTests : IDisposable
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private readonly TestStore _store = new();
    private readonly string _cache = Path.Combine(Path.GetTempPath(), $"edge-cache-{Guid.NewGuid():N}");

    public void Dispose()
    {
        _store.Dispose();
        if (Directory.Exists(_cache)) Directory.Delete(_cache, recursive: true);
    }

    [Fact]
    public async Task Serve_StoreDownFromTheStart_Is503AndNotReadyUntilItComes()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        _store.TakeDown();
        await using var edge = await TestEdge.StartAsync(_store);
        using (var response = await edge.GetAsync(Marketing))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal("5", HeaderTests.Header(response, "Retry-After"));
            await Errors.AssertAsync(response, "Temporarily unavailable");
        }
        using (var ready = await edge.GetAsync("/health/ready"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains("\"status\":\"not-ready\"", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        using (var live = await edge.GetAsync("/health/live")) Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        _store.BringUp();
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        (await edge.GetUntilAsync("/health/ready", (_, body) => body.Contains("\"status\":\"ready\",\"reasons\":[]", StringComparison.Ordinal))).Dispose();
    }

    [Fact]
    public async Task Serve_StoreGoesDown_ServesWhatIsHeldAndCatchesUp()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        await edge.FollowsAsync();
        _store.TakeDown();
        using var degraded = await edge.GetUntilAsync("/health/ready", (_, body) => body.Contains("\"status\":\"degraded\"", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, degraded.StatusCode);
        await Eventually.TrueAsync(() => edge.Log.Count(5300) == 1, "the outage");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
        using (var unheld = await edge.GetAsync("/v1/other/production/scripts?consent=marketing"))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, unheld.StatusCode);
        _store.BringUp();
        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
        (await edge.GetUntilAsync(Marketing, (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();
        // Said once each, however many polls failed; the answer may be there before the line that says why.
        await Eventually.TrueAsync(() => edge.Log.Count(5102) == 1 && edge.Log.Count(5301) == 1, "the recovery");
        Assert.Equal(1, edge.Log.Count(5101));
        Assert.Equal(1, edge.Log.Count(5102));
        Assert.Equal(1, edge.Log.Count(5300));
        Assert.Equal(1, edge.Log.Count(5301));
    }

    [Fact]
    public async Task Serve_RestartWhileTheStoreIsDown_ServesTheLastGoodStateFromDisk()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        byte[] before;
        string? etag;
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            using var response = await edge.GetAsync(Marketing, ("Accept-Encoding", "br"));
            before = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            etag = HeaderTests.Header(response, "ETag");
            await Eventually.TrueAsync(() => Directory.GetFiles(_cache, "*.scope").Length == 1, "the state on disk");
        }
        _store.TakeDown();
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            using var response = await edge.GetAsync(Marketing, ("Accept-Encoding", "br"));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(before, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
            Assert.Equal(etag, HeaderTests.Header(response, "ETag"));
            using var ready = await edge.GetAsync("/health/ready");
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            Assert.Contains("degraded", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            using var unknown = await edge.GetAsync("/v1/other/production/scripts?consent=marketing");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, unknown.StatusCode);
            // The store comes back with something newer.
            _store.BringUp();
            _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
            (await edge.GetUntilAsync(Marketing, (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();
        }
    }

    [Fact]
    public async Task Serve_RestartWithTheStoreUp_ConfirmsTheDiskByOneConditionalRead()
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            (await edge.GetAsync(Marketing)).Dispose();
            await Eventually.TrueAsync(() => Directory.GetFiles(_cache, "*.scope").Length == 1, "the state on disk");
        }
        var watched = new WatchedStore(_store);
        await using (var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:CacheDirectory", _cache)))
        {
            using var response = await edge.GetAsync(Marketing);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal((1, 0), (watched.Reads(TestStore.Acme), watched.OtherReads));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(20)]
    [InlineData(400)]
    [InlineData(-1)]
    public async Task Serve_DiskDamaged_RemovesItAndNeverServesIt(int position)
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            (await edge.GetAsync(Marketing)).Dispose();
            await Eventually.TrueAsync(() => Directory.GetFiles(_cache, "*.scope").Length == 1, "the state on disk");
        }
        var file = Directory.GetFiles(_cache, "*.scope").Single();
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[position < 0 ? ^1 : position] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        _store.TakeDown();
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache)))
        {
            using var response = await edge.GetAsync(Marketing);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            Assert.Equal(1, edge.Log.Count(5401));
            Assert.False(File.Exists(file));
        }
    }

    [Fact]
    public async Task Serve_PurgedScope_LeavesTheDiskToo()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache));
        (await edge.GetAsync(Marketing)).Dispose();
        await Eventually.TrueAsync(() => Directory.GetFiles(_cache, "*.scope").Length == 1 && edge.Log.Count(5100) == 1, "the state on disk");
        File.Delete(_store.CurrentPath(TestStore.Acme));
        _store.Announce(TestStore.Acme);
        await Eventually.TrueAsync(() => Directory.GetFiles(_cache, "*.scope").Length == 0, "an empty disk");
    }

    [Fact]
    public async Task Serve_ManyScopes_KeepTheDiskWithinItsLimit()
    {
        // A list of some 400 kB: two fit a limit of 1 MiB, a third does not.
        var many = Enumerable.Range(1, 390).Select(number => TestStore.Pixel($"{number}", "marketing")).ToArray();
        for (var number = 0; number < 4; number++) _store.Publish(TestStore.ScopeOf($"org{number}"), many);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache), ("Edge:CacheDirectoryBytes", "1048576"));
        for (var number = 0; number < 4; number++)
        {
            using var response = await edge.GetAsync($"/v1/org{number}/production/scripts?consent=marketing");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "writes");
        var files = Directory.GetFiles(_cache).Select(file => new FileInfo(file).Length).ToList();
        Assert.True(files.Count is >= 1 and < 4 && files.Sum() <= 1 << 20, string.Join(" ", files));
    }

    [Fact]
    public async Task Load_StoreRefuses_StopsAskingAfterAFewFailures()
    {
        var watched = new WatchedStore(_store) { RefuseLoads = true };
        // Time stands still: no further look at the change log says that the store answers, and no pause before the next attempt ends.
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched).AddSingleton<TimeProvider>(new FakeTimeProvider()));
        await edge.FollowsAsync();
        for (var number = 0; number < 100; number++)
        {
            using var response = await edge.GetAsync($"/v1/org{number}/production/scripts?consent=marketing");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        }
        // Three failures in a row; twice that where the follower's first read ends only now and counts as an answer.
        Assert.InRange(watched.AllReads, 3, 6);
    }
}
