using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Meta Pixel: <see href="https://developers.facebook.com/docs/meta-pixel/get-started"/>.</summary>
/// <remarks>
/// <para>
/// Consent is one switch for all pixels of a page (<see href="https://developers.facebook.com/docs/meta-pixel/implementation/gdpr"/>), so it is revoked when the
/// last pixel is withdrawn; Meta has no call that takes back a single pixel.
/// </para>
/// <para>
/// Differs from the npm package: a second pixel's first PageView goes to that pixel only (<c>trackSingle</c>). <c>track</c> would count another
/// page view for the first (<see href="https://developers.facebook.com/docs/meta-pixel/implementation/conversion-tracking"/>).
/// </para>
/// <para>
/// <c>autoConfig</c> is told before <c>init</c> and names the pixel (<see href="https://developers.facebook.com/documentation/meta-pixel/advanced"/>, read 2026-11-26).
/// </para>
/// </remarks>
public sealed partial class MetaPixelType : DestinationType
{
    private const string ClickIdPage = "https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc";

    /// <inheritdoc/>
    public override string Name => "meta-pixel";

    /// <inheritdoc/>
    public override string Title => "Meta Pixel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Meta Platforms, Inc.", "https://www.facebook.com/privacy/policy/",
        "Measures which of Meta's ads brought visitors and what they then did, and builds audiences.",
        "https://www.facebook.com/legal/terms/dataprocessing")
    {
        Elsewhere = "for data of Europeans Meta Platforms Ireland Limited",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"pixelId":"1234567890"}""",
        """
        {"pixelId":"99999","initOptions":{"em":"ab12","external_id":7},"trackPageView":false,"autoConfig":false,"scriptSrc":"https://first-party.example/fb.js",
         "dataProcessingOptions":{"options":["LDU"],"country":1,"state":1000}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.facebook.com/docs/meta-pixel/get-started");

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part: events go to /tr, as an image or a beacon.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://connect.facebook.net"],
        Connect = ["https://www.facebook.com"],
        Image = ["https://www.facebook.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The browser's id and the click's: <see href="https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc"/>. No setting changes the names.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_fbp", ClickIdPage) { Lifetime = "90 days", LifetimeSource = "https://www.facebook.com/privacy/policies/cookies/" },
        new(BrowserStore.Cookie, "_fbc", ClickIdPage),
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "withdrawal is told (consent revoke), not only a new grant; a second pixel's first PageView goes to that pixel only; the package counts another one for the first");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id, from Events Manager.")
        {
            Required = true, OtherNames = ["id"], Pattern = Digits(), PatternInWords = "1 to 20 digits",
        },
        new("initOptions", SettingKind.JsonObject, "The third argument of fbq('init'): advanced matching. Every visitor can read it.") { OtherNames = ["advancedMatching"] },
        new("trackPageView", SettingKind.Flag, "Whether a PageView is sent when the pixel starts.") { DefaultJson = "true" },
        new("autoConfig", SettingKind.Flag, "false turns off what the pixel tracks by itself: button clicks and the page's metadata."),
        new("dataProcessingOptions", SettingKind.JsonObject, "Limited data use: {\"options\":[\"LDU\"],\"country\":0,\"state\":0}."),
        new("scriptSrc", SettingKind.HttpsUrl, "The pixel's loader.") { OtherNames = ["scriptUrl"], DefaultJson = "\"https://connect.facebook.net/en_US/fbevents.js\"" },
        new("accessToken", SettingKind.Text, "The Conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
        new("testEventCode", SettingKind.Text, "The Conversions API's test code, used on the server only.") { Visibility = SettingVisibility.Private },
        new("apiVersion", SettingKind.Text, "The Conversions API's version, used on the server only.") { Visibility = SettingVisibility.Private },
        new("customData", SettingKind.JsonObject, "Data added to each event, on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        const string Field = "dataProcessingOptions";
        if (settings.Value(Field) is not { } value) return;
        if (!value.TryGetProperty("options", out var options) || options.ValueKind != JsonValueKind.Array
            || options.EnumerateArray().Any(option => option.ValueKind != JsonValueKind.String || option.GetString() != "LDU"))
            problems.Add(SettingProblem.NotAs(Field, "[\"LDU\"] or []", options, $"{Field}.options"));
        foreach (var name in (string[])["country", "state"])
            if (value.TryGetProperty(name, out var code) && (code.ValueKind != JsonValueKind.Number || !code.TryGetInt32(out var number) || number < 0))
                problems.Add(SettingProblem.NotAs(Field, "a whole number, 0 or greater", code, $"{Field}.{name}"));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.Url("scriptSrc") ?? PageUrl.Of("https://connect.facebook.net/en_US/fbevents.js")), config =>
        {
            config.WriteString("pixelId", settings.RequiredText("pixelId"));
            if (settings.Value("initOptions") is { } initOptions) config.WriteSetting("initOptions", initOptions);
            if (settings.Value("dataProcessingOptions") is { } processing) WriteProcessing(config, processing);
            config.WriteBoolean("trackPageView", settings.Flag("trackPageView", true));
            if (settings.Flag("autoConfig") is { } autoConfig) config.WriteBoolean("autoConfig", autoConfig);
        });
    }

    /// <summary>The arguments after the command: the options, and country and state where either is given.</summary>
    private static void WriteProcessing(Utf8JsonWriter config, JsonElement processing)
    {
        config.WriteStartArray("dataProcessingOptions");
        processing.GetProperty("options").WriteTo(config);
        var (hasCountry, hasState) = (processing.TryGetProperty("country", out var country), processing.TryGetProperty("state", out var state));
        if (hasCountry || hasState)
        {
            config.WriteNumberValue(hasCountry ? country.GetInt32() : 0);
            config.WriteNumberValue(hasState ? state.GetInt32() : 0);
        }
        config.WriteEndArray();
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
