using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Microsoft Advertising's Universal Event Tracking with its consent mode: <see href="https://help.ads.microsoft.com/apex/index/3/en/60119"/>.</summary>
/// <remarks>
/// Differs from the npm package: it loads before consent only where the required consent is <c>{necessary}</c>. Whatever it requires, <c>ad_storage</c> is denied until marketing is granted;
/// and the loader's URL has its scheme. A second tag gets a queue of its own name.
/// </remarks>
public sealed partial class MicrosoftUetType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "microsoft-uet";

    /// <inheritdoc/>
    public override string Title => "Microsoft Advertising UET";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Microsoft Corporation", "https://www.microsoft.com/en-us/privacy/privacystatement",
        "Measures which of Microsoft's ads brought visitors and what they then did, and builds audiences.",
        "https://www.microsoft.com/servicesagreement");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.Of(ConsentCategory.Marketing)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"12345"}""",
        """{"tagId":"67890","enableAutoSpaTracking":false,"scriptSrc":"https://uet.example/bat.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.ads.microsoft.com/apex/index/3/en/60119");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part; observed besides, bat.bing.net.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://bat.bing.com"],
        Connect = ["https://bat.bing.com", "https://bat.bing.net"],
        Image = ["https://bat.bing.com", "https://bat.bing.net"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names its cookies";

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}; the loader's URL has its scheme; a second "
        + "tag has a queue of its own");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The UET tag's id.") { Required = true, OtherNames = ["tagId", "ti"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("enableAutoSpaTracking", SettingKind.Flag, "Whether changes of the address without a page load count, as in the vendor's snippet.") { DefaultJson = "true" },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://bat.bing.com/bat.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        scripts.Grant(ConsentCategory.Marketing);
        scripts.Start(new VendorLibrary(scripts.Settings.Url("scriptSrc") ?? PageUrl.Of("https://bat.bing.com/bat.js")), config =>
        {
            config.WriteString("id", scripts.Settings.RequiredText("id"));
            config.WriteString("queue", scripts.IsFirstOfType ? "uetq" : scripts.InstanceName);
            if (!scripts.Settings.Flag("enableAutoSpaTracking", true)) config.WriteBoolean("noSpa", true);
        });
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
