using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Mixpanel: <see href="https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript"/>.</summary>
/// <remarks>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>; then it starts opted out
/// (<c>opt_out_tracking_by_default</c>, which no option takes back), where the package tracks until its load event. (2) The state found at the start is told once, silently and without
/// deleting the profile; a change is told as the vendor means it. (3) The stub has the methods of the vendor's snippet, and a second destination becomes a named instance.
/// Data centres and the proxy through a domain of one's own: <see href="https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript"/>, read 2026-11-26.
/// </remarks>
public sealed partial class MixpanelType : DestinationType
{
    private const string Source = "https://github.com/mixpanel/mixpanel-js";
    private const string Answer = "it records the visitor's own answer, and without it the library takes a refusal for no answer";

    /// <inheritdoc/>
    public override string Name => "mixpanel";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["mixpanel-analytics"];

    /// <inheritdoc/>
    public override string Title => "Mixpanel";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Mixpanel, Inc.", "https://mixpanel.com/legal/privacy-policy",
        "Records what visitors do in the product, and analyses it by visitor and by group.",
        "https://github.com/mixpanel/mixpanel-js/blob/master/src/mixpanel-core.js");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"token":"0123456789abcdef0123456789abcdef"}""",
        """{"projectToken":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","initOptions":{"track_pageview":true,"ignore_dnt":null},"region":"eu","apiHost":"/mp/api","libBasePath":"https://mp.example/libs/","scriptUrl":"https://mp.example/lib.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript");

    /// <inheritdoc/>
    /// <remarks>Hosts from the library's defaults (<see href="https://github.com/mixpanel/mixpanel-js"/>); an <c>api_host</c> among the options takes the place of where data goes, the recorder still comes from the CDN. Only where it records canvases (<c>record_canvas</c>) it starts a worker.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new("https://github.com/mixpanel/mixpanel-js"),
        Script = ["https://cdn.mxpnl.com"],
        Connect = ["https://api-js.mixpanel.com"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// From the library's source. The record of the visitor's answer is kept: the library reads it before every event, and takes a visitor who has none for one who was never asked. What its
    /// recorder keeps in IndexedDB no list of names reaches.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "mp_{token}_mixpanel", Source) { Part = Project, Lifetime = "1 year" },
        new(BrowserStore.Cookie, "mp_{persistence_name}", Source) { Part = PersistenceName, Lifetime = "1 year" },
        new(BrowserStore.Cookie, "__mp_opt_in_out_{token}", Source) { Part = Project, KeptBecause = Answer },
        new(BrowserStore.Cookie, "{opt_out_tracking_cookie_prefix}", Source) { Part = AnswerName, KeptBecause = Answer },
        new(BrowserStore.LocalStorage, "mp_{token}_mixpanel", Source) { Part = Project },
        new(BrowserStore.LocalStorage, "mp_{persistence_name}", Source) { Part = PersistenceName },
        new(BrowserStore.LocalStorage, "__mpq_{token}_*", Source) { Part = Project },
        new(BrowserStore.LocalStorage, "__mp_opt_in_out_{token}", Source) { Part = Project, KeptBecause = Answer },
        new(BrowserStore.LocalStorage, "{opt_out_tracking_cookie_prefix}", Source) { Part = AnswerName, KeptBecause = Answer },
        new(BrowserStore.SessionStorage, "mp_tab_id_*", Source),
        new(BrowserStore.SessionStorage, "mp_gen_new_tab_id_*", Source),
    ];

    private static string Project(DestinationSettings settings) => settings.RequiredText("token");

    private static string? PersistenceName(DestinationSettings settings) => settings.Value("initOptions").TextOf("persistence_name");

    private static string? AnswerName(DestinationSettings settings) =>
        settings.Value("initOptions").TextOf("opt_out_tracking_cookie_prefix") is { Length: > 0 } prefix ? prefix + Project(settings) : null;

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}, and is opted out from its start until "
        + "consent; the state found at the start is told once, without an event; the stub has the methods of the vendor's "
        + "snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("token", SettingKind.Text, "The project's token.")
        {
            Required = true, OtherNames = ["projectToken"], Pattern = Token(), PatternInWords = "32 hexadecimal digits",
        },
        new("initOptions", SettingKind.JsonObject, "Further options of mixpanel.init.") { OtherNames = ["options", "config"] },
        new("region", SettingKind.Text, "Where the project's data is kept, which says where events go unless apiHost does.") { OneOf = ["us", "eu", "in"], DefaultJson = "\"us\"" },
        new("apiHost", SettingKind.UrlOrPath, "Where events go: a data centre's host or a proxy of your own, also a path of the site.") { IsBaseUrl = true, OtherNames = ["api_host", "initOptions.api_host"] },
        new("libBasePath", SettingKind.UrlOrPath, "Where the library finds its further parts, for a proxy of your own.") { IsBaseUrl = true, OtherNames = ["lib_base_path", "initOptions.lib_base_path"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The library.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js\"" },
        new("apiSecret", SettingKind.Text, "The project's API secret, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject();
        if (scripts.TestMode) options.Set("debug", true);
        options.Merge(settings.Value("initOptions"));
        if (scripts.AlwaysLoads) options.Set("opt_out_tracking_by_default", true);
        if (settings.Value("initOptions") is { } init && init.TryGetProperty("record_canvas", out var canvas) && canvas.ValueKind == JsonValueKind.True) scripts.ContactBlobWorker();
        if (ApiHost(settings) is { } apiHost)
        {
            options.Set("api_host", apiHost);
            scripts.ConnectInstead(PageUrl.Of(apiHost));
        }
        options.Set("lib_base_path", settings.Text("libBasePath"));
        scripts.Contact(CspDirective.Script, settings.Url("libBasePath"));
        scripts.GrantTracking();
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js")), config =>
        {
            config.WriteString("token", settings.RequiredText("token"));
            if (!scripts.IsFirstOfType) config.WriteString("name", scripts.InstanceName);
            options.WriteTo(config, "options");
        });
    }

    private static string? ApiHost(DestinationSettings settings) => settings.Text("apiHost") ?? settings.Text("region") switch
    {
        "eu" => "https://api-eu.mixpanel.com",
        "in" => "https://api-in.mixpanel.com",
        _ => null,
    };

    [GeneratedRegex("^[A-Fa-f0-9]{32}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Token();
}
