using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Snap Pixel: <see href="https://businesshelp.snapchat.com/s/article/pixel-direct-implementation"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class SnapchatPixelType : DestinationType
{
    private const string Source = "https://github.com/Snapchat/pixel-server-gateway";

    /// <inheritdoc/>
    public override string Name => "snapchat-pixel";

    /// <inheritdoc/>
    public override string Title => "Snap Pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Snap Inc.", "https://values.snap.com/privacy/privacy-policy",
        "Measures which of Snap's ads brought visitors and what they then did, and builds audiences.",
        "https://values.snap.com/privacy/privacy-policy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"a-1"}""",
        """{"pixelId":"b-2","initOptions":{"user_email":"x"},"trackPageView":false,"scriptUrl":"https://sc.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://businesshelp.snapchat.com/s/article/pixel-direct-implementation");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's library: events and the frame that matches cookies.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://sc-static.net"],
        Connect = ["https://tr.snapchat.com"],
        Image = ["https://tr.snapchat.com"],
        Frame = ["https://tr.snapchat.com"],
    };

    /// <inheritdoc/>
    /// <remarks>From the copy of the pixel that the vendor published with its gateway in 2022.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_schn", Source) { Lifetime = "removed at once" },
        new(BrowserStore.Cookie, "_scid", Source) { Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_sctr", Source) { Lifetime = "13 months" },
    ];

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the vendor's snippet has no second name for its function (_snaptr)");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id.") { Required = true, OtherNames = ["id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits and -" },
        new("initOptions", SettingKind.JsonObject, "The third argument of snaptr('init'). Every visitor can read it."),
        new("trackPageView", SettingKind.Flag, "Whether a PAGE_VIEW is sent at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://sc-static.net/scevent.min.js\"" },
        new("accessToken", SettingKind.Text, "The Conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://sc-static.net/scevent.min.js")), config =>
        {
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            if (settings.Value("initOptions") is { } initOptions) config.WriteSetting("initOptions", initOptions);
            config.WriteBoolean("trackPageView", settings.Flag("trackPageView", true));
        });
    }

    [GeneratedRegex("^[A-Za-z0-9-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
