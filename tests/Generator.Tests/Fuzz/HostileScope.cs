using System.Collections.Immutable;
using ConsentSnapshots.Generator.Snapshots;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>The hostile destinations of one scope, in the order they were created.</summary>
internal sealed record HostileScope
{
    public HostileScope(params ImmutableArray<HostileCase> destinations)
    {
        Destinations = destinations;
        Rows = [.. destinations.SelectMany((hostile, index) => hostile.Rows(2 * index + 1))];
    }

    /// <summary>One destination of any type.</summary>
    public static Gen<HostileScope> Alone { get; } = HostileCase.Any.Select(hostile => new HostileScope(hostile));

    /// <summary>Two to five destinations of any types, each with hostile settings and consent of its own.</summary>
    public static Gen<HostileScope> Mixed { get; } = HostileCase.Any.Array[2, 5].Select(destinations => new HostileScope([.. destinations]));

    public ImmutableArray<HostileCase> Destinations { get; }

    public ImmutableArray<OpenedDestination> Rows { get; }

    public override string ToString() => string.Join("\nand ", Destinations);
}
