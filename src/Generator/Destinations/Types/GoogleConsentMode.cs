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
/// destination's mapping can narrow a signal and never widen it. A signal that no mapping mentions is not told.
/// </para>
/// <para>
/// Until a Google tag has run, a change replaces the <c>default</c> in the data layer, so that the tag finds the present state. When the client removes the main
/// script, no Google tag may run any more, and everything is denied.
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

    /// <summary>The setting as Google types declare it.</summary>
    public static SettingField MappingSetting { get; } =
        new(MappingField, SettingKind.JsonObject, "Which Consent Mode signals each consent category grants, instead of the default mapping.")
        {
            DefaultJson =
                """
                {"necessary":["security_storage"],"functionality":["functionality_storage"],"experience":["personalization_storage"],"measurement":["analytics_storage"],"marketing":["ad_storage","ad_user_data","ad_personalization"]}
                """,
        };

    private GoogleConsentMode()
    {
    }

    /// <inheritdoc/>
    public override string Id => "google-consent";

    /// <summary>The rules of <see cref="MappingField"/>, for the types that have it.</summary>
    public static void CheckMapping(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value(MappingField) is not { } mapping) return;
        foreach (var entry in mapping.EnumerateObject())
        {
            if (!ConsentCategories.TryParse(entry.Name, out _))
                problems.Add(new SettingProblem(MappingField,
                    $"'{MappingField}' has a key that is no consent category; use necessary, functionality, experience, measurement, marketing."));
            else if (entry.Value.ValueKind != JsonValueKind.Array
                || entry.Value.EnumerateArray().Any(signal => signal.ValueKind != JsonValueKind.String || !Signal().IsMatch(signal.GetString()!)))
                problems.Add(SettingProblem.NotAs(MappingField,
                    "a list of Consent Mode signals such as analytics_storage (a-z and _, 1 to 64 characters)", entry.Value, $"{MappingField}.{entry.Name}"));
            else if (entry.Value.GetArrayLength() > 32)
                problems.Add(new SettingProblem(MappingField, $"'{MappingField}.{entry.Name}' may have 32 signals, and has {entry.Value.GetArrayLength()}."));
        }
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts, IReadOnlyList<BootstrapUser> users)
    {
        var needed = new List<(string Signal, ConsentSet Categories)>();
        foreach (var user in users)
            foreach (var (category, signals) in MappingOf(user.Settings))
                foreach (var signal in signals)
                    Narrow(needed, signal, category);
        var categories = needed.Aggregate(ConsentSet.NecessaryOnly, (all, entry) => all.Union(entry.Categories));
        foreach (var category in categories.Optional)
            scripts.Grant(category);
        scripts.Start(config: config =>
        {
            config.WriteStartObject("signals");
            foreach (var (signal, all) in needed)
            {
                config.WriteStartArray(signal);
                foreach (var category in all.Optional) config.WriteStringValue(category.Name());
                config.WriteEndArray();
            }
            config.WriteEndObject();
        });
    }

    private static void Narrow(List<(string Signal, ConsentSet Categories)> needed, string signal, ConsentCategory category)
    {
        var index = needed.FindIndex(entry => entry.Signal == signal);
        if (index < 0) needed.Add((signal, ConsentSet.Of(category)));
        else needed[index] = (signal, needed[index].Categories.With(category));
    }

    private static IEnumerable<(ConsentCategory Category, ImmutableArray<string> Signals)> MappingOf(DestinationSettings settings) =>
        settings.Value(MappingField) is not { } mapping
            ? DefaultMapping
            : mapping.EnumerateObject().Select(entry =>
                (ConsentCategories.TryParse(entry.Name, out var category) ? category : throw new InvalidOperationException("The mapping was not checked."),
                entry.Value.EnumerateArray().Select(signal => signal.GetString()!).ToImmutableArray()));

    [GeneratedRegex("^[a-z][a-z_]{0,63}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Signal();
}
