using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

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

    /// <summary>The distinct snapshots.</summary>
    public required ImmutableArray<Snapshot> Snapshots { get; init; }

    /// <summary>Sixteen entries by the index of the consent set: which of <see cref="Snapshots"/> it gets.</summary>
    public required ImmutableArray<int> Combinations { get; init; }

    /// <summary>Every optional category that some destination asks for, in bit order.</summary>
    public required ImmutableArray<ConsentCategory> RequiredCategories { get; init; }

    /// <summary>Which destinations each script serves, by script id: its own, or all that share it.</summary>
    public required IReadOnlyDictionary<string, ImmutableArray<Guid>> Owners { get; init; }

    /// <summary>What is wrong, in the order of the destinations.</summary>
    public required ImmutableArray<DestinationProblem> Problems { get; init; }

    /// <summary>The snapshot of a consent set.</summary>
    public Snapshot this[ConsentSet set] => Snapshots[Combinations[set.Index]];
}
