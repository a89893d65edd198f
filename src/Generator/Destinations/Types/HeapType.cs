using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Heap: <see href="https://developers.heap.io/docs/web"/>.</summary>
/// <remarks>
/// A page has one environment: a second destination of the type does not start it again. Withdrawal stops the tracking (<c>stopTracking</c>) and a new grant starts it again. Differs from
/// the npm package, which leaves it running and then loads it a second time, and also sets <c>heap.appid</c>, a name the vendor's present snippet does not have.
/// </remarks>
public sealed partial class HeapType : DestinationType
{
    private const string CookiePage = "https://help.heap.io/hc/en-us/articles/37271939081617-What-cookies-does-Heap-set-and-what-are-they-used-for";
    private const string ReplayPage = "https://help.heap.io/session-replay/session-replay-overview/what-cookies-does-session-replay-set/";

    /// <inheritdoc/>
    public override string Name => "heap";

    /// <inheritdoc/>
    public override string Title => "Heap";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Content Square SAS", "https://contentsquare.com/privacy-policy/",
        "Records the visitors' interactions with the pages, and analyses them.",
        "https://contentsquare.com/privacy-center/subprocessors/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"envId":"12345"}""",
        """{"appId":"67890","region":"us","clientConfig":{"disableTextCapture":true},"scriptUrl":"https://heap.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.heap.io/docs/web");

    /// <inheritdoc/>
    /// <remarks>
    /// The host of the vendor's snippet, from which the configuration also loads the library, and the one that a configuration names for events. Session replay, which is sold apart, has a list
    /// of its own: <see href="https://help.heap.io/session-replay/session-replay-overview/session-replay-setup-checklist/"/>.
    /// </remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Withheld = "worker-src blob:, connect-src and font-src https://*.auryc.com, for its session replay",
        Script = ["https://cdn.us.heap-api.com"],
        Connect = ["https://c.us.heap-api.com"],
    };

    private static readonly VendorHosts s_europe = new()
    {
        Script = ["https://cdn.eu.heap-api.com"],
        Connect = ["https://c.eu.heap-api.com"],
    };

    /// <inheritdoc/>
    /// <remarks>The cookies of heap.js and of its session replay, which is sold apart (<see href="https://help.heap.io/session-replay/session-replay-overview/what-cookies-does-session-replay-set/"/>). Thirteen months are less one day. Heap is a product of Contentsquare, whose replay asks a question of its own.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_cs_c", ReplayPage) { Lifetime = "13 months", KeptBecause = "it records the visitor's own answer to a question of the session replay" },
        new(BrowserStore.Cookie, "_cs_id", ReplayPage) { Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_cs_s", ReplayPage) { Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_hp2_hld.*", CookiePage) { Lifetime = "removed at once" },
        new(BrowserStore.Cookie, "_hp2_id.{envId}", CookiePage) { Part = Environment, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_hp2_props.{envId}", CookiePage) { Part = Environment, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_hp2_ses_props.{envId}", CookiePage) { Part = Environment, Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_hp5_event_props.{envId}", CookiePage) { Part = Environment, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_hp5_let.{envId}", CookiePage) { Part = Environment, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "_hp5_meta.{envId}", CookiePage) { Part = Environment, Lifetime = "13 months" },
        new(BrowserStore.Cookie, "userty.core.p.*", CookiePage) { Lifetime = "2 years" },
        new(BrowserStore.Cookie, "userty.core.s.*", CookiePage) { Lifetime = "session" },
    ];

    private static string? Environment(DestinationSettings settings) => settings.Text("envId");

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Stopped;

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "withdrawal stops the tracking and a new grant starts it again; heap.appid is not set, which the vendor's present snippet does not have");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("envId", SettingKind.Text, "The environment's id, which Heap also calls app id.")
        {
            Required = true, OtherNames = ["appId", "app_id"], Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -",
        },
        new("clientConfig", SettingKind.JsonObject, "Further options of heap.load.") { OtherNames = ["config"] },
        new("region", SettingKind.Text, "The data centre of the environment.") { OneOf = ["us", "eu"], DefaultJson = "\"us\"" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from envId and region.") { OtherNames = ["scriptSrc"] },
        new("apiKey", SettingKind.Text, "The API key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var envId = settings.RequiredText("envId");
        // The European snippet differs in its host alone, which also says where events go.
        var region = settings.Text("region") ?? (settings.Text("scriptUrl")?.StartsWith("https://cdn.eu.heap-api.com/", StringComparison.OrdinalIgnoreCase) == true ? "eu" : "us");
        if (region == "eu") scripts.ContactInstead(s_europe);
        var options = new ConfigObject(settings.Value("clientConfig"));
        // The loader is the environment's configuration: it need not be fetched once more.
        options.Set("shouldFetchServerConfig", false);
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.{region}.heap-api.com/config/{envId}/heap_config.js")), config =>
        {
            config.WriteString("envId", envId);
            options.WriteTo(config, "clientConfig");
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
