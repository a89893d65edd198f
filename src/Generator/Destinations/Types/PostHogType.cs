using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>PostHog: <see href="https://posthog.com/docs/libraries/js"/>.</summary>
/// <remarks>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, not by <c>loadMode</c>, which can only delay it.
/// (2) The package's default <c>cookieless_mode: "on_reject"</c> is applied only there: a PostHog that needs consent is silent after withdrawal,
/// not cookieless. (3) The state found at the start is told once and silently; the package opts in again after load, which records an
/// <c>$opt_in</c> event on every page. (4) No answer is no refusal: without a grant PostHog waits, and what an earlier page kept is cleared silently, so that neither an old grant nor an old refusal
/// counts; the package opts the visitor out, which records an event and is kept. (5) The stub has the methods of the vendor's snippet, not three of them, and a second destination becomes a named instance.
/// </remarks>
public sealed partial class PostHogType : DestinationType
{
    private static readonly ImmutableArray<string> Features = ["surveys", "heatmaps", "deadClicks", "webVitals", "featureFlags"];

    // Options of posthog.init that people write beside the key; some clients have them in camel case.
    private static readonly ImmutableArray<(string Name, string? Alias)> InitOptions =
    [
        ("autocapture", null),
        ("capture_pageview", "capturePageview"),
        ("capture_pageleave", "capturePageleave"),
        ("capture_exceptions", "captureExceptions"),
        ("disable_session_recording", "disableSessionRecording"),
        ("persistence", null),
        ("person_profiles", "personProfiles"),
        ("cookieless_mode", "cookielessMode"),
    ];

    private const string PersistencePage = "https://posthog.com/docs/libraries/js/persistence";
    private const string Source = "https://github.com/PostHog/posthog-js";
    private const string Refusal = "it records the visitor's own answer, and without it the library takes a refusal for no answer";

    /// <inheritdoc/>
    public override string Name => "posthog";

