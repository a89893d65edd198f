namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// Something that a vendor's library leaves in the browser of a visitor: a name, or a prefix and an asterisk, as the vendor documents it or its library writes it. One part of
/// the name may depend on the destination's settings.
/// </summary>
/// <remarks>
/// A setting may hold anything. Its value becomes a part of a name only where it is plain (<see cref="NamePattern.IsPlain"/>), so an asterisk in a setting never becomes a wildcard; an
/// empty one gives no name. What could mean the visitor's own consent record is no name of a vendor either.
/// </remarks>
public sealed record StoredName
{
    /// <summary>How many characters of a prefix have to be the type's own, so that a short setting cannot make it mean names of the site.</summary>
    private const int LeastOfPrefix = 3;

    private readonly string _before;
    private readonly string _after;
    private readonly NamePattern? _constant;

    /// <summary>Declares a name.</summary>
    /// <param name="store">Where it is.</param>
    /// <param name="name">The name as documents show it: <c>_fbp</c>, <c>_ga_*</c>, or <c>ph_{key}_posthog</c> with the part that settings give in braces.</param>
    /// <param name="source">The page of the vendor, or the source of its library, that names it.</param>
    /// <exception cref="ArgumentException">The name is not of this form, or a prefix is too short.</exception>
    public StoredName(BrowserStore store, string name, string source)
    {
        (Store, Name, Source) = (store, name, new Uri(source));
        IsPrefix = name.EndsWith('*');
        var text = IsPrefix ? name[..^1] : name;
        var (open, close) = (text.IndexOf('{', StringComparison.Ordinal), text.IndexOf('}', StringComparison.Ordinal));
        HasPart = open >= 0 && close > open;
        (_before, _after) = HasPart ? (text[..open], text[(close + 1)..]) : (text, "");
        var own = _before + _after;
        if ((own.Length > 0 || !HasPart) && !NamePattern.IsPlain(own)) throw new ArgumentException($"'{name}' is not a plain name, one with a part in braces, or a prefix of one.", nameof(name));
        if (IsPrefix && own.Length < LeastOfPrefix) throw new ArgumentException($"'{name}' could mean names of the site itself.", nameof(name));
        if (!HasPart) _constant = new NamePattern(store, text, IsPrefix);
    }

    /// <summary>Where it is.</summary>
    public BrowserStore Store { get; }

    /// <summary>The name for a person.</summary>
    public string Name { get; }

    /// <summary>Who says so: a page of the vendor, or its library's source.</summary>
    public Uri Source { get; }

    /// <summary>Whether every name that begins with it is meant.</summary>
    public bool IsPrefix { get; }

    /// <summary>Whether a part of it depends on settings.</summary>
    public bool HasPart { get; }

    /// <summary>What settings put in the place of the braces; null where these settings leave no such name.</summary>
    public Func<DestinationSettings, string?>? Part { get; init; }

    /// <summary>
    /// The grant that the vendor needs, besides the destination's own condition, before it writes the name: one that the type declares, or a signal of its shared bootstrap. Null means the
    /// type's grant for tracking, where it declares one.
    /// </summary>
    public string? Grant { get; init; }

    /// <summary>How long the vendor says that it stays, in the words of a person (<c>2 years</c>, <c>13 months</c>, <c>session</c>); null where no source says it.</summary>
    public string? Lifetime { get; init; }

    /// <summary>Who says how long it stays; null where <see cref="Source"/> does.</summary>
    public string? LifetimeSource { get; init; }

    /// <summary>The lifetime for a person, also where none is documented: what the store itself says of it.</summary>
    public string LifetimeInWords => Lifetime ?? Store switch
    {
        BrowserStore.LocalStorage => "until it is erased",
        BrowserStore.SessionStorage => "until the tab is closed",
        _ => "not documented",
    };

    /// <summary>Why it is never erased, as a sentence without its full stop; null for what is erased.</summary>
    public string? KeptBecause { get; init; }

    /// <summary>The name under these settings; null where there is none.</summary>
    public NamePattern? Under(DestinationSettings settings) => With(Part?.Invoke(settings));

    /// <summary>The name with what <see cref="Part"/> gives; null where there is none.</summary>
    internal NamePattern? With(string? part)
    {
        if (_constant is { } constant) return constant;
        if (part is null || !NamePattern.IsPlain(part)) return null;
        var pattern = new NamePattern(Store, $"{_before}{part}{_after}", IsPrefix);
        return pattern.Text.Length > NamePattern.MaxLength || pattern.TouchesConsentRecord ? null : pattern;
    }
}
