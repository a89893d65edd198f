using System.Collections.Immutable;
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
    /// <inheritdoc/>
    public override string Name => "matomo-analytics";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["matomo"];

    /// <inheritdoc/>
    public override string Title => "Matomo";

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"cloudId":"my-site.matomo.cloud"}""",
        """{"siteId":"7","matomoUrl":"https://ma.example/","enableLinkTracking":true,"disableCookies":true,"trackPageView":false,"defaultConsent":"required","scriptUrl":"https://ma.example/a.js"}""");

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
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only under {necessary}, each grant is told, also the one found at the start, and each withdrawal, the page view is queued once, no setting grants what the visitor denied, and a cloud's script comes from the vendor's CDN");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("siteId", SettingKind.Text, "The site's id.") { DefaultJson = "\"1\"", Pattern = SiteId(), PatternInWords = "a number, or 1 to 64 letters, digits, _ and -" },
        new("matomoUrl", SettingKind.HttpsUrl, "Where Matomo is; this, cloudId, or trackerUrl with scriptUrl is required.") { IsBaseUrl = true },
        new("cloudId", SettingKind.Text, "The name of a Matomo Cloud: my-site or my-site.matomo.cloud.") { Pattern = CloudId(), PatternInWords = "a name such as my-site.matomo.cloud" },
        new("trackerUrl", SettingKind.HttpsUrl, "Where requests go; derived from matomoUrl or cloudId."),
        new("scriptUrl", SettingKind.HttpsUrl, "The library; derived from matomoUrl or cloudId."),
        new("enableLinkTracking", SettingKind.Flag, "Whether downloads and clicks to other sites are tracked.") { DefaultJson = "false" },
        new("disableCookies", SettingKind.Flag, "Whether Matomo goes without cookies.") { DefaultJson = "false" },
        new("trackPageView", SettingKind.Flag, "Whether a page view is tracked at the start.") { DefaultJson = "true" },
        new("defaultConsent", SettingKind.Text, "Whether Matomo's own consent is required, or given, before the state of the visitor's consent is told.") { OneOf = ["required", "given"] },
        new("tokenAuth", SettingKind.Text, "The HTTP API's token, used on the server only.") { OtherNames = ["token_auth"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (!settings.Has("matomoUrl") && !settings.Has("cloudId") && !(settings.Has("trackerUrl") && settings.Has("scriptUrl")))
            problems.Add(new SettingProblem("matomoUrl", "'matomoUrl' is required and missing, unless 'cloudId', or 'trackerUrl' and 'scriptUrl', are set: where Matomo is."));
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
        });
    }

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

    [GeneratedRegex("^(?:https?://)?([A-Za-z0-9-]{1,63})(?:\\.matomo\\.cloud)?/*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex CloudId();
}
