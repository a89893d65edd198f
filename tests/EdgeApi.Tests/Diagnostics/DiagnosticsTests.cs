using System.Diagnostics.Metrics;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.EdgeApi.Tests.Diagnostics;

public sealed class DiagnosticsTests : IDisposable
{
    private readonly TestStore _store = new();

    public DiagnosticsTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Events_AllOfThem_HaveAnIdOfTheEdgesRangeOnce()
    {
        var ids = typeof(EdgeLog).GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static)
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().Select(attribute => attribute.EventId).ToList();
        Assert.NotEmpty(ids);
        Assert.All(ids, id => Assert.InRange(id, 5000, 5999));
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task Metrics_Requests_AreCountedByOutcomeAndNeverByTenant()
    {
        var measured = new List<(string Name, string Tags)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == EdgeMetrics.MeterName) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, tags));
        listener.Start();
        await using var edge = await TestEdge.StartAsync(_store);
        await edge.FollowsAsync();
        (await edge.GetAsync("/v1/acme/production/scripts?consent=marketing")).Dispose();
        (await edge.GetAsync("/v1/acme/production/scripts?consent=marketing", ("If-None-Match", "*"))).Dispose();
        (await edge.GetAsync("/v1/acme/production/scripts")).Dispose();
        (await edge.GetAsync("/v1/nobody/production/scripts?consent=marketing")).Dispose();
        listener.RecordObservableInstruments();
        lock (measured)
        {
            foreach (var outcome in new[] { "served", "not_modified", "bad_request", "not_found" })
                Assert.Contains(("consent.edge.requests", $"outcome={outcome}"), measured);
            foreach (var result in new[] { "loaded", "held", "missing" }) Assert.Contains(("consent.edge.lookups", $"result={result}"), measured);
            foreach (var name in new[] { "consent.edge.scopes", "consent.edge.memory", "consent.edge.negative", "consent.edge.follower.lag", "consent.edge.follower.place" })
                Assert.Contains((name, ""), measured);
            Assert.DoesNotContain(measured, entry => entry.Tags.Contains("acme", StringComparison.Ordinal) || entry.Tags.Contains("nobody", StringComparison.Ordinal));
        }

        void Note(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var text = string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
            lock (measured) measured.Add((instrument.Name, text));
        }
    }

    [Fact]
    public async Task Health_Ready_SaysWhatItKnowsWithoutNamingATenant()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetAsync("/v1/acme/production/scripts?consent=marketing")).Dispose();
        using var response = await edge.GetUntilAsync("/health/ready", (answer, _) => answer.IsSuccessStatusCode);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        using var body = JsonDocument.Parse(text);
        Assert.Equal(["status", "reasons", "scopesHeld", "scopesUnconfirmed", "scopesOnDisk", "changeLogLagSeconds", "changeLogPlace"],
            body.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal("ready", body.RootElement.GetProperty("status").GetString());
        Assert.Equal(1, body.RootElement.GetProperty("scopesHeld").GetInt32());
        Assert.DoesNotContain("acme", text, StringComparison.Ordinal);
        Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
    }

    [Fact]
    public async Task Serve_ClientsThatLeave_CauseNoErrors()
    {
        _store.Publish(TestStore.ScopeOf("big"), [.. Enumerable.Range(1, 400).Select(number => TestStore.Pixel($"{number}"))]);
        await using var edge = await TestEdge.StartAsync(_store);
        (await edge.GetAsync("/v1/big/production/config")).Dispose();
        var request = Encoding.ASCII.GetBytes("GET /v1/big/production/config HTTP/1.1\r\nHost: edge\r\n\r\n");
        for (var count = 0; count < 40; count++)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
            await socket.ConnectAsync(edge.Address.Host, edge.Address.Port, TestContext.Current.CancellationToken);
            await socket.SendAsync(request, TestContext.Current.CancellationToken);
            if (count % 2 == 0) await socket.ReceiveAsync(new byte[1000], TestContext.Current.CancellationToken);
        }
        (await edge.GetAsync("/v1/big/production/config")).Dispose();
        Assert.DoesNotContain(edge.Log.Entries, entry => entry.Level >= LogLevel.Error);
    }
}
