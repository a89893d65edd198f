using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>LinkedIn Insight Tag: <see href="https://www.linkedin.com/help/lms/answer/a418880"/>.</summary>
/// <remarks>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left. The npm package loads it a second time when
/// consent is granted again; here it stays the one it was.
/// </remarks>
public sealed partial class LinkedInInsightsType : DestinationType
{
    private const string ClickIdPage = "https://learn.microsoft.com/en-us/linkedin/marketing/conversions/enabling-first-party-cookies";

    /// <inheritdoc/>
    public override string Name => "linkedin-insights";

    /// <inheritdoc/>
    public override string Title => "LinkedIn Insight Tag";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "LinkedIn Corporation", "https://www.linkedin.com/legal/privacy-policy",
        "Measures which of LinkedIn's ads brought visitors and what they then did, and builds audiences.",
        "https://www.linkedin.com/legal/privacy-policy")
    {
        Elsewhere = "in the designated countries LinkedIn Ireland Unlimited Company",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"12345"}""",
        """{"partnerId":"67890","scriptSrc":"https://li.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://www.linkedin.com/help/lms/answer/a418880");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://snap.licdn.com"],
        Connect = ["https://px.ads.linkedin.com"],
        Image = ["https://px.ads.linkedin.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The click's id, which enhanced conversion tracking keeps on the site. The other cookies of the vendor's table (<see href="https://www.linkedin.com/legal/l/cookie-table"/>) are on its own domains.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "li_fat_id", ClickIdPage),
    ];

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The partner id, from Campaign Manager.")
        {
            Required = true, OtherNames = ["partnerId", "_linkedin_partner_id"], Pattern = Digits(), PatternInWords = "1 to 20 digits",
        },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://snap.licdn.com/li.lms-analytics/insight.min.js\"" },
        new("accessToken", SettingKind.Text, "The Conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var id = scripts.Settings.RequiredText("id");
        var library = scripts.Settings.Url("scriptSrc") ?? PageUrl.Of("https://snap.licdn.com/li.lms-analytics/insight.min.js");
        scripts.Start(new VendorLibrary(library), config => config.WriteString("id", id));
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
