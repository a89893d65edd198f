using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Clearbit: <see href="https://help.clearbit.com/hc/en-us/articles/4420022080783"/>.</summary>
/// <remarks>
/// It says who a visitor works for, so marketing is its default category although it is listed with analytics. The vendor has no consent call: after withdrawal the library that runs stays until the page
/// is left, and it is not loaded a second time when consent is granted again, as the npm package's is.
/// </remarks>
public sealed partial class ClearbitType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "clearbit";

    /// <inheritdoc/>
    public override string Title => "Clearbit";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "HubSpot, Inc.", "https://clearbit.com/privacy-policy",
        "Finds out which company a visitor comes from, and gives that to the site's marketing tools.",
        "https://github.com/c15t/c15t/tree/14d14f0bee6e9d70f05b8a4a8b41fe6064c07454/packages/integrations");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"publishableKey":"pk_abc"}""",
        """{"publishableKey":"pk_def","scriptUrl":"https://cb.example/tags.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.clearbit.com/hc/en-us/articles/4420022080783");

    /// <inheritdoc/>
    /// <remarks>The host of the vendor's tag.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://tag.clearbitscripts.com"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names its cookies";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("publishableKey", SettingKind.Text, "The publishable key, which begins with pk_.") { Required = true, Pattern = Key(), PatternInWords = "1 to 128 letters, digits, _ and -, not a secret key (sk_)" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from publishableKey.") { OtherNames = ["scriptSrc"] },
        new("secretKey", SettingKind.Text, "The secret key, used on the server only.") { OtherNames = ["apiKey"], Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts) =>
        scripts.LoadVendor(
            scripts.Settings.Url("scriptUrl") ?? PageUrl.Of($"https://tag.clearbitscripts.com/v1/{scripts.Settings.RequiredText("publishableKey")}/tags.js"),
            [("referrerpolicy", "strict-origin-when-cross-origin")],
            defer: false);

    [GeneratedRegex("^(?!sk_)[A-Za-z0-9_-]{1,128}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
