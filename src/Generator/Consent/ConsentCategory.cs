using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>
/// A purpose a visitor consents to: c15t's five categories. The value is the category's bit in a <see cref="ConsentSet"/>;
/// <see cref="Necessary"/> has none because it is always granted.
/// </summary>
public enum ConsentCategory
{
    /// <summary>What the page cannot work without. Never asked for, always granted.</summary>
    Necessary = 0,

    /// <summary>Comfort functions: chat, video, preferences.</summary>
    Functionality = 1,

    /// <summary>Personalised experience.</summary>
    Experience = 2,

    /// <summary>Measurement and analytics.</summary>
    Measurement = 4,

    /// <summary>Advertising and its measurement.</summary>
    Marketing = 8,
}

/// <summary>The wire names of the consent categories.</summary>
public static class ConsentCategories
{
    /// <summary>The four categories a visitor can grant or deny, in bit order.</summary>
    public static ImmutableArray<ConsentCategory> Optional { get; } =
        [ConsentCategory.Functionality, ConsentCategory.Experience, ConsentCategory.Measurement, ConsentCategory.Marketing];

    /// <summary>The wire name, for example <c>measurement</c>.</summary>
    public static string Name(this ConsentCategory category) => category switch
    {
        ConsentCategory.Necessary => "necessary",
        ConsentCategory.Functionality => "functionality",
        ConsentCategory.Experience => "experience",
        ConsentCategory.Measurement => "measurement",
        ConsentCategory.Marketing => "marketing",
        _ => throw new ArgumentOutOfRangeException(nameof(category), category, "Not one consent category."),
    };

    /// <summary>Reads a wire name exactly (case counts); false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? name, out ConsentCategory category)
    {
        ConsentCategory? found = name switch
        {
            "necessary" => ConsentCategory.Necessary,
            "functionality" => ConsentCategory.Functionality,
            "experience" => ConsentCategory.Experience,
            "measurement" => ConsentCategory.Measurement,
            "marketing" => ConsentCategory.Marketing,
            _ => null,
        };
        category = found ?? ConsentCategory.Necessary;
        return found is not null;
    }
}
