using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// A script that stands for a grant: while the client holds it, the type's page script tells the vendor that the visitor granted the category. Its id is that of the destination's first
/// script, a colon and the name. Composing and proving both go by this declaration.
/// </summary>
/// <param name="Name">What the page script asks for: the category's name, or <see cref="Tracking"/>.</param>
/// <param name="Category">The category that has to be granted besides what the destination requires.</param>
public sealed record GrantDeclaration(string Name, ConsentCategory Category)
{
    /// <summary>The name of the grant that a destination which always loads needs before it may follow a visitor.</summary>
    public const string Tracking = "granted";

    /// <summary>A grant under the category's own name.</summary>
    public static GrantDeclaration Of(ConsentCategory category) => new(category.Name(), category);

    /// <summary>The grant under the name <see cref="Tracking"/>.</summary>
    public static GrantDeclaration TrackingUnder(ConsentCategory category) => new(Tracking, category);
}
