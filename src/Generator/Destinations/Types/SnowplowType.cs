using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Snowplow's JavaScript tracker: <see href="https://docs.snowplow.io/docs/sources/web-trackers/quick-start-guide/"/>.</summary>
/// <remarks>
/// Events go to the organization's own collector. The vendor's way to track without consent is anonymous tracking (<see href="https://docs.snowplow.io/docs/sources/web-trackers/anonymous-tracking/"/>): on withdrawal the tracker forgets
/// the visitor, stores nothing any more, stops its activity pings, and sends what the page still tracks without any identifier; a new grant ends that. A tracker that always loads is anonymous until measurement is granted.
/// </remarks>
public sealed class SnowplowType : DestinationType
{
    private const string StoragePage = "https://docs.snowplow.io/docs/sources/web-trackers/cookies-and-local-storage/";

    /// <inheritdoc/>
    public override string Name => "snowplow";

    /// <inheritdoc/>
    public override string Title => "Snowplow";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Snowplow Analytics Ltd", "https://snowplow.io/privacy-policy/", "Measures how a site is used, and sends it to a server of the site's owner.", "https://github.com/snowplow/snowplow-javascript-tracker");

    /// <inheritdoc/>
    public override ImmutableArray<GrantDeclaration> Grants { get; } = [GrantDeclaration.TrackingUnder(ConsentCategory.Measurement)];

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"collectorUrl":"https://collector.example"}""",
        """
        {"collector":"/sp","appId":"shop","trackPageView":false,"linkClickTracking":true,"activityTracking":{"minimumVisitLength":5,"heartbeatDelay":10},
         "initOptions":{"cookieName":"_shop_","platform":"web"},"scriptUrl":"/assets/sp.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.snowplow.io/docs/sources/web-trackers/quick-start-guide/");

    /// <inheritdoc/>
    /// <remarks>The public host of packages that the vendor names (<see href="https://docs.snowplow.io/docs/sources/web-trackers/tracker-setup/hosting-the-javascript-tracker/third-party-cdn-hosting/"/>); the vendor recommends a copy on the site.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://docs.snowplow.io/docs/sources/web-trackers/tracker-setup/hosting-the-javascript-tracker/third-party-cdn-hosting/"),
        Script = ["https://cdn.jsdelivr.net"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_sp_id.*", StoragePage) { Lifetime = "2 years" },
        new(BrowserStore.Cookie, "_sp_ses.*", StoragePage) { Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "{cookieName}id.*", StoragePage) { Part = CookieName, Lifetime = "2 years" },
        new(BrowserStore.Cookie, "{cookieName}ses.*", StoragePage) { Part = CookieName, Lifetime = "30 minutes" },
        new(BrowserStore.LocalStorage, "_sp_id.*", StoragePage),
        new(BrowserStore.LocalStorage, "_sp_ses.*", StoragePage),
        new(BrowserStore.LocalStorage, "snowplowOutQueue_*", StoragePage),
    ];

    private static string? CookieName(DestinationSettings settings) => settings.Value("initOptions").TextOf("cookieName");

    /// <inheritdoc/>
    public override WithdrawalEffect AfterWithdrawal => WithdrawalEffect.Told;

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("collectorUrl", SettingKind.UrlOrPath, "The collector: an https URL, or a path of the site that leads to it.")
        {
            Required = true, IsBaseUrl = true, OtherNames = ["collector", "collectorEndpoint", "collector_url", "endpoint"],
        },
        new("appId", SettingKind.Text, "The application that events are filed under.") { OtherNames = ["initOptions.appId"], MaxLength = 100 },
        new("trackPageView", SettingKind.Flag, "Whether a page view is sent at the start.") { DefaultJson = "true" },
        new("activityTracking", SettingKind.JsonValue, "Whether pings say that the page is still being read: true, or an object with minimumVisitLength and heartbeatDelay in seconds.") { DefaultJson = "false" },
        new("linkClickTracking", SettingKind.Flag, "Whether clicks on links are tracked; it needs a tracker that was built with it.") { DefaultJson = "false" },
        new("initOptions", SettingKind.JsonObject, "Further options of the tracker. Every visitor gets the same, and can read them.") { OtherNames = ["config", "options"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The tracker, sp.js.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.jsdelivr.net/npm/@snowplow/javascript-tracker@4/dist/sp.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (settings.Value("activityTracking") is not { } activity || activity.ValueKind is JsonValueKind.True or JsonValueKind.False) return;
        if (activity.ValueKind != JsonValueKind.Object) problems.Add(SettingProblem.NotAs("activityTracking", "true, false, or an object with minimumVisitLength and heartbeatDelay", activity));
        else
            foreach (var name in (string[])["minimumVisitLength", "heartbeatDelay"])
                if (!activity.TryGetProperty(name, out var seconds) || seconds.ValueKind != JsonValueKind.Number || !seconds.TryGetInt32(out var whole) || whole < 1)
                    problems.Add(SettingProblem.NotAs("activityTracking", "a whole number of seconds, 1 or greater", seconds, $"activityTracking.{name}"));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var collector = settings.RequiredUrl("collectorUrl");
        scripts.Contact(CspDirective.Connect, collector);
        scripts.Contact(CspDirective.Image, collector);
        var options = new ConfigObject(settings.Value("initOptions"));
        options.Set("appId", settings.Text("appId"));
        var activity = settings.Value("activityTracking");
        scripts.GrantTracking();
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.jsdelivr.net/npm/@snowplow/javascript-tracker@4/dist/sp.js")), config =>
        {
            config.WriteString("name", scripts.IsFirstOfType ? "sp" : scripts.InstanceName);
            config.WriteString("collector", settings.BaseUrl("collectorUrl"));
            options.WriteTo(config, "options");
            config.WriteBoolean("page", settings.Flag("trackPageView", true));
            if (activity is { ValueKind: JsonValueKind.Object } pings)
            {
                config.WriteStartObject("activity");
                foreach (var name in (string[])["minimumVisitLength", "heartbeatDelay"]) config.WriteNumber(name, pings.GetProperty(name).GetInt32());
                config.WriteEndObject();
            }
            else if (activity is { ValueKind: JsonValueKind.True })
            {
                config.WriteStartObject("activity");
                config.WriteNumber("minimumVisitLength", 10);
                config.WriteNumber("heartbeatDelay", 10);
                config.WriteEndObject();
            }
            if (settings.Flag("linkClickTracking", false)) config.WriteBoolean("links", true);
        });
    }
}
