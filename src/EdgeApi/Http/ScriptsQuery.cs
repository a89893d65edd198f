using ConsentSnapshots.Generator.Consent;
using Microsoft.AspNetCore.WebUtilities;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>What a query string says: consent in one of its forms, and for c15t's path whose scripts are asked for.</summary>
/// <param name="Consent">The consent.</param>
/// <param name="Organization"><c>organizationId</c>; null where it is left out or empty.</param>
/// <param name="Environment"><c>environment</c>; null where it is left out or empty.</param>
/// <param name="Repeated">The first of the two that is given more than once.</param>
internal sealed record ScriptsQuery(ConsentQuery Consent, string? Organization, string? Environment, string? Repeated)
{
    public const string OrganizationKey = "organizationId";
    public const string EnvironmentKey = "environment";

    /// <summary>Reads a raw query string, with or without its question mark. Never throws: what cannot be decoded stays as it is.</summary>
    public static ScriptsQuery Parse(string? raw)
    {
        var pairs = new List<KeyValuePair<string, string?>>();
        string? organization = null, environment = null, repeated = null;
        var (organizations, environments) = (0, 0);
        foreach (var pair in new QueryStringEnumerable(raw))
        {
            var name = pair.DecodeName().ToString();
            var value = pair.DecodeValue().ToString();
            if (name == OrganizationKey)
            {
                if (++organizations > 1) repeated ??= name;
                organization = value;
            }
            else if (name == EnvironmentKey)
            {
                if (++environments > 1) repeated ??= name;
                environment = value;
            }
            else
            {
                pairs.Add(KeyValuePair.Create(name, (string?)value));
            }
        }
        return new ScriptsQuery(ConsentQuery.Parse(pairs), NullIfEmpty(organization), NullIfEmpty(environment), repeated);
    }

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
