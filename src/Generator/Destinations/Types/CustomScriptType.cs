using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>
/// A script of the organization's own: an https URL or inline text, with the element's attributes. It is the one type whose settings
/// are JavaScript, so the one whose text a Content-Security-Policy cannot know beforehand.
/// </summary>
/// <remarks>
/// The text runs again each time consent is granted anew; it must guard itself where that matters. Clients remove the element that they made, whatever its <c>id</c> is. Only an element that stays after a withdrawal do
/// they find again by an id of their own, so that and an <c>id</c> attribute exclude each other.
/// </remarks>
public sealed partial class CustomScriptType : DestinationType
{
    /// <summary>The longest inline text, in characters.</summary>
    public const int MaxTextLength = 64 * 1024;

    private const int MaxAttributes = 32;

    /// <summary>Attributes that change how the browser fetches the script and not what it does, and what a script finds its own element and its settings by: <c>id</c>, besides any <c>data-</c> attribute.</summary>
    private static readonly ImmutableArray<string> Known = ["crossorigin", "integrity", "referrerpolicy", "charset", "nomodule", "blocking", "type", "id"];

    /// <inheritdoc/>
    public override string Name => "script";

    /// <inheritdoc/>
    public override string Title => "Custom script";

    /// <inheritdoc/>
    public override string? Vendor => null;

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"src":"https://scripts.example/a.js?x=1&y=2"}""",
        """
        {"textContent":"window.own = '</script>' + 1;","async":false,"defer":true,"target":"body","fetchPriority":"low","persistAfterConsentRevoked":true,
         "attributes":{"data-site":"ab\"<c>","data-number":12,"crossorigin":"anonymous","nomodule":true,"type":"text/javascript"}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://c15t.com/docs/frameworks/javascript/script-loader");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("src", SettingKind.UrlOrPath, "The script's URL, or a path of the site; either this or textContent.") { OtherNames = ["url"] },
        new("textContent", SettingKind.Text, "The script's text; either this or src.") { OtherNames = ["code"], MaxLength = MaxTextLength, IsCode = true },
        new("async", SettingKind.Flag, "The element's async; left out, the browser's default for inserted scripts, which is true."),
        new("defer", SettingKind.Flag, "The element's defer.") { DefaultJson = "false" },
        new("target", SettingKind.Text, "Where the element goes; those for the body come last in the list.") { OneOf = ["head", "body"], DefaultJson = "\"head\"" },
        new("fetchPriority", SettingKind.Text, "The element's fetchpriority.") { OneOf = ["high", "low", "auto"] },
        new("attributes", SettingKind.JsonObject, "Further attributes: data-…, crossorigin, integrity (which brings crossorigin=anonymous unless another is set), referrerpolicy, charset, nomodule, blocking, type (module), id (by which some vendors' scripts find their own element)."),
        new("persistAfterConsentRevoked", SettingKind.Flag, "Whether the element stays when consent is withdrawn, so that a new grant does not run it again.")
        {
            DefaultJson = "false",
        },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Has("src") == settings.Has("textContent"))
            problems.Add(new SettingProblem("src", "Exactly one of 'src' and 'textContent' is needed."));
        if (settings.Value("attributes") is not { } attributes) return;
        CheckAttributes(attributes, problems);
        if (settings.Flag("persistAfterConsentRevoked", false) && attributes.TryGetProperty("id", out _))
            problems.Add(new SettingProblem("attributes", "'attributes.id' and 'persistAfterConsentRevoked' exclude each other: a client finds an element that stays by an id of its own, and would run the script again."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        Script Adjust(Script script) => script with
        {
            Async = settings.Flag("async"),
            Defer = settings.Flag("defer", false),
            FetchPriority = settings.Text("fetchPriority"),
            Target = settings.Text("target") is "body" ? "body" : null,
            PersistAfterConsentRevoked = settings.Flag("persistAfterConsentRevoked", false),
            Attributes = settings.Value("attributes") is { } attributes
                ? [.. attributes.EnumerateObject().Select(attribute => KeyValuePair.Create(attribute.Name, AttributeText(attribute.Value)))]
                : [],
        };
        if (settings.Url("src") is { } source) scripts.Load(source, script => WithReadableResponse(Adjust(script)));
        else scripts.OwnInline(settings.RequiredText("textContent"), Adjust);
    }

    /// <summary>
    /// A browser refuses a script of another origin that has <c>integrity</c> and no <c>crossorigin</c>, because it may not read the response that it is to
    /// check (<see href="https://www.w3.org/TR/SRI/#cross-origin-data-leakage"/>). Nobody wants that, so <c>crossorigin</c> is added: it changes nothing for a script of the site's own origin.
    /// </summary>
    private static Script WithReadableResponse(Script script)
    {
        var hasIntegrity = script.Attributes.Any(attribute => attribute.Key == "integrity" && !string.IsNullOrWhiteSpace(attribute.Value));
        return !hasIntegrity || script.Attributes.Any(attribute => attribute.Key == "crossorigin")
            ? script
            : script with { Attributes = script.Attributes.Add(new("crossorigin", "anonymous")) };
    }

    private static string AttributeText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        _ => "",
    };

    private static void CheckAttributes(JsonElement attributes, List<SettingProblem> problems)
    {
        var count = 0;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var attribute in attributes.EnumerateObject())
        {
            if (++count > MaxAttributes)
            {
                problems.Add(new SettingProblem("attributes", $"'attributes' may have {MaxAttributes} entries, and has more."));
                return;
            }
            if (!Known.Contains(attribute.Name) && !DataAttribute().IsMatch(attribute.Name))
                problems.Add(new SettingProblem("attributes",
                    $"'attributes' has a name that is not accepted; use data-… (lowercase letters, digits, hyphens), {string.Join(", ", Known)}."));
            else if (!seen.Add(attribute.Name))
                problems.Add(new SettingProblem("attributes", $"'attributes.{attribute.Name}' is there twice."));
            else if (attribute.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.True) && !IsNumberForData(attribute))
                problems.Add(SettingProblem.NotAs("attributes", "a string, or true for an attribute without value", attribute.Value, $"attributes.{attribute.Name}"));
            else if (AttributeText(attribute.Value).Length > SettingField.DefaultMaxLength)
                problems.Add(new SettingProblem("attributes", $"'attributes.{attribute.Name}' may have {SettingField.DefaultMaxLength} characters, and is {DestinationSettings.Shape(attribute.Value)}."));
            else if (attribute.Name == "type" && AttributeText(attribute.Value) is not ("module" or "text/javascript"))
                problems.Add(SettingProblem.NotAs("attributes", "module or text/javascript", attribute.Value, "attributes.type"));
            else if (attribute.Name == "id" && !ElementId().IsMatch(AttributeText(attribute.Value)))
                problems.Add(SettingProblem.NotAs("attributes", "1 to 64 letters, digits, _, ., : and - that do not begin as a consent client's ids do (c15t, consent-snapshots)", attribute.Value, "attributes.id"));
        }
    }

    /// <summary>An id that was saved as a number.</summary>
    private static bool IsNumberForData(JsonProperty attribute) => attribute.Value.ValueKind == JsonValueKind.Number && DataAttribute().IsMatch(attribute.Name);

    [GeneratedRegex("^(?!c15t|consent-snapshots)[A-Za-z][A-Za-z0-9_.:-]{0,63}\\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex ElementId();

    [GeneratedRegex("^data-[a-z0-9]([a-z0-9._-]{0,62})\\z", RegexOptions.CultureInvariant)]
    private static partial Regex DataAttribute();
}
