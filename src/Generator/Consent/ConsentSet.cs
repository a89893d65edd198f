using System.Collections.Immutable;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>
/// What one visitor granted: a subset of the categories, <see cref="ConsentCategory.Necessary"/> always among them, so there are
/// sixteen. The index (functionality 1, experience 2, measurement 4, marketing 8) is the position in a manifest's combinations.
/// </summary>
public readonly record struct ConsentSet
{
    /// <summary>How many consent sets there are.</summary>
    public const int Count = 16;

    private ConsentSet(int index) => Index = index;

    /// <summary>0 (only necessary) to 15 (everything).</summary>
    public int Index { get; }

    /// <summary>Only what is necessary: what a visitor who answered nothing has granted.</summary>
    public static ConsentSet NecessaryOnly => default;

    /// <summary>Every category.</summary>
    public static ConsentSet Everything => new(Count - 1);

    /// <summary>All sixteen sets by index.</summary>
    public static ImmutableArray<ConsentSet> All { get; } = [.. Enumerable.Range(0, Count).Select(index => new ConsentSet(index))];

    /// <summary>The set with this index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The index is not 0 to 15.</exception>
    public static ConsentSet FromIndex(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return new ConsentSet(index);
    }

    /// <summary>The set of these categories (and what is necessary).</summary>
    public static ConsentSet Of(params ReadOnlySpan<ConsentCategory> categories)
    {
        var set = NecessaryOnly;
        foreach (var category in categories) set = set.With(category);
        return set;
    }

    /// <summary>This set and one category more.</summary>
    public ConsentSet With(ConsentCategory category) => new(Index | (int)category);

    /// <summary>This set without one category; what is necessary stays.</summary>
    public ConsentSet Without(ConsentCategory category) => new(Index & ~(int)category);

    /// <summary>Everything that either grants.</summary>
    public ConsentSet Union(ConsentSet other) => new(Index | other.Index);

    /// <summary>Whether the visitor granted the category.</summary>
    public bool Contains(ConsentCategory category) => (Index & (int)category) == (int)category;

    /// <summary>Whether everything <paramref name="other"/> grants is granted here too.</summary>
    public bool IsSupersetOf(ConsentSet other) => (Index & other.Index) == other.Index;

    /// <summary>The optional categories granted, in bit order.</summary>
    public ImmutableArray<ConsentCategory> Optional => OptionalByIndex[Index];

    private static readonly ImmutableArray<ImmutableArray<ConsentCategory>> OptionalByIndex =
        [.. All.Select(set => ConsentCategories.Optional.Where(category => set.Contains(category)).ToImmutableArray())];

    /// <summary>The set's name: <c>necessary</c>, or the optional categories granted in bit order, joined by hyphens.</summary>
    public string Name => Names[Index];

    private static readonly ImmutableArray<string> Names = [.. All.Select(set => set.ToString().Replace(',', '-'))];

    /// <summary>Reads a name exactly; false for anything else.</summary>
    public static bool TryParseName(string? name, out ConsentSet set)
    {
        var index = name is null ? -1 : Names.IndexOf(name);
        set = new ConsentSet(Math.Max(index, 0));
        return index >= 0;
    }

    /// <summary><c>necessary</c>, or the optional categories granted, comma-separated: the list form of the consent query.</summary>
    public override string ToString() =>
        Index == 0 ? ConsentCategory.Necessary.Name() : string.Join(',', Optional.Select(category => category.Name()));
}
