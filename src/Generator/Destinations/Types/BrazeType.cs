using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Braze's Web SDK: <see href="https://www.braze.com/docs/developer_guide/sdk_integration/?sdktab=web"/>.</summary>
/// <remarks>
/// A page has one application, which is started once the library has come: the queue of the vendor's own snippet compiles text, which a strict policy forbids, so code of the page has to wait for <c>window.braze</c>. On withdrawal
/// the SDK is disabled by the vendor's own call. It keeps that in a cookie, so every granted start takes it back.
/// </remarks>
public sealed partial class BrazeType : DestinationType
{
    private const string CookiePage = "https://www.braze.com/docs/developer_guide/platforms/web/cookies_and_storage";
    private const string Source = "https://github.com/braze-inc/braze-web-sdk";
    private const string Version = "6.13";

    /// <inheritdoc/>
    public override string Name => "braze";

    /// <inheritdoc/>
    public override string Title => "Braze";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Braze, Inc.", "https://www.braze.com/company/legal/privacy", "Follows what visitors do so that the site can show and send them fitting messages.", "https://www.braze.com/company/legal/privacy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"apiKey":"01234567-89ab-cdef-0123-456789abcdef","baseUrl":"https://sdk.iad-01.braze.com"}""",
        """
        {"appKey":"fedcba98-7654-3210-fedc-ba9876543210","sdkEndpoint":"https://sdk.fra-01.braze.eu","enableLogging":true,"allowUserSuppliedJavascript":true,"noCookies":true,"cookieExpiryInDays":30,
         "sessionTimeoutInSeconds":600,"doNotLoadFontAwesome":true,"showInAppMessages":false,"initOptions":{"localization":"de"},"scriptUrl":"https://bz.example/braze.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://www.braze.com/docs/developer_guide/sdk_integration/?sdktab=web");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://www.braze.com/docs/developer_guide/platforms/web/content_security_policy/"/>; the SDK's endpoint is the account's own.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://www.braze.com/docs/developer_guide/platforms/web/content_security_policy/"),
        Withheld = "script-src and style-src 'unsafe-inline', for messages with HTML of their own, and script-src 'unsafe-eval', which these scripts do without",
        Script = ["https://js.appboycdn.com"],
        Image = ["https://appboy-images.com", "https://braze-images.com", "https://cdn.braze.eu"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "ab.storage.userId.{apiKey}", CookiePage) { Part = ApiKey, Lifetime = "400 days" },
        new(BrowserStore.Cookie, "ab.storage.sessionId.{apiKey}", CookiePage) { Part = ApiKey, Lifetime = "400 days" },
        new(BrowserStore.Cookie, "ab.storage.deviceId.{apiKey}", CookiePage) { Part = ApiKey, Lifetime = "400 days" },
        new(BrowserStore.Cookie, "ab._gd", CookiePage),
        new(BrowserStore.Cookie, "ab.optOut", CookiePage) { KeptBecause = "it records the visitor's own refusal, and the library reads it before all it does" },
        new(BrowserStore.LocalStorage, "ab.storage.*", Source),
    ];

    private static string? ApiKey(DestinationSettings settings) => settings.Text("apiKey");

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("apiKey", SettingKind.Text, "The web application's identifier (its SDK key), which every visitor can read.") { Required = true, OtherNames = ["appKey", "webApiKey"], Pattern = Key(), PatternInWords = "a key such as 01234567-89ab-cdef-0123-456789abcdef" },
        new("baseUrl", SettingKind.UrlOrPath, "The SDK's endpoint of the account: an https URL, or a path of the site that leads to it.") { Required = true, IsBaseUrl = true, OtherNames = ["endpoint", "sdkEndpoint", "initOptions.baseUrl"] },
        new("enableLogging", SettingKind.Flag, "Whether the SDK explains itself in the console; test mode does so too.") { OtherNames = ["initOptions.enableLogging"], DefaultJson = "false" },
        new("allowUserSuppliedJavascript", SettingKind.Flag, "Whether messages may have scripts of their own.") { OtherNames = ["initOptions.allowUserSuppliedJavascript"], DefaultJson = "false" },
        new("noCookies", SettingKind.Flag, "Whether the SDK does without cookies.") { OtherNames = ["initOptions.noCookies"], DefaultJson = "false" },
        new("cookieExpiryInDays", SettingKind.Number, "After how many days the SDK's cookies end.") { OtherNames = ["initOptions.cookieExpiryInDays"], Minimum = 1, Maximum = 400, DefaultJson = "400" },
        new("sessionTimeoutInSeconds", SettingKind.Number, "After how many seconds without activity a visit ends.") { OtherNames = ["initOptions.sessionTimeoutInSeconds"], Minimum = 1, DefaultJson = "1800" },
        new("doNotLoadFontAwesome", SettingKind.Flag, "Whether the icons of messages are left to the page.") { OtherNames = ["initOptions.doNotLoadFontAwesome"], DefaultJson = "false" },
        new("showInAppMessages", SettingKind.Flag, "Whether messages are shown by themselves.") { OtherNames = ["automaticallyShowInAppMessages", "automaticallyDisplayMessages"], DefaultJson = "true" },
        new("initOptions", SettingKind.JsonObject, "Further options of braze.initialize. Every visitor gets the same, and can read them.") { OtherNames = ["options"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The library.") { OtherNames = ["scriptSrc"], DefaultJson = $"\"https://js.appboycdn.com/web-sdk/{Version}/braze.min.js\"" },
        new("restApiKey", SettingKind.Text, "The REST API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Contact(CspDirective.Connect, settings.RequiredUrl("baseUrl"));
        var options = new ConfigObject(settings.Value("initOptions"));
        foreach (var name in (string[])["enableLogging", "allowUserSuppliedJavascript", "noCookies", "cookieExpiryInDays", "sessionTimeoutInSeconds", "doNotLoadFontAwesome"]) options.Set(name, settings.Value(name));
        if (scripts.TestMode) options.Set("enableLogging", true);
        if (!settings.Flag("doNotLoadFontAwesome", false))
        {
            var icons = PageUrl.Of("https://use.fontawesome.com/");
            scripts.Contact(CspDirective.Style, icons);
            scripts.Contact(CspDirective.Font, icons);
        }
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://js.appboycdn.com/web-sdk/{Version}/braze.min.js")), config =>
        {
            config.WriteString("apiKey", settings.RequiredText("apiKey"));
            config.WriteString("baseUrl", settings.BaseUrl("baseUrl"));
            options.WriteTo(config, "options");
            config.WriteBoolean("messages", settings.Flag("showInAppMessages", true));
        });
    }

    [GeneratedRegex("^[0-9A-Za-z-]{8,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
