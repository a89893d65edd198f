using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Building;

/// <summary>
/// The only rule of when a scope keeps its last good version although it could be generated: where a fault of ours, and not the tenant's, would take scripts away.
/// </summary>
public static class Holds
{
    /// <summary>Whether the rule can apply at all; if not, the current version need not be read to know.</summary>
    public static bool MayApply(GeneratedScope generated) => generated.Problems.Any(problem => problem.Kind is DestinationProblemKind.NoKey or DestinationProblemKind.UnknownType);

    /// <summary>Why the scope keeps its version; null where it is published as generated.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="generated">What was generated from them.</param>
    /// <param name="current">The current version; null where there is none.</param>
    public static string? Reason(ScopeRows rows, GeneratedScope generated, Manifest? current)
    {
        var lacking = generated.Problems.Count(problem => problem.Kind == DestinationProblemKind.NoKey);
        if (lacking > 0)
        {
            // Where nothing was ever published there is nothing to keep, so what can be read is better than nothing. But where no settings at all can be
            // read, the key ring is wrong, and an empty list would only hide that.
            var readable = generated.LeftOut.Count < rows.Rows.Count(row => row is { Enabled: true, Deleted: false });
            if (current is not null || !readable) return $"{lacking} destination(s) have settings that no configured key opens.";
        }
        if (current is null) return null;
        var published = Enumerable.Range(0, current.Content.ScriptCount).Select(current.Content.TypeOf).ToHashSet(StringComparer.Ordinal);
        var lost = generated.Problems.FirstOrDefault(problem => problem.Kind == DestinationProblemKind.UnknownType && published.Contains(problem.Type));
        return lost is null ? null : $"This build does not know the type '{lost.Type}', which is published.";
    }
}
