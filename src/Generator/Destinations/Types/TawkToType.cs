using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>tawk.to's chat widget: <see href="https://developer.tawk.to/jsapi/"/>.</summary>
/// <remarks>
/// A page has one widget. On withdrawal it is hidden and its connection is ended by the vendor's own calls, and a new grant starts it again; a widget that is still on its way is kept from starting by itself.
/// </remarks>
public sealed partial class TawkToType : DestinationType
{
    private const string CookiePage = "https://help.tawk.to/article/what-are-tawkto-cookies-and-what-do-they-do";

    /// <inheritdoc/>
    public override string Name => "tawk-to";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["tawk"];

    /// <inheritdoc/>
    public override string Title => "tawk.to";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "tawk.to, Inc.", "https://www.tawk.to/privacy-policy/", "Lets visitors chat with the people behind a site, who see meanwhile which pages they visit.", "https://www.tawk.to/privacy-policy/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Functionality;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"propertyId":"0123456789abcdef01234567"}""",
        """{"tawktoId":"fedcba9876543210fedcba98","tawktoWidgetId":"1abcdefgh","settings":{"customStyle":{"zIndex":1000}},"scriptUrl":"https://tk.example/w.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.tawk.to/jsapi/");

    /// <inheritdoc/>
    /// <remarks>The snippet's host and the vendor's others, which the widget is seen to use; besides them it loads from a public host of packages.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Withheld = "style-src 'unsafe-inline', for its widget",
        Script = ["https://*.tawk.to", "https://cdn.jsdelivr.net"],
        Connect = ["https://*.tawk.to", "wss://*.tawk.to"],
        Image = ["https://*.tawk.to", "https://cdn.jsdelivr.net"],
        Frame = ["https://*.tawk.to"],
        Style = ["https://*.tawk.to", "https://cdn.jsdelivr.net"],
        Font = ["https://*.tawk.to"],
        Media = ["https://*.tawk.to"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "tawk_uuid_{propertyId}", CookiePage) { Part = settings => settings.Text("propertyId"), Lifetime = "6 months" },
        new(BrowserStore.Cookie, "twk_idm_key", CookiePage) { Lifetime = "session" },
        new(BrowserStore.Cookie, "TawkConnectionTime", CookiePage) { Lifetime = "session" },
        new(BrowserStore.LocalStorage, "twk_token_*", CookiePage),
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("propertyId", SettingKind.Text, "The property's id.") { Required = true, OtherNames = ["tawktoId", "siteId", "id"], Pattern = Id(), PatternInWords = "8 to 40 letters and digits" },
        new("widgetId", SettingKind.Text, "The widget's id.") { OtherNames = ["tawktoWidgetId"], Pattern = Widget(), PatternInWords = "1 to 40 letters, digits, _ and -", DefaultJson = "\"default\"" },
        new("settings", SettingKind.JsonObject, "Properties of Tawk_API that the widget reads as it starts, such as customStyle. Every visitor gets the same, and can read them."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from propertyId and widgetId.") { OtherNames = ["scriptSrc"] },
        new("apiKey", SettingKind.Text, "Signs visitors' identities, on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var source = settings.Url("scriptUrl") ?? PageUrl.Of($"https://embed.tawk.to/{settings.RequiredText("propertyId")}/{settings.Text("widgetId") ?? "default"}");
        scripts.Start(new VendorLibrary(source).With(("crossorigin", "*")), config =>
        {
            if (settings.Value("settings") is { } widget) config.WriteSetting("settings", widget);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9]{8,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^[A-Za-z0-9_-]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Widget();
}
