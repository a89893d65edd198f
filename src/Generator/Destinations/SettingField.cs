using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>What kind of JSON value a setting is.</summary>
public enum SettingKind
{
    /// <summary>A string. Blanks around it do not count; where a pattern accepts digits, a number of digits is taken for its text.</summary>
    Text,

    /// <summary>A number.</summary>
    Number,

    /// <summary>A boolean.</summary>
    Flag,

    /// <summary>An absolute https URL without user information.</summary>
    HttpsUrl,

    /// <summary>An absolute https URL without user information, or a path of the site that begins with a slash.</summary>
    UrlOrPath,

    /// <summary>An array of strings; blanks around them do not count.</summary>
    TextList,

    /// <summary>A JSON object that is handed to the vendor as it is.</summary>
    JsonObject,

    /// <summary>Any JSON value that is handed to the vendor as it is.</summary>
    JsonValue,
}

/// <summary>Whether a setting may leave this system.</summary>
public enum SettingVisibility
{
    /// <summary>May stand in a script.</summary>
    Public,

    /// <summary>Known, accepted, and never read by the generator: a secret, or of use only on a server.</summary>
    Private,
}

/// <summary>
/// One setting of a destination type: what is accepted and whether it may leave. A setting that is no field of its type stays behind, and is said.
/// </summary>
/// <param name="Name">The key in the settings object.</param>
/// <param name="Kind">The kind of value.</param>
/// <param name="Description">What it means, for an admin UI and the docs: one sentence.</param>
public sealed record SettingField(string Name, SettingKind Kind, string Description)
{
    /// <summary>The longest text accepted unless a field says otherwise, in characters.</summary>
    public const int DefaultMaxLength = 2048;

    /// <summary>The largest object or value accepted, in bytes of its JSON as it stands in the settings.</summary>
    public const int MaxObjectBytes = 32 * 1024;

    /// <summary>The longest name of a setting that is looked at, in characters.</summary>
    public const int MaxNameLength = 64;

    /// <summary>The most entries accepted in a list.</summary>
    public const int MaxListEntries = 256;

    /// <summary>Whether the settings are bad without it.</summary>
    public bool Required { get; init; }

    /// <summary>Whether it may leave this system.</summary>
    public SettingVisibility Visibility { get; init; }

    /// <summary>Whether the text is JavaScript that pages run as it stands, so that nothing may be put into it.</summary>
    public bool IsCode { get; init; }

    /// <summary>
    /// Other names under which the same setting is read: those of the vendor's own snippet, of consent clients, and earlier ones. One with a dot is a property of an object setting
    /// (<c>initOptions.api_host</c>). Two of them may be set where they say the same.
    /// </summary>
    public ImmutableArray<string> OtherNames { get; init; } = [];

    /// <summary>The text must match; anchor it with <c>^</c> and <c>\z</c> (<c>$</c> also matches before a final line feed).</summary>
    public Regex? Pattern { get; init; }

    /// <summary>The pattern in words, for the error message: "8 to 20 digits".</summary>
    public string? PatternInWords { get; init; }

    /// <summary>Texts that break <see cref="Pattern"/> because they belong to a destination of another type, which the message then names.</summary>
    public ValueOfAnotherType? OtherType { get; init; }

    /// <summary>Whether one text with commas between the entries is accepted in the place of a list.</summary>
    public bool OrText { get; init; }

    /// <summary>The values accepted; empty means any.</summary>
    public ImmutableArray<string> OneOf { get; init; } = [];

    /// <summary>The longest text accepted, in characters.</summary>
    public int MaxLength { get; init; } = DefaultMaxLength;

    /// <summary>The smallest number accepted.</summary>
    public double? Minimum { get; init; }

    /// <summary>The largest number accepted.</summary>
    public double? Maximum { get; init; }

    /// <summary>Whether paths are added to the URL, here or by the vendor's library, so that it has neither query nor fragment.</summary>
    public bool IsBaseUrl { get; init; }

    /// <summary>The default as JSON, for the schema and the docs; the type applies it.</summary>
    public string? DefaultJson { get; init; }

    /// <summary>All names under which it is read, its own first.</summary>
    public IEnumerable<string> Names => OtherNames.Prepend(Name);

    /// <summary>Its names that are keys of the settings object itself.</summary>
    public IEnumerable<string> Keys => Names.Where(static name => !name.Contains('.', StringComparison.Ordinal));

    /// <summary>One of its names by its place among them.</summary>
    internal string NameOf(int rank) => rank == 0 ? Name : OtherNames[rank - 1];

    /// <summary>Whether it is one text.</summary>
    internal bool IsText => Kind is SettingKind.Text or SettingKind.HttpsUrl or SettingKind.UrlOrPath;
}

/// <summary>Values of a field that a destination of another type takes.</summary>
/// <param name="Pattern">What they begin with or are.</param>
/// <param name="What">What they are, for the message: "the id of a Tag Manager container".</param>
/// <param name="Type">The type that takes them.</param>
public sealed record ValueOfAnotherType(Regex Pattern, string What, string Type);
