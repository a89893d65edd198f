using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>How bad a finding is.</summary>
public enum HealthSeverity
{
    /// <summary>Somebody should look, but this process does its work: a restart or another rollout step would not help.</summary>
    Warning,

    /// <summary>This process publishes nothing at present.</summary>
    NotReady,

    /// <summary>This process will not do its work again by itself, and a restart helps.</summary>
    NotLive,
}

/// <summary>Something that is not as it should be.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Reason">What it is, for an operator: one sentence without a secret and without a tenant's words.</param>
public sealed record HealthFinding(HealthSeverity Severity, string Reason);

/// <summary>A part of the worker that knows how it is. It answers from memory and at once.</summary>
public interface IHealthPart
{
    /// <summary>What is not as it should be at present.</summary>
    IEnumerable<HealthFinding> Check();
}

/// <summary>What <c>/health/live</c> and <c>/health/ready</c> answer.</summary>
/// <param name="Status"><c>live</c> or <c>not-live</c>; <c>ready</c>, <c>degraded</c> (it works, but somebody should look) or <c>not-ready</c>.</param>
/// <param name="Reasons">Why it is not simply live or ready.</param>
public sealed record HealthReport(string Status, ImmutableArray<string> Reasons)
{
    /// <summary>Whether the answer is 200; 503 where it is not.</summary>
    [JsonIgnore]
    public bool IsGood { get; init; } = true;
}

/// <summary>
/// Puts together what the parts know of themselves. It is about this process, never about a tenant. A database or a store that is down makes a worker not ready and never not live,
/// because a restart would not bring them back.
/// </summary>
public sealed class WorkerHealth(IEnumerable<IHealthPart> parts)
{
    private readonly ImmutableArray<IHealthPart> _parts = [.. parts];

    /// <summary>Whether a restart of the process would help: not live.</summary>
    public HealthReport Live()
    {
        var reasons = Reasons(HealthSeverity.NotLive);
        return reasons.IsEmpty ? new HealthReport("live", []) : new HealthReport("not-live", reasons) { IsGood = false };
    }

    /// <summary>Whether this process publishes.</summary>
    public HealthReport Ready()
    {
        var isReady = Reasons(HealthSeverity.NotReady).IsEmpty;
        var reasons = Reasons(HealthSeverity.Warning);
        return new HealthReport(!isReady ? "not-ready" : reasons.IsEmpty ? "ready" : "degraded", reasons) { IsGood = isReady };
    }

    private ImmutableArray<string> Reasons(HealthSeverity least) =>
        [.. _parts.SelectMany(part => part.Check()).Where(finding => finding.Severity >= least).OrderByDescending(finding => finding.Severity).Select(finding => Redaction.Clean(finding.Reason))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthReport))]
internal sealed partial class HealthJsonContext : JsonSerializerContext;
