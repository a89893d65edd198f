using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Fathom Analytics: <see href="https://usefathom.com/docs/script/embed"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.
/// Excluded and included domains: <see href="https://usefathom.com/support/tracking-advanced"/>, read 2026-11-26.</remarks>
public sealed partial class FathomAnalyticsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "fathom-analytics";

    /// <inheritdoc/>
    public override string Title => "Fathom Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Conva Ventures Inc.", "https://usefathom.com/legal/privacy",
        "Counts page views and events without cookies.",
        "https://github.com/c15t/c15t/tree/14d14f0bee6e9d70f05b8a4a8b41fe6064c07454/packages/integrations");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"site":"ABC"}""",
        """{"siteId":"DEF","spa":"hash","auto":false,"canonical":true,"honorDnt":true,"excludedDomains":["localhost"],"includedDomains":["a.example","b.example"],"scriptUrl":"https://fa.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://usefathom.com/docs/script/embed");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://usefathom.com/docs/script/embed"/>; one host serves the library and takes the hits, as an image or a beacon.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.usefathom.com"],
        Connect = ["https://cdn.usefathom.com"],
        Image = ["https://cdn.usefathom.com"],
    };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://usefathom.com/data");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("site", SettingKind.Text, "The site's id.") { Required = true, OtherNames = ["siteId", "data-site"], Pattern = Id(), PatternInWords = "1 to 40 letters and digits" },
        new("spa", SettingKind.Text, "How page views of a single-page application are seen.") { OneOf = ["auto", "history", "hash"] },
        new("auto", SettingKind.Flag, "Whether the first page view is sent by itself."),
        new("canonical", SettingKind.Flag, "Whether the canonical link's address is used."),
        new("honorDnt", SettingKind.Flag, "Whether Do Not Track is honoured.") { OtherNames = ["honorDNT"] },
        new("excludedDomains", SettingKind.TextList, "Domains on which nothing is tracked: a list, or one text with commas.") { OrText = true, Pattern = Domain(), PatternInWords = "a domain name" },
        new("includedDomains", SettingKind.TextList, "The only domains that are tracked: a list, or one text with commas.") { OrText = true, Pattern = Domain(), PatternInWords = "a domain name" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; with a domain of one's own, hits go there too.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://cdn.usefathom.com/script.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        string? Flag(string name) => settings.Flag(name) is { } value ? value ? "true" : "false" : null;
        string? List(string name) => settings.TextList(name) is { IsEmpty: false } entries ? string.Join(',', entries) : null;
        if (settings.Url("scriptUrl") is { } own)
        {
            scripts.ContactInstead(own);
            scripts.Contact(CspDirective.Image, own);
        }
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.usefathom.com/script.js"),
        [
            ("data-site", settings.RequiredText("site")), ("data-spa", settings.Text("spa")), ("data-auto", Flag("auto")),
            ("data-canonical", Flag("canonical")), ("data-honor-dnt", Flag("honorDnt")),
            ("data-excluded-domains", List("excludedDomains")), ("data-included-domains", List("includedDomains")),
        ]);
    }

    [GeneratedRegex("^[A-Za-z0-9]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^[A-Za-z0-9.-]{1,253}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();
}
