using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>New Relic's browser agent: <see href="https://docs.newrelic.com/docs/browser/browser-monitoring/installation/install-browser-monitoring-agent/"/>.</summary>
/// <remarks>
/// The agent starts in its consent mode (<see href="https://docs.newrelic.com/docs/browser/new-relic-browser/configuration/consent-mode/"/>): it sends nothing until it is told that the visitor consents, and stops when it is told
/// that consent is withdrawn. An agent that the page runs itself is told as well, and not started a second time.
/// </remarks>
public sealed partial class NewRelicType : DestinationType
{
    private const string SessionSource = "https://github.com/newrelic/newrelic-browser-agent/blob/main/src/common/session/constants.js";

    /// <inheritdoc/>
    public override string Name => "new-relic";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["newrelic"];

    /// <inheritdoc/>
    public override string Title => "New Relic";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "New Relic, Inc.", "https://newrelic.com/termsandconditions/services-notices", "Measures how fast and how reliably the pages of a site work in its visitors' browsers.", "https://newrelic.com/termsandconditions/unpaid/03Feb2020/");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"licenseKey":"NRJS-0123456789abcdef012","applicationId":"1234567"}""",
        """
        {"licenseKey":"NRJS-fedcba9876543210fed","applicationID":"7654321","accountID":"11","trustKey":"12","agentID":"13","region":"eu","agentType":"lite",
         "init":{"distributed_tracing":{"enabled":true},"proxy":{"assets":"as.example/nr","beacon":"be.example"}},"info":{"sa":1},"loaderConfig":{"xpid":"x"},"scriptUrl":"https://nr.example/a.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.newrelic.com/docs/browser/browser-monitoring/installation/install-browser-monitoring-agent/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://docs.newrelic.com/docs/browser/new-relic-browser/performance-quality/security-browser-monitoring/"/>; those of the EU data center take the place of the others by region.</remarks>
    public override VendorHosts Hosts { get; } = HostsOf("https://bam.nr-data.net", "https://bam-cell.nr-data.net");

    /// <inheritdoc/>
    /// <remarks>From the library's source: the visit, with whether the visitor consented.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } = [new(BrowserStore.LocalStorage, "NRBA_SESSION*", SessionSource) { Lifetime = "4 hours" }];

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("licenseKey", SettingKind.Text, "The browser license key, which every visitor can read.")
        {
            Required = true, OtherNames = ["info.licenseKey", "loaderConfig.licenseKey"], Pattern = Key(), PatternInWords = "6 to 64 letters, digits and -",
        },
        new("applicationId", SettingKind.Text, "The application's id.")
        {
            Required = true, OtherNames = ["applicationID", "info.applicationID", "loaderConfig.applicationID"], Pattern = Digits(), PatternInWords = "1 to 20 digits",
        },
        new("accountId", SettingKind.Text, "The account's id.") { OtherNames = ["accountID", "loaderConfig.accountID"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("trustKey", SettingKind.Text, "The id of the account that traces are joined in; accountId where it is not set.") { OtherNames = ["loaderConfig.trustKey"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("agentId", SettingKind.Text, "The agent's id; applicationId where it is not set.") { OtherNames = ["agentID", "loaderConfig.agentID"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("region", SettingKind.Text, "Where the account's data is.") { OneOf = ["us", "eu"], DefaultJson = "\"us\"" },
        new("agentType", SettingKind.Text, "How much the agent measures: lite, pro, or pro with single-page applications.") { OneOf = ["lite", "pro", "spa"], DefaultJson = "\"spa\"" },
        new("init", SettingKind.JsonObject, "The agent's configuration (NREUM.init). Every visitor can read it.") { OtherNames = ["initOptions"] },
        new("info", SettingKind.JsonObject, "Further properties of NREUM.info."),
        new("loaderConfig", SettingKind.JsonObject, "Further properties of NREUM.loader_config.") { OtherNames = ["loader_config"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader; derived from agentType.") { OtherNames = ["scriptSrc"] },
        new("apiKey", SettingKind.Text, "An API key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var (licenseKey, applicationId) = (settings.RequiredText("licenseKey"), settings.RequiredText("applicationId"));
        var beacon = settings.Text("region") == "eu" ? "bam.eu01.nr-data.net" : "bam.nr-data.net";
        if (settings.Text("region") == "eu") scripts.ContactInstead(HostsOf("https://bam.eu01.nr-data.net"));
        var info = new ConfigObject(settings.Value("info"));
        info.Set("beacon", beacon);
        info.Set("errorBeacon", beacon);
        info.Set("licenseKey", licenseKey);
        info.Set("applicationID", applicationId);
        var loader = new ConfigObject(settings.Value("loaderConfig"));
        loader.Set("accountID", settings.Text("accountId"));
        loader.Set("trustKey", settings.Text("trustKey") ?? settings.Text("accountId"));
        loader.Set("agentID", settings.Text("agentId") ?? applicationId);
        loader.Set("licenseKey", licenseKey);
        loader.Set("applicationID", applicationId);
        var init = new ConfigObject(settings.Value("init"));
        var consentMode = new ConfigObject();
        consentMode.Set("enabled", true);
        init.Set("browser_consent_mode", consentMode);
        if (ProxyOf(settings, "assets") is { } assets) scripts.Contact(CspDirective.Script, assets);
        if (ProxyOf(settings, "beacon") is { } proxy) scripts.ConnectInstead(proxy);
        var kind = settings.Text("agentType") switch { "lite" => "rum", "pro" => "full", _ => "spa" };
        scripts.GrantTracking();
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://js-agent.newrelic.com/nr-loader-{kind}-current.min.js")), config =>
        {
            init.WriteTo(config, "init");
            info.WriteTo(config, "info");
            loader.WriteTo(config, "loader_config");
        });
    }

    /// <summary>A host of the organization's own that the agent uses instead of the vendor's, written there without its scheme.</summary>
    private static PageUrl? ProxyOf(DestinationSettings settings, string name)
    {
        if (settings.Value("init") is not { } init || !init.TryGetProperty("proxy", out var proxy)) return null;
        return ((JsonElement?)proxy).TextOf(name) is { Length: > 0 } host ? PageUrl.From($"https://{host}") : null;
    }

    private static VendorHosts HostsOf(params string[] connect) => new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://docs.newrelic.com/docs/browser/new-relic-browser/performance-quality/security-browser-monitoring/"),
        Script = ["https://js-agent.newrelic.com"],
        Connect = [.. connect],
    };

    [GeneratedRegex("^[A-Za-z0-9-]{6,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
