using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Microsoft Clarity with its consent API v2: <see href="https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-consent-api-v2"/>.</summary>
/// <remarks>
/// Measurement grants <c>analytics_Storage</c> and marketing <c>ad_Storage</c>, while the destination may load. Differs from the npm package: <c>defaultConsent</c> can
/// only deny what the visitor granted, never grant what was denied; the state is told when it changes, not on each pass of the client; and withdrawal also stops Clarity
/// (<c>clarity("stop")</c>), because with both denied it goes on uploading without cookies until the page is left. A new grant starts it again.
/// </remarks>
public sealed partial class MicrosoftClarityType : DestinationType
{
    private static readonly ImmutableArray<string> AdKeys = ["ad_Storage", "ad_storage", "marketing"];
    private static readonly ImmutableArray<string> AnalyticsKeys = ["analytics_Storage", "analytics_storage", "measurement", "analytics"];

    private const string Source = "https://github.com/microsoft/clarity";
    private const string CookiePage = "https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-cookies";

    /// <inheritdoc/>
    public override string Name => "microsoft-clarity";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["clarity"];

    /// <inheritdoc/>
    public override string Title => "Microsoft Clarity";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Microsoft Corporation", "https://www.microsoft.com/en-us/privacy/privacystatement",
        "Records visits as heatmaps and replays.",
        "https://www.microsoft.com/servicesagreement");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.Of(ConsentCategory.Measurement), GrantDeclaration.Of(ConsentCategory.Marketing)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"abc123"}""",
        """{"projectId":"def456","defaultConsent":{"ad_storage":"denied"},"scriptUrl":"https://clarity.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-setup");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-csp"/>.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-csp"),
        Script = ["https://*.clarity.ms"],
        Connect = ["https://*.clarity.ms", "https://c.bing.com"],
        Image = ["https://*.clarity.ms", "https://c.bing.com"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// The cookies are documented (<see href="https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-cookies"/>), the key is from the library's source. The other cookies of that page are on Microsoft's own domains.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_clck", CookiePage) { Grant = ConsentCategory.Measurement.Name(), Lifetime = "1 year", LifetimeSource = Source },
        new(BrowserStore.Cookie, "_clsk", CookiePage) { Grant = ConsentCategory.Measurement.Name(), Lifetime = "1 day", LifetimeSource = Source },
        new(BrowserStore.SessionStorage, "_cltk", Source) { Grant = ConsentCategory.Measurement.Name() },
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the setting defaultConsent can only deny what the visitor granted, never grant what was denied; each state is told "
        + "when it changes, not on each pass of the client; withdrawal also stops Clarity, which would go on uploading without cookies, and a new grant starts it again");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The project's id.")
        {
            Required = true, OtherNames = ["projectId"], Pattern = Id(), PatternInWords = "1 to 40 letters and digits",
        },
        new("defaultConsent", SettingKind.JsonValue, "What to deny at the start although the visitor granted it: false, denied, or {\"ad_Storage\":\"denied\"}."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from the id.") { OtherNames = ["scriptSrc"] },
        new("apiToken", SettingKind.Text, "The Data Export API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        foreach (var category in (ReadOnlySpan<ConsentCategory>)[ConsentCategory.Measurement, ConsentCategory.Marketing])
            scripts.Grant(category);
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://www.clarity.ms/tag/{settings.RequiredText("id")}")), config =>
        {
            config.WriteBoolean("denyAd", Denies(settings.Value("defaultConsent"), AdKeys));
            config.WriteBoolean("denyAnalytics", Denies(settings.Value("defaultConsent"), AnalyticsKeys));
        });
    }

    private static bool Denies(JsonElement? value, ImmutableArray<string> keys) => value is { } consent && consent.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.String => consent.GetString()!.ToLowerInvariant() is "denied" or "false",
        JsonValueKind.Object => keys.Any(key => consent.TryGetProperty(key, out var part) && part.ValueKind != JsonValueKind.Object && Denies(part, keys)),
        _ => false,
    };

    [GeneratedRegex("^[A-Za-z0-9]{1,40}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
