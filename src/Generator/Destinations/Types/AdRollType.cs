using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>AdRoll's pixel: <see href="https://help.adroll.com/hc/en-us/articles/360053866191"/>.</summary>
/// <remarks>
/// A page has one advertiser. The vendor has no call that stops its pixel: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again. AdRoll's own
/// consent banner is a setting of the account, to be switched off there.
/// </remarks>
public sealed partial class AdRollType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "adroll";

    /// <inheritdoc/>
    public override string Title => "AdRoll";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "NextRoll, Inc.", "https://www.nextroll.com/privacy", "Shows ads to people who visited the site, on other sites, and counts what they do after them.", "https://www.nextroll.com/terms");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"advertiserId":"ABCDEFGHIJKLMNOPQRSTUV","pixelId":"VUTSRQPONMLKJIHGFEDCBA"}""",
        """{"adroll_adv_id":"AAAAAAAAAAAAAAAAAAAAAA","adroll_pix_id":"BBBBBBBBBBBBBBBBBBBBBB","trackPageView":false,"scriptUrl":"https://ar.example/roundtrip.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.adroll.com/hc/en-us/articles/360053866191");

    /// <inheritdoc/>
    /// <remarks>The snippet's host, and the one that the pixel sends to. The pixel also asks the advertising networks that an account has turned on.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Withheld = "the hosts of the advertising networks that an account has turned on, which the vendor's help lists (https://help.adroll.com/hc/en-us/articles/6964547103629)",
        Script = ["https://s.adroll.com"],
        Connect = ["https://d.adroll.com"],
        Image = ["https://d.adroll.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The vendor names its first-party cookies nowhere that could be read; this one is named by a public list of what sites are seen to set.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } = [new(BrowserStore.Cookie, "__ar_v4", "https://github.com/EFForg/https-everywhere")];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("advertiserId", SettingKind.Text, "The advertiser's id.") { Required = true, OtherNames = ["advId", "adroll_adv_id", "adrollAdvId"], Pattern = Id(), PatternInWords = "22 letters and digits" },
        new("pixelId", SettingKind.Text, "The pixel's id.") { Required = true, OtherNames = ["pixId", "adroll_pix_id", "adrollPixId"], Pattern = Id(), PatternInWords = "22 letters and digits" },
        new("trackPageView", SettingKind.Flag, "Whether a page view is sent at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from advertiserId.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var advertiserId = settings.RequiredText("advertiserId");
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://s.adroll.com/j/{advertiserId}/roundtrip.js")), config =>
        {
            config.WriteString("advertiserId", advertiserId);
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
        });
    }

    [GeneratedRegex("^[A-Za-z0-9]{22}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
