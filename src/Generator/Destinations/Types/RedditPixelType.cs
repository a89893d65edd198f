using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Reddit Pixel: <see href="https://business.reddithelp.com/s/article/Install-the-Reddit-Pixel-on-your-website"/>.</summary>
/// <remarks>Withdrawal tells the pixel to stop its first-party cookies, and a new grant to use them again unless the setting forbids them; the
/// npm package allows them then in any case.</remarks>
public sealed partial class RedditPixelType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "reddit-pixel";

    /// <inheritdoc/>
    public override string Title => "Reddit Pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Reddit, Inc.", "https://www.reddit.com/policies/privacy-policy",
        "Measures which of Reddit's ads brought visitors and what they then did, and builds audiences.",
        "https://www.reddit.com/policies/privacy-policy")
    {
        Elsewhere = "in the European Economic Area and Switzerland Reddit Netherlands B.V.",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"t2_abc"}""",
        """{"pixelId":"a2_def","trackPageVisit":false,"initOptions":{"aam":{"email":true}},"disableFirstPartyCookies":true,"scriptUrl":"https://rd.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://business.reddithelp.com/s/article/Install-the-Reddit-Pixel-on-your-website");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet, and what its library asks for the pixel's configuration.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://www.redditstatic.com"],
        Connect = ["https://alb.reddit.com", "https://pixel-config.reddit.com"],
        Image = ["https://alb.reddit.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names its cookies";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "withdrawal is told (disableFirstPartyCookies); a new grant allows first-party cookies again only where the setting does not forbid them");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id.") { Required = true, OtherNames = ["id"], Pattern = Id(), PatternInWords = "1 to 40 letters, digits and _" },
        new("trackPageVisit", SettingKind.Flag, "Whether a PageVisit is sent at the start.") { DefaultJson = "true" },
        new("initOptions", SettingKind.JsonObject, "The third argument of rdt('init'). Every visitor can read it."),
        new("disableFirstPartyCookies", SettingKind.Flag, "Whether the pixel does without first-party cookies."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://www.redditstatic.com/ads/pixel.js\"" },
        new("accessToken", SettingKind.Text, "The Conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject(settings.Value("initOptions"));
        options.Set("disableFirstPartyCookies", settings.Flag("disableFirstPartyCookies"));
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://www.redditstatic.com/ads/pixel.js")), config =>
        {
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            if (settings.Has("initOptions") || !options.IsEmpty) options.WriteTo(config, "initOptions");
            config.WriteBoolean("trackPageVisit", settings.Flag("trackPageVisit", true));
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
