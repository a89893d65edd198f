using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>The Pinterest tag: <see href="https://help.pinterest.com/en/business/article/install-the-base-code"/>.</summary>
/// <remarks>Consent is one switch for all tags of a page, which the vendor documents with its base code: once it is withdrawn the tag sends no event and deletes its first-party cookies.</remarks>
public sealed partial class PinterestType : DestinationType
{
    private const string CookieList = "https://github.com/jkwakman/Open-Cookie-Database";

    /// <inheritdoc/>
    public override string Name => "pinterest";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["pinterest-tag", "pinterest-pixel"];

    /// <inheritdoc/>
    public override string Title => "Pinterest tag";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Pinterest, Inc.", "https://policy.pinterest.com/en/privacy-policy", "Counts what visitors do after they saw an ad on Pinterest, and builds audiences for such ads.", "https://policy.pinterest.com/en/privacy-policy");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"tagId":"2612345678901"}""",
        """{"id":"2698765432109","loadOptions":{"np":"shop"},"trackPageVisit":false,"scriptUrl":"https://pi.example/core.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.pinterest.com/en/business/article/install-the-base-code");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://s.pinimg.com"],
        Connect = ["https://ct.pinterest.com"],
        Image = ["https://ct.pinterest.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The vendor names its first-party cookies nowhere that could be read; the name is that of a public list.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } = [new(BrowserStore.Cookie, "_pin_unauth", CookieList) { Lifetime = "1 year" }];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("tagId", SettingKind.Text, "The tag's id.") { Required = true, OtherNames = ["id", "tag_id", "pixelId"], Pattern = Digits(), PatternInWords = "6 to 20 digits" },
        new("loadOptions", SettingKind.JsonObject, "The third argument of pintrk('load'). Every visitor gets the same, and can read it.") { OtherNames = ["initOptions"] },
        new("trackPageVisit", SettingKind.Flag, "Whether a page visit is sent at the start.") { OtherNames = ["trackPageView"], DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://s.pinimg.com/ct/core.js\"" },
        new("accessToken", SettingKind.Text, "The conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://s.pinimg.com/ct/core.js")), config =>
        {
            config.WriteString("tagId", settings.RequiredText("tagId"));
            if (settings.Value("loadOptions") is { } options) config.WriteSetting("options", options);
            config.WriteBoolean("page", settings.Flag("trackPageVisit", true));
        });
    }

    [GeneratedRegex("^[0-9]{6,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
