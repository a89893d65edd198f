using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Diagnostics;

/// <summary>
/// The edge's spans: of what it does beside requests. A request that is answered from memory takes microseconds, and a span would take as long, so requests are counted and have none. A span
/// may name a scope. Where nobody listens there are no spans, and asking for one costs a look at a field.
/// </summary>
internal static class EdgeSpans
{
    /// <summary>The name of the source of these spans.</summary>
    public const string SourceName = "ConsentSnapshots.Edge";

    private static readonly ActivitySource s_source = new(SourceName, TelemetryExport.VersionOf(typeof(EdgeSpans)));

    /// <summary>What the edge sends to a collector.</summary>
    public static TelemetrySources Telemetry { get; } = new(
        "consent-edge", s_source.Version!, [SourceName], [EdgeMetrics.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", TelemetryExport.RuntimeMeter]);

    /// <summary>Begins the trace of records of the change log that were read. A read that brings nothing, ten times a second, has no span.</summary>
    /// <param name="since">When the read began.</param>
    /// <param name="records">How many records it brought.</param>
    public static Activity? Received(DateTimeOffset since, int records)
    {
        if (records == 0 || !s_source.HasListeners()) return null;
        Activity.Current = null;
        return s_source.StartActivity(ActivityKind.Consumer, startTime: since, name: "receive changes")?
            .SetTag("messaging.system", "consent_snapshots").SetTag("messaging.destination.name", "changes").SetTag("messaging.operation.name", "receive").SetTag("messaging.operation.type", "receive")
            .SetTag("messaging.batch.message_count", records);
    }

    /// <summary>The span that is under way, for what happens later because of it.</summary>
    public static ActivityContext Cause => Activity.Current is { } current && s_source.HasListeners() ? current.Context : default;

    /// <summary>Begins the load of a scope that a request asked for. It is a trace of its own: whether requests are traced is not for those to say who send them.</summary>
    public static Activity? Load(Scope scope)
    {
        if (!s_source.HasListeners()) return null;
        Activity.Current = null;
        return s_source.StartActivity("load scope")?.SetTag("consent.scope", scope.ToString());
    }

    /// <summary>Begins the refresh of a scope that a record of the change log asked for. The looks at everything that is held, which go on all the time, have none.</summary>
    public static Activity? Refresh(Scope scope, ActivityContext cause)
    {
        if (!s_source.HasListeners()) return null;
        Activity.Current = null;
        return cause == default ? null : s_source.StartActivity("refresh scope", ActivityKind.Internal, cause)?.SetTag("consent.scope", scope.ToString());
    }

    /// <summary>Begins a step of a trace; null where there is none.</summary>
    public static Activity? Step(string name, ActivityKind kind = ActivityKind.Internal) => Activity.Current is not null && s_source.HasListeners() ? s_source.StartActivity(name, kind) : null;

    /// <summary>Notes what looking at the store came to. The publication that is served is found by scope and version in the worker's traces.</summary>
    public static void Looked(string outcome, int? version)
    {
        if (!s_source.HasListeners() || Activity.Current is not { } span) return;
        span.SetTag("consent.outcome", outcome);
        if (version is not null) span.SetTag("consent.version", version);
        if (outcome is "unavailable" or "corrupt") span.SetTag("error.type", outcome).SetStatus(ActivityStatusCode.Error);
    }
}
