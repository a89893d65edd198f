using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Google's tag, gtag.js, for Analytics, Ads and Floodlight: <see href="https://developers.google.com/tag-platform/gtagjs"/>.</summary>
/// <remarks>
/// Differs from the npm package's function: on withdrawal it also sets the vendor's switch <c>window["ga-disable-ID"]</c>
/// (<see href="https://developers.google.com/analytics/devguides/collection/ga4/disable-analytics"/>), because with signals denied alone Analytics
/// still sends cookieless pings, and a tag that is not permitted sends nothing. A tag that always loads keeps Google's own behaviour.
/// The id says what the tag is for: only those of Analytics itself are measurement by default. A loader of one's own:
/// <see href="https://developers.google.com/tag-platform/tag-manager/server-side/dependency-serving"/>, read 2026-11-26.
/// </remarks>
public sealed partial class GoogleAnalyticsType : DestinationType
{
    private const string PrefixPage = "https://developers.google.com/analytics/devguides/collection/gtagjs/cookies-user-id#cookie_prefix";

    /// <inheritdoc/>
    public override string Name => "google-analytics";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["gtag", "google-tag"];

    /// <inheritdoc/>
    public override string Title => "Google Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Google LLC", "https://policies.google.com/privacy",
        "Measures visits and conversions for the site and, where it is linked, for Google's advertising.",
        "https://policies.google.com/privacy")
    {
        Elsewhere = "for users in the EEA and Switzerland Google Ireland Limited",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override ImmutableArray<CategoryRule> CategoryRules { get; } =
    [
        new("id", OtherThanAnalytics(), ConsentCategory.Marketing, "any but G-… and UA-…"),
        new("category", Marketing(), ConsentCategory.Marketing, "marketing"),
    ];

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"G-LEAST"}""",
        """
        {"measurementId":"G-FULL00","debugMode":true,"anonymizeIp":true,"cookieFlags":"SameSite=None;Secure",
         "config":{"send_page_view":false,"debug_mode":false},"dataLayerName":"siteLayer","scriptUrl":"https://sgtm.example/gtag/js","category":"marketing","consentMapping":{"measurement":["analytics_storage"],"marketing":["ad_storage"]}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.google.com/tag-platform/gtagjs");

    /// <inheritdoc/>
    public override SharedBootstrap Bootstrap => GoogleConsentMode.Instance;

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://developers.google.com/tag-platform/security/guides/csp"/>, Google Analytics 4 without advertising features.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://developers.google.com/tag-platform/security/guides/csp"),
        Withheld = "the hosts of Google Signals, Ads and Floodlight, which the guide lists apart",
        Script = ["https://*.googletagmanager.com"],
        Connect = ["https://*.google-analytics.com", "https://*.analytics.google.com", "https://*.googletagmanager.com"],
        Image = ["https://*.google-analytics.com", "https://*.googletagmanager.com"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// A <c>cookie_prefix</c> stands before Analytics' names (<see href="https://developers.google.com/analytics/devguides/collection/gtagjs/cookies-user-id#cookie_prefix"/>); those without it
    /// stay declared, because pages from before the setting may have left them.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        .. GoogleConsentMode.StoredNames,
        new(BrowserStore.Cookie, "{cookie_prefix}_ga", PrefixPage) { Grant = "analytics_storage", Part = CookiePrefix, Lifetime = "2 years", LifetimeSource = "https://support.google.com/analytics/answer/11397207" },
        new(BrowserStore.Cookie, "{cookie_prefix}_ga_*", PrefixPage) { Grant = "analytics_storage", Part = CookiePrefix, Lifetime = "2 years", LifetimeSource = "https://support.google.com/analytics/answer/11397207" },
    ];

    private static string? CookiePrefix(DestinationSettings settings) => settings.Value("customParameters").TextOf("cookie_prefix");

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}; on withdrawal the vendor's own switch (ga-disable) is set too, because with signals denied alone Analytics still "
        + "sends cookieless pings; a signal that the mapping leaves out is denied, and an ad or analytics signal under necessary is refused");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The tag's id: a measurement id (G-…), or that of another Google product (GT-…, AW-…, DC-…).")
        {
            Required = true, OtherNames = ["measurementId", "gaId"], Pattern = TagId(), PatternInWords = "a Google tag id such as G-XXXXXXX",
            OtherType = new(ContainerId(), "the id of a Tag Manager container", "google-tag-manager"),
        },
        GoogleConsentMode.MappingSetting,
        new("debugMode", SettingKind.Flag, "Sends events to Analytics' debug view; test mode does so too.") { DefaultJson = "false" },
        new("anonymizeIp", SettingKind.Flag, "Sets anonymize_ip, which Universal Analytics read."),
        new("cookieFlags", SettingKind.Text, "Sets cookie_flags, for example SameSite=None;Secure.") { MaxLength = 256 },
        new("enableEnhancedMeasurement", SettingKind.Flag, "false sets send_page_view to false, as the control plane's own tag did.") { DefaultJson = "true" },
        new("customParameters", SettingKind.JsonObject, "Further parameters of the config command.") { OtherNames = ["config"] },
        GoogleConsentMode.LayerSetting("dataLayer"),
        new("scriptUrl", SettingKind.UrlOrPath, "The loader, gtag.js, from a tagging server or a path of the site; the tag's parameters are added.") { OtherNames = ["scriptSrc"] },
        new("apiSecret", SettingKind.Text, "The Measurement Protocol's secret, used on the server only.") { Visibility = SettingVisibility.Private },
        new("category", SettingKind.Text, "marketing makes that the default category; nothing else is used, because the destination's required consent decides.") { Visibility = SettingVisibility.Private },
        new("script", SettingKind.JsonObject, "Accepted and not used: overrides that the npm package deprecates.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems) =>
        GoogleConsentMode.CheckMapping(settings, problems);

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Contact(CspDirective.Connect, settings.Value("customParameters").UrlOf("server_container_url"));
        var own = new ConfigObject(settings.Value("customParameters"));
        if (scripts.TestMode || settings.Flag("debugMode", false)) own.Set("debug_mode", true);
        if (!settings.Flag("enableEnhancedMeasurement", true)) own.Set("send_page_view", false);
        own.Set("anonymize_ip", settings.Flag("anonymizeIp"));
        own.Set("cookie_flags", settings.Text("cookieFlags"));
        GoogleTag.Start(scripts, settings.RequiredText("id"), own);
    }

    [GeneratedRegex("^(?![Gg][Tt][Mm]-)[A-Za-z]{1,3}-[A-Za-z0-9-]{1,40}\\z", RegexOptions.CultureInvariant)]
    internal static partial Regex TagId();

    [GeneratedRegex("^GTM-", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex ContainerId();

    [GeneratedRegex("^(?!(?:G|UA)-)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex OtherThanAnalytics();

    [GeneratedRegex("^marketing\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Marketing();
}
