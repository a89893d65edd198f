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
        """{"app_id":"def456","apiBase":"https://api-iam.eu.intercom.io","settings":{"alignment":"left","company":{"company_id":"7"}},"scriptSrc":"https://ic.example/w.js"}""");

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
            OneOf = ["https://api-iam.intercom.io", "https://api-iam.eu.intercom.io", "https://api-iam.au.intercom.io"], DefaultJson = "\"https://api-iam.intercom.io\"",
        },
        new("settings", SettingKind.JsonObject, "Further properties of intercomSettings. Every visitor gets the same, and can read them."),
        new("scriptSrc", SettingKind.HttpsUrl, "The loader; derived from appId."),
        new("accessToken", SettingKind.Text, "The REST API's token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("identityVerificationSecret", SettingKind.Text, "Signs users' identities, on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var appId = settings.RequiredText("appId");
        var messenger = new ConfigObject(settings.Value("settings"));
        messenger.Set("app_id", appId);
        messenger.Set("api_base", settings.Text("apiBase") ?? "https://api-iam.intercom.io");
        scripts.Start(
            new VendorLibrary(settings.Url("scriptSrc") ?? PageUrl.Of($"https://widget.intercom.io/widget/{appId}")), config => messenger.WriteTo(config, "settings"));
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
