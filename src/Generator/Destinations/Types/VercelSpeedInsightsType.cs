using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Vercel Speed Insights: <see href="https://vercel.com/docs/speed-insights/package"/>.</summary>
/// <remarks>
/// On Vercel the library is at a path of the site itself, which is the default, and with a DSN at Vercel's script host. After withdrawal every report is dropped by the vendor's own hook before it is sent (<c>beforeSend</c>), and
/// a new grant lets them through again.
/// </remarks>
public sealed partial class VercelSpeedInsightsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "vercel-speed-insights";

    /// <inheritdoc/>
    public override string Title => "Vercel Speed Insights";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Vercel Inc.", "https://vercel.com/legal/privacy-policy", "Measures how fast the pages of a site are in its visitors' browsers.", "https://vercel.com/legal/privacy-policy");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found says what it leaves";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        "{}",
        """{"dsn":"abc","sampleRate":0.5,"route":"/blog/[slug]","basePath":"/own","endpoint":"https://ve.example/vitals","debug":true,"scriptSrc":"https://ve.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://vercel.com/docs/speed-insights/package");

    /// <inheritdoc/>
    /// <remarks>From the vendor's package: the library and what it sends have a path of the site, unless a DSN or a URL of one's own says otherwise.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new("https://github.com/vercel/speed-insights"),
        Script = ["https://va.vercel-scripts.com"],
    };

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("dsn", SettingKind.Text, "The project's DSN, for a site that Vercel does not host.") { Pattern = Dsn(), PatternInWords = "1 to 200 letters, digits, _, ., : and -" },
        new("sampleRate", SettingKind.Number, "The share of reports that are sent.") { Minimum = 0, Maximum = 1, DefaultJson = "1" },
        new("route", SettingKind.Text, "The route that all pages are filed under; the page's own path where it is not set.") { MaxLength = 200 },
        new("basePath", SettingKind.Text, "The path of the site below which Vercel's files are, for a deployment that has another than /_vercel.") { Pattern = BasePath(), PatternInWords = "a path of letters, digits, ., _, - and / that begins with a slash" },
        new("endpoint", SettingKind.UrlOrPath, "Where reports go: an https URL or a path of the site."),
        new("debug", SettingKind.Flag, "Whether the debug script is loaded, which reports nothing; test mode does so too.") { DefaultJson = "false" },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader: an https URL or a path of the site.") { OtherNames = ["scriptSrc"], DefaultJson = "\"/_vercel/speed-insights/script.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var debug = settings.Flag("debug", false) || scripts.TestMode;
        var basePath = settings.BaseUrl("basePath");
        if (settings.Url("endpoint") is { } endpoint) scripts.Contact(CspDirective.Connect, endpoint);
        else if (!settings.Has("dsn")) scripts.ContactSite(CspDirective.Connect);
        var source = settings.Url("scriptUrl")
            ?? PageUrl.Of(debug ? "https://va.vercel-scripts.com/v1/speed-insights/script.debug.js"
                : settings.Has("dsn") ? "https://va.vercel-scripts.com/v1/speed-insights/script.js" : $"{basePath ?? "/_vercel"}/speed-insights/script.js");
        var library = new VendorLibrary(source).With(
            ("defer", ""), ("data-sdkn", "@vercel/speed-insights"), ("data-dsn", settings.Text("dsn")),
            ("data-sample-rate", settings.Number("sampleRate")?.ToString(System.Globalization.CultureInfo.InvariantCulture)), ("data-route", settings.Text("route")),
            ("data-endpoint", settings.Text("endpoint") ?? (basePath is null ? null : $"{basePath}/speed-insights/vitals")));
        scripts.Start(library);
    }

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,200}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dsn();

    [GeneratedRegex("^(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}){1,5}/?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex BasePath();
}
