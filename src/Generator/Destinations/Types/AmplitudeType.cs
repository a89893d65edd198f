using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Amplitude: <see href="https://amplitude.com/docs/sdks/analytics/browser/browser-sdk-2"/>.</summary>
/// <remarks>
/// <para>
/// The library keeps an opt-out in its cookie, so the start always says which state holds now (<c>optOut</c> of <c>init</c>, which counts before the cookie); changes are told
/// with <c>setOptOut</c>. An <c>optOut</c> of the organization's own is kept: then only the site opts in.
/// </para>
/// <para>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, opted out until measurement is granted; the package
/// passes no state to <c>init</c>, so a visitor who once withdrew stays silent on the next page although consent was granted there. (2) The stub has the methods
/// of the vendor's snippet, <c>Revenue</c> and <c>createInstance</c> among them, and a second destination becomes a named instance. (3) The loader of the pinned version has the
/// snippet's integrity hash.
/// </para>
/// <para>
/// Data centres and proxies: <see href="https://amplitude.com/docs/sdks/analytics/browser/browser-sdk-2"/> and <see href="https://amplitude.com/docs/analytics/domain-proxy"/>, read 2026-11-26.
/// </para>
/// </remarks>
public sealed partial class AmplitudeType : DestinationType
{
    // Version and hash are those of the snippet in the vendor's package @amplitude/analytics-browser.
    private const string Library = "https://cdn.amplitude.com/libs/analytics-browser-2.44.4-min.js.gz";
    private const string LibraryIntegrity = "sha384-wKPFeiuTJJ9WVWivFrKiIYtsaQQ5LQVX6Rw0MFTIamKKfAodswEIXCK9p9J+wx//";

    private const string CookiePage = "https://amplitude.com/docs/sdks/analytics/browser/cookies-and-consent-management";
    private const string Source = "https://github.com/amplitude/Amplitude-TypeScript";

    /// <inheritdoc/>
    public override string Name => "amplitude";

