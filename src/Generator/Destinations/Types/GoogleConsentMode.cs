using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>
/// Google's Consent Mode v2 (<see href="https://developers.google.com/tag-platform/security/guides/consent"/>), once for all Google tags of a
/// scope. The client holds a grant script for each category exactly while Google may run and the category is granted; the main
/// script tells Google the state of all signals: one <c>default</c> for each page, before any tag, and one <c>update</c> whenever it changes.
/// </summary>
/// <remarks>
/// <para>
/// A signal is granted where every category it is mapped to is granted, in the mapping of every destination that mentions it. So a second
/// destination's mapping can narrow a signal that the first one maps, and never widen it. A signal that no mapping mentions is denied:
/// to Google, a signal that it is told nothing about is granted.
/// </para>
/// <para>
/// Until a Google tag has run, a change replaces the <c>default</c> in the data layer, so that the tag finds the present state. When the client removes the main
/// script, no Google tag may run any more, and everything is denied.
/// </para>
/// <para>
/// A tag whose data layer has another name looks for the state in that layer only, so the state is told in every layer that a tag of the scope reads.
/// </para>
/// </remarks>
public sealed partial class GoogleConsentMode : SharedBootstrap
{
    /// <summary>The setting of Google types that replaces <see cref="DefaultMapping"/>.</summary>
    public const string MappingField = "consentMapping";

    /// <summary>The one instance: it is the same bootstrap for all Google types.</summary>
    public static GoogleConsentMode Instance { get; } = new();

    /// <summary>Which signals each category grants unless a destination says otherwise.</summary>
    public static ImmutableArray<(ConsentCategory Category, ImmutableArray<string> Signals)> DefaultMapping { get; } =
    [
        (ConsentCategory.Necessary, ["security_storage"]),
        (ConsentCategory.Functionality, ["functionality_storage"]),
        (ConsentCategory.Experience, ["personalization_storage"]),
        (ConsentCategory.Measurement, ["analytics_storage"]),
        (ConsentCategory.Marketing, ["ad_storage", "ad_user_data", "ad_personalization"]),
    ];

    /// <summary>All signals of Consent Mode (<see href="https://developers.google.com/tag-platform/security/concepts/consent-mode#consent-types"/>).</summary>
    public static ImmutableArray<string> Signals { get; } = [.. DefaultMapping.SelectMany(entry => entry.Signals)];

    /// <summary>The setting as Google types declare it.</summary>
    public static SettingField MappingSetting { get; } =
        new(MappingField, SettingKind.JsonObject, "Which Consent Mode signals each consent category grants, instead of the default mapping; a signal left out is denied.")
        {
            DefaultJson =
                """
                {"necessary":["security_storage"],"functionality":["functionality_storage"],"experience":["personalization_storage"],"measurement":["analytics_storage"],"marketing":["ad_storage","ad_user_data","ad_personalization"]}
                """,
        };

