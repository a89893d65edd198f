using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Outbrain's pixel for advertisers: <see href="https://www.outbrain.com/help/advertisers/install-outbrain-pixel/"/>.</summary>
/// <remarks>The vendor documents no consent call for its pixel: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class OutbrainType : DestinationType
{
    private const string CookieList = "https://github.com/jkwakman/Open-Cookie-Database";

    /// <inheritdoc/>
    public override string Name => "outbrain";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["outbrain-pixel", "outbrain-amplify"];

    /// <inheritdoc/>
    public override string Title => "Outbrain";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Teads Holding Co. (formerly Outbrain Inc.)", "https://www.outbrain.com/privacy/", "Counts what visitors do after they saw an ad of Outbrain, and builds audiences for such ads.", "https://www.outbrain.com/legal");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"marketerId":"00123456789abcdef0123456789abcdef0"}""",
        """{"OB_ADV_ID":"00fedcba9876543210fedcba9876543210","trackPageView":false,"scriptUrl":"https://ob.example/obtp.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://www.outbrain.com/help/advertisers/install-outbrain-pixel/");

    /// <inheritdoc/>
    /// <remarks>The host of the vendor's snippet, and the one that its events are seen to go to.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://amplify.outbrain.com"],
        Connect = ["https://amplify.outbrain.com", "https://tr.outbrain.com"],
        Image = ["https://amplify.outbrain.com", "https://tr.outbrain.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "dicbo_id", CookieList) { Lifetime = "1 day" },
        new(BrowserStore.Cookie, "outbrain_dicbo_id", CookieList) { Lifetime = "1 day" },
    ];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("marketerId", SettingKind.Text, "The advertiser's id.")
        {
            Required = true, OtherNames = ["OB_ADV_ID", "obAdvId", "advertiserId", "pixelId", "id"], Pattern = Id(), PatternInWords = "20 to 40 digits and letters from a to f",
        },
        new("trackPageView", SettingKind.Flag, "Whether a page view is sent at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://amplify.outbrain.com/cp/obtp.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://amplify.outbrain.com/cp/obtp.js")), config =>
        {
            config.WriteString("marketerId", settings.RequiredText("marketerId"));
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
        });
    }

    [GeneratedRegex("^[0-9a-f]{20,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
