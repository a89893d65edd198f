using System.Collections.Immutable;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>
/// What a destination needs before it may load: every one of its categories. Empty in the row means the default category that the type gives for
/// the row's settings, never "nothing needed"; a category nobody knows can never be granted.
/// </summary>
public readonly record struct RequiredConsent
{
    private RequiredConsent(ConsentSet categories, string? unknown)
    {
        Categories = categories;
        UnknownCategory = unknown;
    }

    /// <summary>The categories needed.</summary>
    public ConsentSet Categories { get; }

    /// <summary>The first category in the row that is not one of the five; then no visitor can grant it. Null when all are known.</summary>
    public string? UnknownCategory { get; }

    /// <summary>The condition under which the destination may load.</summary>
    public ConsentCondition Condition => UnknownCategory is null ? ConsentCondition.AllOf(Categories) : ConsentCondition.Never;

    /// <summary>Reads a row's <c>required_consent</c>.</summary>
    public static RequiredConsent From(ImmutableArray<string> row, ConsentCategory defaultCategory)
    {
        if (row.IsDefaultOrEmpty) return new RequiredConsent(ConsentSet.Of(defaultCategory), null);
        var set = ConsentSet.NecessaryOnly;
        string? unknown = null;
        foreach (var name in row)
        {
            if (ConsentCategories.TryParse(name, out var category)) set = set.With(category);
            else unknown ??= name ?? "";
        }
        return new RequiredConsent(set, unknown);
    }
}
