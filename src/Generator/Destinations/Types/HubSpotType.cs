using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>HubSpot's tracking code: <see href="https://developers.hubspot.com/docs/api/events/tracking-code"/>.</summary>
/// <remarks>
/// HubSpot's own cookie banner is switched off, and it is told the visitor's consent for each of its categories instead (<see href="https://developers.hubspot.com/docs/api/events/cookie-banner"/>). On withdrawal it is told besides
/// not to track (<see href="https://developers.hubspot.com/docs/api-reference/latest/account/settings/tracking-code/do-not-track"/>), after which it sends nothing. It keeps that in a cookie, so every granted start takes it back.
/// </remarks>
public sealed partial class HubSpotType : DestinationType
{
    private const string CookiePage = "https://knowledge.hubspot.com/privacy-and-consent/what-cookies-does-hubspot-set-in-a-visitor-s-browser";
    private const string Answer = "it records the visitor's own answer to HubSpot";

    /// <inheritdoc/>
    public override string Name => "hubspot";

    /// <inheritdoc/>
    public override string Title => "HubSpot";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "HubSpot, Inc.", "https://legal.hubspot.com/privacy-policy", "Follows visitors through a site so that its owner can recognise and address contacts, and shows its forms and chat.", "https://legal.hubspot.com/privacy-policy");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } =
    [
        GrantDeclaration.Of(ConsentCategory.Functionality), GrantDeclaration.Of(ConsentCategory.Measurement), GrantDeclaration.Of(ConsentCategory.Marketing),
    ];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"portalId":"1234567"}""",
        """{"hubId":"7654321","region":"eu1","businessUnitId":"12","scriptUrl":"https://hs.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.hubspot.com/docs/api/events/tracking-code");

    /// <inheritdoc/>
    /// <remarks>The loader's host and those that it is seen to use for tracking, the banner's settings, forms and ads.</remarks>
    public override VendorHosts Hosts { get; } = HostsOf("");

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "__hstc", CookiePage) { Grant = "measurement", Lifetime = "6 months" },
        new(BrowserStore.Cookie, "hubspotutk", CookiePage) { Grant = "measurement", Lifetime = "6 months" },
        new(BrowserStore.Cookie, "__hssc", CookiePage) { Grant = "measurement", Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "__hssrc", CookiePage) { Grant = "measurement", Lifetime = "session" },
        new(BrowserStore.Cookie, "messagesUtk", CookiePage) { Grant = "functionality", Lifetime = "6 months" },
        new(BrowserStore.Cookie, "hs-messages-is-open", CookiePage) { Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "hs-messages-hide-welcome-message", CookiePage) { Lifetime = "1 day" },
        new(BrowserStore.Cookie, "__hs_opt_out", CookiePage) { Lifetime = "6 months", KeptBecause = Answer },
        new(BrowserStore.Cookie, "__hs_cookie_cat_pref", CookiePage) { Lifetime = "6 months", KeptBecause = Answer },
        new(BrowserStore.Cookie, "__hs_initial_opt_in", CookiePage) { Lifetime = "7 days", KeptBecause = Answer },
        new(BrowserStore.Cookie, "__hs_do_not_track", CookiePage) { Lifetime = "6 months", KeptBecause = "without it the library, while it runs, takes a refusal for no answer" },
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("portalId", SettingKind.Text, "The account's Hub ID.")
        {
            Required = true, OtherNames = ["hubId", "hubID", "hub_id", "portal_id", "accountId", "id"], Pattern = Digits(), PatternInWords = "1 to 12 digits",
        },
        new("region", SettingKind.Text, "Where HubSpot keeps the account's data.") { OneOf = ["na1", "na2", "na3", "eu1", "ap1"], DefaultJson = "\"na1\"" },
        new("businessUnitId", SettingKind.Text, "The brand that the site belongs to, in an account with several.") { Pattern = Digits(), PatternInWords = "1 to 12 digits" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from portalId and region.") { OtherNames = ["scriptSrc"] },
        new("accessToken", SettingKind.Text, "The API's token, used on the server only.") { OtherNames = ["apiKey"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var region = settings.Text("region") is { } name and not "na1" ? $"-{name}" : "";
        if (region.Length > 0) scripts.ContactInstead(HostsOf(region));
        foreach (var grant in Grants) scripts.Grant(grant.Category);
        var source = settings.Url("scriptUrl") ?? PageUrl.Of($"https://js{region}.hs-scripts.com/{settings.RequiredText("portalId")}.js");
        if (settings.Text("businessUnitId") is { } unit) source = source.With(("businessUnitId", unit));
        scripts.Start(new VendorLibrary(source).With(("id", "hs-script-loader")));
    }

    private static VendorHosts HostsOf(string region) => new()
    {
        Script =
        [
            $"https://js{region}.hs-scripts.com", $"https://js{region}.hs-analytics.net", $"https://js{region}.hs-banner.com", $"https://js{region}.hscollectedforms.net", $"https://js{region}.hsadspixel.net",
            $"https://js{region}.usemessages.com",
        ],
        Connect = ["https://*.hubspot.com", "https://*.hubapi.com", "https://*.hs-banner.com", "https://*.hscollectedforms.net"],
        Image = ["https://*.hubspot.com", "https://*.hsforms.com"],
        Frame = ["https://*.hubspot.com"],
    };

    [GeneratedRegex("^[0-9]{1,12}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
