using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Sentry's loader script, or a bundle of its browser SDK: <see href="https://docs.sentry.io/platforms/javascript/install/loader/"/>.</summary>
/// <remarks>
/// Sentry has no consent call. On withdrawal its client is switched off by the option that the vendor documents for it (<c>enabled</c>), which the client reads before everything that it sends, and a recording of the
/// session is stopped; a new grant switches it on, and starts it where it had never been started. The loader fetches the SDK when there is an error to report, so what is granted then decides whether it starts.
/// A page that has a <c>sentryOnLoad</c> of its own keeps it.
/// </remarks>
public sealed partial class SentryType : DestinationType
{
    private const string Replay = "https://github.com/getsentry/sentry-javascript/blob/develop/packages/replay-internal/src/constants.ts";
    private const string Browser = "https://github.com/getsentry/sentry-javascript/blob/develop/packages/browser/src/tracing/linkedTraces.ts";

    /// <inheritdoc/>
    public override string Name => "sentry";

    /// <inheritdoc/>
    public override string Title => "Sentry";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Functional Software, Inc.", "https://sentry.io/privacy/", "Reports errors and slow pages of a site to its developers, with a recording of the visit where the site turns it on.", "https://sentry.io/legal/dpa");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"dsn":"https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2"}""",
        """
        {"dsn":"https://fedcba9876543210fedcba9876543210@o9.ingest.de.sentry.io/8","environment":"production","release":"shop@1.2.3","sampleRate":0.5,"tracesSampleRate":0.1,
         "replaysSessionSampleRate":0.01,"replaysOnErrorSampleRate":1,"sendDefaultPii":true,"debug":true,"tunnel":"/errors","lazy":false,
         "initOptions":{"denyUrls":["chrome-extension"]},"scriptUrl":"https://st.example/loader.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.sentry.io/platforms/javascript/install/loader/");

    /// <inheritdoc/>
    /// <remarks>Hosts: the section on the Content-Security-Policy of <see href="https://docs.sentry.io/platforms/javascript/install/loader/"/>; a DSN or a tunnel names the one host that is written to.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://docs.sentry.io/platforms/javascript/install/loader/"),
        Script = ["https://browser.sentry-cdn.com", "https://js.sentry-cdn.com"],
        Connect = ["https://*.sentry.io"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.SessionStorage, "sentryReplaySession", Replay) { Lifetime = "session" },
        new(BrowserStore.SessionStorage, "sentry_previous_trace", Browser) { Lifetime = "session" },
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("dsn", SettingKind.Text, "The project's DSN; it may be left out where scriptUrl is the project's own loader, which has it.")
        {
            OtherNames = ["initOptions.dsn"], Pattern = Dsn(), PatternInWords = "a DSN such as https://key@o1.ingest.sentry.io/2",
        },
        new("environment", SettingKind.Text, "The environment that events are filed under.") { OtherNames = ["initOptions.environment"], MaxLength = 64 },
        new("release", SettingKind.Text, "The release that events are filed under.") { OtherNames = ["initOptions.release"], MaxLength = 200 },
        new("sampleRate", SettingKind.Number, "The share of errors that are reported.") { OtherNames = ["initOptions.sampleRate"], Minimum = 0, Maximum = 1, DefaultJson = "1" },
        new("tracesSampleRate", SettingKind.Number, "The share of page loads that are measured.") { OtherNames = ["initOptions.tracesSampleRate"], Minimum = 0, Maximum = 1 },
        new("replaysSessionSampleRate", SettingKind.Number, "The share of visits that are recorded.") { OtherNames = ["initOptions.replaysSessionSampleRate"], Minimum = 0, Maximum = 1 },
        new("replaysOnErrorSampleRate", SettingKind.Number, "The share of visits with an error of which a recording is kept.") { OtherNames = ["initOptions.replaysOnErrorSampleRate"], Minimum = 0, Maximum = 1 },
        new("sendDefaultPii", SettingKind.Flag, "Whether events carry what identifies the visitor, such as the IP address.") { OtherNames = ["initOptions.sendDefaultPii"], DefaultJson = "false" },
        new("debug", SettingKind.Flag, "Whether the SDK explains itself in the console; test mode does so too.") { OtherNames = ["debugMode", "initOptions.debug"], DefaultJson = "false" },
        new("tunnel", SettingKind.UrlOrPath, "Where events are sent instead of to Sentry: a proxy of your own, or a path of the site.") { OtherNames = ["initOptions.tunnel"] },
        new("lazy", SettingKind.Flag, "Whether the loader waits for the first error before it fetches the SDK; the project's own setting counts where this is not set."),
        new("initOptions", SettingKind.JsonObject, "Further options of Sentry.init. Every visitor gets the same, and can read them.") { OtherNames = ["options"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The project's loader, or a bundle of the SDK; derived from dsn.") { OtherNames = ["scriptSrc", "loaderUrl", "bundleUrl"] },
        new("authToken", SettingKind.Text, "An API token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("org", SettingKind.Text, "The organization, used on the server only.") { Visibility = SettingVisibility.Private },
        new("project", SettingKind.Text, "The project, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Text("dsn") is not { } dsn)
        {
            if (!settings.Has("scriptUrl")) problems.Add(new SettingProblem("dsn", "'dsn' is required and missing, unless 'scriptUrl' is set: the project's DSN."));
        }
        else if (HostOf(dsn) is not { } host)
        {
            problems.Add(SettingProblem.NotAs("dsn", "a DSN such as https://key@o1.ingest.sentry.io/2", dsn));
        }
        else if (!settings.Has("scriptUrl") && !IsCloud(host))
        {
            problems.Add(new SettingProblem("scriptUrl", "'scriptUrl' is required and missing, since 'dsn' names a Sentry of your own: its loader, or a bundle of the SDK."));
        }
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject(settings.Value("initOptions"));
        foreach (var name in (string[])["dsn", "environment", "release"]) options.Set(name, settings.Text(name));
        foreach (var name in (string[])["sampleRate", "tracesSampleRate", "replaysSessionSampleRate", "replaysOnErrorSampleRate", "sendDefaultPii", "debug"]) options.Set(name, settings.Value(name));
        if (scripts.TestMode) options.Set("debug", true);
        options.Set("tunnel", settings.Text("tunnel"));
        var dsn = settings.Text("dsn");
        if (settings.Url("tunnel") is { } tunnel) scripts.ConnectInstead(tunnel);
        else if (dsn is not null) scripts.ConnectInstead(HostOf(dsn)!);
        if (settings.Number("replaysSessionSampleRate") > 0 || settings.Number("replaysOnErrorSampleRate") > 0) scripts.ContactBlobWorker();
        var source = settings.Url("scriptUrl") ?? PageUrl.Of($"https://js.sentry-cdn.com/{Dsn().Match(dsn!).Groups[1].Value}.min.js");
        var library = new VendorLibrary(source).With(("crossorigin", "anonymous"), ("data-lazy", settings.Flag("lazy") is { } lazy ? lazy ? "yes" : "no" : null));
        scripts.Start(library, config => options.WriteTo(config, "options"));
    }

    private static PageUrl? HostOf(string dsn) => PageUrl.From($"https://{Dsn().Match(dsn).Groups[2].Value}");

    private static bool IsCloud(PageUrl host) => host.Text.EndsWith(".sentry.io/", StringComparison.Ordinal);

    [GeneratedRegex("^https://([0-9a-f]{16,64})@([a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::[0-9]{1,5})?)(?:/[A-Za-z0-9_-]{1,100}){0,3}/[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Dsn();
}
