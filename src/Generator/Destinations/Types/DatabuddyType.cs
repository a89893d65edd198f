using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Databuddy: <see href="https://www.databuddy.cc/docs/sdk/vanilla-js"/>.</summary>
/// <remarks>
/// <para>
/// A page has one tracker: a second destination of the type does not start it again. Consent is the tracker's option <c>disabled</c>, which it heeds at any time. The vendor's <c>databuddyOptOut</c> is the
/// visitor's own, lasting choice, which no consent takes back, so it is left alone.
/// </para>
/// <para>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>. (2) <c>disabled</c> stands in the configuration the tracker starts with, not only in
/// what is told after load, and a configuration of the page's own gets it too. (3) Both configurations may be left out.
/// </para>
/// </remarks>
public sealed partial class DatabuddyType : DestinationType
{
    // What the vendor's SDK takes beside the hosts: npm @databuddy/sdk 2.6.0, DatabuddyConfig.
    private static readonly ImmutableArray<string> Switches =
        ["trackScreenViews", "trackSessions", "trackHashChanges", "trackAttributes", "trackOutgoingLinks", "trackInteractions", "trackErrors", "trackWebVitals", "trackPerformance", "trackScrollDepth", "enableBatching", "enableRetries"];

    private static readonly ImmutableArray<string> Amounts = ["samplingRate", "batchSize", "batchTimeout", "maxRetries", "initialRetryDelay"];

    private static readonly ImmutableArray<string> PathLists = ["skipPatterns", "maskPatterns"];
    private const string Source = "https://github.com/databuddy-analytics/Databuddy";
    private const string Answer = "it records the visitor's own answer, and without it the tracker takes the visitor for one who never opted out";

    /// <inheritdoc/>
    public override string Name => "databuddy";

    /// <inheritdoc/>
    public override string Title => "Databuddy";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Databuddy Analytics, Inc.", "https://www.databuddy.cc/privacy",
        "Counts page views and events, and measures speed and errors.",
        "https://github.com/c15t/c15t/tree/14d14f0bee6e9d70f05b8a4a8b41fe6064c07454/packages/integrations");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"clientId":"db_1"}""",
        """
        {"clientId":"db_2","apiUrl":"https://basket.example","scriptUrl":"https://db.example/databuddy.js","configWhenGranted":{"trackErrors":true,"disabled":false},
         "configWhenDenied":{"disabled":true}}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://www.databuddy.cc/docs/sdk/vanilla-js");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://www.databuddy.cc/docs/sdk/configuration"/>.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://www.databuddy.cc/docs/sdk/configuration"),
        Script = ["https://cdn.databuddy.cc"],
        Connect = ["https://basket.databuddy.cc"],
    };

    /// <inheritdoc/>
    /// <remarks>From the tracker's source; the vendor says that it uses no cookies (<see href="https://www.databuddy.cc/docs/security"/>). The record of an opt-out is kept: without it the tracker takes the visitor for one who did not opt out.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.LocalStorage, "databuddy_disabled", Source) { KeptBecause = Answer },
        new(BrowserStore.LocalStorage, "databuddy_opt_out", Source) { KeptBecause = Answer },
        new(BrowserStore.LocalStorage, "did", Source),
        new(BrowserStore.LocalStorage, "did_params", Source),
        new(BrowserStore.LocalStorage, "did_profile", Source),
        new(BrowserStore.SessionStorage, "did_profile_sent", Source),
        new(BrowserStore.SessionStorage, "did_session", Source),
        new(BrowserStore.SessionStorage, "did_session_start", Source),
        new(BrowserStore.SessionStorage, "did_session_timestamp", Source),
    ];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}, and is disabled from its start until consent, not from its load event; both configurations may be left out");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("clientId", SettingKind.Text, "The website's client id.") { Required = true, OtherNames = ["data-client-id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("apiUrl", SettingKind.HttpsUrl, "Where events go.") { IsBaseUrl = true, OtherNames = ["data-api-url"], DefaultJson = "\"https://basket.databuddy.cc\"" },
        new("scriptUrl", SettingKind.HttpsUrl, "The tracker.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.databuddy.cc/databuddy.js\"" },
        new("configWhenGranted", SettingKind.JsonObject, "The tracker's configuration where consent is granted.") { DefaultJson = "{}" },
        new("configWhenDenied", SettingKind.JsonObject, "The tracker's configuration where consent is denied; it is disabled whatever this says.") { DefaultJson = "{}" },
        new("options", SettingKind.JsonObject, "The tracker's configuration whatever the visitor's consent; configWhenGranted and configWhenDenied replace parts of it.") { OtherNames = ["config"] },
        .. Switches.Select(static name => new SettingField(name, SettingKind.Flag, "An option of the tracker of the same name.") { OtherNames = [$"options.{name}"] }),
        .. Amounts.Select(static name => new SettingField(name, SettingKind.Number, "An option of the tracker of the same name.") { OtherNames = [$"options.{name}"], Minimum = 0 }),
        .. PathLists.Select(static name => new SettingField(name, SettingKind.TextList, "Patterns of paths, an option of the tracker of the same name.") { OtherNames = [$"options.{name}"] }),
        new("clientSecret", SettingKind.Text, "The client's secret, used on the server only.") { Visibility = SettingVisibility.Private },
        new("apiKey", SettingKind.Text, "An API key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        if (settings.Url("apiUrl") is { } apiUrl) scripts.ContactInstead(apiUrl);
        var library = new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.databuddy.cc/databuddy.js")).With(
            ("crossorigin", "anonymous"), ("data-client-id", settings.RequiredText("clientId")),
            ("data-api-url", settings.Text("apiUrl") ?? "https://basket.databuddy.cc"));
        scripts.GrantTracking();
        scripts.Start(library, config =>
        {
            Configuration("configWhenGranted").WriteTo(config, "granted");
            Configuration("configWhenDenied").WriteTo(config, "denied");
        });

        ConfigObject Configuration(string name)
        {
            var configuration = new ConfigObject();
            if (scripts.TestMode) configuration.Set("debug", true);
            configuration.Merge(settings.Value("options"));
            foreach (var flag in Switches) configuration.Set(flag, settings.Flag(flag));
            foreach (var amount in Amounts) configuration.Set(amount, settings.Number(amount));
            foreach (var list in PathLists)
                if (settings.Has(list)) configuration.Set(list, settings.Value(list));
            configuration.Merge(settings.Value(name));
            return configuration;
        }
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
