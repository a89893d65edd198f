namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// How a type's scripts compare, in a browser, with those of the npm package <c>@c15t/scripts</c> for the same settings and consent. The browser tests hold every
/// type to it: where they meet a difference, there is a reason here.
/// </summary>
public sealed record PackageComparison
{
    private PackageComparison(bool isInPackage, string? reason)
    {
        IsInPackage = isInPackage;
        Reason = reason;
    }

    /// <summary>A page ends up with the same.</summary>
    public static PackageComparison Equivalent { get; } = new(true, null);

    /// <summary>The package has no function of this vendor.</summary>
    public static PackageComparison NotInPackage { get; } = new(false, null);

    /// <summary>Whether the package has a function of this vendor.</summary>
    public bool IsInPackage { get; }

    /// <summary>What differs and why, without a full stop; null where nothing does.</summary>
    public string? Reason { get; }

    /// <summary>A page ends up with something else, on purpose.</summary>
    public static PackageComparison Differs(string reason) => new(true, reason);

    /// <summary>In words: equivalent, differs with the reason, or not in the package.</summary>
    public override string ToString() => !IsInPackage ? "not in the package" : Reason is null ? "equivalent" : $"differs: {Reason}";
}
