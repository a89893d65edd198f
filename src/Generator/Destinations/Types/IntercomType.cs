using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Intercom's Messenger: <see href="https://developers.intercom.com/installing-intercom/web/installation"/>.</summary>
/// <remarks>
/// A page has one Messenger: a second destination of the type does not start it again. A Messenger that the page started itself is updated, as the vendor's snippet does. Differs from the npm
/// package. (1) Withdrawal shuts the Messenger down, which ends its session and removes the session's cookie, and a new grant boots it again
/// (<see href="https://developers.intercom.com/installing-intercom/web/methods"/>); the package leaves it running and then loads it a second time. (2) A page's own <c>intercomSettings</c>, such as
/// who is signed in, stay, and the destination's settings are set in them; the package replaces them.
/// </remarks>
public sealed partial class IntercomType : DestinationType
{
    // How the Messenger looks, which is the same for every visitor. Who a visitor is stays behind.
    private static readonly ImmutableArray<(string Name, string Alias, SettingKind Kind)> Appearance =
    [
        ("alignment", "launcherAlignment", SettingKind.Text), ("horizontal_padding", "horizontalPadding", SettingKind.Number), ("vertical_padding", "verticalPadding", SettingKind.Number),
        ("hide_default_launcher", "hideDefaultLauncher", SettingKind.Flag), ("custom_launcher_selector", "customLauncherSelector", SettingKind.Text),
        ("action_color", "actionColor", SettingKind.Text), ("background_color", "backgroundColor", SettingKind.Text), ("language_override", "languageOverride", SettingKind.Text),
    ];
    private const string CookiePage = "https://www.intercom.com/help/en/articles/2361922-intercom-messenger-cookies";

    /// <inheritdoc/>
    public override string Name => "intercom";

    /// <inheritdoc/>
    public override string Title => "Intercom";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Intercom, Inc.", "https://www.intercom.com/legal/privacy",
        "Shows a messenger in which visitors talk to the site's team.",
        "https://www.intercom.com/legal/terms-and-policies")
    {
        Elsewhere = "for customers outside the USA Intercom R&D Unlimited Company",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Functionality;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"appId":"abc123"}""",
        """{"app_id":"def456","region":"eu","apiBase":"https://api-iam.eu.intercom.io","alignment":"left","hide_default_launcher":true,"horizontal_padding":30,"settings":{"company":{"company_id":"7"}},"scriptSrc":"https://ic.example/w.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.intercom.com/installing-intercom/web/installation");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://www.intercom.com/help/en/articles/3894-using-intercom-with-content-security-policy"/>; its style sheets also need 'unsafe-inline', which no snapshot asks for.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://www.intercom.com/help/en/articles/3894"),
        Withheld = "style-src 'unsafe-inline', and frame-src for the video sites that messages embed",
        Script = ["https://app.intercom.io", "https://widget.intercom.io", "https://js.intercomcdn.com"],
        Connect =
        [
            "https://via.intercom.io", "https://api.intercom.io", "https://api.au.intercom.io", "https://api.eu.intercom.io",
            "https://api-iam.intercom.io", "https://api-iam.eu.intercom.io", "https://api-iam.au.intercom.io", "https://api-ping.intercom.io",
            "https://*.intercom-messenger.com", "wss://*.intercom-messenger.com",
            "https://nexus-websocket-a.intercom.io", "wss://nexus-websocket-a.intercom.io", "https://nexus-websocket-b.intercom.io", "wss://nexus-websocket-b.intercom.io",
            "https://nexus-europe-websocket.intercom.io", "wss://nexus-europe-websocket.intercom.io",
            "https://nexus-australia-websocket.intercom.io", "wss://nexus-australia-websocket.intercom.io",
            "https://uploads.intercomcdn.com", "https://uploads.intercomcdn.eu", "https://uploads.au.intercomcdn.com", "https://uploads.eu.intercomcdn.com",
            "https://uploads.intercomusercontent.com",
        ],
        Image = ["blob:", "data:", "https://js.intercomcdn.com", "https://static.intercomassets.com", "https://downloads.intercomcdn.com", "https://uploads.intercomusercontent.com", "https://gifs.intercomcdn.com", "https://messenger-apps.intercom.io"],
        Frame = ["https://intercom-sheets.com", "https://www.intercom-reporting.com"],
        Font = ["https://js.intercomcdn.com", "https://fonts.intercomcdn.com"],
        Media = ["https://js.intercomcdn.com", "https://downloads.intercomcdn.com", "https://downloads.intercomcdn.eu", "https://downloads.au.intercomcdn.com"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "intercom-device-id-{appId}", CookiePage) { Part = Workspace, Lifetime = "9 months" },
        new(BrowserStore.Cookie, "intercom-id-{appId}", CookiePage) { Part = Workspace, Lifetime = "9 months" },
        new(BrowserStore.Cookie, "intercom-session-{appId}", CookiePage) { Part = Workspace, Lifetime = "1 week" },
    ];

    private static string? Workspace(DestinationSettings settings) => settings.Text("appId");

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "withdrawal shuts the Messenger down and a new grant boots it again; settings of the page itself, such as who is signed in, stay");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("appId", SettingKind.Text, "The workspace's id.")
        {
            Required = true, OtherNames = ["app_id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -",
        },
        new("apiBase", SettingKind.Text, "The API of the region the workspace is in.")
        {
            OtherNames = ["api_base", "settings.api_base"],
            OneOf = ["https://api-iam.intercom.io", "https://api-iam.eu.intercom.io", "https://api-iam.au.intercom.io"], DefaultJson = "\"https://api-iam.intercom.io\"",
        },
        new("region", SettingKind.Text, "The region the workspace is in, in the place of apiBase; Intercom's own package calls Australia ap.") { OneOf = ["us", "eu", "au", "ap"], DefaultJson = "\"us\"" },
        new("settings", SettingKind.JsonObject, "Further properties of intercomSettings. Every visitor gets the same, and can read them.") { OtherNames = ["intercomSettings"] },
        .. Appearance.Select(static option => new SettingField(option.Name, option.Kind, "A property of intercomSettings of the same name.") { OtherNames = [option.Alias, $"settings.{option.Name}"] }),
        new("scriptSrc", SettingKind.HttpsUrl, "The loader; derived from appId.") { OtherNames = ["scriptUrl", "widgetUrl"] },
        new("accessToken", SettingKind.Text, "The REST API's token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("identityVerificationSecret", SettingKind.Text, "Signs users' identities, on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Text("region") is { } region && settings.Text("apiBase") is { } apiBase && apiBase != BaseOf(region))
            problems.Add(new SettingProblem("region", "'region' and 'apiBase' name two regions. Keep one of them."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var appId = settings.RequiredText("appId");
        var messenger = new ConfigObject(settings.Value("settings"));
        foreach (var (name, _, kind) in Appearance)
            if (kind == SettingKind.Text) messenger.Set(name, settings.Text(name));
            else messenger.Set(name, settings.Value(name));
        messenger.Set("app_id", appId);
        messenger.Set("api_base", settings.Text("apiBase") ?? BaseOf(settings.Text("region")));
        scripts.Start(
            new VendorLibrary(settings.Url("scriptSrc") ?? PageUrl.Of($"https://widget.intercom.io/widget/{appId}")), config => messenger.WriteTo(config, "settings"));
    }

    // npm @intercom/messenger-js-sdk 0.0.20, dist/constants.js
    private static string BaseOf(string? region) => region switch
    {
        "eu" => "https://api-iam.eu.intercom.io",
        "au" or "ap" => "https://api-iam.au.intercom.io",
        _ => "https://api-iam.intercom.io",
    };

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
