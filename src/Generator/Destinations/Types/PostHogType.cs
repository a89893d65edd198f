using System.Collections.Immutable;
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
    /// <inheritdoc/>
    public override string Name => "posthog";

    /// <inheritdoc/>
    public override string Title => "PostHog";

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

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
            Required = true, OlderNames = ["apiKey"], Pattern = Key(), PatternInWords = "a project key such as phc_… (letters, digits, _ and -)",
        },
        new("region", SettingKind.Text, "The PostHog cloud that hosts are derived from.") { OneOf = ["eu", "us"], DefaultJson = "\"eu\"" },
        new("apiHost", SettingKind.HttpsUrl, "Where events go; a host of your own for a self-hosted PostHog or a proxy.") { IsBaseUrl = true, OlderNames = ["host"] },
        new("uiHost", SettingKind.HttpsUrl, "Where PostHog's interface is, for a proxied apiHost.") { IsBaseUrl = true },
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

    private static (string ApiHost, string UiHost, Uri ScriptUrl) HostsOf(DestinationSettings settings)
    {
        var region = settings.Text("region");
        var apiHost = settings.BaseUrl("apiHost") ?? $"https://{region ?? "eu"}.i.posthog.com";
        var cloud = CloudHost().Match(apiHost) is { Success: true } match ? RegionOf(match.Groups[1].Value) : null;
        var uiRegion = cloud ?? region;
        var uiHost = settings.BaseUrl("uiHost") ?? (uiRegion is null ? apiHost : $"https://{uiRegion}.posthog.com");
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
