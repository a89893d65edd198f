using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Optimizely Web Experimentation: <see href="https://docs.developers.optimizely.com/web-experimentation/docs"/>.</summary>
/// <remarks>
/// The vendor's one consent call, its opt-out, cannot be taken back, so a new grant could never undo a withdrawal that used it: after withdrawal the snippet that runs stays until the page is left. It is loaded without holding
/// up the page, so an experiment may change what the visitor already sees.
/// </remarks>
public sealed partial class OptimizelyType : DestinationType
{
    private const string CookiePage = "https://support.optimizely.com/hc/en-us/articles/4410284260365-Cookies-and-localStorage-in-snippets";

    /// <inheritdoc/>
    public override string Name => "optimizely";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["optimizely-web"];

    /// <inheritdoc/>
    public override string Title => "Optimizely Web Experimentation";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Optimizely North America Inc.", "https://www.optimizely.com/legal/privacy-notice/", "Shows visitors different variants of a page and measures which one works better.", "https://www.optimizely.com/link/b5cc4497ec2f47baa4ce226e2305bd0a.aspx");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Experience;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"projectId":"12345678901"}""",
        """{"snippetId":"10987654321","cookieDomain":"shop.example","cookieExpirationDays":120,"scriptUrl":"/assets/optimizely.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.developers.optimizely.com/web-experimentation/docs");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://docs.developers.optimizely.com/web/docs/content-security-policy"/>.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://docs.developers.optimizely.com/web/docs/content-security-policy"),
        Withheld = "script-src and style-src 'unsafe-inline', for the changes that an experiment makes, and frame-src for visitors who are followed across sites",
        Script = ["https://cdn.optimizely.com"],
        Connect = ["https://cdn.optimizely.com", "https://logx.optimizely.com", "https://p13nlog.dz.optimizely.com"],
        Image = ["https://cdn.optimizely.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "optimizelyEndUserId", CookiePage) { Lifetime = "6 months" },
        new(BrowserStore.Cookie, "optimizelyRedirectData", CookiePage) { Lifetime = "5 seconds" },
        new(BrowserStore.Cookie, "optimizelyDomainTestCookie", CookiePage) { Lifetime = "6 months" },
        new(BrowserStore.Cookie, "optimizelyOptOut", CookiePage) { Lifetime = "10 years", KeptBecause = "it records the visitor's own refusal to Optimizely" },
    ];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("projectId", SettingKind.Text, "The project's id, or that of a custom snippet.") { Required = true, OtherNames = ["snippetId", "project_id", "id"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("cookieDomain", SettingKind.Text, "The domain of the snippet's cookies.") { Pattern = Domain(), PatternInWords = "a domain name" },
        new("cookieExpirationDays", SettingKind.Number, "After how many days the snippet's cookies end.") { OtherNames = ["cookieExpiration"], Minimum = 90, Maximum = 730, DefaultJson = "180" },
        new("scriptUrl", SettingKind.UrlOrPath, "The snippet, where the site has a copy of its own; derived from projectId.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.optimizely.com/js/{settings.RequiredText("projectId")}.js")), config =>
        {
            if (settings.Text("cookieDomain") is { } domain) config.WriteString("cookieDomain", domain);
            if (settings.Number("cookieExpirationDays") is { } days) config.WriteNumber("cookieExpirationDays", days);
        });
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();

    [GeneratedRegex("^[A-Za-z0-9.-]{1,253}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();
}
