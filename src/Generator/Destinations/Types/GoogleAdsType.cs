using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Google Ads' conversion tag: gtag.js with a conversion id, <see href="https://developers.google.com/tag-platform/gtagjs"/>.</summary>
/// <remarks>
/// It shares Google's data layer and Consent Mode with <see cref="GoogleAnalyticsType"/>. A list is for every page, so it configures the account and counts no conversion: the page that a
/// conversion ends on reports it with <c>gtag('event', 'conversion', …)</c>. Google documents no switch that silences the tag of an account; after withdrawal it is told that its signals are
/// denied.
/// </remarks>
public sealed partial class GoogleAdsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "google-ads";

    /// <inheritdoc/>
    public override string Title => "Google Ads";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Google LLC", "https://policies.google.com/privacy", "Counts what visitors do after they saw or clicked an ad of Google Ads, and builds audiences for such ads.", "https://policies.google.com/privacy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"AW-123456789"}""",
        """
        {"conversionId":"987654321","conversionLinker":false,"allowEnhancedConversions":true,"sendPageView":false,"customParameters":{"groups":"ads"},
         "consentMapping":{"marketing":["ad_storage","ad_user_data"]},"dataLayerName":"siteLayer","scriptUrl":"https://ga.example/gtag.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.google.com/tag-platform/gtagjs");

    /// <inheritdoc/>
    public override SharedBootstrap Bootstrap => GoogleConsentMode.Instance;

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://developers.google.com/tag-platform/security/guides/csp"/>, Google Ads conversions and remarketing.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://developers.google.com/tag-platform/security/guides/csp"),
        Withheld = "Google's host of each country (https://www.google.<TLD>) in img-src and connect-src",
        Script = ["https://www.googletagmanager.com", "https://www.googleadservices.com", "https://www.google.com", "https://pagead2.googlesyndication.com", "https://googleads.g.doubleclick.net"],
        Connect = ["https://pagead2.googlesyndication.com", "https://www.googleadservices.com", "https://googleads.g.doubleclick.net", "https://www.google.com", "https://google.com"],
        Image =
        [
            "https://www.googletagmanager.com", "https://googleads.g.doubleclick.net", "https://www.google.com", "https://pagead2.googlesyndication.com", "https://www.googleadservices.com",
            "https://google.com",
        ],
        Frame = ["https://www.googletagmanager.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } = [.. GoogleConsentMode.StoredNames.Where(name => name.Grant == "ad_storage")];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The account's conversion id, with or without AW- before it.")
        {
            Required = true, OtherNames = ["conversionId", "conversionID", "conversion_id", "tagId"], Pattern = ConversionId(), PatternInWords = "a conversion id such as AW-123456789, or its digits",
            OtherType = new(OtherTag(), "the id of another Google tag", "google-analytics"),
        },
        GoogleConsentMode.MappingSetting,
        new("conversionLinker", SettingKind.Flag, "Whether the tag keeps the click's id in first-party cookies (conversion_linker).") { DefaultJson = "true" },
        new("allowEnhancedConversions", SettingKind.Flag, "Whether the tag may use data that the visitor entered on the page (allow_enhanced_conversions)."),
        new("sendPageView", SettingKind.Flag, "Whether the tag reports a page view for remarketing at its start (send_page_view).") { DefaultJson = "true" },
        new("customParameters", SettingKind.JsonObject, "Further parameters of the config command.") { OtherNames = ["config"] },
        GoogleConsentMode.LayerSetting("dataLayer"),
        new("scriptUrl", SettingKind.UrlOrPath, "The library, where a gateway of the site serves it; the id is added.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://www.googletagmanager.com/gtag/js\"" },
        new("conversionLabel", SettingKind.Text, "Accepted and not used: the page that a conversion ends on reports it with gtag('event', 'conversion', …).") { OtherNames = ["label"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems) => GoogleConsentMode.CheckMapping(settings, problems);

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var id = $"AW-{Prefix().Replace(settings.RequiredText("id"), "")}";
        var parameters = new ConfigObject(settings.Value("customParameters"));
        parameters.Set("conversion_linker", settings.Flag("conversionLinker"));
        parameters.Set("allow_enhanced_conversions", settings.Flag("allowEnhancedConversions"));
        parameters.Set("send_page_view", settings.Flag("sendPageView"));
        GoogleTag.Start(scripts, id, parameters);
    }

    [GeneratedRegex("^(?:[Aa][Ww]-)?[0-9]{6,15}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ConversionId();

    [GeneratedRegex("^(?:G|GT|UA|DC)-", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex OtherTag();

    [GeneratedRegex("^[A-Za-z]+-", RegexOptions.CultureInvariant)]
    private static partial Regex Prefix();
}
