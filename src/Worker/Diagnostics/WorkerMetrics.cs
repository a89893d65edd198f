using System.Diagnostics.Metrics;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>Whether every write of the destinations table is followed.</summary>
public enum TriggerState
{
    /// <summary>Nobody has looked yet.</summary>
    Unknown,

    /// <summary>Every trigger is there and enabled as it should be.</summary>
    Right,

    /// <summary>A trigger is there and fires less often than it should.</summary>
    Weaker,

    /// <summary>A trigger, or the table, is missing.</summary>
    Missing,
}

/// <summary>The queue as of its last poll.</summary>
/// <param name="Pending">Scopes that wait to be built or are being built.</param>
/// <param name="Claimed">Of these, being built.</param>
/// <param name="Waiting">Of these, waiting for their next attempt.</param>
/// <param name="Held">Of these, keeping their last good version.</param>
/// <param name="Changes">Changes that no worker has taken in yet.</param>
/// <param name="Oldest">The age of the oldest change that no completed build has read.</param>
public readonly record struct QueueReading(long Pending, long Claimed, long Waiting, long Held, long Changes, TimeSpan Oldest);

/// <summary>The worker's measurements. No tag ever names a tenant: the number of series does not grow with customers.</summary>
public sealed class WorkerMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "ConsentSnapshots.Worker";

    // From a build that finds nothing to do on a local directory to one that waits for a slow store.
    private static readonly double[] s_durations = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    // Tag values are made once: what is measured often boxes and formats nothing.
    private static readonly KeyValuePair<string, object?>[] s_states = Tags<TriggerState>("state");
    private static readonly KeyValuePair<string, object?>[] s_kinds = Tags<BlobKind>("kind");

    private readonly Meter _meter;
    private readonly Counter<long> _builds;
    private readonly Histogram<double> _buildDuration;
    private readonly Counter<long> _publications;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _writes;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _storeErrors;
    private readonly Counter<long> _reconciles;
    private readonly Counter<long> _differences;
    private readonly Histogram<double> _reconcileDuration;

    /// <summary>Makes the instruments.</summary>
    public WorkerMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _meter = meters.Create(MeterName);
        _builds = _meter.CreateCounter<long>("consent.worker.builds", "{build}", "Builds of scopes, by outcome.");
        _buildDuration = _meter.CreateHistogram(
            "consent.worker.build.duration", "s", "Time from the begin of a scope's build to its record, by outcome.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = s_durations });
        _publications = _meter.CreateCounter<long>("consent.worker.publications", "{publication}", "Versions that were made current.");
        _retries = _meter.CreateCounter<long>("consent.worker.retries", "{build}", "Builds that were not the first attempt since the scope was last complete.");
        _writes = _meter.CreateCounter<long>("consent.worker.blob.writes", "{write}", "Blobs written, by kind.");
        _bytes = _meter.CreateCounter<long>("consent.worker.blob.written", "By", "Bytes written to blobs, by kind.");
        _storeErrors = _meter.CreateCounter<long>("consent.worker.store.errors", "{error}", "Calls that the store did not answer, or refused.");
        _reconciles = _meter.CreateCounter<long>("consent.worker.reconciles", "{reconcile}", "Comparisons of source and store, by outcome.");
        _differences = _meter.CreateCounter<long>("consent.worker.reconcile.differences", "{scope}", "Scopes that a comparison found different and made pending.");
        _reconcileDuration = _meter.CreateHistogram(
            "consent.worker.reconcile.duration", "s", "Time that a comparison of source and store took.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = s_durations });
    }

    /// <summary>A build ended.</summary>
    /// <param name="outcome">How: one of the few names that outcomes have.</param>
    /// <param name="attempt">1 for the first attempt since the scope was last complete.</param>
    /// <param name="duration">How long it took.</param>
    public void Built(string outcome, int attempt, TimeSpan duration)
    {
        var tag = KeyValuePair.Create("outcome", (object?)outcome);
        _builds.Add(1, tag);
        _buildDuration.Record(duration.TotalSeconds, tag);
        if (attempt > 1) _retries.Add(1);
    }

    /// <summary>A build made a version current.</summary>
    public void Published() => _publications.Add(1);

    /// <summary>A comparison of source and store ended.</summary>
    public void Reconciled(int differences, TimeSpan duration)
    {
        _reconciles.Add(1, KeyValuePair.Create("outcome", (object?)"completed"));
        _differences.Add(differences);
        _reconcileDuration.Record(duration.TotalSeconds);
    }

    /// <summary>A comparison of source and store failed.</summary>
    public void ReconcileFailed() => _reconciles.Add(1, KeyValuePair.Create("outcome", (object?)"failed"));

    /// <summary>A blob was written.</summary>
    internal void Wrote(BlobKind kind, int bytes)
    {
        _writes.Add(1, s_kinds[(int)kind]);
        _bytes.Add(bytes, s_kinds[(int)kind]);
    }

    /// <summary>The store did not answer a call, or refused it.</summary>
    public void StoreFailed() => _storeErrors.Add(1);

    /// <summary>Publishes the queue's last reading; null where there is none that is recent.</summary>
    public void ObserveQueue(Func<QueueReading?> read)
    {
        _meter.CreateObservableGauge("consent.worker.queue.oldest", () => Measure(queue => queue.Oldest.TotalSeconds), "s", "Age of the oldest change that no completed build has read.");
        _meter.CreateObservableGauge(
            "consent.worker.queue.scopes",
            () => read() is not { } queue ? [] : (IEnumerable<Measurement<long>>)
            [
                new(queue.Pending, KeyValuePair.Create("state", (object?)"pending")),
                new(queue.Claimed, KeyValuePair.Create("state", (object?)"claimed")),
                new(queue.Waiting, KeyValuePair.Create("state", (object?)"waiting")),
                new(queue.Held, KeyValuePair.Create("state", (object?)"held")),
            ],
            "{scope}", "Scopes that are not up to date, by state; pending counts all of them.");
        _meter.CreateObservableGauge("consent.worker.queue.changes", () => Measure(queue => queue.Changes), "{change}", "Changes that no worker has taken in yet.");

        IEnumerable<Measurement<T>> Measure<T>(Func<QueueReading, T> value) where T : struct => read() is { } queue ? [new Measurement<T>(value(queue))] : [];
    }

    /// <summary>Publishes how the listening connection is.</summary>
    public void ObserveListener(Func<bool> isConnected, Func<long> notifications)
    {
        _meter.CreateObservableGauge("consent.worker.listener.connected", () => isConnected() ? 1 : 0, "{connection}", "1 while the worker is told of changes at once, 0 while it only looks for them.");
        _meter.CreateObservableCounter("consent.worker.notifications", notifications, "{notification}", "Notifications of changes that arrived.");
    }

    /// <summary>Publishes how the heartbeat is.</summary>
    public void ObserveHeartbeat(Func<TimeSpan?> age, Func<long> expirations)
    {
        _meter.CreateObservableGauge(
            "consent.worker.heartbeat.age", () => age() is { } span ? [new Measurement<double>(span.TotalSeconds)] : (IEnumerable<Measurement<double>>)[], "s",
            "Time since the database last took this worker's sign of life; over 2 s its claims are free for others.");
        _meter.CreateObservableCounter("consent.worker.heartbeat.expirations", expirations, "{expiration}", "Times that this worker's claims had run out before its next sign of life.");
    }

    /// <summary>Publishes how the change triggers are.</summary>
    public void ObserveTriggers(Func<TriggerState> state) =>
        _meter.CreateObservableGauge(
            "consent.worker.triggers",
            () => { var now = state(); return s_states.Select((tag, index) => new Measurement<int>(index == (int)now ? 1 : 0, tag)); },
            "{state}", "State of the change triggers: 1 for the present one, 0 for the others.");

    private static KeyValuePair<string, object?>[] Tags<T>(string name) where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(value => KeyValuePair.Create(name, (object?)Snake(value)))];

    private static string Snake(string value) =>
        string.Concat(value.Select((character, index) => char.IsAsciiLetterUpper(character) && index > 0 ? $"_{char.ToLowerInvariant(character)}" : $"{char.ToLowerInvariant(character)}"));
}
