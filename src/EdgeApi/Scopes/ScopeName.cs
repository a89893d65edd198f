using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>The names of a scope as they stand in a request. The organization may be anything.</summary>
internal readonly ref struct ScopeName(ReadOnlySpan<char> organization, DeploymentEnvironment environment)
{
    public ReadOnlySpan<char> Organization { get; } = organization;

    public DeploymentEnvironment Environment { get; } = environment;
}

/// <summary>Compares scopes, and finds one by its names.</summary>
internal sealed class ScopeComparer : IEqualityComparer<Scope>, IAlternateEqualityComparer<ScopeName, Scope>
{
    public static ScopeComparer Instance { get; } = new();

    public bool Equals(Scope x, Scope y) => x == y;

    public int GetHashCode(Scope obj) => GetHashCode(new ScopeName(obj.Organization.Value, obj.Environment));

    public bool Equals(ScopeName alternate, Scope other) =>
        alternate.Environment == other.Environment && alternate.Organization.SequenceEqual(other.Organization.Value);

    // Strings are hashed with a key of this process, so nobody outside can choose names that collide.
    public int GetHashCode(ScopeName alternate) => string.GetHashCode(alternate.Organization) * 4 + (int)alternate.Environment;

    public Scope Create(ScopeName alternate) => new(OrganizationId.Parse(alternate.Organization.ToString()), alternate.Environment);
}
