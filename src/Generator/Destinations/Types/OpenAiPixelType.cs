using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>OpenAI's measurement pixel for ads in ChatGPT: <see href="https://developers.openai.com/ads/measurement-pixel"/>.</summary>
/// <remarks>
/// The vendor's consent call is one switch for all pixels of a page. It is said before the pixel starts, as the vendor wants it, and again with every change; without consent the pixel sends nothing and deletes its cookies.
/// </remarks>
public sealed partial class OpenAiPixelType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "openai-pixel";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["chatgpt-ads"];

    /// <inheritdoc/>
    public override string Title => "OpenAI pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "OpenAI OpCo, LLC", "https://openai.com/policies/privacy-policy/", "Counts what visitors do after they saw or clicked an ad in ChatGPT.", "https://openai.com/policies/privacy-policy/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"px-least"}""",
        """{"pixel_id":"px-full","debug":true,"scriptSrc":"https://oa.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.openai.com/ads/measurement-pixel");

    /// <inheritdoc/>
    /// <remarks>The snippet's host, and the one that the pixel is seen to send events to.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://bzrcdn.openai.com"],
        Connect = ["https://bzr.openai.com"],
        Image = ["https://bzr.openai.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The vendor's page names no cookie; this one is what tools that watch the pixel look at.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } = [new(BrowserStore.Cookie, "__oppref", "https://github.com/topics/openaiads") { Lifetime = "30 days" }];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id.") { Required = true, OtherNames = ["pixel_id", "id"], Pattern = Id(), PatternInWords = "1 to 100 letters, digits, _ and -" },
        new("debug", SettingKind.Flag, "Whether the pixel explains itself in the console; test mode does so too.") { DefaultJson = "false" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://bzrcdn.openai.com/sdk/oaiq.min.js\"" },
        new("apiKey", SettingKind.Text, "The conversions API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://bzrcdn.openai.com/sdk/oaiq.min.js")), config =>
        {
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            if (scripts.TestMode || settings.Flag("debug", false)) config.WriteBoolean("debug", true);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,100}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
