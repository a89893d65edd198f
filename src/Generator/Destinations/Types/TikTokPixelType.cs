using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

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
    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        w.TiktokAnalyticsObject="ttq";
        var q=w.ttq=w.ttq||[];
        if(!q.methods&&Array.isArray(q)){q.methods="page track identify instances debug on off once ready alias group enableCookie disableCookie holdConsent revokeConsent grantConsent".split(" ");
        q.setAndDefer=function(t,m){t[m]=function(){t.push([m].concat([].slice.call(arguments)))}};
        q.methods.forEach(function(m){q.setAndDefer(q,m)});
        q.instance=function(id){var t=(q._i&&q._i[id])||[];q.methods.forEach(function(m){q.setAndDefer(t,m)});return t}}
        var k=consent("tiktok-pixel"),one=consent("tiktok-pixel:"+c.pixelId),first=!k.tell,fresh=one.start(function(){});
        if(fresh){(q._i=q._i||{})[c.pixelId]=[];q._i[c.pixelId]._u=c.base;(q._t=q._t||{})[c.pixelId]=+new Date;(q._o=q._o||{})[c.pixelId]={}}
        k.hold(s);k.start(function(on){if(on)w.ttq.grantConsent();else w.ttq.revokeConsent()});
        if(fresh){if(first)w.ttq.page();else w.ttq.instance(c.pixelId).page()}
        """));

    private const string Loader = "https://analytics.tiktok.com/i18n/pixel/events.js";

    /// <inheritdoc/>
    public override string Name => "tiktok-pixel";

    /// <inheritdoc/>
    public override string Title => "TikTok Pixel";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"CABC123"}""",
        """{"pixelId":"CDEF456","scriptSrc":"https://tt.example/events.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://ads.tiktok.com/help/article/get-started-pixel");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Start];

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet: the library and what it sends have the same host; observed besides, its request over IPv6.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://analytics.tiktok.com"],
        Connect = ["https://analytics.tiktok.com", "https://analytics-ipv6.tiktokw.us"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the vendor's base code records which pixels there are, which the package leaves out; consent is granted once and its withdrawal is told; a "
        + "second pixel's first page view goes to that pixel only");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id, from Events Manager.")
        {
            Required = true, Pattern = Id(), PatternInWords = "1 to 40 letters and digits",
        },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader; its parameters sdkid and lib are added.") { DefaultJson = $"\"{Loader}\"" },
        new("accessToken", SettingKind.Text, "The Events API's token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("testEventCode", SettingKind.Text, "The Events API's test code, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var pixelId = scripts.Settings.RequiredText("pixelId");
        var own = scripts.Settings.Url("scriptSrc");
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("pixelId", pixelId);
            config.WriteString("base", own?.GetLeftPart(UriPartial.Path) ?? Loader);
            config.WriteEndObject();
        });
        scripts.LoadVendor(own?.With(("sdkid", pixelId), ("lib", "ttq")) ?? new Uri($"{Loader}?sdkid={pixelId}&lib=ttq"));
    }

    [GeneratedRegex("^[A-Za-z0-9]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