    /// <summary>What Google's tags leave, each kind under the signal that permits it (<see href="https://developers.google.com/tag-platform/security/concepts/consent-mode"/>).</summary>
    /// <remarks>
    /// Analytics: <see href="https://support.google.com/analytics/answer/11397207"/>, and for Universal Analytics and links with Ads
    /// <see href="https://developers.google.com/analytics/devguides/collection/gtagjs/cookie-usage"/>. Ads: <see href="https://support.google.com/analytics/answer/7519794"/> and
    /// <see href="https://business.safety.google/adscookies/"/>; no page that was found names <c>_gcl_ls</c>, the conversion linker's copy in localStorage. What Google sets on its own
    /// domains, or from a tagging server where no script can reach it, no page can erase.
    /// </remarks>
    public static ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_ga", "https://support.google.com/analytics/answer/11397207") { Grant = "analytics_storage", Lifetime = "2 years" },
        new(BrowserStore.Cookie, "_ga_*", "https://support.google.com/analytics/answer/11397207") { Grant = "analytics_storage", Lifetime = "2 years" },
        new(BrowserStore.Cookie, "_gid", "https://developers.google.com/analytics/devguides/collection/gtagjs/cookie-usage") { Grant = "analytics_storage", Lifetime = "24 hours" },
        new(BrowserStore.Cookie, "_gac_*", "https://support.google.com/analytics/answer/7519794") { Grant = "ad_storage", Lifetime = "90 days", LifetimeSource = "https://support.google.com/analytics/answer/11397207" },
        new(BrowserStore.Cookie, "_gcl_*", "https://business.safety.google/adscookies/") { Grant = "ad_storage" },
        new(BrowserStore.LocalStorage, "_gcl_ls", "https://business.safety.google/adscookies/") { Grant = "ad_storage" },
    ];

    private GoogleConsentMode()
    {
    }

    /// <inheritdoc/>
    public override string Id => "google-consent";

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [.. ConsentCategories.Optional.Select(GrantDeclaration.Of)];

    /// <inheritdoc/>
    public override SignalMapping Mapping => new(MappingField, DefaultMapping);

    /// <summary>The data layer that Google's tags read unless they are told another name.</summary>
    public const string DefaultLayer = "dataLayer";

    /// <summary>The setting of a Google type that names its data layer.</summary>
    public const string LayerField = "dataLayerName";

    /// <summary>
    /// The setting as Google types declare it: <see href="https://developers.google.com/tag-platform/tag-manager/datalayer#rename_the_data_layer"/>, read 2026-11-26. The last argument of Google's own snippet is
    /// called <c>l</c>, as is the parameter of the loader that tells the tag.
    /// </summary>
    public static SettingField LayerSetting(params ImmutableArray<string> otherNames) =>
        new(LayerField, SettingKind.Text, "The name of the data layer that the tag reads, a global variable of the page.")
        {
            OtherNames = ["l", .. otherNames],
            Pattern = LayerName(),
            PatternInWords = "the name of a variable, of letters, digits, _ and $, without __ before it",
            DefaultJson = $"\"{DefaultLayer}\"",
        };

    /// <summary>The data layer's name where it is not the usual one; null where it is.</summary>
    internal static string? OwnLayer(string? name) => name == DefaultLayer ? null : name;

    /// <summary>Which data layers the tags read: each is told the state.</summary>
    private static ImmutableArray<string> LayersOf(IReadOnlyList<BootstrapUser> users) =>
        [.. users.Select(static user => GoogleTagManagerType.LayerOf(user.Settings) ?? DefaultLayer).Distinct(StringComparer.Ordinal)
            .OrderBy(static name => name != DefaultLayer).ThenBy(static name => name, StringComparer.Ordinal)];

    [GeneratedRegex("^(?!__)[A-Za-z_$][A-Za-z0-9_$]{0,63}\\z", RegexOptions.CultureInvariant)]
    internal static partial Regex LayerName();

    /// <summary>The rules of <see cref="MappingField"/>, for the types that have it.</summary>
    public static void CheckMapping(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value(MappingField) is not { } mapping) return;
        foreach (var entry in mapping.EnumerateObject())
        {
            if (!ConsentCategories.TryParse(entry.Name, out var category))
                problems.Add(new SettingProblem(MappingField,
                    $"'{MappingField}' has a key that is no consent category; use necessary, functionality, experience, measurement, marketing."));
            else if (entry.Value.ValueKind != JsonValueKind.Array
                || entry.Value.EnumerateArray().Any(signal => signal.ValueKind != JsonValueKind.String || !Signals.Contains(signal.GetString()!)))
                problems.Add(SettingProblem.NotAs(MappingField,
                    $"a list of Consent Mode signals ({string.Join(", ", Signals)})", entry.Value, $"{MappingField}.{entry.Name}"));
            else if (entry.Value.GetArrayLength() > 32)
                problems.Add(new SettingProblem(MappingField, $"'{MappingField}.{entry.Name}' may have 32 signals, and has {entry.Value.GetArrayLength()}."));
            else if (category == ConsentCategory.Necessary && entry.Value.EnumerateArray().Any(signal => NeedsAChoice(signal.GetString()!)))
                problems.Add(new SettingProblem(MappingField,
                    $"'{MappingField}.{entry.Name}' would grant an ad or analytics signal to every visitor; put {string.Join(", ", Signals.Where(NeedsAChoice))} "
                    + "under a category that a visitor can refuse."));
        }
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts, IReadOnlyList<BootstrapUser> users)
    {
        // What each signal needs, by its place among all; null where no mapping mentions it.
        var needed = new ConsentSet?[Signals.Length];
        foreach (var user in users)
            foreach (var (category, signals) in MappingOf(user.Settings))
                foreach (var signal in signals)
                {
                    ref var all = ref needed[Signals.IndexOf(signal)];
                    all = (all ?? ConsentSet.NecessaryOnly).With(category);
                }
        var categories = needed.Aggregate(ConsentSet.NecessaryOnly, static (all, set) => all.Union(set ?? ConsentSet.NecessaryOnly));
        foreach (var category in categories.Optional)
            scripts.Grant(category);
        scripts.Start(config: config =>
        {
            config.WriteStartObject("signals");
            for (var index = 0; index < needed.Length; index++)
            {
                if (needed[index] is not { } all)
                {
                    config.WriteBoolean(Signals[index], false); // never granted; an empty list is granted always
                    continue;
                }
                config.WriteStartArray(Signals[index]);
                foreach (var category in all.Optional) config.WriteStringValue(category.Name());
                config.WriteEndArray();
            }
            config.WriteEndObject();
            var layers = LayersOf(users);
            if (layers is [DefaultLayer]) return;
            config.WriteStartArray("layers");
            foreach (var layer in layers) config.WriteStringValue(layer);
            config.WriteEndArray();
        });
    }

    /// <inheritdoc/>
    public override ConsentCondition ConditionOf(string signal, IReadOnlyList<BootstrapUser> users)
    {
        if (!Signals.Contains(signal)) return base.ConditionOf(signal, users);
        ConsentSet? needed = null;
        foreach (var user in users)
            foreach (var (category, signals) in MappingOf(user.Settings))
                if (signals.Contains(signal)) needed = (needed ?? ConsentSet.NecessaryOnly).With(category);
        return needed is { } all ? ConsentCondition.AllOf(all) : ConsentCondition.Never;
    }

    /// <summary>Whether a signal is for ads or analytics, which no visitor can be said to need.</summary>
    private static bool NeedsAChoice(string signal) => signal == "analytics_storage" || signal.StartsWith("ad_", StringComparison.Ordinal);

    private static IEnumerable<(ConsentCategory Category, ImmutableArray<string> Signals)> MappingOf(DestinationSettings settings) =>
        settings.Value(MappingField) is not { } mapping
            ? DefaultMapping
            : mapping.EnumerateObject().Select(entry =>
                (ConsentCategories.TryParse(entry.Name, out var category) ? category : throw new InvalidOperationException("The mapping was not checked."),
                entry.Value.EnumerateArray().Select(signal => signal.GetString()!).ToImmutableArray()));
}
