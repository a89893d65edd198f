using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Hightouch Events: <see href="https://hightouch.com/docs/events/sdks/browser"/>.</summary>
/// <remarks>
/// The vendor has one source a page and no call that withdraws consent: the library that runs stays until the page is left. Differs from the npm package: as in the vendor's snippet the key and the options are
/// properties of <c>htevents</c>, and no call of <c>load</c> is queued, a method the library does not have; the marks it looks for (<c>invoked</c>, <c>SNIPPET_VERSION</c>) are set; and it is not loaded
/// a second time when consent is granted again.
/// </remarks>
public sealed partial class HightouchType : DestinationType
{
    private const string Source = "https://github.com/ht-sdks/events-sdk-js-mono";

    /// <inheritdoc/>
    public override string Name => "hightouch";

    /// <inheritdoc/>
    public override string Title => "Hightouch";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Carry Technologies, Inc.", "https://hightouch.com/privacy-policy",
        "Collects what visitors do, and sends it to the site's data warehouse and tools.",
        "https://hightouch.com/terms-of-service");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"writeKey":"least_key"}""",
        """{"writeKey":"full-key","apiHost":"ht.example/events","loadOptions":{"obfuscate":true},"trackPageView":false,"scriptUrl":"https://ht.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://hightouch.com/docs/events/sdks/browser");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://hightouch.com/docs/events/sdks/browser"/>, and the library's default for events.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.hightouch-events.com"],
        Connect = ["https://us-east-1.hightouch-events.com"],
    };

    /// <inheritdoc/>
    /// <remarks>
    /// From the library's source: who the visitor is, in cookies and beside them, and events that are not sent yet. To take visitors over from its earlier library, from Segment, and from RudderStack it looks for
    /// their names, and leaves them in localStorage, empty or with what a cookie of that name says.
    /// </remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "htev_anonymous_id", Source) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "htjs_anonymous_id", Source) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "htjs_group_id", Source) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "htjs_sesh", Source) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "htjs_user_id", Source) { Lifetime = "1 year" },
        new(BrowserStore.LocalStorage, "ajs_anonymous_id", Source),
        new(BrowserStore.LocalStorage, "htev_anonymous_id", Source),
        new(BrowserStore.LocalStorage, "htjs_anonymous_id", Source),
        new(BrowserStore.LocalStorage, "htjs_group_id", Source),
        new(BrowserStore.LocalStorage, "htjs_group_properties", Source),
        new(BrowserStore.LocalStorage, "htjs_sesh", Source),
        new(BrowserStore.LocalStorage, "htjs_user_id", Source),
        new(BrowserStore.LocalStorage, "htjs_user_traits", Source),
        new(BrowserStore.LocalStorage, "rl_anonymous_id", Source),
        new(BrowserStore.LocalStorage, "persisted-queue:v1:{writeKey}:*", Source) { Part = WriteKey },
    ];

    private static string? WriteKey(DestinationSettings settings) => settings.Text("writeKey");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the stub is the vendor's, whose key and options are properties, without a queued call of load");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("writeKey", SettingKind.Text, "The event source's write key.") { Required = true, Pattern = Key(), PatternInWords = "1 to 128 letters, digits, _ and -" },
        new("apiHost", SettingKind.Text, "The host events go to, without scheme; the library's own is us-east-1.hightouch-events.com.")
        {
            OtherNames = ["api_host", "loadOptions.apiHost"], Pattern = Host(), PatternInWords = "a host name, with a path where it is a proxy",
        },
        new("loadOptions", SettingKind.JsonObject, "Further options of the library.") { OtherNames = ["options"] },
        new("trackPageView", SettingKind.Flag, "Whether a page call is made at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The library.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.hightouch-events.com/browser/release/v1-latest/events.min.js\"" },
        new("apiKey", SettingKind.Text, "The REST API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Text("apiHost") is { } host && PageUrl.From($"https://{host}") is null)
            problems.Add(SettingProblem.NotAs("apiHost", "a valid host name, with a port and a path where needed", host));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var apiHost = settings.Text("apiHost");
        if (apiHost is not null) scripts.ConnectInstead(PageUrl.Of($"https://{apiHost}"));
        var options = new ConfigObject(settings.Value("loadOptions"));
        options.Set("apiHost", apiHost);
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.hightouch-events.com/browser/release/v1-latest/events.min.js")), config =>
        {
            config.WriteString("writeKey", settings.RequiredText("writeKey"));
            options.WriteTo(config, "loadOptions");
            config.WriteBoolean("trackPageView", settings.Flag("trackPageView", true));
            if (scripts.TestMode) config.WriteBoolean("debug", true);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,128}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex("^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]{1,100}){0,8}/?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Host();
}
