using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Crisp: <see href="https://docs.crisp.chat/guides/chatbox-sdks/web-sdk/"/>.</summary>
/// <remarks>
/// The vendor has one website a page and no consent call: after withdrawal the chat that runs stays until the page is left. Differs from the npm package. (1) <c>tokenId</c> does not
/// leave: it opens one visitor's conversations, and what stands in a snapshot is the same for every visitor. (2) The package empties <c>$crisp</c>, which loses what the page queued and, when consent is
/// granted again, breaks the running chat; and it loads it a second time.
/// </remarks>
public sealed partial class CrispType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "crisp";

    /// <inheritdoc/>
    public override string Title => "Crisp";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Crisp IM SAS", "https://crisp.chat/en/privacy/",
        "Shows a chat box in which visitors write to the site's team.",
        "https://crisp.chat/en/terms/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Functionality;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"websiteId":"1234-abcd"}""",
        """
        {"websiteId":"5678-ef","locale":"pt-br","cookieDomain":"site.example","cookieExpiry":3600,"tokenId":"a token","sessionMerge":true,"safeMode":true,"runtimeConfig":{"lock_maximized":true},
         "scriptSrc":"https://cr.example/l.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.crisp.chat/guides/chatbox-sdks/web-sdk/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://docs.crisp.chat/guides/others/whitelisting-our-systems/crisp-domain-names"/>; its style sheets also need 'unsafe-inline', which no snapshot asks for.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://docs.crisp.chat/guides/others/whitelisting-our-systems/crisp-domain-names"),
        Withheld = "style-src 'unsafe-inline'",
        Script = ["https://client.crisp.chat"],
        Connect = ["https://client.crisp.chat", "https://storage.crisp.chat", "wss://client.relay.crisp.chat", "wss://stream.relay.crisp.chat"],
        Image = ["https://client.crisp.chat", "https://image.crisp.chat", "https://storage.crisp.chat", "data:"],
        Frame = ["https://game.crisp.chat"],
        Style = ["https://client.crisp.chat"],
        Font = ["https://client.crisp.chat"],
        Worker = ["blob:"],
    };

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "the vendor says that its cookies stay 6 months from the last visit, and no page of it that was found names them (https://help.crisp.chat/en/article/crisp-cookie-policy-1147xor/)";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "tokenId does not leave, because it opens one visitor's conversations and every visitor gets the same snapshot; what the page queued in $crisp is kept");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("websiteId", SettingKind.Text, "The website's id.") { Required = true, OtherNames = ["id", "CRISP_WEBSITE_ID"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits and -" },
        new("locale", SettingKind.Text, "The chat's language, instead of the browser's.") { OtherNames = ["runtimeConfig.locale"], Pattern = Locale(), PatternInWords = "a language such as en or pt-br" },
        new("cookieDomain", SettingKind.Text, "The domain of Crisp's cookies.") { OtherNames = ["CRISP_COOKIE_DOMAIN"], Pattern = Domain(), PatternInWords = "a domain name" },
        new("cookieExpiry", SettingKind.Number, "How long Crisp's cookies live, in seconds.") { OtherNames = ["CRISP_COOKIE_EXPIRE"], Minimum = 0, Maximum = 63072000 },
        new("tokenId", SettingKind.Text, "A session's token; it stays behind, and a page that knows its visitor sets CRISP_TOKEN_ID itself.") { OtherNames = ["CRISP_TOKEN_ID"], Visibility = SettingVisibility.Private },
        new("sessionMerge", SettingKind.Flag, "Whether an anonymous session is merged into the token's.") { OtherNames = ["runtimeConfig.session_merge"] },
        new("runtimeConfig", SettingKind.JsonObject, "Further properties of CRISP_RUNTIME_CONFIG.") { OtherNames = ["CRISP_RUNTIME_CONFIG"] },
        new("safeMode", SettingKind.Flag, "Whether errors of the page's own calls are silent.") { DefaultJson = "false" },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://client.crisp.chat/l.js\"" },
        new("tokenKey", SettingKind.Text, "The REST API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var runtime = new ConfigObject(settings.Value("runtimeConfig"));
        runtime.Set("locale", settings.Text("locale"));
        runtime.Set("session_merge", settings.Flag("sessionMerge"));
        scripts.Start(new VendorLibrary(settings.Url("scriptSrc") ?? PageUrl.Of("https://client.crisp.chat/l.js")), config =>
        {
            config.WriteString("websiteId", settings.RequiredText("websiteId"));
            if (!runtime.IsEmpty) runtime.WriteTo(config, "runtime");
            if (settings.Text("cookieDomain") is { } domain) config.WriteString("cookieDomain", domain);
            if (settings.Number("cookieExpiry") is { } expiry) config.WriteNumber("cookieExpiry", expiry);
            if (settings.Flag("safeMode", false)) config.WriteBoolean("safeMode", true);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^[A-Za-z]{2,8}(?:[_-][A-Za-z0-9]{1,8}){0,3}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Locale();

    [GeneratedRegex("^\\.?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();
}
