using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ConsentSnapshots.EdgeApi.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>What one meter factory's edge measured. Other tests of the process measure at the same time.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener;
    private readonly ConcurrentQueue<(string Name, double Value)> _values = new();

    public Measurements(IMeterFactory meters)
    {
        _listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == EdgeMetrics.MeterName && ReferenceEquals(instrument.Meter.Scope, meters)) listener.EnableMeasurementEvents(instrument);
            },
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => _values.Enqueue((instrument.Name, value)));
        _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => _values.Enqueue((instrument.Name, value)));
        _listener.Start();
    }

    /// <summary>What an instrument has measured so far.</summary>
    public double[] Of(string name) => [.. _values.Where(value => value.Name == name).Select(value => value.Value)];

    /// <summary>What an observable instrument says now.</summary>
    public double[] Observe(string name)
    {
        _values.Clear();
        _listener.RecordObservableInstruments();
        return Of(name);
    }

    public void Dispose() => _listener.Dispose();
}
