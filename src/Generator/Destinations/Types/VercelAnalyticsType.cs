using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Vercel Web Analytics: <see href="https://vercel.com/docs/analytics/package"/>.</summary>
/// <remarks>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.
/// Differs from the npm package: the mode is told (<c>window.vam</c>), and the script is a path of the site (<c>/_vercel/insights/script.js</c>), which Vercel answers for every site that it hosts, both as the
/// vendor's own package does (npm @vercel/analytics 2.0.1, read 2026-11-26). A site with a DSN is hosted elsewhere and loads it from Vercel's script host, as does test mode.
/// </remarks>
public sealed partial class VercelAnalyticsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "vercel-analytics";

    /// <inheritdoc/>
    public override string Title => "Vercel Web Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Vercel, Inc.", "https://vercel.com/legal/privacy-notice",
        "Counts page views and events without cookies.",
        "https://github.com/vercel/analytics/blob/main/LICENSE");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        "{}",
        """{"dsn":"abc","disableAutoTrack":true,"mode":"development","debug":true,"endpoint":"/insights","basePath":"/base","viewEndpoint":"/insights/view","eventEndpoint":"/insights/event","sessionEndpoint":"https://ve.example/session","scriptUrl":"https://ve.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://vercel.com/docs/analytics/package");

    /// <inheritdoc/>
    /// <remarks>The script is the site's own and sends events to the site, unless the settings say otherwise: the source of npm @vercel/analytics.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new("https://github.com/vercel/analytics"),
        Script = ["'self'"],
        Connect = ["'self'"],
    };

    private static readonly VendorHosts s_cdn = new() { Script = ["https://va.vercel-scripts.com"] };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://vercel.com/docs/analytics/privacy-policy");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the mode is told, and a site without a DSN loads the script from its own path, as the vendor's own package does");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("dsn", SettingKind.Text, "The project's DSN, for a site that Vercel does not host.") { Pattern = Dsn(), PatternInWords = "1 to 200 letters, digits, _, ., : and -" },
        new("disableAutoTrack", SettingKind.Flag, "Whether page views are left to the page.") { DefaultJson = "false" },
        new("mode", SettingKind.Text, "development loads the debug script, which reports nothing.") { OneOf = ["auto", "development", "production"], DefaultJson = "\"auto\"" },
        new("debug", SettingKind.Flag, "Whether the debug script is loaded.") { DefaultJson = "false" },
        new("endpoint", SettingKind.UrlOrPath, "Where events go: an https URL or a path of the site."),
        new("basePath", SettingKind.Text, "Below which path of the site Vercel's script and endpoints are, in the place of /_vercel.") { Pattern = BasePath(), PatternInWords = "a path such as /base" },
        new("viewEndpoint", SettingKind.UrlOrPath, "Where page views go: an https URL or a path of the site."),
        new("eventEndpoint", SettingKind.UrlOrPath, "Where custom events go: an https URL or a path of the site."),
        new("sessionEndpoint", SettingKind.UrlOrPath, "Where sessions are asked for: an https URL or a path of the site."),
        new("scriptUrl", SettingKind.UrlOrPath, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"/_vercel/insights/script.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var debug = settings.Text("mode") == "development" || settings.Flag("debug", false) || scripts.TestMode;
        var insights = settings.Text("basePath") is { } path ? $"/{path.Trim('/')}/insights" : null;
        PageUrl source;
        if (settings.Url("scriptUrl") is { } own) source = own;
        else if (debug || settings.Has("dsn"))
        {
            source = PageUrl.Of($"https://va.vercel-scripts.com/v1/script.{(debug ? "debug.js" : "js")}");
            scripts.ContactInstead(s_cdn);
        }
        else source = PageUrl.Of($"{insights ?? "/_vercel/insights"}/script.js");
        foreach (var endpoint in (ReadOnlySpan<string>)["endpoint", "viewEndpoint", "eventEndpoint", "sessionEndpoint"])
            scripts.Contact(CspDirective.Connect, settings.Url(endpoint));
        scripts.Start(config: config => config.WriteString("mode", debug ? "development" : "production"));
        scripts.LoadVendor(source,
        [
            ("data-sdkn", "c15t"), ("data-dsn", settings.Text("dsn")), ("data-disable-auto-track", settings.Flag("disableAutoTrack", false) ? "1" : null),
            ("data-endpoint", settings.Text("endpoint") ?? insights), ("data-view-endpoint", settings.Text("viewEndpoint")),
            ("data-event-endpoint", settings.Text("eventEndpoint")), ("data-session-endpoint", settings.Text("sessionEndpoint")),
        ]);
    }

    // A segment does not begin with a dot, so that none is a step within the path.
    [GeneratedRegex("^/?[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){0,7}/?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex BasePath();

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,200}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dsn();
}
