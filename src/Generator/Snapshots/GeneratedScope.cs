using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>A destination ready to be generated: its row and its settings in the clear, or why they are not.</summary>
/// <param name="Row">The row.</param>
/// <param name="Settings">The settings object in the clear.</param>
/// <param name="Problem">Why there are no settings; then <paramref name="Settings"/> does not count.</param>
public sealed record OpenedDestination(Destination Row, System.Text.Json.JsonElement Settings, DestinationProblem? Problem = null);

/// <summary>What the generator makes of a scope.</summary>
public sealed record GeneratedScope
{
    /// <summary>The scope.</summary>
    public required Scope Scope { get; init; }

    /// <summary>What is to be published, each part once.</summary>
    public required ScopeContent Content { get; init; }

    /// <summary>What is wrong, in the order of the destinations.</summary>
    public required ImmutableArray<DestinationProblem> Problems { get; init; }

    /// <summary>The destinations that are left out, each for one of the problems.</summary>
    public IReadOnlySet<Guid> LeftOut => Problems.Where(static problem => problem.LeavesOut).Select(static problem => problem.DestinationId).ToHashSet();

    /// <summary>Puts the snapshot of a consent set together.</summary>
    public Snapshot this[ConsentSet set] => new(Content.SnapshotBytes(Content[set]));
}
