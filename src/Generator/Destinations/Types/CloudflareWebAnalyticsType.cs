using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Cloudflare Web Analytics: <see href="https://developers.cloudflare.com/web-analytics/get-started/"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class CloudflareWebAnalyticsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "cloudflare-web-analytics";

    /// <inheritdoc/>
    public override string Title => "Cloudflare Web Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Cloudflare, Inc.", "https://www.cloudflare.com/privacypolicy/",
        "Counts page views, and measures how fast pages load.",
        "https://www.cloudflare.com/privacypolicy/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"token":"abc"}""",
        """{"token":"def","spa":false,"scriptUrl":"https://cf.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.cloudflare.com/web-analytics/get-started/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://developers.cloudflare.com/fundamentals/reference/policies-compliances/content-security-policies/"/>.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://developers.cloudflare.com/fundamentals/reference/policies-compliances/content-security-policies/"),
        Script = ["https://static.cloudflareinsights.com"],
        Connect = ["https://cloudflareinsights.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "the vendor says that it collects no personal data, and no page of it that was found names anything that the beacon leaves";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("token", SettingKind.Text, "The site's token.") { Required = true, Pattern = Id(), PatternInWords = "1 to 64 letters and digits" },
        new("spa", SettingKind.Flag, "Whether changes of the address without a page load count.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://static.cloudflareinsights.com/beacon.min.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        // The token is letters and digits, so this is JSON whatever it is.
        var beacon = $$"""{"token":"{{settings.RequiredText("token")}}","spa":{{(settings.Flag("spa", true) ? "true" : "false")}}}""";
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of("https://static.cloudflareinsights.com/beacon.min.js"), [("data-cf-beacon", beacon)]);
    }

    [GeneratedRegex("^[A-Za-z0-9]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
