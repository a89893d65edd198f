using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.ContentSecurity;

/// <summary>
/// One entry of one directive of a Content-Security-Policy: an origin, a host with a wildcard, a scheme, the site itself, or the quoted hash of an inline script. It can hold nothing
/// else, so a policy joined of such entries has no way out of its directive. It is ordered as it is written: by directive, hosts before hashes.
/// </summary>
public sealed partial class CspSource : IEquatable<CspSource>, IComparable<CspSource>
{
    private static readonly CspSource[] s_self = [.. Enum.GetValues<CspDirective>().Select(static directive => new CspSource(directive, "'self'"))];

    private CspSource(CspDirective directive, string value)
    {
        Directive = directive;
        Value = value;
        Encoded = JsonEncodedText.Encode(value, ScriptJson.Encoder);
    }

    /// <summary>The directive.</summary>
    public CspDirective Directive { get; }

    /// <summary>The entry as it stands in the directive, the quotes of a hash included.</summary>
    public string Value { get; }

    /// <summary>Whether it is a scheme, such as <c>blob:</c>: what a library makes in the page itself, wherever it comes from.</summary>
    internal bool IsScheme => Value[^1] == ':';

    /// <summary>The entry as it stands in a snapshot's JSON.</summary>
    internal JsonEncodedText Encoded { get; }

    /// <summary>A host that a vendor's documentation names: <c>https://a.example</c>, <c>https://*.a.example</c>, <c>wss://…</c>, a scheme such as <c>blob:</c>, or <c>'self'</c>.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public static CspSource Host(CspDirective directive, string source) =>
        source == "'self'" ? Self(directive) : Declared().IsMatch(source) ? new CspSource(directive, source) : throw new ArgumentException($"'{source}' is no source that a type may declare.", nameof(source));

    /// <summary>
    /// The origin of a URL. Null where a policy has no way to name it: host sources are letters, digits, dots and hyphens
    /// (<see href="https://www.w3.org/TR/CSP3/#grammardef-host-part"/>), so there is none for an IPv6 address.
    /// </summary>
    public static CspSource? Origin(CspDirective directive, Uri url)
    {
        var origin = url.IsDefaultPort ? $"https://{url.IdnHost}" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"https://{url.IdnHost}:{url.Port}");
        return url.Scheme == Uri.UriSchemeHttps && ExactOrigin().IsMatch(origin) ? new CspSource(directive, origin) : null;
    }

    /// <summary>The site that shows the page (<see href="https://www.w3.org/TR/CSP3/#grammardef-self"/>).</summary>
    public static CspSource Self(CspDirective directive) => s_self[(int)directive];

    /// <summary>The hash of an inline script, as <see cref="InlineScript.CspHash"/> has it.</summary>
    public static CspSource Hash(string cspHash) => new(CspDirective.Script, $"'{cspHash}'");

    /// <summary>Whether this is the origin of a URL as <see cref="Uri.AbsoluteUri"/> has it.</summary>
    internal bool IsOriginOf(string absoluteUri) =>
        absoluteUri.Length > Value.Length && absoluteUri[Value.Length] == '/' && absoluteUri.StartsWith(Value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public int CompareTo(CspSource? other)
    {
        if (other is null) return 1;
        if (ReferenceEquals(this, other)) return 0;
        if (Directive != other.Directive) return Directive.CompareTo(other.Directive);
        var (hash, otherHash) = (Value[0] == '\'', other.Value[0] == '\'');
        return hash == otherHash ? string.CompareOrdinal(Value, other.Value) : hash ? 1 : -1;
    }

    /// <inheritdoc/>
    public bool Equals(CspSource? other) => other is not null && (ReferenceEquals(this, other) || (Directive == other.Directive && Value == other.Value));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CspSource);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Directive, Value);

    /// <summary>The directive and the entry.</summary>
    public override string ToString() => $"{Directive.Name()} {Value}";

    [GeneratedRegex(@"^(?:(?:https|wss)://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+|(?:blob|data):)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Declared();

    [GeneratedRegex(@"^https://[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?(?::[0-9]{1,5})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex ExactOrigin();
}
