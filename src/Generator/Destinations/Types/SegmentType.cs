using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Segment's Analytics.js: <see href="https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/quickstart/"/>.</summary>
/// <remarks>
/// The vendor has one source a page and no call that withdraws consent: the library that runs stays until the page is left. Differs from the npm
/// package, whose stub has six methods and none of the marks the library looks for (<c>invoked</c>, <c>_writeKey</c>, <c>SNIPPET_VERSION</c>), and loads it a second time
/// when consent is granted again. Load options, regional hosts and domains of one's own: <see href="https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/custom-proxy/"/>
/// and <see href="https://segment.com/docs/guides/regional-segment/"/>, read 2026-11-26.
/// </remarks>
public sealed partial class SegmentType : DestinationType
{
    private const string StoragePage = "https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/website/javascript/cookie-validity-update";
    private const string Source = "https://github.com/segmentio/analytics-next";

    /// <inheritdoc/>
    public override string Name => "segment";

    /// <inheritdoc/>
    public override string Title => "Segment";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Twilio Inc.", "https://www.twilio.com/en-us/legal/privacy",
        "Collects what visitors do, and sends it to the site's tools.",
        "https://www.twilio.com/docs/segment");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"writeKey":"least_key"}""",
        """{"writeKey":"full-key","trackPageView":false,"cdnURL":"https://seg.example","loadOptions":{"obfuscate":true},"integrations":{"All":false,"Segment.io":{"apiHost":"events.example/v1"}},"scriptUrl":"https://seg.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/quickstart/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/"/>, settings from the CDN and events to the API; what device-mode destinations need comes on top.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.segment.com"],
        Connect = ["https://api.segment.io", "https://cdn.segment.com"],
    };

    /// <inheritdoc/>
    /// <remarks>Who the visitor is, in cookies and beside them (<see href="https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/website/javascript/cookie-validity-update"/>), and from the library's source events that are not sent yet. What device-mode destinations leave is theirs.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "ajs_anonymous_id", StoragePage) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "ajs_group_id", StoragePage) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "ajs_user_id", StoragePage) { Lifetime = "1 year" },
        new(BrowserStore.LocalStorage, "ajs_anonymous_id", StoragePage),
        new(BrowserStore.LocalStorage, "ajs_group_id", StoragePage),
        new(BrowserStore.LocalStorage, "ajs_group_properties", StoragePage),
        new(BrowserStore.LocalStorage, "ajs_user_id", StoragePage),
        new(BrowserStore.LocalStorage, "ajs_user_traits", StoragePage),
        new(BrowserStore.LocalStorage, "persisted-queue:v1:{writeKey}:*", Source) { Part = WriteKey },
    ];

    private static string? WriteKey(DestinationSettings settings) => settings.Text("writeKey");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "what a source's device-mode destinations leave is theirs";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the stub is the vendor's, with all methods, the source's key and the page a queued call was made on");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("writeKey", SettingKind.Text, "The source's write key.") { Required = true, Pattern = Key(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("trackPageView", SettingKind.Flag, "Whether a page call is made at the start.") { DefaultJson = "true" },
        new("loadOptions", SettingKind.JsonObject, "The second argument of analytics.load.") { OtherNames = ["initOptions", "options"] },
        new("integrations", SettingKind.JsonObject, "Which integrations get events, and their options; {\"Segment.io\":{\"apiHost\":\"…\"}} is where events go.") { OtherNames = ["loadOptions.integrations"] },
        new("cdnURL", SettingKind.HttpsUrl, "The host of the library and of the source's settings, for a domain of your own.") { IsBaseUrl = true, OtherNames = ["cdnUrl"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from the write key and cdnURL.") { OtherNames = ["scriptSrc"] },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (ApiHost(settings) is { } host && (host.Contains("://", StringComparison.Ordinal) || PageUrl.From($"https://{host}") is null))
            problems.Add(new SettingProblem("integrations", "'integrations.Segment.io.apiHost' must be a host name without https://, with a path such as /v1."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var writeKey = settings.RequiredText("writeKey");
        // The library asks the host it comes from for the source's settings.
        scripts.Contact(CspDirective.Connect, settings.Url("scriptUrl"));
        var cdn = settings.BaseUrl("cdnURL");
        scripts.Contact(CspDirective.Connect, settings.Url("cdnURL"));
        scripts.Contact(CspDirective.Script, settings.Url("cdnURL"));
        if (ApiHost(settings) is { } apiHost) scripts.Contact(CspDirective.Connect, PageUrl.Of($"https://{apiHost}"));
        var options = new ConfigObject(settings.Value("loadOptions"));
        options.Set("integrations", settings.Value("integrations"));
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"{cdn ?? "https://cdn.segment.com"}/analytics.js/v1/{writeKey}/analytics.min.js")), config =>
        {
            config.WriteString("writeKey", writeKey);
            config.WriteBoolean("trackPageView", settings.Flag("trackPageView", true));
            if (scripts.TestMode) config.WriteBoolean("debug", true);
            if (!options.IsEmpty) options.WriteTo(config, "loadOptions");
            if (cdn is not null) config.WriteString("cdn", cdn);
        });
    }

    /// <summary>Where events go instead of Segment's own host, without a scheme, as the library takes it; null where nothing is said.</summary>
    private static string? ApiHost(DestinationSettings settings) =>
        settings.Value("integrations") is { } integrations && integrations.TryGetProperty("Segment.io", out var own) ? ((JsonElement?)own).TextOf("apiHost") : null;

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
