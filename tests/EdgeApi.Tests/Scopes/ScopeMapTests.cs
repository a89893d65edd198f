using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Tests.Http;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

public sealed class ScopeMapTests : IDisposable
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Get_ManyAtOnce_ShareOneLoad()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var watched = new WatchedStore(_store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched));
        await edge.FollowsAsync();
        var requests = Enumerable.Range(0, 50).Select(_ => edge.GetAsync(Marketing)).ToList();
        await Eventually.TrueAsync(() => watched.Reads(TestStore.Acme) == 1, "the load");
        watched.Gate.SetResult();
        foreach (var response in await Task.WhenAll(requests))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            response.Dispose();
        }
        Assert.Equal(1, watched.Reads(TestStore.Acme));
        Assert.Equal(0, watched.OtherReads);
    }

    [Fact]
    public async Task Get_FirstCallerLeaves_TheOthersAreAnswered()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var watched = new WatchedStore(_store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched));
        await edge.FollowsAsync();
        using var impatience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var first = edge.Client.GetAsync(Marketing, impatience.Token);
        await Eventually.TrueAsync(() => watched.Reads(TestStore.Acme) == 1, "the load");
        var second = edge.GetAsync(Marketing);
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        watched.Gate.SetResult();
        using var response = await second;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(1, watched.Reads(TestStore.Acme));
    }

    [Fact]
    public async Task Get_StoreHangs_Is503AfterTheLoadsOwnLimit()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var watched = new WatchedStore(_store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:LoadTimeout", "00:00:00.200"), ("Edge:RetryAfter", "00:00:07"));
        using var response = await edge.GetAsync(Marketing);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("7", HeaderTests.Header(response, "Retry-After"));
        Assert.Equal("no-store", HeaderTests.Header(response, "Cache-Control"));
        await Errors.AssertAsync(response, "Temporarily unavailable");
    }

    [Fact]
    public async Task Get_TooManyScopesWait_TheNextIsToldToComeBack()
    {
        var watched = new WatchedStore(_store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:ConcurrentLoads", "2"), ("Edge:WaitingLoads", "3"));
        var waiting = Enumerable.Range(0, 5).Select(number => edge.GetAsync($"/v1/org{number}/production/scripts?consent=marketing")).ToList();
        await Eventually.TrueAsync(() => watched.AllReads == 2 && edge.Loads.Waiting == 5, "two loads and three waiting");
        using var refused = await edge.GetAsync("/v1/org9/production/scripts?consent=marketing");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(2, watched.AllReads);
        watched.Gate.SetResult();
        foreach (var response in await Task.WhenAll(waiting))
        {
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            response.Dispose();
        }
    }

    [Fact]
    public async Task Get_MissingScope_IsAskedForOnce()
    {
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:NegativeCacheDuration", "00:05:00"));
        await edge.FollowsAsync();
        for (var count = 0; count < 5; count++)
        {
            using var response = await edge.GetAsync(Marketing);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
            Assert.Equal("public, max-age=300", HeaderTests.Header(response, "Cache-Control"));
        }
        Assert.Equal(1, watched.Reads(TestStore.Acme));
    }

    [Fact]
    public async Task Get_RandomOrganizations_GrowNothingBeyondItsLimit()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:NegativeCacheEntries", "50"), ("Edge:NegativeCacheDuration", "00:05:00"));
        await Parallel.ForAsync(0, 1000, TestContext.Current.CancellationToken, async (number, _) =>
        {
            using var response = await edge.GetAsync(string.Create(CultureInfo.InvariantCulture, $"/v1/random-{number}/production/scripts?consent=marketing&_={number}"));
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        });
        Assert.True(edge.Missing.Count <= 50, $"{edge.Missing.Count}");
        Assert.Equal(0, edge.Held.Count);
        // The last request is answered a moment before its load is over.
        await Eventually.TrueAsync(() => edge.Loads is { Waiting: 0, UnderWay: 0 }, "nothing waits and nothing is under way");
    }

    [Fact]
    public async Task Get_MoreScopesThanMemory_LetsTheLeastUsedGoAndStillServesThem()
    {
        const int Scopes = 400;
        for (var number = 0; number < Scopes; number++) _store.Publish(TestStore.ScopeOf($"org{number}"), TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:MemoryBytes", "1048576"));
        for (var number = 0; number < Scopes; number++)
        {
            foreach (var set in new[] { "necessary", "marketing", "measurement,marketing" })
            {
                using var response = await edge.GetAsync($"/v1/org{number}/production/scripts?consent={set}", ("Accept-Encoding", "br"));
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }
            using var config = await edge.GetAsync($"/v1/org{number}/production/config");
            Assert.Equal(HttpStatusCode.OK, config.StatusCode);
            Assert.True(edge.Memory.Bytes <= 1 << 20, $"{edge.Memory.Bytes}");
        }
        Assert.InRange(edge.Held.Count, 1, Scopes - 1);
        using var first = await edge.GetAsync("/v1/org0/production/scripts?consent=marketing");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
    }

    [Fact]
    public async Task Get_ManyThreadsBeyondTheMemory_AnswersEveryFirstRequest()
    {
        const int Scopes = 10_000;
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(new EndlessStore(_store)), ("Edge:MemoryBytes", "1048576"));
        var outcomes = new ConcurrentDictionary<ScopeOutcome, int>();

        await Parallel.ForAsync(0, Scopes, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = TestContext.Current.CancellationToken }, async (number, cancellationToken) =>
        {
            var lookup = await edge.Scopes.GetAsync(TestStore.ScopeOf(string.Create(CultureInfo.InvariantCulture, $"org{number}")), cancellationToken);
            outcomes.AddOrUpdate(lookup.Outcome, 1, (_, count) => count + 1);
        });

        Assert.Equal([KeyValuePair.Create(ScopeOutcome.Held, Scopes)], outcomes);
        Assert.DoesNotContain(edge.Log.Entries, entry => entry.Level >= LogLevel.Error);
        Assert.True(edge.Memory.Bytes <= 1 << 20, $"{edge.Memory.Bytes}");
    }

    [Fact]
    public async Task Get_EveryCombinationOfAScope_CostsOneRead()
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:RevalidateInterval", "1.00:00:00"));
        await edge.FollowsAsync();

        foreach (var set in Generator.Consent.ConsentSet.All) (await edge.GetAsync($"/v1/acme/production/scripts/{set.Name}.json")).Dispose();
        (await edge.GetAsync("/v1/acme/production/scripts.json")).Dispose();

        Assert.Equal((1, 0), (watched.Reads(TestStore.Acme), watched.OtherReads));

        _store.Publish(TestStore.Acme, [.. TestStore.OneOfEach, TestStore.Pixel("5", "functionality", "experience", "measurement", "marketing")]);
        (await edge.GetUntilAsync("/v1/acme/production/scripts?consent=functionality,experience,measurement,marketing",
            (_, body) => body.Contains("\"version\":2,", StringComparison.Ordinal))).Dispose();
        Assert.Equal((2, 0), (watched.Reads(TestStore.Acme), watched.OtherReads));
    }

    [Fact]
    public async Task Refresh_PurgeAnnounced_DropsTheScope()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        await edge.FollowsAsync();
        File.Delete(_store.CurrentPath(TestStore.Acme));
        _store.Announce(TestStore.Acme);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.StatusCode == HttpStatusCode.NotFound)).Dispose();
        await Eventually.TrueAsync(() => edge.Held.Count == 0 && edge.Memory.Bytes == 0, "nothing held");
    }

    [Fact]
    public async Task Refresh_ScopeGoneUnannounced_IsKeptUntilASecondLookAgrees()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var time = new FakeTimeProvider();
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<TimeProvider>(time));
        var look = new Refresh(TestStore.Acme, Announced: false, Failures: 0);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        var bytes = await File.ReadAllBytesAsync(_store.CurrentPath(TestStore.Acme), TestContext.Current.CancellationToken);
        File.Delete(_store.CurrentPath(TestStore.Acme));

        await edge.Scopes.RefreshAsync(look, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => edge.Log.Count(5204) == 1, "the first look");
        using var kept = await edge.GetAsync(Marketing);
        time.Advance(TimeSpan.FromMinutes(5)); // Edge:RevalidateInterval
        await edge.Scopes.RefreshAsync(look, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => edge.Log.Count(5203) == 1, "the second look");
        using var gone = await edge.GetAsync(Marketing);
        // Back without a word: found when the negative entry runs out, at the latest.
        TestStore.Write(_store.CurrentPath(TestStore.Acme), bytes);
        time.Advance(TimeSpan.FromSeconds(10));
        using var back = await edge.GetAsync(Marketing);

        Assert.Equal(
            [HttpStatusCode.OK, HttpStatusCode.NotFound, HttpStatusCode.OK], new[] { kept, gone, back }.Select(response => response.StatusCode));
    }

    [Fact]
    public async Task Get_IsolatedScopes_AnswerEachTheirOwn()
    {
        foreach (var (organization, environment, pixel) in new[] { ("acme", "production", "11111111111"), ("acme", "staging", "22222222222"), ("Acme", "production", "33333333333"), ("acme2", "production", "44444444444") })
            _store.Publish(TestStore.ScopeOf(organization, environment), TestStore.Pixel(pixel));
        _store.Publish(TestStore.ScopeOf("acme", "development"));
        await using var edge = await TestEdge.StartAsync(_store);
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
        Assert.Contains("22222222222", await edge.GetStringAsync("/v1/acme/staging/scripts?consent=marketing"), StringComparison.Ordinal);
        Assert.Contains("33333333333", await edge.GetStringAsync("/v1/Acme/production/scripts?consent=marketing"), StringComparison.Ordinal);
        Assert.Contains("44444444444", await edge.GetStringAsync("/v1/acme2/production/scripts?consent=marketing"), StringComparison.Ordinal);
        // An environment that is not used answers an empty list, not a 404.
        Assert.StartsWith("{\"scripts\":[],", await edge.GetStringAsync("/v1/acme/development/scripts?consent=marketing"), StringComparison.Ordinal);
    }
}
