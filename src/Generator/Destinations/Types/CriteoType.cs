using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Criteo's OneTag: <see href="https://developers.criteo.com/retailer-integration/docs/onetag-for-offsite"/>.</summary>
/// <remarks>
/// The list sets the account. What a page shows (a product, a basket, a sale) is the page's own event in <c>criteo_q</c>, which waits there until the library has come. The vendor documents no consent call: after withdrawal
/// the library that runs stays until the page is left.
/// </remarks>
public sealed partial class CriteoType : DestinationType
{
    private const string IdentityModule = "https://github.com/prebid/Prebid.js/blob/master/modules/criteoIdSystem.js";

    /// <inheritdoc/>
    public override string Name => "criteo";

    /// <inheritdoc/>
    public override string Title => "Criteo";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Criteo SA", "https://www.criteo.com/privacy/", "Notes which products visitors look at and buy, to show them ads for such products on other sites.", "https://www.criteo.com/corporate-privacy-notice/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"account":"12345"}""",
        """{"accountId":"67890","siteType":"m","scriptUrl":"https://cr.example/ld.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.criteo.com/retailer-integration/docs/onetag-for-offsite");

    /// <inheritdoc/>
    /// <remarks>The loader's host, and the hosts that the tag is seen to send events to.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://dynamic.criteo.com", "https://static.criteo.net"],
        Connect = ["https://*.criteo.com"],
        Image = ["https://*.criteo.com"],
    };

    /// <inheritdoc/>
    /// <remarks>Named by the module with which ad servers read them.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "cto_bundle", IdentityModule),
        new(BrowserStore.LocalStorage, "cto_bundle", IdentityModule),
    ];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("account", SettingKind.Text, "The account's id.") { Required = true, OtherNames = ["accountId", "account_id", "partnerId", "id"], Pattern = Digits(), PatternInWords = "1 to 10 digits, not beginning with 0" },
        new("siteType", SettingKind.Text, "What the site is made for: d for desktop, m for mobile, t for tablet.") { OneOf = ["d", "m", "t"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from account.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var account = settings.RequiredText("account");
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://dynamic.criteo.com/js/ld/ld.js?a={account}")), config =>
        {
            config.WriteNumber("account", long.Parse(account, CultureInfo.InvariantCulture));
            if (settings.Text("siteType") is { } type) config.WriteString("siteType", type);
        });
    }

    [GeneratedRegex("^[1-9][0-9]{0,9}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
