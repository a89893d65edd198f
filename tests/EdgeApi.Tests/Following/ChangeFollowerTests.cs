using System.Net;
using ConsentSnapshots.EdgeApi.Following;
using ConsentSnapshots.EdgeApi.Tests.Http;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Following;

public sealed class ChangeFollowerTests
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private const string Nothing = "/v1/acme/production/scripts?consent=necessary";

    private static Func<HttpResponseMessage, string, bool> Version(int version) =>
        (_, body) => body.Contains($"\"version\":{version},", StringComparison.Ordinal);

    [Fact]
    public async Task Follow_OtherCombinationChanges_LeavesBodyETagAndLastModifiedAlone()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("11111111111", "marketing"));
        await using var edge = await TestEdge.StartAsync(store);
        using var before = await edge.GetAsync(Nothing, ("Accept-Encoding", "gzip"));
        store.Publish(TestStore.Acme, TestStore.Pixel("22222222222", "marketing"));
        using var changed = await edge.GetUntilAsync(Marketing, Version(2));
        using var after = await edge.GetAsync(Nothing, ("Accept-Encoding", "gzip"));
        Assert.Equal(HeaderTests.Header(before, "ETag"), HeaderTests.Header(after, "ETag"));
        Assert.Equal(HeaderTests.Header(before, "Last-Modified"), HeaderTests.Header(after, "Last-Modified"));
        Assert.Equal("Sun, 01 Mar 2026 10:00:20 GMT", HeaderTests.Header(changed, "Last-Modified"));
    }

    [Fact]
    public async Task Follow_RequiredCategoriesChange_MovesLastModifiedOfEveryBody()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("11111111111", "marketing"));
        await using var edge = await TestEdge.StartAsync(store);
        using var before = await edge.GetAsync(Nothing);
        store.Publish(TestStore.Acme, TestStore.Pixel("11111111111", "measurement"));
        using var after = await edge.GetUntilAsync(Nothing, (_, body) => body.Contains("\"requiredCategories\":[\"measurement\"]", StringComparison.Ordinal));
        // The categories are in every body, so their change is a change of every combination, although its snapshot is the same empty list as before.
        Assert.Contains("\"version\":2,", await after.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.NotEqual(HeaderTests.Header(before, "ETag"), HeaderTests.Header(after, "ETag"));
        using var conditional = await edge.GetAsync(Nothing, ("If-Modified-Since", HeaderTests.Header(before, "Last-Modified")!));
        Assert.Equal(HttpStatusCode.OK, conditional.StatusCode);
    }

    [Fact]
    public async Task Follow_SegmentsFillUp_MovesOnToTheNext()
    {
        using var store = new TestStore(recordsPerSegment: 4);
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store, services => services.AddSingleton(new ChangeLogFormat(4L * ChangeRecord.Length)));
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        for (var version = 2; version <= 11; version++)
        {
            store.Publish(TestStore.Acme, TestStore.Pixel($"{version}"));
            (await edge.GetUntilAsync(Marketing, Version(version))).Dispose();
        }
        Assert.True(File.Exists(store.SegmentPath(3)));
        Assert.Equal(0, edge.Log.Count(5103));
    }

    [Fact]
    public async Task Follow_StartsAtAFullSegment_HearsOfTheNext()
    {
        using var store = new TestStore(recordsPerSegment: 2);
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        store.Publish(TestStore.Acme, TestStore.Pixel("2"));
        await using var edge = await TestEdge.StartAsync(store, services => services.AddSingleton(new ChangeLogFormat(2L * ChangeRecord.Length)));
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
        store.Publish(TestStore.Acme, TestStore.Pixel("3"));
        (await edge.GetUntilAsync(Marketing, Version(3))).Dispose();
        Assert.Equal(0, edge.Log.Count(5103));
    }

    [Fact]
    public async Task Follow_LongBacklog_IsReadToItsEnd()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store);
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        var record = new ChangeRecord("somebody-else", "production", 1, null, DateTimeOffset.UnixEpoch).ToBytes();
        store.Append([.. Enumerable.Repeat(record, 1000).SelectMany(bytes => bytes)]);
        store.Publish(TestStore.Acme, TestStore.Pixel("2"));
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
        Assert.Equal(0, edge.Log.Count(5103));
    }

    [Fact]
    public async Task Follow_LogBegunAnew_IsNoticedAndEverythingCompared()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store);
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        await edge.FollowsAsync();
        // Learned of through the log, so the log's last record is known.
        store.Publish(TestStore.Acme, TestStore.Pixel("2"));
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
        // Another log of the very same length or longer stands in its place; only its records tell that it is another one.
        var manifest = store.Prepare(TestStore.Acme, TestStore.Pixel("3"));
        store.WriteCurrent(manifest);
        var record = new ChangeRecord("somebody-else", "production", 1, null, DateTimeOffset.UnixEpoch).ToBytes();
        TestStore.Write(store.SegmentPath(1), [.. record, .. record, .. record]);
        (await edge.GetUntilAsync(Marketing, Version(3))).Dispose();
    }

    [Fact]
    public async Task Follow_LogVanishes_KeepsServingAndFollowsTheNewOne()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store);
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        await edge.FollowsAsync();
        File.Delete(store.SegmentPath(1));
        await Eventually.TrueAsync(() => edge.Log.Count(5103) == 1 && edge.Log.Count(5100) == 2, "reset");
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        store.Publish(TestStore.Acme, TestStore.Pixel("2"));
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
    }

    [Fact]
    public async Task Follow_UnreadableRecord_ComparesEverything()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store);
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        await edge.FollowsAsync();
        var manifest = store.Prepare(TestStore.Acme, TestStore.Pixel("2"));
        store.WriteCurrent(manifest);
        store.Append(new byte[ChangeRecord.Length]);
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
        Assert.Equal(1, edge.Log.Count(5104));
    }

    [Fact]
    public async Task Follow_PartOfARecord_WaitsForTheRest()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var watched = new WatchedStore(store);
        await using var edge = await TestEdge.StartAsync(store, services => services.AddSingleton<IBlobReader>(watched));
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        await edge.FollowsAsync();
        var manifest = store.Prepare(TestStore.Acme, TestStore.Pixel("2"));
        store.WriteCurrent(manifest);
        var record = new ChangeRecord("acme", "production", 2, null, DateTimeOffset.UnixEpoch).ToBytes();
        store.Append(record[..100]);
        // The next read begins after the part was written, and the one after that begins when it has been dealt with.
        var reads = watched.LogReads;
        await Eventually.TrueAsync(() => watched.LogReads >= reads + 2, "a look at the part");
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        store.Append(record[100..]);
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
        Assert.Equal(0, edge.Log.Count(5104));
    }

    [Fact]
    public async Task Follow_ChangeWithoutRecord_IsFoundByTheSlowComparison()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store, ("Edge:RevalidateInterval", "00:00:00.200"));
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
        var manifest = store.Prepare(TestStore.Acme, TestStore.Pixel("2"));
        store.WriteCurrent(manifest);
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
    }

    [Fact]
    public async Task Follow_NewScopeAnnounced_EndsTheNegativeCache()
    {
        using var store = new TestStore();
        await using var edge = await TestEdge.StartAsync(store, ("Edge:NegativeCacheDuration", "00:05:00"));
        using var before = await edge.GetAsync(Marketing);
        Assert.Equal(HttpStatusCode.NotFound, before.StatusCode);
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
    }

    [Fact]
    public async Task Follow_ChangeDuringALoad_IsNotLost()
    {
        using var store = new TestStore();
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var watched = new WatchedStore(store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(store, services => services.AddSingleton<IBlobReader>(watched));
        await edge.FollowsAsync();
        // The load has read version 1 and is held back; version 2 is announced meanwhile, and the record is read by the follower.
        var first = edge.GetAsync(Marketing);
        await Eventually.TrueAsync(() => watched.Reads(TestStore.Acme) == 1, "the load");
        store.Publish(TestStore.Acme, TestStore.Pixel("2"));
        var length = new FileInfo(store.SegmentPath(1)).Length;
        var follower = edge.Service<ChangeFollower>();
        await Eventually.TrueAsync(() => follower.Place?.Offset == length, "the record");
        watched.Gate.SetResult();
        (await first).Dispose();
        (await edge.GetUntilAsync(Marketing, Version(2))).Dispose();
    }

    [Fact]
    public async Task Follow_MissingFoundDuringALoad_IsNotRememberedOverTheChange()
    {
        using var store = new TestStore();
        var watched = new WatchedStore(store) { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var edge = await TestEdge.StartAsync(
            store, services => services.AddSingleton<IBlobReader>(watched), ("Edge:NegativeCacheDuration", "00:05:00"));
        await edge.FollowsAsync();
        var first = edge.GetAsync(Marketing);
        await Eventually.TrueAsync(() => watched.Reads(TestStore.Acme) == 1, "the load");
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        var follower = edge.Service<ChangeFollower>();
        await Eventually.TrueAsync(() => follower.Place?.Offset == ChangeRecord.Length, "the record");
        watched.Gate.SetResult();
        (await first).Dispose();
        (await edge.GetUntilAsync(Marketing, Version(1))).Dispose();
    }
}
