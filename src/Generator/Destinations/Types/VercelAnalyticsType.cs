using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Vercel Web Analytics: <see href="https://vercel.com/docs/analytics/package"/>.</summary>
/// <remarks>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.
/// Differs from the npm package: the mode is told (<c>window.vam</c>), as the vendor's own package does. Both load from Vercel's script host; a path of the
/// site itself (<c>/_vercel/insights/script.js</c>) has to be given as a whole URL.
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
        """{"dsn":"abc","disableAutoTrack":true,"mode":"development","debug":true,"endpoint":"/insights","scriptUrl":"https://ve.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://vercel.com/docs/analytics/package");

    /// <inheritdoc/>
    /// <remarks>The script host of <see href="https://vercel.com/docs/analytics/package"/>; events go to the site itself unless an endpoint says otherwise.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://va.vercel-scripts.com"],
    };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://vercel.com/docs/analytics/privacy-policy");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the mode is told, as the vendor's own package does");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("dsn", SettingKind.Text, "The project's DSN, for a site that Vercel does not host.") { Pattern = Dsn(), PatternInWords = "1 to 200 letters, digits, _, ., : and -" },
        new("disableAutoTrack", SettingKind.Flag, "Whether page views are left to the page.") { DefaultJson = "false" },
        new("mode", SettingKind.Text, "development loads the debug script, which reports nothing.") { OneOf = ["auto", "development", "production"], DefaultJson = "\"auto\"" },
        new("debug", SettingKind.Flag, "Whether the debug script is loaded.") { DefaultJson = "false" },
        new("endpoint", SettingKind.UrlOrPath, "Where events go: an https URL or a path of the site."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { DefaultJson = "\"https://va.vercel-scripts.com/v1/script.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Contact(CspDirective.Connect, settings.Url("endpoint"));
        var debug = settings.Text("mode") == "development" || settings.Flag("debug", false) || scripts.TestMode;
        var library = new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://va.vercel-scripts.com/v1/script.{(debug ? "debug.js" : "js")}")).With(
            ("defer", ""), ("data-sdkn", "c15t"), ("data-dsn", settings.Text("dsn")), ("data-disable-auto-track", settings.Flag("disableAutoTrack", false) ? "1" : null),
            ("data-endpoint", settings.Text("endpoint")));
        scripts.Start(library, config => config.WriteString("mode", debug ? "development" : "production"));
    }

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,200}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dsn();
}
