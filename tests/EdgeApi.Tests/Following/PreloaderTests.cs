using System.Net;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Following;

public sealed class PreloaderTests : IDisposable
{
    private const string Marketing = "/v1/org1/production/scripts?consent=marketing";
    private readonly TestStore _store = new();
    private readonly string _cache = Path.Combine(Path.GetTempPath(), $"edge-cache-{Guid.NewGuid():N}");

    public void Dispose()
    {
        _store.Dispose();
        if (Directory.Exists(_cache)) Directory.Delete(_cache, recursive: true);
    }

    [Fact]
    public async Task Preload_NamedScopes_AreHeldBeforeAnybodyAsksAndNoOthers()
    {
        Publish(3);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Preload", "org0/production,org2/production,nobody/production"));

        await Eventually.TrueAsync(() => edge.Log.Count(5500) == 1, "the end of preloading");

        Assert.Equal(["org0/production", "org2/production"], edge.Held.Scopes.Select(scope => scope.ToString()).Order(StringComparer.Ordinal));
        Assert.Contains(edge.Log.Entries, entry => entry.Message.Contains("2 scopes are held, 1 of those wanted do not exist", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preload_All_IsEveryScopeThatTheEdgeAnswersFor()
    {
        Publish(4);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Preload", "all"), ("Edge:Scopes", "org1,org3"));

        await Eventually.TrueAsync(() => edge.Log.Count(5500) == 1, "the end of preloading");

        Assert.Equal(["org1/production", "org3/production"], edge.Held.Scopes.Select(scope => scope.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Preload_StoreHangs_DelaysNeitherReadinessNorFirstRequests()
    {
        Publish(3);
        var watched = new WatchedStore(_store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:Preload", "org0/production,org2/production"), ("Edge:ConcurrentLoads", "1"));
        await Eventually.TrueAsync(() => watched.AtOnce == 2, "two loads that hang");

        (await edge.GetUntilAsync("/health/ready", (response, _) => response.IsSuccessStatusCode)).Dispose();
        var first = edge.GetAsync(Marketing);
        await Eventually.TrueAsync(() => watched.AtOnce == 3, "the first request's load");
        watched.Gate.SetResult();

        using var answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Preload_AllWhileTheStoreIsDown_IsWhatIsOnDisk()
    {
        Publish(3);
        await using (var edge = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache), ("Edge:Preload", "all")))
            await Eventually.TrueAsync(() => edge.Log.Count(5500) == 1 && edge.Loads.UnderWay == 0, "copies on disk");
        _store.TakeDown();

        await using var restarted = await TestEdge.StartAsync(_store, ("Edge:CacheDirectory", _cache), ("Edge:Preload", "all"));

        await Eventually.TrueAsync(() => restarted.Held.Count == 3, "all of them");
        using var answer = await restarted.GetAsync(Marketing);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Preload_AllBeforeTheStoreIsThere_SaysSoOnceAndTriesAgain()
    {
        Publish(3);
        _store.TakeDown();
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Preload", "all"));
        await Eventually.TrueAsync(() => edge.Log.Count(5501) == 1, "the wait");

        _store.BringUp();

        await Eventually.TrueAsync(() => edge.Held.Count == 3 && edge.Log.Count(5500) == 1, "all of them");
        Assert.Equal(1, edge.Log.Count(5501));
    }

    [Fact]
    public async Task Preload_StoreRefusesNamedScopes_TriesAgainUntilTheyAreHeld()
    {
        Publish(2);
        var watched = new WatchedStore(_store) { RefuseLoads = true };
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:Preload", "org0/production,org1/production"));
        await Eventually.TrueAsync(() => edge.Log.Count(5501) == 1, "the wait");

        watched.RefuseLoads = false;

        await Eventually.TrueAsync(() => edge.Held.Count == 2, "both");
    }

    [Fact]
    public async Task Preload_ScopeThatIsNotWhole_IsNoReasonToWait()
    {
        Publish(2);
        TestStore.Write(_store.CurrentPath(TestStore.ScopeOf("org0")), "?"u8);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Preload", "all"));

        await Eventually.TrueAsync(() => edge.Log.Count(5500) == 1, "the end of preloading");

        Assert.Equal((1, 1), (edge.Held.Count, edge.Log.Count(5201)));
    }

    [Fact]
    public async Task Preload_MoreThanTheMemory_StopsBeforeOnePushesAnotherOut()
    {
        var store = new EndlessStore(_store);
        var names = string.Join(',', Enumerable.Range(0, 1000).Select(number => $"org{number}/production"));
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(store), ("Edge:Preload", names), ("Edge:MemoryBytes", "1048576"));

        await Eventually.TrueAsync(() => edge.Log.Count(5502) == 1, "the end of the memory");

        // What was loaded first is still held, and nothing is read again for what was left out.
        Assert.True(edge.Held.Contains(TestStore.ScopeOf("org0")));
        Assert.InRange(edge.Held.Count, 10, 999);
        Assert.Equal(0, edge.Log.Count(5500));
    }

    [Fact]
    public async Task FirstRequests_TakeAllProcessorsThatAreTheirs_LeaveHeldScopesAlone()
    {
        Publish(2);
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetAsync("/v1/org0/production/scripts.json")).Dispose();
        using var gate = new ManualResetEventSlim();
        var work = edge.Service<WorkThreads>();
        var busy = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => work.RunAsync(() => gate.Wait(TimeSpan.FromMinutes(2)))).ToList();

        var first = edge.GetAsync("/v1/org1/production/scripts.json");
        using var held = await edge.GetAsync("/v1/org0/production/scripts.json");

        Assert.Equal(HttpStatusCode.OK, held.StatusCode);
        Assert.False(first.IsCompleted);
        gate.Set();
        using var answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.All(await Task.WhenAll(busy), Assert.True);
    }

    [Fact]
    public async Task Refresh_AllHeldScopesArePublished_ReadsAFewAtATime()
    {
        const int Scopes = 40;
        Publish(Scopes);
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:Preload", "all"), ("Edge:ConcurrentRefreshes", "3"), ("Edge:RevalidateInterval", "1.00:00:00"));
        await edge.FollowsAsync();
        await Eventually.TrueAsync(() => edge.Held.Count == Scopes && edge.Loads.UnderWay == 0, "all of them");
        watched.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        for (var number = 0; number < Scopes; number++) _store.Publish(TestStore.ScopeOf($"org{number}"), TestStore.Pixel("22222222222"));

        await Eventually.TrueAsync(() => watched.AtOnce == 3, "reads that are held back");
        watched.Gate.SetResult();
        watched.Gate = null;
        for (var number = 0; number < Scopes; number++)
            (await edge.GetUntilAsync($"/v1/org{number}/production/scripts?consent=marketing", (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();
        Assert.InRange(watched.MostAtOnce, 3, 3 + 2); // two more while it preloaded, which may not have been over when the comparison began
    }

    private void Publish(int scopes)
    {
        for (var number = 0; number < scopes; number++) _store.Publish(TestStore.ScopeOf($"org{number}"), TestStore.Pixel("11111111111"));
    }
}
