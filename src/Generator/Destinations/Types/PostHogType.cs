using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>PostHog: <see href="https://posthog.com/docs/libraries/js"/>.</summary>
/// <remarks>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, not by <c>loadMode</c>, which can only delay it.
/// (2) The package's default <c>cookieless_mode: "on_reject"</c> is applied only there: a PostHog that needs consent is silent after withdrawal,
/// not cookieless. (3) The state found at the start is told once and silently; the package opts in again after load, which records an
/// <c>$opt_in</c> event on every page. (4) The stub has the methods of the vendor's snippet, not three of them, and a second destination becomes a named instance.
/// </remarks>
public sealed partial class PostHogType : DestinationType
{
    private static readonly InlineScript Grant = new(InlineSource.Grant);

    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        var k=consent(c.key);if(k.tell)return;
        var p=w.posthog;
        if(!p||!p.init){p=w.posthog=p||[];p._i=[];
        p.init=function(id,o,name){var t=p;if(name!==undefined)t=p[name]=[];else name="posthog";t.people=t.people||[];
        "capture register register_once register_for_session unregister unregister_for_session identify alias reset group resetGroups set_config setPersonProperties setPersonPropertiesForFlags resetPersonPropertiesForFlags setGroupPropertiesForFlags resetGroupPropertiesForFlags getFeatureFlag getFeatureFlagPayload isFeatureEnabled reloadFeatureFlags onFeatureFlags onSessionId on getSurveys getActiveMatchingSurveys renderSurvey canRenderSurvey startSessionRecording stopSessionRecording sessionRecordingStarted captureException loadToolbar get_property get_distinct_id getGroups get_session_id get_session_replay_url opt_in_capturing opt_out_capturing has_opted_in_capturing has_opted_out_capturing get_explicit_consent_status clear_opt_in_out_capturing debug getPageViewId".split(" ").forEach(function(m){t[m]=function(){t.push([m].concat([].slice.call(arguments)))}});
        p._i.push([id,o,name])};p.__SV=1}
        if(c.name)p.init(c.id,c.options,c.name);else if(Array.isArray(p))p.init(c.id,c.options);
        k.start(function(on,first){var t=c.name?w.posthog[c.name]:w.posthog;if(!on)t.opt_out_capturing();else if(first)t.opt_in_capturing({captureEventName:null});else t.opt_in_capturing()});
        """));

    /// <inheritdoc/>
    public override string Name => "posthog";

    /// <inheritdoc/>
    public override string Title => "PostHog";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"phc_least"}""",
        """
        {"apiKey":"phc_full","host":"https://ph.example/","uiHost":"https://eu.posthog.com/","scriptUrl":"https://ph.example/static/array.js","region":"us",
         "loadMode":"after-consent","initOptions":{"autocapture":false,"bootstrap":{"distinctID":"x"}}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://posthog.com/docs/libraries/js");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Grant, Start];

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://posthog.com/docs/advanced/content-security-policy"/>, PostHog Cloud without its toolbar; an API host of one's own takes their place.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://posthog.com/docs/advanced/content-security-policy"),
        Withheld = "what the toolbar needs, which visitors do not see",
        Script = ["https://*.posthog.com"],
        Connect = ["https://*.posthog.com"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}; the state found at the start is told once, "
        + "without an $opt_in event on every page; the stub has the methods of the vendor's snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The project's API key.")
        {
            Required = true, OlderNames = ["apiKey"], Pattern = Key(), PatternInWords = "a project key such as phc_… (letters, digits, _ and -)",
        },
        new("region", SettingKind.Text, "The PostHog cloud that hosts are derived from.") { OneOf = ["eu", "us"], DefaultJson = "\"eu\"" },
        new("apiHost", SettingKind.HttpsUrl, "Where events go; a host of your own for a self-hosted PostHog or a proxy.") { OlderNames = ["host"] },
        new("uiHost", SettingKind.HttpsUrl, "Where PostHog's interface is, for a proxied apiHost."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader, array.js; derived from apiHost."),
        new("loadMode", SettingKind.Text, "always, after-consent (waits for measurement besides the required consent) or disabled.")
        {
            OneOf = ["always", "after-consent", "disabled"], DefaultJson = "\"always\"",
        },
        new("initOptions", SettingKind.JsonObject, "Further options of posthog.init."),
        new("personalApiKey", SettingKind.Text, "A personal API key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

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
            scripts.ContactInstead(HttpsUrl.Derived(apiHost));
            scripts.Contact(CspDirective.Script, HttpsUrl.Derived(apiHost));
        }
        var options = new ConfigObject();
        options.Set("defaults", "2026-01-30");
        if (scripts.AlwaysLoads) options.Set("cookieless_mode", "on_reject");
        if (scripts.TestMode) options.Set("debug", true);
        options.Merge(settings.Value("initOptions"));
        options.Set("api_host", apiHost);
        options.Set("ui_host", uiHost);

        scripts.InlineWhileTrackingGranted(ConsentCategory.Measurement, Grant, config => config.WriteStringValue(scripts.BaseId));
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("key", scripts.BaseId);
            config.WriteString("id", settings.RequiredText("id"));
            if (!scripts.IsFirstOfType) config.WriteString("name", scripts.InstanceName);
            options.WriteTo(config, "options");
            config.WriteEndObject();
        });
        scripts.LoadVendor(scriptUrl, script => script with
        {
            Attributes = [new("crossorigin", "anonymous"), new("data-api-host", apiHost), new("data-ui-host", uiHost)],
        });
    }

    private static (string ApiHost, string UiHost, Uri ScriptUrl) HostsOf(DestinationSettings settings)
    {
        var region = settings.Text("region");
        var apiHost = settings.Text("apiHost")?.TrimEnd('/') ?? $"https://{region ?? "eu"}.i.posthog.com";
        var cloud = CloudHost().Match(apiHost) is { Success: true } match ? RegionOf(match.Groups[1].Value) : null;
        var uiRegion = cloud ?? region;
        var uiHost = settings.Text("uiHost")?.TrimEnd('/') ?? (uiRegion is null ? apiHost : $"https://{uiRegion}.posthog.com");
        var scriptUrl = settings.Url("scriptUrl")
            ?? HttpsUrl.Derived(cloud is null ? $"{apiHost}/static/array.js" : $"https://{cloud}-assets.i.posthog.com/static/array.js");
        return (apiHost, uiHost, scriptUrl);
    }

    private static string RegionOf(string subdomain) => subdomain.StartsWith("eu", StringComparison.OrdinalIgnoreCase) ? "eu" : "us";

    [GeneratedRegex("^[A-Za-z0-9_-]{1,128}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex("^https://(app|us|us-assets|eu|eu-assets)(?:\\.i)?\\.posthog\\.com\\z", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex CloudHost();
}
