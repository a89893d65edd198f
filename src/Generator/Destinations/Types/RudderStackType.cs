using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>
/// RudderStack with its pre-consent mode: <see href="https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/quickstart/"/>.
/// </summary>
/// <remarks>
/// <para>
/// What loads before consent stores nothing and holds events back until its first grant. The vendor has one source a page, that of the first destination that starts, and
/// no call that stops it: without <c>consentManagement</c> the library that runs stays until the page is left; with it, a withdrawal denies its consent ids. An id under
/// several categories needs all of them: RudderStack looks only at what is allowed.
/// </para>
/// <para>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>, not because of <c>consentManagement</c>, and then in the pre-consent mode also
/// without it. (2) <c>consent</c> is called with the first grant and then with each change; the package calls it at once, which ends the pre-consent mode of a visitor who has granted nothing.
/// </para>
/// </remarks>
public sealed partial class RudderStackType : DestinationType
{
    private const string StoragePage = "https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/data-storage-cookies/";
    private const string Source = "https://github.com/rudderlabs/rudder-sdk-js";
    private const string MappingField = "consentManagement";

    /// <inheritdoc/>
    public override string Name => "rudderstack";

    /// <inheritdoc/>
    public override string Title => "RudderStack";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "RudderStack, Inc.", "https://www.rudderstack.com/privacy-policy/",
        "Collects what visitors do, and sends it to the site's data warehouse and tools.",
        "https://github.com/rudderlabs/rudder-sdk-js/blob/develop/LICENSE.md");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [.. ConsentCategories.Optional.Select(GrantDeclaration.Of)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"writeKey":"least","dataPlaneUrl":"https://rs.example"}""",
        """
        {"writeKey":"full","dataPlaneUrl":"https://rs.example/plane","consentManagement":{"mapping":{"marketing":["ads","more"],"measurement":["analytics"]}},
         "loadOptions":{"useBeacon":true,"preConsent":{"storage":{"strategy":"session"}}},"trackPageView":false,"scriptUrl":"https://rs.example/a.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/quickstart/");

    /// <inheritdoc/>
    /// <remarks>The SDK's CDN, plugins included, and the source's configuration; the data plane's host comes from the settings, and what device-mode destinations need comes on top.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.rudderlabs.com"],
        Connect = ["https://api.rudderstack.com"],
    };

    /// <inheritdoc/>
    /// <remarks>Who the visitor is (<see href="https://www.rudderstack.com/docs/sources/event-streams/sdks/rudderstack-javascript-sdk/data-storage-cookies/"/>), by default in cookies; a load option chooses another store, for all or for each. Events that are not sent yet, from the library's source.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        .. Visitor(BrowserStore.Cookie, "1 year"),
        .. Visitor(BrowserStore.LocalStorage, null),
        .. Visitor(BrowserStore.SessionStorage, null),
        new(BrowserStore.LocalStorage, "rudder_{writeKey}.*", Source) { Part = WriteKey },
        new(BrowserStore.LocalStorage, "rudder_beacon_{writeKey}.*", Source) { Part = WriteKey },
        new(BrowserStore.LocalStorage, "rudder_destinations_events_{writeKey}.*", Source) { Part = WriteKey },
    ];

    private static IEnumerable<StoredName> Visitor(BrowserStore store, string? lifetime) =>
        ((string[])["rl_anonymous_id", "rl_auth_token", "rl_group_id", "rl_group_trait", "rl_page_init_referrer", "rl_page_init_referring_domain", "rl_session", "rl_trait", "rl_user_id"])
        .Select(name => new StoredName(store, name, StoragePage) { Lifetime = lifetime, LifetimeSource = lifetime is null ? null : Source });

    private static string? WriteKey(DestinationSettings settings) => settings.Text("writeKey");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only under {necessary}, and consent is first called with the first grant, so that the pre-consent mode lasts until then; "
        + "withdrawal denies every consent id; an id under several categories needs all of them, and one under necessary is refused");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("writeKey", SettingKind.Text, "The source's write key.") { Required = true, Pattern = Key(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("dataPlaneUrl", SettingKind.HttpsUrl, "Where events go: the data plane.") { IsBaseUrl = true, Required = true },
        new(MappingField, SettingKind.JsonObject, "The consent ids of RudderStack's destinations by category: {\"mapping\":{\"marketing\":[\"ads\"]}}."),
        new("loadOptions", SettingKind.JsonObject, "Further options of rudderanalytics.load.") { OtherNames = ["options"] },
        new("trackPageView", SettingKind.Flag, "Whether a page call is made at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.rudderlabs.com/v3/modern/rsa.min.js\"" },
        new("accessToken", SettingKind.Text, "The HTTP API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value(MappingField) is not { } management) return;
        if (!management.TryGetProperty("mapping", out var mapping) || mapping.ValueKind != JsonValueKind.Object || !mapping.EnumerateObject().Any())
        {
            problems.Add(SettingProblem.NotAs(MappingField, "an object that names the consent ids of at least one category", mapping, $"{MappingField}.mapping"));
            return;
        }
        foreach (var entry in mapping.EnumerateObject())
            if (!ConsentCategories.TryParse(entry.Name, out var category))
                problems.Add(new SettingProblem(MappingField, $"'{MappingField}.mapping' has a key that is no consent category; use functionality, experience, measurement, marketing."));
            else if (category == ConsentCategory.Necessary)
                problems.Add(new SettingProblem(MappingField, $"'{MappingField}.mapping.{entry.Name}' would grant its consent ids to every visitor; put them under a category that a visitor can refuse, "
                    + "or leave them out in RudderStack: a destination without consent ids needs none."));
            else if (entry.Value.ValueKind != JsonValueKind.Array || Ids(entry.Value).IsEmpty)
                problems.Add(SettingProblem.NotAs(MappingField, "a list with at least one consent id", entry.Value, $"{MappingField}.mapping.{entry.Name}"));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var writeKey = settings.RequiredText("writeKey");
        scripts.Contact(CspDirective.Connect, settings.Url("dataPlaneUrl"));
        scripts.Contact(CspDirective.Connect, settings.Value("loadOptions").UrlOf("configUrl"));
        scripts.Contact(CspDirective.Script, settings.Value("loadOptions").UrlOf("destSDKBaseURL"));
        scripts.Contact(CspDirective.Script, settings.Value("loadOptions").UrlOf("pluginsSDKBaseURL"));
        var mapping = Mapping(settings);
        var mapped = !mapping.IsEmpty;
        if (!mapped && scripts.AlwaysLoads) mapping = [(ConsentCategory.Measurement, [])];
        foreach (var (category, _) in mapping)
            scripts.Grant(category);
        var library = new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.rudderlabs.com/v3/modern/rsa.min.js")).With(
            ("data-loader", "RS_JS_SDK"), ("data-rsa-write-key", writeKey));
        scripts.Start(library, config =>
        {
            config.WriteString("writeKey", writeKey);
            config.WriteString("url", settings.RequiredText("dataPlaneUrl"));
            LoadOptions(settings, scripts.TestMode, holdsBack: !mapping.IsEmpty).WriteTo(config, "options");
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
            if (!mapping.IsEmpty) WriteConsent(config, mapping);
            config.WriteBoolean("mapped", mapped);
            config.WriteBoolean("waits", scripts.AlwaysLoads);
        });
    }

    private static ConfigObject LoadOptions(DestinationSettings settings, bool testMode, bool holdsBack)
    {
        var free = settings.Value("loadOptions");
        var options = new ConfigObject();
        if (testMode) options.Set("logLevel", "DEBUG");
        options.Merge(free);
        if (!holdsBack) return options;
        var preConsent = new ConfigObject(ObjectOf(free, "preConsent"));
        preConsent.Set("enabled", true);
        if (ObjectOf(ObjectOf(free, "preConsent"), "storage") is null)
        {
            var storage = new ConfigObject();
            storage.Set("strategy", "none");
            preConsent.Set("storage", storage);
        }
        var events = new ConfigObject();
        events.Set("delivery", "buffer");
        preConsent.Set("events", events);
        options.Set("preConsent", preConsent);
        var management = new ConfigObject(ObjectOf(free, "consentManagement"));
        management.Set("enabled", true);
        management.Set("provider", "custom");
        options.Set("consentManagement", management);
        return options;
    }

    private static void WriteConsent(Utf8JsonWriter config, ImmutableArray<(ConsentCategory Category, ImmutableArray<string> Ids)> mapping)
    {
        config.WriteStartArray("consent");
        foreach (var (category, ids) in mapping)
        {
            config.WriteStartArray();
            config.WriteStringValue(category.Name());
            config.WriteStartArray();
            foreach (var id in ids) config.WriteStringValue(id);
            config.WriteEndArray();
            config.WriteEndArray();
        }
        config.WriteEndArray();
    }

    private static ImmutableArray<(ConsentCategory Category, ImmutableArray<string> Ids)> Mapping(DestinationSettings settings)
    {
        if (settings.Value(MappingField) is not { } management) return [];
        var byCategory = new Dictionary<ConsentCategory, ImmutableArray<string>>();
        foreach (var entry in management.GetProperty("mapping").EnumerateObject())
            if (ConsentCategories.TryParse(entry.Name, out var category)) byCategory[category] = Ids(entry.Value);
        return [.. byCategory.OrderBy(entry => entry.Key).Select(entry => (entry.Key, entry.Value))];
    }

    private static ImmutableArray<string> Ids(JsonElement list) =>
        [.. list.EnumerateArray().Where(id => id.ValueKind == JsonValueKind.String).Select(id => id.GetString()!.Trim()).Where(id => id.Length > 0)];

    private static JsonElement? ObjectOf(JsonElement? parent, string name) =>
        parent is { } found && found.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
