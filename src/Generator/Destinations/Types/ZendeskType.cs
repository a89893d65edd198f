using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Zendesk's Web Widget for messaging: <see href="https://developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/web/getting_started/"/>.</summary>
/// <remarks>
/// A page has one widget. It is told by the vendor's own call what it may store (<see href="https://developer.zendesk.com/api-reference/widget-messaging/web/core/"/>): with measurement everything, otherwise what the widget
/// needs, and after withdrawal nothing, which also hides the widget and deletes what it stored. A new grant shows it again.
/// </remarks>
public sealed partial class ZendeskType : DestinationType
{
    private const string CookiePage = "https://support.zendesk.com/hc/en-us/articles/4408828505754-Enabling-cookie-consent-for-the-Chat-widget";
    private const string CookieList = "https://github.com/jkwakman/Open-Cookie-Database";

    /// <inheritdoc/>
    public override string Name => "zendesk";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["zendesk-widget"];

    /// <inheritdoc/>
    public override string Title => "Zendesk";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Zendesk, Inc.", "https://www.zendesk.com/company/agreements-and-terms/privacy-notice/", "Lets visitors write to the people behind a site and find answers to their questions.", "https://www.zendesk.com/company/agreements-and-terms/privacy-notice/");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.Of(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Functionality;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"key":"01234567-89ab-cdef-0123-456789abcdef"}""",
        """{"widgetKey":"fedcba98-7654-3210-fedc-ba9876543210","locale":"fr","settings":{"webWidget":{"zIndex":9}},"scriptUrl":"https://zd.example/snippet.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/web/getting_started/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/web/csp"/>.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://developer.zendesk.com/documentation/zendesk-web-widget-sdks/sdks/web/csp"),
        Withheld = "style-src 'unsafe-inline', for its widget, and the hosts of its voice calls and error reports",
        Script = ["https://*.zdassets.com"],
        Connect = ["https://*.zdassets.com", "https://*.zendesk.com", "https://*.smooch.io", "wss://*.zendesk.com", "wss://api.smooch.io"],
        Image = ["https://static.zdassets.com", "https://*.zendesk.com", "https://media.smooch.io", "https://*.zdusercontent.com", "blob:", "data:"],
        Media = ["https://static.zdassets.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "__zlcmid", CookiePage) { Lifetime = "365 days" },
        new(BrowserStore.Cookie, "__zlcprivacy", CookiePage) { Lifetime = "365 days", KeptBecause = "it records the visitor's own answer to Zendesk" },
        new(BrowserStore.LocalStorage, "ZD-store", CookieList),
        new(BrowserStore.LocalStorage, "ZD-suid", CookieList) { Lifetime = "20 minutes" },
        new(BrowserStore.LocalStorage, "ZD-buid", CookieList),
        new(BrowserStore.LocalStorage, "ZD-settings", CookieList),
        new(BrowserStore.LocalStorage, "ZD-widgetOpen", CookieList),
        new(BrowserStore.LocalStorage, "ZD-launcherLabelRemoved", CookieList),
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("key", SettingKind.Text, "The widget's key, from its snippet.") { Required = true, OtherNames = ["widgetKey", "accountKey", "id"], Pattern = Key(), PatternInWords = "8 to 64 letters, digits and -" },
        new("locale", SettingKind.Text, "The widget's language, such as fr or pt-br; the visitor's where it is not set.") { Pattern = Locale(), PatternInWords = "a language tag such as fr or pt-br" },
        new("settings", SettingKind.JsonObject, "The page's zESettings, where it has none of its own. Every visitor gets the same, and can read them.") { OtherNames = ["zESettings"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; the key is added.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://static.zdassets.com/ekr/snippet.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var source = (settings.Url("scriptUrl") ?? PageUrl.Of("https://static.zdassets.com/ekr/snippet.js")).With(("key", settings.RequiredText("key")));
        scripts.Grant(ConsentCategory.Measurement);
        scripts.Start(new VendorLibrary(source).With(("id", "ze-snippet")), config =>
        {
            if (settings.Text("locale") is { } locale) config.WriteString("locale", locale);
            if (settings.Value("settings") is { } widget) config.WriteSetting("settings", widget);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9-]{8,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex("^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Locale();
}