    /// <inheritdoc/>
    public override string Title => "Amplitude";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Amplitude Inc.", "https://amplitude.com/privacy",
        "Records what visitors do in the product, and analyses it by visitor and by group.",
        "https://www.npmjs.com/package/@amplitude/analytics-browser");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"apiKey":"0123456789abcdef"}""",
        """{"apiKey":"fedcba9876543210","serverZone":"US","serverUrl":"/amplitude","autocapture":false,"initOptions":{"optOut":true},"scriptUrl":"https://am.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://amplitude.com/docs/sdks/analytics/browser/browser-sdk-2");

    /// <inheritdoc/>
    /// <remarks>Hosts from the library's defaults (<see href="https://github.com/amplitude/Amplitude-TypeScript"/>); <c>serverZone</c> EU has its own. A <c>serverUrl</c> comes on top, since the remote configuration stays with Amplitude.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new("https://github.com/amplitude/Amplitude-TypeScript"),
        Script = ["https://cdn.amplitude.com"],
        Connect = ["https://api2.amplitude.com", "https://sr-client-cfg.amplitude.com", "https://diagnostics.prod.us-west-2.amplitude.com"],
    };

    private static readonly VendorHosts s_europe = new()
    {
        Script = ["https://cdn.amplitude.com"],
        Connect = ["https://api.eu.amplitude.com", "https://sr-client-cfg.eu.amplitude.com", "https://diagnostics.prod.eu-central-1.amplitude.com"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// From the library's source, and for the cookies <see href="https://amplitude.com/docs/sdks/analytics/browser/cookies-and-consent-management"/>. Each name has the first ten characters of the
    /// API key. The opt-out in the main cookie is erased with it: while the library runs it has the state in memory, and its next start is told.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        .. StoredIdentity(BrowserStore.Cookie),
        .. StoredIdentity(BrowserStore.LocalStorage),
        new(BrowserStore.LocalStorage, "AMP_unsent_{key}", Source) { Part = Project },
        new(BrowserStore.LocalStorage, "AMP_remote_config_{key}", Source) { Part = Project },
        .. StoredIdentity(BrowserStore.SessionStorage),
        new(BrowserStore.SessionStorage, "AMP_PAGE_VIEW", Source),
        new(BrowserStore.SessionStorage, "AMP_CURRENT_PAGE", Source),
        new(BrowserStore.SessionStorage, "AMP_PREVIOUS_PAGE", Source),
        new(BrowserStore.SessionStorage, "AMP_URL_INFO", Source),
    ];

    /// <summary>An option chooses in which store they are.</summary>
    private static ImmutableArray<StoredName> StoredIdentity(BrowserStore store) =>
    [
        new(store, "AMP_{key}", CookiePage) { Part = Project, Lifetime = LifetimeIn(store), LifetimeSource = LifetimeIn(store) is null ? null : Source },
        new(store, "AMP_MKTG_{key}", CookiePage) { Part = Project, Lifetime = LifetimeIn(store), LifetimeSource = LifetimeIn(store) is null ? null : Source },
        new(store, "AMP_MKTG_ORIGINAL_{key}", Source) { Part = Project, Lifetime = LifetimeIn(store), LifetimeSource = LifetimeIn(store) is null ? null : Source },
    ];

    private static string? LifetimeIn(BrowserStore store) => store == BrowserStore.Cookie ? "1 year" : null;

    private static string Project(DestinationSettings settings)
    {
        var key = settings.RequiredText("apiKey");
        return key.Length > 10 ? key[..10] : key;
    }

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "init is told the present state, opted out before consent, so that the opt-out of an earlier page does not outlast it; the stub has the methods of the vendor's snippet; the pinned loader has the snippet's integrity hash");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("apiKey", SettingKind.Text, "The project's API key.") { Required = true, Pattern = Key(), PatternInWords = "1 to 128 letters, digits, _ and -" },
        new("initOptions", SettingKind.JsonObject, "Further options of amplitude.init.") { OtherNames = ["options", "config"] },
        new("serverZone", SettingKind.Text, "The data centre of the project.") { OtherNames = ["initOptions.serverZone"], OneOf = ["US", "EU"], DefaultJson = "\"US\"" },
        new("serverUrl", SettingKind.UrlOrPath, "Where events go: a proxy of your own, also a path of the site.") { OtherNames = ["initOptions.serverUrl"] },
        new("autocapture", SettingKind.JsonValue, "What is captured by itself: false, or an object of switches.") { OtherNames = ["initOptions.autocapture"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The library.") { OtherNames = ["scriptSrc"], DefaultJson = $"\"{Library}\"" },
        new("secretKey", SettingKind.Text, "The project's secret key, used on the server only.") { OtherNames = ["apiSecret"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject();
        if (scripts.TestMode) options.Set("logLevel", 4); // LogLevel.Debug
        options.Merge(settings.Value("initOptions"));
        options.Set("serverZone", settings.Text("serverZone"));
        options.Set("serverUrl", settings.Url("serverUrl")?.Text);
        options.Set("autocapture", settings.Value("autocapture"));
        if (settings.Text("serverZone") == "EU") scripts.ContactInstead(s_europe);
        scripts.Contact(CspDirective.Connect, settings.Url("serverUrl"));
        if (settings.Value("initOptions") is { } init && init.TryGetProperty("remoteConfig", out var remote))
            scripts.Contact(CspDirective.Connect, ((JsonElement?)remote).UrlOf("serverUrl"));
        var library = settings.Url("scriptUrl") is { } own
            ? new VendorLibrary(own)
            : new VendorLibrary(PageUrl.Of(Library)).With(("crossorigin", "anonymous"), ("integrity", LibraryIntegrity));
        scripts.GrantTracking();
        scripts.Start(library, config =>
        {
            config.WriteString("apiKey", settings.RequiredText("apiKey"));
            if (!scripts.IsFirstOfType) config.WriteString("name", scripts.InstanceName);
            options.WriteTo(config, "options");
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,128}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
