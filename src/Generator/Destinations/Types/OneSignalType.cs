using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>OneSignal's web push: <see href="https://documentation.onesignal.com/docs/en/web-sdk-reference"/>.</summary>
/// <remarks>
/// The SDK starts in the mode in which it needs the visitor's consent, and is told that by the vendor's own calls; without it the SDK does nothing. A page has one application. Push needs the vendor's service worker, which
/// only a file on the site itself can be.
/// </remarks>
public sealed partial class OneSignalType : DestinationType
{
    private const string Source = "https://github.com/OneSignal/OneSignal-Website-SDK";

    /// <inheritdoc/>
    public override string Name => "onesignal";

    /// <inheritdoc/>
    public override string Title => "OneSignal";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "OneSignal, Inc.", "https://onesignal.com/privacy_policy", "Sends the site's notifications to visitors who subscribed to them, and records what they do with them.", "https://onesignal.com/privacy_policy");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Marketing)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"appId":"01234567-89ab-cdef-0123-456789abcdef"}""",
        """
        {"app_id":"fedcba98-7654-3210-fedc-ba9876543210","safariWebId":"web.onesignal.auto.x","autoResubscribe":true,"allowLocalhostAsSecureOrigin":true,"serviceWorkerPath":"push/OneSignalSDKWorker.js",
         "serviceWorkerScope":"/push/","initOptions":{"notifyButton":{"enable":true}},"scriptUrl":"https://os.example/sdk.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://documentation.onesignal.com/docs/en/web-sdk-reference");

    /// <inheritdoc/>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new(Source),
        Withheld = "the hosts of pictures in notifications and prompts, which a project chooses",
        Script = ["https://cdn.onesignal.com"],
        Connect = ["https://api.onesignal.com", "https://onesignal.com"],
        Style = ["https://cdn.onesignal.com"],
    };

    /// <inheritdoc/>
    /// <remarks>From the library's source; its database in IndexedDB (ONE_SIGNAL_SDK_DB), which holds the subscription, has no place in a list.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.LocalStorage, "os_pageViews", Source),
        new(BrowserStore.LocalStorage, "onesignal-notification-prompt", Source),
        new(BrowserStore.SessionStorage, "onesignal-pageview-count", Source) { Lifetime = "session" },
        new(BrowserStore.LocalStorage, "requiresPrivacyConsent", Source) { KeptBecause = "without it the library works without asking whether the visitor consented" },
        new(BrowserStore.LocalStorage, "userConsent", Source) { KeptBecause = "it records the visitor's own answer, and the library reads it before all it does" },
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("appId", SettingKind.Text, "The application's id.") { Required = true, OtherNames = ["app_id", "onesignalAppId", "initOptions.appId"], Pattern = Id(), PatternInWords = "an id such as 01234567-89ab-cdef-0123-456789abcdef" },
        new("safariWebId", SettingKind.Text, "The id of the site for Safari's older notifications.") { OtherNames = ["safari_web_id", "initOptions.safari_web_id"], Pattern = SafariId(), PatternInWords = "1 to 100 letters, digits, ., _ and -" },
        new("autoResubscribe", SettingKind.Flag, "Whether visitors who had allowed notifications are subscribed again.") { OtherNames = ["initOptions.autoResubscribe"] },
        new("allowLocalhostAsSecureOrigin", SettingKind.Flag, "Whether a developer's own machine counts as a secure site.") { OtherNames = ["initOptions.allowLocalhostAsSecureOrigin"], DefaultJson = "false" },
        new("serviceWorkerPath", SettingKind.Text, "Where the vendor's service worker is on the site, from its root and without a slash at the beginning.") { OtherNames = ["initOptions.serviceWorkerPath"], Pattern = WorkerPath(), PatternInWords = "a path of letters, digits, ., _, - and /" },
        new("serviceWorkerScope", SettingKind.Text, "The part of the site that the service worker is for.") { Pattern = ScopePath(), PatternInWords = "a path of letters, digits, ., _, - and / that begins and ends with a slash" },
        new("initOptions", SettingKind.JsonObject, "Further options of OneSignal.init. Every visitor gets the same, and can read them.") { OtherNames = ["options"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.page.js\"" },
        new("restApiKey", SettingKind.Text, "The REST API's key, used on the server only.") { OtherNames = ["apiKey"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject(settings.Value("initOptions"));
        options.Set("appId", settings.RequiredText("appId"));
        options.Set("safari_web_id", settings.Text("safariWebId"));
        options.Set("autoResubscribe", settings.Flag("autoResubscribe"));
        options.Set("allowLocalhostAsSecureOrigin", settings.Flag("allowLocalhostAsSecureOrigin"));
        options.Set("serviceWorkerPath", settings.Text("serviceWorkerPath"));
        if (settings.Text("serviceWorkerScope") is { } scope)
        {
            var parameters = new ConfigObject();
            parameters.Set("scope", scope);
            options.Set("serviceWorkerParam", parameters);
        }
        scripts.GrantTracking();
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.onesignal.com/sdks/web/v16/OneSignalSDK.page.js")), config => options.WriteTo(config, "options"));
    }

    [GeneratedRegex("^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^[A-Za-z0-9._-]{1,100}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SafariId();

    [GeneratedRegex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex WorkerPath();

    [GeneratedRegex("^/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ScopePath();
}
