using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Front's chat widget: <see href="https://dev.frontapp.com/docs/chat-sdk-reference"/>.</summary>
/// <remarks>A page has one widget. On withdrawal it is shut down by the vendor's own call, which also clears the visitor's session, and a new grant starts it again.</remarks>
public sealed partial class FrontChatType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "front-chat";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["front"];

    /// <inheritdoc/>
    public override string Title => "Front Chat";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "FrontApp, Inc.", "https://front.com/legal/front-products-and-services-privacy-notice", "Lets visitors chat with the people behind a site.", "https://front.com/legal/front-products-and-services-privacy-notice");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found names its cookies";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Functionality;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"chatId":"0123456789abcdef0123456789abcdef"}""",
        """
        {"chat_id":"fedcba9876543210fedcba9876543210","useDefaultLauncher":false,"shouldShowWindowOnLaunch":true,"shouldExpandOnShowWindow":true,"shouldHideCloseButton":true,"shouldHideExpandButton":true,
         "welcomeMessageAppearance":"always","isMobileWebview":true,"scriptSrc":"https://fr.example/chat.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://dev.frontapp.com/docs/chat-sdk-reference");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://dev.frontapp.com/docs/content-security-policy"/>, those of all regions.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://dev.frontapp.com/docs/content-security-policy"),
        Withheld = "the hosts of the vendor's error reports, which the widget does without",
        Script = ["https://chat-assets.frontapp.com"],
        Connect =
        [
            "https://chat-assets.frontapp.com", "https://chat.frontapp.com", "https://us-west-1-chat-server.frontapp.com", "https://us-west-2-chat-server.frontapp.com", "https://eu-west-1-chat-server.frontapp.com",
            "wss://front-us-realtime.ably.io", "wss://front-eu-realtime.ably.io", "https://chat-webhook.frontapp.com",
        ],
        Image = ["https://chat.frontapp.com", "https://chat-assets.frontusercontent.com"],
        Style = ["blob:"],
    };

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("chatId", SettingKind.Text, "The chat channel's id.") { Required = true, OtherNames = ["chat_id", "id"], Pattern = Id(), PatternInWords = "8 to 64 letters, digits, _ and -" },
        new("useDefaultLauncher", SettingKind.Flag, "Whether the widget has a button of its own.") { DefaultJson = "true" },
        new("shouldShowWindowOnLaunch", SettingKind.Flag, "Whether the chat is open at the start."),
        new("shouldExpandOnShowWindow", SettingKind.Flag, "Whether the chat opens at its greatest size."),
        new("shouldHideCloseButton", SettingKind.Flag, "Whether the chat has no button that closes it."),
        new("shouldHideExpandButton", SettingKind.Flag, "Whether the chat has no button that enlarges it."),
        new("welcomeMessageAppearance", SettingKind.Text, "Whether the welcome message is hidden or always shown.") { OneOf = ["hidden", "always"] },
        new("isMobileWebview", SettingKind.Flag, "Whether the page is shown inside an app."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://chat-assets.frontapp.com/v1/chat.bundle.js\"" },
        new("verificationSecret", SettingKind.Text, "Signs visitors' identities, on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject();
        options.Set("chatId", settings.RequiredText("chatId"));
        options.Set("useDefaultLauncher", settings.Flag("useDefaultLauncher", true));
        foreach (var name in (string[])["shouldShowWindowOnLaunch", "shouldExpandOnShowWindow", "shouldHideCloseButton", "shouldHideExpandButton", "isMobileWebview"]) options.Set(name, settings.Flag(name));
        options.Set("welcomeMessageAppearance", settings.Text("welcomeMessageAppearance"));
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://chat-assets.frontapp.com/v1/chat.bundle.js")), config => options.WriteTo(config, "options"));
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{8,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
