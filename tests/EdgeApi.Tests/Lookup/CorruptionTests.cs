using System.Net;
using System.Text;
using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.EdgeApi.Tests.Lookup;

public sealed class CorruptionTests : IDisposable
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private const string Nothing = "/v1/acme/production/scripts?consent=necessary";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    public static TheoryData<string> Damages() => ["missing", "flipped", "cut", "longer", "empty", "other-json"];

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Refresh_SnapshotDamaged_KeepsTheOldVersionUntilMended(string damage)
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();

        var manifest = _store.Prepare(TestStore.Acme, [TestStore.Pixel("22222222222")], out var generated);
        foreach (var snapshot in generated.Snapshots)
            if (Damage(damage, snapshot.Bytes.ToArray()) is { } damaged) TestStore.Write(_store.SnapshotPath(TestStore.Acme, snapshot.Hash), damaged);
            else File.Delete(_store.SnapshotPath(TestStore.Acme, snapshot.Hash));
        _store.WriteCurrent(manifest);
        _store.Announce(TestStore.Acme);

        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the damage");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
        Assert.Contains("\"version\":1,", await edge.GetStringAsync(Nothing), StringComparison.Ordinal);
        using (var ready = await edge.GetAsync("/health/ready")) Assert.Equal(HttpStatusCode.OK, ready.StatusCode);

        // Mended without a word: the edge comes back to it by itself.
        foreach (var snapshot in generated.Snapshots) TestStore.Write(_store.SnapshotPath(TestStore.Acme, snapshot.Hash), snapshot.Bytes.Span);
        (await edge.GetUntilAsync(Marketing, (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();
        Assert.Equal(1, edge.Log.Count(5201));
        Assert.Equal(1, edge.Log.Count(5202));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("")]
    public async Task Refresh_ManifestDamaged_KeepsTheOldVersion(string content)
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        TestStore.Write(_store.CurrentPath(TestStore.Acme), Encoding.UTF8.GetBytes(content));
        _store.Announce(TestStore.Acme);
        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the damage");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refresh_ManifestOfAnotherScope_IsNotServed()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        var other = _store.Publish(TestStore.ScopeOf("other"), TestStore.Pixel("22222222222"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        TestStore.Write(_store.CurrentPath(TestStore.Acme), other.ToBytes());
        _store.Announce(TestStore.Acme);
        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the mix-up");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_NothingWhole_Is503UntilItIs()
    {
        var manifest = _store.Prepare(TestStore.Acme, [TestStore.Pixel("11111111111")], out var generated);
        _store.WriteCurrent(manifest);
        var watched = new WatchedStore(_store);
        var time = new FakeTimeProvider();
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<ISnapshotStore>(watched).AddSingleton<TimeProvider>(time));
        await edge.FollowsAsync();
        for (var count = 0; count < 20; count++)
        {
            using var response = await edge.GetAsync(Marketing);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            await Errors.AssertAsync(response, "Temporarily unavailable");
        }
        // Not a look at the store for every request. The one look reads the manifest twice, in case a snapshot was only just collected.
        Assert.Equal(2, watched.Reads(TestStore.Acme));
        foreach (var snapshot in generated.Snapshots) TestStore.Write(_store.SnapshotPath(TestStore.Acme, snapshot.Hash), snapshot.Bytes.Span);
        time.Advance(TimeSpan.FromSeconds(2));
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
    }

    [Fact]
    public async Task Refresh_OneScopeDamaged_SlowsNoOther()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        _store.Publish(TestStore.ScopeOf("other"), TestStore.Pixel("22222222222"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync("/v1/other/production/scripts?consent=marketing", (response, _) => response.IsSuccessStatusCode)).Dispose();
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        TestStore.Write(_store.CurrentPath(TestStore.Acme), "?"u8);
        _store.Announce(TestStore.Acme);
        _store.Publish(TestStore.ScopeOf("other"), TestStore.Pixel("33333333333"));
        (await edge.GetUntilAsync("/v1/other/production/scripts?consent=marketing", (_, body) => body.Contains("33333333333", StringComparison.Ordinal))).Dispose();
    }

    private static byte[]? Damage(string damage, byte[] bytes)
    {
        switch (damage)
        {
            case "missing":
                return null;
            case "flipped":
                bytes[bytes.Length / 2] ^= 1;
                return bytes;
            case "cut":
                return bytes[..^1];
            case "longer":
                return [.. bytes, (byte)'\n'];
            case "empty":
                return [];
            default:
                return Encoding.UTF8.GetBytes("{}".PadRight(bytes.Length));
        }
    }
}
