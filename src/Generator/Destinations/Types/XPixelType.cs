using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>X Pixel: <see href="https://business.x.com/en/help/campaign-measurement-and-analytics/conversion-tracking-for-websites"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class XPixelType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "x-pixel";

    /// <inheritdoc/>
    public override string Title => "X Pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "X Corp.", "https://x.com/en/privacy",
        "Measures which of X's ads brought visitors and what they then did, and builds audiences.",
        "https://x.com/en/privacy")
    {
        Elsewhere = "in the European Union, the EFTA states and the United Kingdom X Internet Unlimited Company",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"abc1"}""",
        """{"pixelId":"def2","scriptSrc":"https://x.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://business.x.com/en/help/campaign-measurement-and-analytics/conversion-tracking-for-websites");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's library, which sends images to both of its collectors.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://static.ads-twitter.com"],
        Image = ["https://analytics.twitter.com", "https://t.co"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "the vendor says that its pixel uses cookies of the site, and no page of it that was found names them (https://business.x.com/en/help/campaign-measurement-and-analytics/conversion-tracking-for-websites/about-conversion-tracking)";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id, from Events Manager.") { Required = true, OtherNames = ["id"], Pattern = Id(), PatternInWords = "1 to 20 letters and digits" },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://static.ads-twitter.com/uwt.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var pixelId = scripts.Settings.RequiredText("pixelId");
        var library = scripts.Settings.Url("scriptSrc") ?? PageUrl.Of("https://static.ads-twitter.com/uwt.js");
        scripts.Start(new VendorLibrary(library), config => config.WriteString("id", pixelId));
    }

    [GeneratedRegex("^[A-Za-z0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