    /// <inheritdoc/>
    public override string Title => "PostHog";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "PostHog Inc.", "https://posthog.com/privacy",
        "Records what visitors do in the product, with replays, feature flags and surveys.",
        "https://posthog.com/privacy");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"phc_least"}""",
        """
        {"apiKey":"phc_full","host":"https://ph.example/","uiHost":"https://eu.posthog.com/","scriptUrl":"https://ph.example/static/array.js","region":"us",
         "loadMode":"after-consent","defaults":"2025-05-24","features":{"surveys":false,"heatmaps":false,"deadClicks":true,"webVitals":false,"featureFlags":false},
         "autocapture":false,"person_profiles":"identified_only","initOptions":{"bootstrap":{"distinctID":"x"},"asset_host":"https://ph.example"}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://posthog.com/docs/libraries/js");

    /// <inheritdoc/>
    /// <remarks>
    /// Hosts: <see href="https://posthog.com/docs/advanced/content-security-policy"/>, PostHog Cloud without its toolbar; an API host of one's own takes their place. The session
    /// recorder, which a project turns on in PostHog, starts a worker from a blob.
    /// </remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://posthog.com/docs/advanced/content-security-policy"),
        Withheld = "what the toolbar needs, which visitors do not see",
        Script = ["https://*.posthog.com"],
        Connect = ["https://*.posthog.com"],
        Worker = ["blob:"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// The main name is documented (<see href="https://posthog.com/docs/libraries/js/persistence"/>); the others are from the library's source. The record of the visitor's answer is kept: the
    /// library reads it before every event, and takes a visitor who has none for one who was never asked, so to erase it while the library runs would undo the refusal. It names the project and
    /// nobody else, and at the next start without a grant it is cleared by the vendor's own call.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "ph_{key}_*", PersistencePage) { Part = Project, Lifetime = "1 year" },
        new(BrowserStore.Cookie, "ph_{persistence_name}", PersistencePage) { Part = PersistenceName, Lifetime = "1 year" },
        new(BrowserStore.Cookie, "ph_{persistence_name}_cpm", Source) { Part = PersistenceName },
        new(BrowserStore.Cookie, "__ph_opt_in_out_{key}", Source) { Part = Project, KeptBecause = Refusal },
        new(BrowserStore.Cookie, "{consent_persistence_name}", Source) { Part = ConsentName, KeptBecause = Refusal },
        new(BrowserStore.LocalStorage, "ph_{key}_*", PersistencePage) { Part = Project },
        new(BrowserStore.LocalStorage, "ph_{persistence_name}", PersistencePage) { Part = PersistenceName },
        new(BrowserStore.LocalStorage, "ph_{persistence_name}__*", Source) { Part = PersistenceName },
        new(BrowserStore.LocalStorage, "ph_conv_{key}", Source) { Part = Project },
        new(BrowserStore.LocalStorage, "ph_debug", Source),
        new(BrowserStore.LocalStorage, "ph_product_tour_*", Source),
        new(BrowserStore.LocalStorage, "ph_last_seen_tour_date_*", Source),
        new(BrowserStore.LocalStorage, "seenSurvey_*", Source),
        new(BrowserStore.LocalStorage, "inProgressSurvey_*", Source),
        new(BrowserStore.LocalStorage, "lastSeenSurveyDate", Source),
        new(BrowserStore.LocalStorage, "__ph_opt_in_out_{key}", Source) { Part = Project, KeptBecause = Refusal },
        new(BrowserStore.LocalStorage, "{consent_persistence_name}", Source) { Part = ConsentName, KeptBecause = Refusal },
        new(BrowserStore.SessionStorage, "ph_{key}_*", Source) { Part = Project },
        new(BrowserStore.SessionStorage, "ph_{persistence_name}", Source) { Part = PersistenceName },
        new(BrowserStore.SessionStorage, "ph_{persistence_name}_window_id", Source) { Part = PersistenceName },
        new(BrowserStore.SessionStorage, "ph_{persistence_name}_primary_window_exists", Source) { Part = PersistenceName },
        new(BrowserStore.SessionStorage, "ph_{persistence_name}_session_registered_properties", Source) { Part = PersistenceName },
        new(BrowserStore.SessionStorage, "ph_{persistence_name}_cookie_identity_change_pending", Source) { Part = PersistenceName },
        new(BrowserStore.SessionStorage, "ph_replay_pending_buffer_*", Source),
        new(BrowserStore.SessionStorage, "ph_active_product_tour", Source),
    ];

    private static string? Project(DestinationSettings settings) => settings.Text("id");

    private static string? PersistenceName(DestinationSettings settings) =>
        settings.Value("initOptions").TextOf("persistence_name") is { Length: > 0 } name ? name : settings.Value("initOptions").TextOf("cookie_name");

    private static string? ConsentName(DestinationSettings settings)
    {
        var options = settings.Value("initOptions");
        if (options.TextOf("consent_persistence_name") is { Length: > 0 } name) return name;
        return options.TextOf("opt_out_capturing_cookie_prefix") is { Length: > 0 } prefix ? prefix + Project(settings) : null;
    }

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}; the state found at the start is told once, "
        + "without an $opt_in event on every page; a visitor who has not answered is not opted out; the stub has the methods of the vendor's snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The project's API key.")
        {
            Required = true, OtherNames = ["apiKey", "key", "projectToken"], Pattern = Key(), PatternInWords = "a project key such as phc_… (letters, digits, _ and -), not a personal one (phx_…)",
        },
        new("region", SettingKind.Text, "The PostHog cloud that hosts are derived from.") { OneOf = ["eu", "us"], DefaultJson = "\"eu\"" },
        new("apiHost", SettingKind.UrlOrPath, "Where events go: a host of your own for a self-hosted PostHog or a proxy, or a path of the site.") { IsBaseUrl = true, OtherNames = ["host", "api_host", "initOptions.api_host"] },
        new("uiHost", SettingKind.HttpsUrl, "Where PostHog's interface is, for a proxied apiHost.") { IsBaseUrl = true, OtherNames = ["ui_host", "initOptions.ui_host"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader, array.js; derived from apiHost.") { OtherNames = ["scriptSrc"] },
        new("loadMode", SettingKind.Text, "always, after-consent (waits for measurement besides the required consent) or disabled.")
        {
            OneOf = ["always", "after-consent", "disabled"], DefaultJson = "\"always\"",
        },
        new("initOptions", SettingKind.JsonObject, "Further options of posthog.init.") { OtherNames = ["options", "config"] },
        new("defaults", SettingKind.Text, "The date of the defaults that posthog.init takes, or unset.")
        {
            OtherNames = ["initOptions.defaults"], Pattern = DefaultsDate(), PatternInWords = "a date such as 2026-01-30, or unset", DefaultJson = "\"2026-01-30\"",
        },
        new("features", SettingKind.JsonObject, "Switches of parts of PostHog: surveys, heatmaps, deadClicks, webVitals, featureFlags. What initOptions says of the same counts."),
        .. InitOptions.Select(static option => new SettingField(option.Name, SettingKind.JsonValue, "The option of posthog.init of the same name.")
        {
            OtherNames = option.Alias is null ? [$"initOptions.{option.Name}"] : [option.Alias, $"initOptions.{option.Name}"],
        }),
        new("personalApiKey", SettingKind.Text, "A personal API key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value("features") is not { } features) return;
        foreach (var feature in features.EnumerateObject())
            if (!Features.Contains(feature.Name))
                problems.Add(new SettingProblem("features", $"'features' has a switch that is not known; use {string.Join(", ", Features)}."));
            else if (feature.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                problems.Add(SettingProblem.NotAs("features", "true or false", feature.Value, $"features.{feature.Name}"));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var loadMode = settings.Text("loadMode");
        if (loadMode == "disabled") return;
        if (loadMode == "after-consent") scripts.Require(ConsentCategory.Measurement);
        var (apiHost, uiHost, scriptUrl) = HostsOf(settings);
        if (!CloudHost().IsMatch(apiHost))
        {
            scripts.ContactInstead(PageUrl.Of(apiHost));
            scripts.Contact(CspDirective.Script, PageUrl.Of(apiHost));
        }
        var free = settings.Value("initOptions");
        scripts.Contact(CspDirective.Script, free.UrlOf("asset_host"));
        scripts.Contact(CspDirective.Connect, free.UrlOf("flags_api_host"));
        var options = new ConfigObject();
        options.Set("defaults", settings.Text("defaults") ?? "2026-01-30");
        if (scripts.AlwaysLoads) options.Set("cookieless_mode", "on_reject");
        if (scripts.TestMode) options.Set("debug", true);
        SetFeatures(options, settings.Value("features"));
        options.Merge(free);
        foreach (var (name, _) in InitOptions) options.Set(name, settings.Value(name));
        // Waiting for an answer: cookieless on_reject records nothing before one; without it, PostHog has to be opted out by default.
        if (scripts.AlwaysLoads && !options.Has("cookieless_mode", "on_reject")) options.Set("opt_out_capturing_by_default", true);
        options.Set("api_host", apiHost);
        options.Set("ui_host", uiHost);

        var library = new VendorLibrary(scriptUrl).With(("crossorigin", "anonymous"), ("data-api-host", apiHost), ("data-ui-host", uiHost));
        scripts.GrantTracking();
        scripts.Start(library, config =>
        {
            config.WriteString("id", settings.RequiredText("id"));
            if (!scripts.IsFirstOfType) config.WriteString("name", scripts.InstanceName);
            options.WriteTo(config, "options");
        });
    }

    /// <summary>The vendor's option for each switch: <see href="https://posthog.com/docs/libraries/js/config"/>. A switch that is not set leaves it to the project.</summary>
    private static void SetFeatures(ConfigObject options, JsonElement? features)
    {
        if (features is not { } switches) return;
        foreach (var feature in switches.EnumerateObject())
        {
            var isOn = feature.Value.ValueKind == JsonValueKind.True;
            switch (feature.Name)
            {
                case "surveys": options.Set("disable_surveys", !isOn); break;
                case "heatmaps": options.Set("capture_heatmaps", isOn); break;
                case "deadClicks": options.Set("capture_dead_clicks", isOn); break;
                case "featureFlags": options.Set("advanced_disable_feature_flags", !isOn); break;
                case "webVitals":
                    var performance = new ConfigObject();
                    performance.Set("web_vitals", isOn);
                    options.Set("capture_performance", performance);
                    break;
            }
        }
    }

    private static (string ApiHost, string UiHost, PageUrl ScriptUrl) HostsOf(DestinationSettings settings)
    {
        var region = settings.Text("region");
        var apiHost = settings.BaseUrl("apiHost") ?? $"https://{region ?? "eu"}.i.posthog.com";
        var cloud = CloudHost().Match(apiHost) is { Success: true } match ? RegionOf(match.Groups[1].Value) : null;
        var uiRegion = cloud ?? region;
        var uiHost = settings.BaseUrl("uiHost") ?? (uiRegion is null ? apiHost : $"https://{uiRegion}.posthog.com");
        var scriptUrl = settings.Url("scriptUrl")
            ?? PageUrl.Of(cloud is null ? $"{apiHost}/static/array.js" : $"https://{cloud}-assets.i.posthog.com/static/array.js");
        return (apiHost, uiHost, scriptUrl);
    }

    private static string RegionOf(string subdomain) => subdomain.StartsWith("eu", StringComparison.OrdinalIgnoreCase) ? "eu" : "us";

    [GeneratedRegex("^(?!phx_)(?![0-9]+\\z)[A-Za-z0-9_-]{1,128}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex("^(?:unset|[0-9]{4}-[0-9]{2}-[0-9]{2})\\z", RegexOptions.CultureInvariant)]
    private static partial Regex DefaultsDate();

    [GeneratedRegex("^https://(app|us|us-assets|eu|eu-assets)(?:\\.i)?\\.posthog\\.com\\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex CloudHost();
}
