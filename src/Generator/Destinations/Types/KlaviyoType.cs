using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Klaviyo's onsite script, which tracks visitors and shows sign-up forms: <see href="https://developers.klaviyo.com/en/docs"/>.</summary>
/// <remarks>
/// The vendor's own switch is a cookie (<c>__kla_off</c>, <see href="https://help.klaviyo.com/hc/en-us/articles/360034666712"/>), and it documents no call: after withdrawal the library that runs stays until the page is
/// left, and it is not loaded a second time when consent is granted again.
/// </remarks>
public sealed partial class KlaviyoType : DestinationType
{
    private const string CookiePage = "https://help.klaviyo.com/hc/en-us/articles/360034666712";

    /// <inheritdoc/>
    public override string Name => "klaviyo";

    /// <inheritdoc/>
    public override string Title => "Klaviyo";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Klaviyo, Inc.", "https://www.klaviyo.com/legal/privacy/privacy-notice", "Follows what visitors look at and buy so that the site can send them fitting e-mails and messages, and shows its sign-up forms.",
        "https://www.klaviyo.com/legal/privacy/privacy-notice");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"publicApiKey":"AbC123"}""",
        """{"company_id":"DeF456","scriptUrl":"https://kl.example/klaviyo.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.klaviyo.com/en/docs");

    /// <inheritdoc/>
    /// <remarks>The host of the vendor's loader, the one that its help names for tracking (<see href="https://help.klaviyo.com/hc/en-us/articles/360034666712"/>), and its API's.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://static.klaviyo.com", "https://static-tracking.klaviyo.com"],
        Connect = ["https://a.klaviyo.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "__kla_id", CookiePage) { Lifetime = "2 years" },
        new(BrowserStore.Cookie, "__kla_off", CookiePage) { KeptBecause = "it is the vendor's switch by which a site turns tracking off for a visitor" },
    ];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("publicApiKey", SettingKind.Text, "The account's public key, which is also its site id. A private key (pk_…) is refused.")
        {
            Required = true, OtherNames = ["companyId", "company_id", "publicKey", "siteId"], Pattern = Key(), PatternInWords = "a public key of 6 to 32 letters and digits",
        },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader; derived from publicApiKey.") { OtherNames = ["scriptSrc"] },
        new("privateApiKey", SettingKind.Text, "The API's private key, used on the server only.") { OtherNames = ["privateKey", "apiKey"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of($"https://static.klaviyo.com/onsite/js/{settings.RequiredText("publicApiKey")}/klaviyo.js"), [], defer: false);
    }

    [GeneratedRegex("^[A-Za-z0-9]{6,32}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
