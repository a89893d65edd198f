using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Taboola's pixel for advertisers: <see href="https://developers.taboola.com/pixel/docs/add-the-base-pixel-manually"/>.</summary>
/// <remarks>The vendor documents no consent call for its pixel: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class TaboolaType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "taboola";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["taboola-pixel"];

    /// <inheritdoc/>
    public override string Title => "Taboola";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Taboola.com Ltd.", "https://www.taboola.com/policies/privacy-policy", "Counts what visitors do after they saw an ad of Taboola, and builds audiences for such ads.", "https://policies.taboola.com/en/cookie-policy");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names what its pixel leaves on the site";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"accountId":"1234567"}""",
        """{"pixelId":"7654321","trackPageView":false,"scriptUrl":"https://tb.example/tfa.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.taboola.com/pixel/docs/add-the-base-pixel-manually");

    /// <inheritdoc/>
    /// <remarks>The host of the vendor's snippet, and the one of its image for pages without scripts.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.taboola.com"],
        Connect = ["https://trc.taboola.com"],
        Image = ["https://trc.taboola.com"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("accountId", SettingKind.Text, "The account's id, which is also the pixel's.") { Required = true, OtherNames = ["account_id", "pixelId", "advertiserId", "id"], Pattern = Digits(), PatternInWords = "1 to 12 digits, not beginning with 0" },
        new("trackPageView", SettingKind.Flag, "Whether a page view is sent at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from accountId.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var accountId = settings.RequiredText("accountId");
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.taboola.com/libtrc/unip/{accountId}/tfa.js")), config =>
        {
            config.WriteNumber("id", long.Parse(accountId, CultureInfo.InvariantCulture));
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
        });
    }

    [GeneratedRegex("^[1-9][0-9]{0,11}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
