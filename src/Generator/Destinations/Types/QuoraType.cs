using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Quora's pixel: <see href="https://quoraadsupport.zendesk.com/hc/en-us/articles/115010466208"/>.</summary>
/// <remarks>The vendor documents no consent call for its pixel: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class QuoraType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "quora";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["quora-pixel"];

    /// <inheritdoc/>
    public override string Title => "Quora pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Quora, Inc.", "https://www.quora.com/about/privacy", "Counts what visitors do after they saw an ad on Quora, and builds audiences for such ads.", "https://www.quora.com/about/privacy");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names its cookies";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"0123456789abcdef0123456789abcdef"}""",
        """{"id":"fedcba9876543210fedcba9876543210","trackPageView":false,"scriptUrl":"https://qu.example/qevents.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://quoraadsupport.zendesk.com/hc/en-us/articles/115010466208");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://a.quora.com"],
        Connect = ["https://q.quora.com"],
        Image = ["https://q.quora.com"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id.") { Required = true, OtherNames = ["pixel_id", "writeKey", "id"], Pattern = Id(), PatternInWords = "32 digits and letters from a to f" },
        new("trackPageView", SettingKind.Flag, "Whether a page view (ViewContent) is sent at the start.") { OtherNames = ["trackViewContent"], DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://a.quora.com/qevents.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://a.quora.com/qevents.js")), config =>
        {
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
        });
    }

    [GeneratedRegex("^[0-9a-f]{32}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
