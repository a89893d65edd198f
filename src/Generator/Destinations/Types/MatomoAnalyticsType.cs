using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Matomo with its tracking consent: <see href="https://developer.matomo.org/guides/tracking-consent"/>.</summary>
/// <remarks>
/// <para>
/// Withdrawal is told by <c>forgetConsentGiven</c>, and a grant by <c>setConsentGiven</c>, also the grant that is found at the start: it ends a withdrawal that an earlier page left in a cookie. While <c>_paq</c> waits
/// for the library, a change replaces what stands in it, because the library would run an earlier grant first. A page has one queue of async trackers, all of which take each call; so further destinations are trackers of their own (<c>Matomo.getTracker</c>).
/// </para>
/// <para>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, then always with <c>requireConsent</c>; <c>defaultConsent</c> cannot grant what the
/// visitor did not. (2) The page view is queued at once and once: Matomo holds it back until consent is given, and the package tracks another with each grant. (3) What needs consent is told its withdrawal whatever <c>defaultConsent</c> is. (4) With
/// <c>disableCookies</c>, <c>setConsentGiven</c> leaves cookies off. (5) A Matomo Cloud's tracker is on its own host and its script on the CDN, as in the vendor's snippet.
/// </para>
/// </remarks>
public sealed partial class MatomoAnalyticsType : DestinationType
{
    private const string Source = "https://github.com/matomo-org/matomo";
    private const string Answer = "it records the visitor's own answer, which Matomo reads at its next start";

    /// <inheritdoc/>
    public override string Name => "matomo-analytics";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["matomo"];

