using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Hotjar: <see href="https://help.hotjar.com/hc/en-us/articles/115009336727"/>.</summary>
/// <remarks>
/// The vendor has one site a page and no consent call: after withdrawal the library that runs stays until the page is left. Differs from the
/// npm package: the site id is a number, as in the vendor's snippet, and the library is not loaded a second time when consent is granted again.
/// </remarks>
public sealed partial class HotjarType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "hotjar";

    /// <inheritdoc/>
    public override string Title => "Hotjar";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Content Square SAS", "https://contentsquare.com/privacy-policy/",
        "Records visits as heatmaps and replays, and asks visitors in surveys.",
        "https://contentsquare.com/privacy-center/subprocessors/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"siteId":"12345"}""",
        """{"siteId":"67890","version":7,"scriptUrl":"https://hj.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.hotjar.com/hc/en-us/articles/115009336727");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://help.hotjar.com/hc/en-us/articles/115011640307"/>; its widgets want style-src 'unsafe-inline' besides, which is left to the site.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://help.hotjar.com/hc/en-us/articles/115011640307"),
        Withheld = "style-src 'unsafe-inline', for its widgets",
        Script = ["https://*.hotjar.com"],
        Connect = ["https://*.hotjar.com", "https://*.hotjar.io", "wss://*.hotjar.com"],
        Image = ["https://*.hotjar.com"],
        Style = ["https://*.hotjar.com"],
        Font = ["https://*.hotjar.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "the vendor's list of cookies could not be read";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the site id is a number, as in the vendor's snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("siteId", SettingKind.Text, "The site's id.") { Required = true, OtherNames = ["hjid", "id"], Pattern = SiteId(), PatternInWords = "1 to 12 digits, not beginning with 0" },
        new("version", SettingKind.Number, "The snippet's version.") { OtherNames = ["hjsv", "sv"], Minimum = 1, Maximum = 99, DefaultJson = "6" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from siteId and version.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Number("version") is { } version && version != Math.Floor(version)) problems.Add(SettingProblem.NotAs("version", "a whole number", settings.Value("version")!.Value));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var siteId = long.Parse(scripts.Settings.RequiredText("siteId"), CultureInfo.InvariantCulture);
        var version = (int)(scripts.Settings.Number("version") ?? 6);
        var library = scripts.Settings.Url("scriptUrl")
            ?? PageUrl.Of(string.Create(CultureInfo.InvariantCulture, $"https://static.hotjar.com/c/hotjar-{siteId}.js?sv={version}"));
        scripts.Start(new VendorLibrary(library), config =>
        {
            config.WriteNumber("hjid", siteId);
            config.WriteNumber("hjsv", version);
        });
    }

    [GeneratedRegex("^[1-9][0-9]{0,11}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SiteId();
}
