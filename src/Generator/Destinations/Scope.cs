using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Where a site runs. The three there are; a destination without one belongs to all three.</summary>
public enum DeploymentEnvironment
{
    /// <summary><c>development</c></summary>
    Development,

    /// <summary><c>staging</c></summary>
    Staging,

    /// <summary><c>production</c></summary>
    Production,
}

/// <summary>The wire names of the environments.</summary>
public static class DeploymentEnvironments
{
    /// <summary>All three.</summary>
    public static ImmutableArray<DeploymentEnvironment> All { get; } =
        [DeploymentEnvironment.Development, DeploymentEnvironment.Staging, DeploymentEnvironment.Production];

    /// <summary>The wire name, for example <c>production</c>.</summary>
    public static string Name(this DeploymentEnvironment environment) => environment switch
    {
        DeploymentEnvironment.Development => "development",
        DeploymentEnvironment.Staging => "staging",
        DeploymentEnvironment.Production => "production",
        _ => throw new ArgumentOutOfRangeException(nameof(environment), environment, "Not an environment."),
    };

    /// <summary>Reads a wire name exactly (case counts); false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? name, out DeploymentEnvironment environment)
    {
        DeploymentEnvironment? found = name switch
        {
            "development" => DeploymentEnvironment.Development,
            "staging" => DeploymentEnvironment.Staging,
            "production" => DeploymentEnvironment.Production,
            _ => null,
        };
        environment = found ?? DeploymentEnvironment.Development;
        return found is not null;
    }
}

/// <summary>
/// An organization's identifier, safe as a path segment of a blob name: 1 to 128 of <c>A-Z a-z 0-9 . _ -</c>, first a letter or
/// digit, last not a dot (Azure drops a trailing one, so two names would be one blob).
/// </summary>
public readonly record struct OrganizationId : IComparable<OrganizationId>
{
    /// <summary>The longest identifier, in characters.</summary>
    public const int MaxLength = 128;

    private readonly string? _value;

    private OrganizationId(string value) => _value = value;

    /// <summary>The identifier as text.</summary>
    public string Value => _value ?? throw new InvalidOperationException("An OrganizationId was not initialised.");

    /// <summary>Reads an identifier; false where it is not one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? value, out OrganizationId id)
    {
        var valid = value is { Length: >= 1 and <= MaxLength }
            && char.IsAsciiLetterOrDigit(value[0])
            && value[^1] != '.'
            && value.AsSpan().IndexOfAnyExcept(Allowed) < 0;
        id = valid ? new OrganizationId(value!) : default;
        return valid;
    }

    /// <summary>Reads an identifier.</summary>
    /// <exception cref="FormatException">The text is not one; the message says what one looks like.</exception>
    public static OrganizationId Parse(string value) => TryParse(value, out var id) ? id : throw new FormatException(Rule);

    /// <summary>What an identifier looks like, for error messages.</summary>
    public const string Rule =
        "An organization id has 1 to 128 characters of A-Z a-z 0-9 . _ -, begins with a letter or digit and does not end with a dot.";

    private static readonly System.Buffers.SearchValues<char> Allowed =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <inheritdoc/>
    public int CompareTo(OrganizationId other) => string.CompareOrdinal(_value, other._value);

    /// <summary>The identifier as text.</summary>
    public override string ToString() => _value ?? "";
}

/// <summary>One organization and one environment: the unit that is generated, published and served.</summary>
public readonly record struct Scope(OrganizationId Organization, DeploymentEnvironment Environment) : IComparable<Scope>
{
    /// <summary>Reads two wire names; false where either is not one.</summary>
    public static bool TryParse(string? organization, string? environment, out Scope scope)
    {
        scope = default;
        if (!OrganizationId.TryParse(organization, out var id) || !DeploymentEnvironments.TryParse(environment, out var parsed)) return false;
        scope = new Scope(id, parsed);
        return true;
    }

    /// <summary>The scopes of an organization, one an environment.</summary>
    public static IEnumerable<Scope> Of(OrganizationId organization) =>
        DeploymentEnvironments.All.Select(environment => new Scope(organization, environment));

    /// <inheritdoc/>
    public int CompareTo(Scope other)
    {
        var byOrganization = Organization.CompareTo(other.Organization);
        return byOrganization != 0 ? byOrganization : Environment.CompareTo(other.Environment);
    }

    /// <summary><c>organization/environment</c></summary>
    public override string ToString() => $"{Organization}/{Environment.Name()}";
}
