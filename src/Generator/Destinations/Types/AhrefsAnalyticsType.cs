using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Ahrefs Web Analytics: <see href="https://help.ahrefs.com/en/articles/10247870"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class AhrefsAnalyticsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "ahrefs-analytics";

    /// <inheritdoc/>
    public override string Title => "Ahrefs Web Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Ahrefs Pte. Ltd.", "https://ahrefs.com/legal/privacy-policy",
        "Counts page views and visitors, and shows the site where they come from.",
        "https://ahrefs.com/legal/privacy-policy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"key":"least+key"}""",
        """{"key":"full","scriptUrl":"https://ah.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.ahrefs.com/en/articles/10247870");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet: the library sends to where it comes from.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://analytics.ahrefs.com"],
        Connect = ["https://analytics.ahrefs.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found says what it leaves";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("key", SettingKind.Text, "The site's key.") { Required = true, OtherNames = ["data-key"], Pattern = Id(), PatternInWords = "1 to 100 letters, digits, _, -, + and /" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://analytics.ahrefs.com/analytics.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        if (settings.Url("scriptUrl") is { } own) scripts.ContactInstead(own);
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of("https://analytics.ahrefs.com/analytics.js"),
            [("data-key", settings.RequiredText("key"))], defer: false);
    }

    [GeneratedRegex("^[A-Za-z0-9_+/=-]{1,100}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
