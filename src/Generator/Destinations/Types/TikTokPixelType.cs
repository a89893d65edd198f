using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>TikTok Pixel: <see href="https://ads.tiktok.com/help/article/get-started-pixel"/>.</summary>
/// <remarks>
/// <para>Consent is one switch for all pixels of a page, so it is revoked when the last pixel is withdrawn.</para>
/// <para>
/// Differs from the npm package, which leaves out what the vendor's base code records for its library (<c>_i</c>, <c>_t</c>, <c>_o</c>: which pixels there are), and calls
/// <c>grantConsent</c> again after load; the library runs the queued call itself. A second pixel's first page view goes to that pixel only.
/// </para>
/// </remarks>
public sealed partial class TikTokPixelType : DestinationType
{
    private const string Source = "https://github.com/tiktok/gtm-template-eapi";
    private const string CookiePage = "https://ads.tiktok.com/help/article?aid=10007540";

    private static readonly PageUrl s_loader = PageUrl.Of("https://analytics.tiktok.com/i18n/pixel/events.js");

    /// <inheritdoc/>
    public override string Name => "tiktok-pixel";

    /// <inheritdoc/>
    public override string Title => "TikTok Pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "TikTok Technology Limited", "https://www.tiktok.com/legal/page/eea/privacy-policy/en",
        "Measures which of TikTok's ads brought visitors and what they then did, and builds audiences.",
        "https://www.tiktok.com/legal/page/eea/privacy-policy/en")
    {
        Elsewhere = "for the United Kingdom with TikTok Information Technologies UK Limited",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"CABC123"}""",
        """{"pixelId":"CDEF456","trackPageView":false,"scriptSrc":"https://tt.example/events.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://ads.tiktok.com/help/article/get-started-pixel");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet: the library and what it sends have the same host; observed besides, its request over IPv6.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://analytics.tiktok.com"],
        Connect = ["https://analytics.tiktok.com", "https://analytics-ipv6.tiktokw.us"],
    };

    /// <inheritdoc/>
    /// <remarks>The visitor's id, as the vendor's own template reads it. The other names that the pixel is seen to write, no page of the vendor that was found names.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_ttp", Source) { Lifetime = "13 months", LifetimeSource = CookiePage },
    ];

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names the others";

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the vendor's base code records which pixels there are, which the package leaves out; consent is granted once and its withdrawal is told; a "
        + "second pixel's first page view goes to that pixel only");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id, from Events Manager.")
        {
            Required = true, OtherNames = ["id"], Pattern = Id(), PatternInWords = "1 to 40 letters and digits",
        },
        new("trackPageView", SettingKind.Flag, "Whether a page view is sent at the start.") { DefaultJson = "true" },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader; its parameters sdkid and lib are added.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://analytics.tiktok.com/i18n/pixel/events.js\"" },
        new("accessToken", SettingKind.Text, "The Events API's token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("testEventCode", SettingKind.Text, "The Events API's test code, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var pixelId = scripts.Settings.RequiredText("pixelId");
        var loader = scripts.Settings.Url("scriptSrc") ?? s_loader;
        scripts.Start(new VendorLibrary(loader.With(("sdkid", pixelId), ("lib", "ttq"))), config =>
        {
            config.WriteString("pixelId", pixelId);
            config.WriteString("base", loader.Text.Split('?', '#')[0]);
            if (!scripts.Settings.Flag("trackPageView", true)) config.WriteBoolean("noPage", true);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
