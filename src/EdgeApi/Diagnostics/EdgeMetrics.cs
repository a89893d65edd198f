using System.Diagnostics.Metrics;

namespace ConsentSnapshots.EdgeApi.Diagnostics;

/// <summary>How a request for scripts or config ended.</summary>
internal enum RequestOutcome
{
    Served,
    NotModified,
    Redirected,
    BadRequest,
    NotFound,
    Unavailable,
    MethodNotAllowed,
    NotAcceptable,
    PreconditionFailed,
    Preflight,
}

/// <summary>What finding a scope took.</summary>
internal enum LookupResult
{
    Held,
    Loaded,
    NegativelyHeld,
    Missing,
    Unavailable,
}

/// <summary>What was asked of the store.</summary>
internal enum StoreOperation
{
    Follow,
    Load,
}

/// <summary>The edge's measurements. No tag ever names a tenant: the number of series does not grow with customers.</summary>
internal sealed class EdgeMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "ConsentSnapshots.Edge";

    private readonly Counter<long> _requests;
    private readonly Counter<long> _lookups;
    private readonly Counter<long> _storeErrors;
    private readonly Counter<long> _refreshes;
    private readonly Counter<long> _changes;
    private readonly Histogram<double> _publicationLag;
    private readonly Counter<long> _negativeLags;
    private readonly Meter _meter;

    public EdgeMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _requests = _meter.CreateCounter<long>("consent.edge.requests", "{request}", "Requests answered, by outcome.");
        _lookups = _meter.CreateCounter<long>("consent.edge.lookups", "{lookup}", "Scopes looked up, by where they were found.");
        _storeErrors = _meter.CreateCounter<long>("consent.edge.store.errors", "{error}", "Times the store did not answer, by operation.");
        _refreshes = _meter.CreateCounter<long>("consent.edge.refreshes", "{refresh}", "Scopes read from the store, by outcome.");
        _changes = _meter.CreateCounter<long>("consent.edge.changes", "{record}", "Records read from the change log.");
        _publicationLag = _meter.CreateHistogram(
            "consent.edge.publication.lag", "s", "Time from a change to the moment from which this edge serves it.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600] });
        _negativeLags = _meter.CreateCounter<long>("consent.edge.publication.lag.negative", "{publication}", "Publications whose change seems to lie in the future: clocks differ.");
    }

    // Tag values are made once: the hot path boxes and formats nothing.
    private static readonly KeyValuePair<string, object?>[] RequestTags = Tags<RequestOutcome>("outcome");
    private static readonly KeyValuePair<string, object?>[] LookupTags = Tags<LookupResult>("result");
    private static readonly KeyValuePair<string, object?>[] OperationTags = Tags<StoreOperation>("operation");

    public void Answered(RequestOutcome outcome) => _requests.Add(1, RequestTags[(int)outcome]);

    public void LookedUp(LookupResult result) => _lookups.Add(1, LookupTags[(int)result]);

    public void StoreFailed(StoreOperation operation) => _storeErrors.Add(1, OperationTags[(int)operation]);

    public void Refreshed(string outcome) => _refreshes.Add(1, KeyValuePair.Create("outcome", (object?)outcome));

    public void ChangesRead(int records) => _changes.Add(records);

    /// <summary>Publishes how many scopes are held, and how many are remembered as missing, for as long as the process lives.</summary>
    public void ObserveScopes(Func<long> scopes, Func<long> missing)
    {
        _meter.CreateObservableGauge("consent.edge.scopes", scopes, "{scope}", "Scopes held in memory.");
        _meter.CreateObservableGauge("consent.edge.negative", missing, "{scope}", "Missing scopes remembered.");
    }

    /// <summary>Publishes what scopes and bodies take.</summary>
    public void ObserveMemory(Func<long> bytes) => _meter.CreateObservableGauge("consent.edge.memory", bytes, "By", "What held scopes and their answers take.");

    /// <summary>Publishes how many query strings were not at hand and had to be read, and how many are kept.</summary>
    public void ObserveQueries(Func<long> parsed, Func<long> kept)
    {
        _meter.CreateObservableCounter("consent.edge.queries.parsed", parsed, "{query}", "Query strings that were not at hand and had to be read.");
        _meter.CreateObservableGauge("consent.edge.queries.kept", kept, "{query}", "Query strings that are kept.");
    }

    /// <summary>Publishes how long ago the change log was last read to its end, and how far it has been followed.</summary>
    public void ObserveFollower(Func<double> lagSeconds, Func<long?> place)
    {
        _meter.CreateObservableGauge("consent.edge.follower.lag", lagSeconds, "s", "Time since the change log was last read to its end.");
        // Without a place nothing is measured, so that an edge that knows none does not look like one at the beginning of the log.
        _meter.CreateObservableGauge("consent.edge.follower.place", () => place() is { } records ? (Measurement<long>[])[new(records)] : [], "{record}", "Records of the change log up to the place that has been followed.");
    }

    /// <summary>A publication that was announced is served. A lag below zero, which only clocks that differ can give, counts as none, and in a counter of its own.</summary>
    public void PublicationServed(TimeSpan lag)
    {
        if (lag < TimeSpan.Zero) _negativeLags.Add(1);
        _publicationLag.Record(Math.Max(0, lag.TotalSeconds));
    }

    private static KeyValuePair<string, object?>[] Tags<T>(string name)
        where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(value => KeyValuePair.Create(name, (object?)Snake(value)))];

    private static string Snake(string value) =>
        string.Concat(value.Select((character, index) => char.IsAsciiLetterUpper(character) && index > 0 ? $"_{char.ToLowerInvariant(character)}" : $"{char.ToLowerInvariant(character)}"));
}
