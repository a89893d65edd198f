using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Matomo with its tracking consent: <see href="https://developer.matomo.org/guides/tracking-consent"/>.</summary>
/// <remarks>
/// <para>
/// Withdrawal is told by <c>forgetConsentGiven</c>, a new grant by <c>setConsentGiven</c>; while <c>_paq</c> still waits for the library, only the last of them stands in it, since the library
/// would run the grants first. A page has one queue of async trackers, all of which take each call; so further destinations are trackers of their own (<c>Matomo.getTracker</c>).
/// </para>
/// <para>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, then always with <c>requireConsent</c>; <c>defaultConsent</c> cannot grant what the
/// visitor did not. (2) The page view is queued at once and once: Matomo holds it back until consent is given, and the package tracks another with each grant. (3) What needs consent is told its withdrawal whatever <c>defaultConsent</c> is. (4) With
/// <c>disableCookies</c>, <c>setConsentGiven</c> leaves cookies off. (5) A Matomo Cloud's tracker is on its own host and its script on the CDN, as in the vendor's snippet.
/// </para>
/// </remarks>
public sealed partial class MatomoAnalyticsType : DestinationType
{
    private static readonly InlineScript Grant = new(InlineSource.Grant);

    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        var k=consent(c.key);if(k.tell)return;
        var q=w._paq=w._paq||[],own,last;
        if(c.extra){own=[];q.push([function(){if(!Array.isArray(own))return;var t=w.Matomo.getTracker(c.url,c.id),waiting=own;own={push:function(a){t[a[0]].apply(t,a.slice(1))}};waiting.forEach(own.push)}])}
        else{q.push(["setTrackerUrl",c.url]);q.push(["setSiteId",c.id])}
        function queue(){return own||w._paq}
        if(c.links)queue().push(["enableLinkTracking"]);
        if(c.noCookies)queue().push(["disableCookies"]);
        if(c.requires)queue().push(["requireConsent"]);
        k.start(function(on,first){if(first&&!(on&&c.says))return;
        var list=queue(),i=last&&Array.isArray(list)?list.indexOf(last):-1;if(i>=0)list.splice(i,1);
        last=!on?["forgetConsentGiven"]:c.noCookies?["setConsentGiven",false]:["setConsentGiven"];list.push(last)});
        if(c.page)queue().push(["trackPageView"]);
        """));

    /// <inheritdoc/>
    public override string Name => "matomo-analytics";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["matomo"];

    /// <inheritdoc/>
    public override string Title => "Matomo";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"cloudId":"my-site.matomo.cloud"}""",
        """{"siteId":7,"matomoUrl":"https://ma.example/","enableLinkTracking":true,"disableCookies":true,"trackPageView":false,"defaultConsent":"required","scriptUrl":"https://ma.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developer.matomo.org/guides/tracking-javascript-guide");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Grant, Start];

    /// <inheritdoc/>
    /// <remarks>Hosts of Matomo Cloud, whose tracker answers requests and images. A snapshot grants the host of its own tracker only, whose ever it is.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.matomo.cloud"],
        Connect = ["https://*.matomo.cloud"],
        Image = ["https://*.matomo.cloud"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only under {necessary}, the page view is queued once, no setting grants what the visitor denied, and a cloud's script comes from the vendor's CDN");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("siteId", SettingKind.JsonValue, "The site's id, a number or a text.") { DefaultJson = "1" },
        new("matomoUrl", SettingKind.HttpsUrl, "Where Matomo is; this, cloudId, or trackerUrl with scriptUrl is required."),
        new("cloudId", SettingKind.Text, "The name of a Matomo Cloud: my-site or my-site.matomo.cloud.") { Pattern = CloudId(), PatternInWords = "a name such as my-site.matomo.cloud" },
        new("trackerUrl", SettingKind.HttpsUrl, "Where requests go; derived from matomoUrl or cloudId."),
        new("scriptUrl", SettingKind.HttpsUrl, "The library; derived from matomoUrl or cloudId."),
        new("enableLinkTracking", SettingKind.Flag, "Whether downloads and clicks to other sites are tracked.") { DefaultJson = "false" },
        new("disableCookies", SettingKind.Flag, "Whether Matomo goes without cookies.") { DefaultJson = "false" },
        new("trackPageView", SettingKind.Flag, "Whether a page view is tracked at the start.") { DefaultJson = "true" },
        new("defaultConsent", SettingKind.Text, "Whether Matomo's own consent is required, or given, before the state of the visitor's consent is told.") { OneOf = ["required", "given"] },
        new("tokenAuth", SettingKind.Text, "The HTTP API's token, used on the server only.") { OlderNames = ["token_auth"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value("siteId") is { } siteId && !SiteId().IsMatch(TextOf(siteId)))
            problems.Add(SettingProblem.NotAs("siteId", "a number, or 1 to 64 letters, digits, _ and -", siteId));
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
        scripts.InlineWhileTrackingGranted(ConsentCategory.Measurement, Grant, config => config.WriteStringValue(scripts.BaseId));
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("key", scripts.BaseId);
            config.WriteBoolean("extra", !scripts.IsFirstOfType);
            config.WriteString("url", tracker.AbsoluteUri);
            config.WriteString("id", settings.Value("siteId") is { } siteId ? TextOf(siteId) : "1");
            config.WriteBoolean("links", settings.Flag("enableLinkTracking", false));
            config.WriteBoolean("noCookies", settings.Flag("disableCookies", false));
            config.WriteBoolean("requires", scripts.AlwaysLoads || defaultConsent == "required");
            config.WriteBoolean("says", scripts.AlwaysLoads || defaultConsent is not null);
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
            config.WriteEndObject();
        });
        scripts.LoadVendor(library);
    }

    private static (Uri Tracker, Uri Library) Urls(DestinationSettings settings)
    {
        var (tracker, library) = (settings.Url("trackerUrl"), settings.Url("scriptUrl"));
        if (tracker is not null && library is not null) return (tracker, library);
        if (settings.Text("matomoUrl")?.TrimEnd('/') is { } own) return (tracker ?? HttpsUrl.Derived($"{own}/matomo.php"), library ?? HttpsUrl.Derived($"{own}/matomo.js"));
        var host = $"{CloudId().Match(settings.RequiredText("cloudId")).Groups[1].Value}.matomo.cloud";
        return (tracker ?? new Uri($"https://{host}/matomo.php"), library ?? new Uri($"https://cdn.matomo.cloud/{host}/matomo.js"));
    }

    private static string TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.String => value.GetString()!.Trim(),
        _ => "",
    };

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SiteId();

    [GeneratedRegex("^(?:https?://)?([A-Za-z0-9-]{1,63})(?:\\.matomo\\.cloud)?/*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex CloudId();
}
