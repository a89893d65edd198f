using System.Diagnostics.Metrics;
using ConsentSnapshots.EdgeApi.Following;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

public sealed class PublicationLagTests : IDisposable
{
    private const string Lag = "consent.edge.publication.lag";
    private const string Negative = "consent.edge.publication.lag.negative";
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private readonly TestStore _store = new();

    public PublicationLagTests() => _store.Publish(TestStore.Acme, TestStore.Pixel("1"));

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Lag_HeldScope_IsMeasuredWhenTheVersionIsServedAndNotBefore()
    {
        var watched = new WatchedStore(_store);
        await using var edge = await TestEdge.StartAsync(_store, services => services.AddSingleton<IBlobReader>(watched));
        using var measured = new Measurements(edge.Service<IMeterFactory>());
        (await edge.GetAsync(Marketing)).Dispose();
        await edge.FollowsAsync();
        await Eventually.TrueAsync(() => edge.Loads.UnderWay == 0, "the comparison");
        watched.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        _store.WriteCurrent(_store.Prepare(TestStore.Acme, TestStore.Pixel("2")));
        _store.Announce(TestStore.Acme, changedAt: TimeProvider.System.GetUtcNow().AddHours(-1));

        var reader = edge.Service<ChangeLogReader>();
        await Eventually.TrueAsync(() => reader.RecordsBefore == 2, "the record");
        Assert.Empty(measured.Of(Lag));
        watched.Gate.SetResult();
        await Eventually.TrueAsync(() => measured.Of(Lag).Length == 1, "the measurement");
        Assert.InRange(measured.Of(Lag)[0], 3600, 7200);
        Assert.Empty(measured.Of(Negative));
    }

    [Fact]
    public async Task Lag_ScopeThatIsNotHeld_IsMeasuredWhenItsRecordIsRead()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var measured = new Measurements(edge.Service<IMeterFactory>());
        await edge.FollowsAsync();

        _store.Announce(TestStore.Acme, changedAt: TimeProvider.System.GetUtcNow().AddHours(-1));

        await Eventually.TrueAsync(() => measured.Of(Lag).Length == 1, "the measurement");
        Assert.InRange(measured.Of(Lag)[0], 3600, 7200);
    }

    [Fact]
    public async Task Lag_ChangeOfTheFuture_CountsAsNoneAndIsCounted()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var measured = new Measurements(edge.Service<IMeterFactory>());
        await edge.FollowsAsync();

        _store.Announce(TestStore.Acme, changedAt: TimeProvider.System.GetUtcNow().AddHours(1));

        await Eventually.TrueAsync(() => measured.Of(Lag).Length == 1, "the measurement");
        Assert.Equal([0.0], measured.Of(Lag));
        Assert.Equal([1.0], measured.Of(Negative));
    }

    [Fact]
    public async Task Lag_PublicationWithoutAChange_IsNotMeasured()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var measured = new Measurements(edge.Service<IMeterFactory>());
        await edge.FollowsAsync();

        _store.Announce(TestStore.Acme, changedAt: null);
        _store.Announce(TestStore.Acme, changedAt: TimeProvider.System.GetUtcNow().AddHours(1));

        await Eventually.TrueAsync(() => measured.Of(Lag).Length > 0, "the second one");
        Assert.Equal([0.0], measured.Of(Lag));
    }

    [Fact]
    public async Task Place_RecordsAreFollowed_IsTheirNumberInReadinessAndMetric()
    {
        using var store = new TestStore(recordsPerSegment: 2);
        store.Publish(TestStore.Acme, TestStore.Pixel("1"));
        await using var edge = await TestEdge.StartAsync(store, services => services.AddSingleton(new ChangeLogFormat(2 * ChangeRecord.Length)));
        using var measured = new Measurements(edge.Service<IMeterFactory>());
        await edge.FollowsAsync();

        for (var count = 0; count < 4; count++) store.Announce(TestStore.Acme);

        (await edge.GetUntilAsync("/health/ready", (_, body) => body.Contains("\"changeLogPlace\":5}", StringComparison.Ordinal))).Dispose();
        Assert.Equal([5.0], measured.Observe("consent.edge.follower.place"));
    }

    [Fact]
    public async Task Place_LogHasNotBeenFound_IsUnknown()
    {
        _store.TakeDown();
        await using var edge = await TestEdge.StartAsync(_store);
        using var measured = new Measurements(edge.Service<IMeterFactory>());

        using var ready = await edge.GetAsync("/health/ready");

        Assert.Contains("\"changeLogPlace\":null", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Empty(measured.Observe("consent.edge.follower.place"));
        _store.BringUp();
    }
}
