using System.Diagnostics;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>
/// The worker's spans. Unlike a metric, a span may name a scope, because that is what somebody looks for in a trace; it never has a setting's value. Where nobody listens there are none,
/// and asking for one costs a look at a field.
/// </summary>
internal static class WorkerSpans
{
    /// <summary>The name of the source of these spans.</summary>
    public const string SourceName = "ConsentSnapshots.Worker";

    /// <summary>The name of the source of the database driver's spans.</summary>
    public const string DatabaseSourceName = "Npgsql";

    /// <summary>The operation that has no single blob.</summary>
    public const string ListOperation = "list";

    private static readonly ActivitySource s_source = new(SourceName, TelemetryExport.VersionOf(typeof(WorkerSpans)));

    /// <summary>What worker and commands send to a collector.</summary>
    public static TelemetrySources Telemetry { get; } = new("consent-snapshots", s_source.Version!, [SourceName, DatabaseSourceName], [WorkerMetrics.MeterName, TelemetryExport.RuntimeMeter]);

    /// <summary>Whether what runs now belongs to one of these spans. What does not, such as a look at an empty queue, has no spans of the database driver either.</summary>
    public static bool IsWithin => Activity.Current is not null && s_source.HasListeners();

    /// <summary>Begins a trace of its own, linked to the one that it is part of.</summary>
    public static Activity? Root(string name, Activity? partOf = null)
    {
        if (!s_source.HasListeners()) return null;
        Activity.Current = null;
        return s_source.StartActivity(ActivityKind.Internal, name: name, links: partOf is null ? null : [new ActivityLink(partOf.Context)]);
    }

    /// <summary>Begins a step of a trace; null where there is none.</summary>
    public static Activity? Step(string name, ActivityKind kind = ActivityKind.Internal) => IsWithin ? s_source.StartActivity(name, kind) : null;

    /// <summary>Begins the build of a scope, linked to the attempt before it.</summary>
    public static Activity? Build(ActivityContext? earlier) =>
        IsWithin ? s_source.StartActivity(ActivityKind.Internal, name: "build", links: earlier is { } context ? [new ActivityLink(context)] : null) : null;

    /// <summary>
    /// Begins the sending of a line of the change log, named as messaging systems are: edges receive it.
    /// </summary>
    public static Activity? Send(string scope, int version) => Step("send changes", ActivityKind.Producer)?
        .SetTag("messaging.system", "consent_snapshots").SetTag("messaging.destination.name", "changes").SetTag("messaging.operation.name", "send").SetTag("messaging.operation.type", "send")
        .SetTag("consent.scope", scope).SetTag("consent.version", version);

    /// <summary>Begins a call of the store.</summary>
    /// <param name="operation">What is asked of it.</param>
    /// <param name="container">Where.</param>
    /// <param name="name">The blob's name, or what the names of those begin with that are listed.</param>
    public static Activity? Store(string operation, BlobContainer container, string name) => Step(
        $"{operation} {(operation == ListOperation ? BlobKinds.NameOf(container) : BlobKinds.NameOf(BlobKinds.Of(container, name)))}", ActivityKind.Client)?
        .SetTag("consent.blob.operation", operation).SetTag("consent.blob.container", BlobKinds.NameOf(container)).SetTag("consent.blob.name", name);

    /// <summary>Notes that a step failed, by what was thrown.</summary>
    public static void Failed(this Activity? span, Exception exception) => span?.SetTag("error.type", exception.GetType().FullName).SetStatus(ActivityStatusCode.Error, exception.Message);

    /// <summary>Begins the trace of what a look at the queue has found, from the moment when it was known that there may be something.</summary>
    internal static Activity? Found(DateTimeOffset since)
    {
        var outer = Activity.Current;
        try
        {
            Activity.Current = null;
            return s_source.StartActivity(ActivityKind.Consumer, startTime: since, name: "process changes");
        }
        finally
        {
            Activity.Current = outer;
        }
    }

    /// <summary>Adds a step that is over.</summary>
    internal static void Past(Activity parent, string name, DateTimeOffset begun, DateTimeOffset ended, KeyValuePair<string, object?> tag)
    {
        var outer = Activity.Current;
        using (var step = s_source.StartActivity(ActivityKind.Internal, parent.Context, [tag], startTime: begun, name: name)) step?.SetEndTime(ended.UtcDateTime);
        Activity.Current = outer;
    }
}
