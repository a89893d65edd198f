using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Umami: <see href="https://umami.is/docs/tracker-configuration"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again. Differs from the
/// npm package: several domains are separated by commas, as the tracker reads them; the package writes them as JSON, which names no domain. Privacy flags and the proxy through the site:
/// <see href="https://umami.is/docs/tracker-configuration"/>, <see href="https://umami.is/docs/bypass-ad-blockers"/> and the tracker's source (<see href="https://github.com/umami-software/umami"/>), read 2026-11-26.</remarks>
public sealed partial class UmamiAnalyticsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "umami-analytics";

    /// <inheritdoc/>
    public override string Title => "Umami";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Umami Software, Inc.", "https://umami.is/privacy",
        "Counts page views and events without cookies.",
        "https://umami.is/terms");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"websiteId":"a-1"}""",
        """{"websiteId":"b-2","hostUrl":"https://um.example","autoTrack":false,"domains":["a.example","b.example"],"tag":"x","beforeSend":"site.check","doNotTrack":true,"excludeSearch":true,"excludeHash":false,"performance":true,"fetchCredentials":"include","scriptUrl":"https://um.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://umami.is/docs/tracker-configuration");

    /// <inheritdoc/>
    /// <remarks>Hosts of Umami Cloud, whose events go to another host than the tracker comes from; a tracker or host URL of one's own takes their place.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cloud.umami.is"],
        Connect = ["https://api-gateway.umami.dev"],
    };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://umami.is/features");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "several domains are separated by commas, as the tracker reads them; the package writes them as JSON, which names none");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("websiteId", SettingKind.Text, "The website's id.") { Required = true, OtherNames = ["data-website-id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits and -" },
        new("hostUrl", SettingKind.UrlOrPath, "Where events go, when that is not where the script comes from.") { IsBaseUrl = true, OtherNames = ["host", "data-host-url"] },
        new("autoTrack", SettingKind.Flag, "Whether page views and events are tracked by themselves."),
        new("domains", SettingKind.TextList, "The domains to track on: a list, or one text with commas.") { OtherNames = ["data-domains"], OrText = true, Pattern = Domain(), PatternInWords = "a domain name" },
        new("tag", SettingKind.Text, "A tag to group events by.") { OtherNames = ["data-tag"], MaxLength = 100 },
        new("beforeSend", SettingKind.Text, "The name of a function on the page that sees each event before it is sent.") { OtherNames = ["data-before-send"], Pattern = FunctionName(), PatternInWords = "the name of a function" },
        new("doNotTrack", SettingKind.Flag, "Whether Do Not Track is honoured.") { OtherNames = ["respectDoNotTrack"] },
        new("excludeSearch", SettingKind.Flag, "Whether the query of addresses is left out."),
        new("excludeHash", SettingKind.Flag, "Whether what follows # in addresses is left out."),
        new("performance", SettingKind.Flag, "Whether the page's loading times are measured."),
        new("fetchCredentials", SettingKind.Text, "Whether events are sent with cookies of their host.") { OneOf = ["omit", "same-origin", "include"], DefaultJson = "\"omit\"" },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://cloud.umami.is/script.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        if ((settings.Url("hostUrl") ?? settings.Url("scriptUrl")) is { } own) scripts.ContactInstead(own);
        string? Flag(string name) => settings.Flag(name) is { } value ? value ? "true" : "false" : null;
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of("https://cloud.umami.is/script.js"),
        [
            ("data-website-id", settings.RequiredText("websiteId")), ("data-host-url", settings.Text("hostUrl")),
            ("data-auto-track", Flag("autoTrack")),
            ("data-domains", settings.TextList("domains") is { IsEmpty: false } domains ? string.Join(',', domains) : null), ("data-tag", settings.Text("tag")), ("data-before-send", settings.Text("beforeSend")),
            ("data-do-not-track", Flag("doNotTrack")), ("data-exclude-search", Flag("excludeSearch")), ("data-exclude-hash", Flag("excludeHash")),
            ("data-performance", Flag("performance")), ("data-fetch-credentials", settings.Text("fetchCredentials")),
        ]);
    }

    [GeneratedRegex("^[A-Za-z0-9.-]{1,253}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();

    [GeneratedRegex("^[A-Za-z_$][A-Za-z0-9_$.]{0,99}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex FunctionName();

    [GeneratedRegex("^[A-Za-z0-9-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