    /// <inheritdoc/>
    public override string Title => "Matomo";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "InnoCraft Limited", "https://matomo.org/matomo-cloud-privacy-policy/",
        "Counts visits and what visitors do, on the site's own server or in Matomo's cloud.",
        "https://matomo.org/matomo-cloud-privacy-policy/");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"cloudId":"my-site.matomo.cloud"}""",
        """{"siteId":"7","matomoUrl":"https://ma.example/","enableLinkTracking":true,"disableCookies":true,"trackPageView":false,"defaultConsent":"required","enableHeartBeatTimer":30,"cookieDomain":"*.site.example","cookiePath":"/shop","domains":["*.site.example","other.example"],"doNotTrack":true,"secureCookie":true,"cookieSameSite":"Strict","requestMethod":"POST","enableCrossDomainLinking":true,"disableBrowserFeatureDetection":true,"disableCampaignParameters":true,"downloadExtensions":["pdf","zip"],"customDimensions":{"1":"member"},"trackAllContentImpressions":true,"trackVisibleContentImpressions":true,"trackerUrl":"/ma/matomo.php","scriptUrl":"https://ma.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.matomo.org/guides/tracking-javascript-guide");

    /// <inheritdoc/>
    /// <remarks>Hosts of Matomo Cloud, whose tracker answers requests and images. A snapshot grants the host of its own tracker only, whose ever it is.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.matomo.cloud"],
        Connect = ["https://*.matomo.cloud"],
        Image = ["https://*.matomo.cloud"],
    };

    /// <inheritdoc/>
    /// <remarks>From the tracker's source. Behind the site's id stands a hash of the domain. What records the visitor's answer is kept (<see href="https://matomo.org/privacy-policy/cookies"/>): Matomo reads it at its next start.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_pk_cvar.{siteId}.*", Source) { Part = Site, Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_pk_id.{siteId}.*", Source) { Part = Site, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_pk_ref.{siteId}.*", Source) { Part = Site, Lifetime = "6 months" },
        new(BrowserStore.Cookie, "_pk_ses.{siteId}.*", Source) { Part = Site, Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_pk_testcookie", Source) { Lifetime = "removed at once" },
        new(BrowserStore.Cookie, "_pk_testcookie_domain", Source) { Lifetime = "removed at once" },
        new(BrowserStore.Cookie, "mtm_consent", Source) { Lifetime = "30 years", KeptBecause = Answer },
        new(BrowserStore.Cookie, "mtm_consent_removed", Source) { Lifetime = "30 years", KeptBecause = Answer },
        new(BrowserStore.Cookie, "mtm_cookie_consent", Source) { Lifetime = "30 years", KeptBecause = Answer },
    ];

    private static string? Site(DestinationSettings settings) => settings.Text("siteId") ?? "1";

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only under {necessary}, each grant is told, also the one found at the start, and each withdrawal, the page view is queued once, no setting grants what the visitor denied, and a cloud's script comes from the vendor's CDN");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("siteId", SettingKind.Text, "The site's id.") { OtherNames = ["idSite", "site_id"], DefaultJson = "\"1\"", Pattern = SiteId(), PatternInWords = "a number, or 1 to 64 letters, digits, _ and -" },
        new("matomoUrl", SettingKind.UrlOrPath, "Where Matomo is; this, cloudId, or trackerUrl with scriptUrl is required.") { IsBaseUrl = true, OtherNames = ["url", "host", "urlBase"] },
        new("cloudId", SettingKind.Text, "The name of a Matomo Cloud: my-site or my-site.matomo.cloud.") { Pattern = CloudId(), PatternInWords = "a name such as my-site.matomo.cloud" },
        new("trackerUrl", SettingKind.UrlOrPath, "Where requests go; derived from matomoUrl or cloudId."),
        new("scriptUrl", SettingKind.UrlOrPath, "The library; derived from matomoUrl or cloudId.") { OtherNames = ["scriptSrc", "srcUrl", "trackerScriptUrl"] },
        new("enableLinkTracking", SettingKind.Flag, "Whether downloads and clicks to other sites are tracked.") { OtherNames = ["linkTracking"], DefaultJson = "false" },
        new("disableCookies", SettingKind.Flag, "Whether Matomo goes without cookies.") { DefaultJson = "false" },
        new("trackPageView", SettingKind.Flag, "Whether a page view is tracked at the start.") { DefaultJson = "true" },
        new("defaultConsent", SettingKind.Text, "Whether Matomo's own consent is required, or given, before the state of the visitor's consent is told.") { OneOf = ["required", "given"] },
        new("enableHeartBeatTimer", SettingKind.JsonValue, "Whether the time on a page is measured by further requests, or after how many seconds.") { OtherNames = ["heartBeatTimer"] },
        new("cookieDomain", SettingKind.Text, "The domain of Matomo's cookies, such as *.site.example.") { OtherNames = ["setCookieDomain"], Pattern = Domain(), PatternInWords = "a domain name, also with *. before it" },
        new("cookiePath", SettingKind.Text, "The path of Matomo's cookies.") { OtherNames = ["setCookiePath"], Pattern = CookiePath(), PatternInWords = "a path that begins with /" },
        new("domains", SettingKind.TextList, "Domains to which a link is not a click to another site.") { OtherNames = ["setDomains"], OrText = true, Pattern = DomainAndPath(), PatternInWords = "a domain name, also with *. before it and a path behind" },
        new("doNotTrack", SettingKind.Flag, "Whether Do Not Track is honoured.") { OtherNames = ["setDoNotTrack"] },
        new("secureCookie", SettingKind.Flag, "Whether Matomo's cookies are sent over https only.") { OtherNames = ["setSecureCookie"] },
        new("cookieSameSite", SettingKind.Text, "The SameSite attribute of Matomo's cookies.") { OtherNames = ["setCookieSameSite"], OneOf = ["Lax", "None", "Strict"], DefaultJson = "\"Lax\"" },
        new("requestMethod", SettingKind.Text, "How requests are sent.") { OtherNames = ["setRequestMethod"], OneOf = ["GET", "POST"] },
        new("enableCrossDomainLinking", SettingKind.Flag, "Whether a visit goes on across the domains.") { DefaultJson = "false" },
        new("disableBrowserFeatureDetection", SettingKind.Flag, "Whether the browser's features are left out.") { DefaultJson = "false" },
        new("disableCampaignParameters", SettingKind.Flag, "Whether the parameters of campaigns are left out.") { DefaultJson = "false" },
        new("downloadExtensions", SettingKind.TextList, "The file extensions that are downloads.") { OtherNames = ["setDownloadExtensions"], OrText = true, Pattern = Extension(), PatternInWords = "a file extension such as pdf" },
        new("customDimensions", SettingKind.JsonObject, "Custom dimensions by their number: {\"1\":\"member\"}. Every visitor has the same."),
        new("trackAllContentImpressions", SettingKind.Flag, "Whether all content blocks of a page are tracked.") { DefaultJson = "false" },
        new("trackVisibleContentImpressions", SettingKind.Flag, "Whether content blocks are tracked once they are visible.") { DefaultJson = "false" },
        new("tokenAuth", SettingKind.Text, "The HTTP API's token, used on the server only.") { OtherNames = ["token_auth"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (!settings.Has("matomoUrl") && !settings.Has("cloudId") && !(settings.Has("trackerUrl") && settings.Has("scriptUrl")))
            problems.Add(new SettingProblem("matomoUrl", "'matomoUrl' is required and missing, unless 'cloudId', or 'trackerUrl' and 'scriptUrl', are set: where Matomo is."));
        if (settings.Value("enableHeartBeatTimer") is { } beat && HeartBeat(beat) is null && beat.ValueKind != JsonValueKind.False)
            problems.Add(SettingProblem.NotAs("enableHeartBeatTimer", "true, false or a whole number of seconds from 1 to 3600", beat));
        if (settings.Value("customDimensions") is not { } dimensions) return;
        foreach (var dimension in dimensions.EnumerateObject())
            if (!DimensionNumber().IsMatch(dimension.Name))
                problems.Add(new SettingProblem("customDimensions", "'customDimensions' has a key that is no number of a custom dimension; use 1 to 999."));
            else if (dimension.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
                problems.Add(SettingProblem.NotAs("customDimensions", "a string or a number", dimension.Value, $"customDimensions.{dimension.Name}"));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var (tracker, library) = Urls(settings);
        scripts.ContactInstead(tracker);
        scripts.Contact(CspDirective.Image, tracker);
        var defaultConsent = settings.Text("defaultConsent");
        scripts.GrantTracking();
        scripts.Start(new VendorLibrary(library), config =>
        {
            config.WriteBoolean("extra", !scripts.IsFirstOfType);
            config.WriteString("url", tracker.Text);
            config.WriteString("id", settings.Text("siteId") ?? "1");
            config.WriteBoolean("links", settings.Flag("enableLinkTracking", false));
            config.WriteBoolean("noCookies", settings.Flag("disableCookies", false));
            config.WriteBoolean("requires", scripts.AlwaysLoads || defaultConsent == "required");
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
            WriteCalls(config, settings);
        });
    }

    /// <summary>Further calls of the tracker, those that follow the page view apart: <see href="https://developer.matomo.org/api-reference/tracking-javascript"/>, read 2026-11-26.</summary>
    private static void WriteCalls(Utf8JsonWriter config, DestinationSettings settings)
    {
        var before = new List<Action>();
        var after = new List<Action>();
        void Call(List<Action> calls, string method, Action? argument = null) => calls.Add(() =>
        {
            config.WriteStartArray();
            config.WriteStringValue(method);
            argument?.Invoke();
            config.WriteEndArray();
        });
        void Text(string field, string method)
        {
            if (settings.Text(field) is { } text) Call(before, method, () => config.WriteStringValue(text));
        }
        void List(string field, string method)
        {
            if (settings.TextList(field) is { IsEmpty: false } entries) Call(before, method, () =>
            {
                config.WriteStartArray();
                foreach (var entry in entries) config.WriteStringValue(entry);
                config.WriteEndArray();
            });
        }
        void Switch(string field, string method)
        {
            if (settings.Flag(field) is { } flag) Call(before, method, () => config.WriteBooleanValue(flag));
        }
        void Turn(List<Action> calls, string method)
        {
            if (settings.Flag(method, false)) Call(calls, method);
        }

        Text("cookieDomain", "setCookieDomain");
        Text("cookiePath", "setCookiePath");
        Text("cookieSameSite", "setCookieSameSite");
        Switch("secureCookie", "setSecureCookie");
        List("domains", "setDomains");
        List("downloadExtensions", "setDownloadExtensions");
        Switch("doNotTrack", "setDoNotTrack");
        Text("requestMethod", "setRequestMethod");
        Turn(before, "enableCrossDomainLinking");
        Turn(before, "disableBrowserFeatureDetection");
        Turn(before, "disableCampaignParameters");
        if (settings.Value("customDimensions") is { } dimensions)
            foreach (var dimension in dimensions.EnumerateObject())
                Call(before, "setCustomDimension", () =>
                {
                    config.WriteNumberValue(int.Parse(dimension.Name, CultureInfo.InvariantCulture));
                    dimension.Value.WriteTo(config);
                });
        if (settings.Value("enableHeartBeatTimer") is { } beat && HeartBeat(beat) is { } seconds)
            Call(before, "enableHeartBeatTimer", seconds > 0 ? () => config.WriteNumberValue(seconds) : null);
        Turn(after, "trackAllContentImpressions");
        Turn(after, "trackVisibleContentImpressions");
        Write("calls", before);
        Write("callsAfter", after);

        void Write(string name, List<Action> calls)
        {
            if (calls.Count == 0) return;
            config.WriteStartArray(name);
            foreach (var call in calls) call();
            config.WriteEndArray();
        }
    }

    /// <summary>After how many seconds a page counts as still open, 0 for the library's own number; null where the value says neither.</summary>
    private static int? HeartBeat(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => 0,
        JsonValueKind.Number when value.TryGetInt32(out var seconds) && seconds is >= 1 and <= 3600 => seconds,
        _ => null,
    };

    private static (PageUrl Tracker, PageUrl Library) Urls(DestinationSettings settings)
    {
        var (tracker, library) = (settings.Url("trackerUrl"), settings.Url("scriptUrl"));
        if (tracker is not null && library is not null) return (tracker, library);
        if (settings.BaseUrl("matomoUrl") is { } own) return (tracker ?? PageUrl.Of($"{own}/matomo.php"), library ?? PageUrl.Of($"{own}/matomo.js"));
        var host = $"{CloudId().Match(settings.RequiredText("cloudId")).Groups[1].Value}.matomo.cloud";
        return (tracker ?? PageUrl.Of($"https://{host}/matomo.php"), library ?? PageUrl.Of($"https://cdn.matomo.cloud/{host}/matomo.js"));
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SiteId();

    [GeneratedRegex("^(?:\\*?\\.)?[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){0,10}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();

    [GeneratedRegex("^(?:\\*?\\.)?[A-Za-z0-9-]{1,63}(?:\\.[A-Za-z0-9-]{1,63}){0,10}(?:/[^\\s\"'<>`\\\\]{0,200})?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex DomainAndPath();

    [GeneratedRegex("^/[^\\s;\"'<>`\\\\]{0,200}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex CookiePath();

    [GeneratedRegex("^[A-Za-z0-9]{1,16}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Extension();

    [GeneratedRegex("^[1-9][0-9]{0,2}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex DimensionNumber();

    [GeneratedRegex("^(?:https?://)?([A-Za-z0-9-]{1,63})(?:\\.matomo\\.cloud)?/*\\z", RegexOptions.CultureInvariant)]
    internal static partial Regex CloudId();
}
