using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Rybbit: <see href="https://rybbit.com/docs/script"/>.</summary>
/// <remarks>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.
/// Differs from the npm package: an API key stays behind. Rybbit uses it to track from a developer's own machine and says to remove it from a public page
/// (<see href="https://rybbit.com/docs/localhost-tracking"/>).
/// </remarks>
public sealed partial class RybbitAnalyticsType : DestinationType
{
    private const string Source = "https://github.com/rybbit-io/rybbit";

    /// <inheritdoc/>
    public override string Name => "rybbit-analytics";

    /// <inheritdoc/>
    public override string Title => "Rybbit";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        null, "https://rybbit.com/privacy",
        "Counts page views and events without cookies.",
        "https://rybbit.com/privacy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"siteId":"12"}""",
        """
        {"siteId":"b2","autoTrackPageview":false,"trackSpa":true,"trackQuery":false,"trackOutbound":true,"trackErrors":true,"sessionReplay":false,"webVitals":true,
         "skipPatterns":["/a/*"],"maskPatterns":["/b/**"],"debounce":250.5,"analyticsHost":"https://ry.example/api/"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://rybbit.com/docs/script");

    /// <inheritdoc/>
    /// <remarks>The script sends events to the host it comes from; one's own takes its place.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://app.rybbit.io"],
        Connect = ["https://app.rybbit.io"],
    };

    /// <inheritdoc/>
    /// <remarks>The vendor says that it uses neither cookies nor local storage; the source of its script keeps the id that a page hands to <c>rybbit.identify</c>.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.LocalStorage, "rybbit-user-id", Source),
    ];

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "an API key stays behind, as the vendor says of public pages");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("siteId", SettingKind.Text, "The site's id.") { Required = true, OtherNames = ["data-site-id"], Pattern = SiteId(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("autoTrackPageview", SettingKind.Flag, "Whether the first page view is tracked by itself."),
        new("trackSpa", SettingKind.Flag, "Whether changes of the address without a page load count."),
        new("trackQuery", SettingKind.Flag, "Whether addresses are tracked with their query."),
        new("trackOutbound", SettingKind.Flag, "Whether clicks to other sites are tracked."),
        new("trackErrors", SettingKind.Flag, "Whether JavaScript errors are tracked."),
        new("sessionReplay", SettingKind.Flag, "Whether sessions are recorded."),
        new("webVitals", SettingKind.Flag, "Whether Web Vitals are measured."),
        new("skipPatterns", SettingKind.TextList, "Paths that are not tracked.") { MaxLength = 500 },
        new("maskPatterns", SettingKind.TextList, "Paths that are tracked under their pattern.") { MaxLength = 500 },
        new("debounce", SettingKind.Number, "Milliseconds to wait before a page view is tracked.") { Minimum = 0, Maximum = 600000 },
        new("analyticsHost", SettingKind.HttpsUrl, "Where script.js is, for a Rybbit of your own: https://rybbit.example.com/api.") { IsBaseUrl = true },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { DefaultJson = "\"https://app.rybbit.io/api/script.js\"" },
        new("apiKey", SettingKind.Text, "A key for tracking from a developer's own machine; never on a page.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        string? Flag(string name) => settings.Flag(name) is { } value ? value ? "true" : "false" : null;
        string? List(string name) => !settings.Has(name) ? null : Json(settings.TextList(name));
        var source = settings.Url("scriptUrl")
            ?? (settings.BaseUrl("analyticsHost") is { } host ? PageUrl.Of($"{host}/script.js") : PageUrl.Of("https://app.rybbit.io/api/script.js"));
        if (settings.Has("scriptUrl") || settings.Has("analyticsHost")) scripts.ContactInstead(source);
        scripts.LoadVendor(source,
        [
            ("data-site-id", settings.RequiredText("siteId")), ("data-auto-track-pageview", Flag("autoTrackPageview")), ("data-track-spa", Flag("trackSpa")),
            ("data-track-query", Flag("trackQuery")), ("data-track-outbound", Flag("trackOutbound")), ("data-track-errors", Flag("trackErrors")),
            ("data-session-replay", Flag("sessionReplay")), ("data-web-vitals", Flag("webVitals")),
            ("data-skip-patterns", List("skipPatterns")), ("data-mask-patterns", List("maskPatterns")),
            ("data-debounce", settings.Number("debounce")?.ToString(CultureInfo.InvariantCulture)),
        ]);
    }

    private static string Json(ImmutableArray<string> list)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, ScriptJson.ConfigWriterOptions))
        {
            writer.WriteStartArray();
            foreach (var entry in list) writer.WriteStringValue(entry);
            writer.WriteEndArray();
        }
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SiteId();
}
