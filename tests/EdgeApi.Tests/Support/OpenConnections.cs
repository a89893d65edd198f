using System.Diagnostics.Metrics;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>How many connections an edge has open, by Kestrel's own count.</summary>
internal sealed class OpenConnections : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _open;

    /// <param name="edge">The edge. Connections that it had before are not counted.</param>
    public OpenConnections(TestEdge edge)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Microsoft.AspNetCore.Server.Kestrel" && instrument.Name == "kestrel.active_connections") listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((_, change, tags, _) =>
        {
            foreach (var (name, value) in tags)
                if (name == "server.port" && Equals(value, edge.Address.Port)) Interlocked.Add(ref _open, change);
        });
        _listener.Start();
    }

    public long Count => Interlocked.Read(ref _open);

    /// <summary>Waits until there are so many.</summary>
    public Task AreAsync(long count) => Eventually.TrueAsync(() => Count == count, $"{count} open connections");

    public void Dispose() => _listener.Dispose();
}
