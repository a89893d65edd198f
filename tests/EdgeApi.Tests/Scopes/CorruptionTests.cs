using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

public sealed class CorruptionTests : IDisposable
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private const string Nothing = "/v1/acme/production/scripts?consent=necessary";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    public static TheoryData<string> Damages() => [.. s_damages.Keys];

    /// <summary>What can be wrong with a manifest whose form is right; each keeps the version before in service.</summary>
    private static readonly Dictionary<string, Action<JsonNode>> s_damages = new(StringComparer.Ordinal)
    {
        ["a script changed"] = manifest => manifest["scripts"]!.AsArray().Last()!["script"]!["category"] = "necessary",
        ["a policy changed"] = manifest => manifest["policies"]!.AsArray().Last()!.AsObject().Add("frame-src", new JsonArray("https://a.example")),
        ["a script less"] = manifest => manifest["scripts"]!.AsArray().RemoveAt(1),
        ["a list changed"] = manifest => manifest["snapshots"]!.AsObject().First(entry => entry.Value!["scripts"]!.AsArray().Count > 0).Value!["scripts"]!.AsArray().RemoveAt(0),
        ["an index out of range"] = manifest => manifest["snapshots"]!.AsObject().First().Value!["scripts"]!.AsArray().Add(99),
        ["a policy out of range"] = manifest => manifest["snapshots"]!.AsObject().First().Value!["policy"] = 99,
        ["another length"] = manifest => manifest["snapshots"]!.AsObject().First().Value!["bytes"] = 1,
        ["another SHA-256"] = manifest => manifest["snapshots"]!.AsObject().First().Value!["sha256"] = new string('0', 64),
        ["another destination count"] = manifest => manifest["snapshots"]!.AsObject().First().Value!["destinationCount"] = 9,
        ["sets swapped"] = manifest => (manifest["combinations"]![0]!["snapshot"], manifest["combinations"]![15]!["snapshot"]) =
            ((string)manifest["combinations"]![15]!["snapshot"]!, (string)manifest["combinations"]![0]!["snapshot"]!),
        ["another fingerprint"] = manifest => manifest["fingerprint"] = new string('0', 32),
        ["a vendor changed"] = manifest => manifest["vendors"]![0]!["category"] = "necessary",
        ["a newer schema"] = manifest => manifest["schema"] = 3,
        ["an earlier schema"] = manifest => manifest["schema"] = 1,
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Refresh_PartsThatDoNotGiveTheirHashes_KeepTheVersionBeforeUntilMended(string damage)
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();

        var next = _store.Prepare(TestStore.Acme, TestStore.Pixel("22222222222"));
        var damaged = JsonNode.Parse(next.Bytes.Span)!;
        s_damages[damage](damaged);
        TestStore.Write(_store.CurrentPath(TestStore.Acme), Encoding.UTF8.GetBytes(damaged.ToJsonString()));
        _store.Announce(TestStore.Acme);

        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the damage");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
        Assert.Contains("\"version\":1,", await edge.GetStringAsync(Nothing), StringComparison.Ordinal);
        Assert.Contains("11111111111", await edge.GetStringAsync("/v1/acme/production/scripts.json"), StringComparison.Ordinal);
        using (var ready = await edge.GetAsync("/health/ready")) Assert.Equal(HttpStatusCode.OK, ready.StatusCode);

        // Mended without a word: the edge comes back to it by itself.
        _store.WriteCurrent(next);
        (await edge.GetUntilAsync(Marketing, (_, body) => body.Contains("22222222222", StringComparison.Ordinal))).Dispose();
        Assert.Equal(1, edge.Log.Count(5201));
        Assert.Equal(1, edge.Log.Count(5202));
    }

    [Fact]
    public async Task Refresh_ManifestCutAnywhere_KeepsTheVersionBefore()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetUntilAsync(Marketing, (response, _) => response.IsSuccessStatusCode)).Dispose();
        var bytes = _store.Prepare(TestStore.Acme, TestStore.Pixel("22222222222")).Bytes;
        TestStore.Write(_store.CurrentPath(TestStore.Acme), bytes.Span[..^1]);
        _store.Announce(TestStore.Acme);

        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the damage");

        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
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
        TestStore.Write(_store.CurrentPath(TestStore.Acme), other.Bytes.Span);
        _store.Announce(TestStore.Acme);
        await Eventually.TrueAsync(() => edge.Log.Count(5201) > 0, "the mix-up");
        Assert.Contains("11111111111", await edge.GetStringAsync(Marketing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_NothingWhole_Is503UntilItIs()
    {
        var manifest = _store.Prepare(TestStore.Acme, TestStore.Pixel("11111111111"));
        TestStore.Write(_store.CurrentPath(TestStore.Acme), "{\"schema\":2}"u8);
        var watched = new WatchedStore(_store);
        var time = new FakeTimeProvider();
        await using var edge = await TestEdge.StartAsync(
            _store, services => services.AddSingleton<IBlobReader>(watched).AddSingleton<TimeProvider>(time));
        await edge.FollowsAsync();
        for (var count = 0; count < 20; count++)
        {
            using var response = await edge.GetAsync(Marketing);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            await Errors.AssertAsync(response, "Temporarily unavailable");
        }
        // Not a look at the store for every request.
        Assert.Equal(1, watched.Reads(TestStore.Acme));
        _store.WriteCurrent(manifest);
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
}
