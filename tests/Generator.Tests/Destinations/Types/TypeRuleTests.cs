using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

/// <summary>The rules that a type has beside its fields' own: each broken one is reported with the field, the rule and what the value is, never with the value.</summary>
public sealed class TypeRuleTests
{
    private const string Categories = "necessary, functionality, experience, measurement, marketing";

    // Type, settings, field, message. What is in the settings as "secret…" is a value and must not be told.
    private static readonly (string Type, string Settings, string Field, string Message)[] Rules =
    [
        ("fullstory", """{"orgId":"A","host":"secret..example"}""", "host", "'host' must be a valid host name, and is a string of 15 characters."),
        ("google-ads", """{"id":"AW-123456","consentMapping":{"necessary":["ad_storage"]}}""", "consentMapping",
            "'consentMapping.necessary' would grant an ad or analytics signal to every visitor; put analytics_storage, ad_storage, ad_user_data, ad_personalization under a category that a visitor can refuse."),
        ("google-analytics", """{"id":"G-1","consentMapping":{"secret":["ad_storage"]}}""", "consentMapping", $"'consentMapping' has a key that is no consent category; use {Categories}."),
        ("google-tag-manager", """{"id":"GTM-1","consentMapping":{"marketing":"secret_storage"}}""", "consentMapping",
            "'consentMapping.marketing' must be a list of Consent Mode signals (security_storage, functionality_storage, personalization_storage, analytics_storage, ad_storage, ad_user_data, ad_personalization), "
            + "and is a string of 14 characters."),
        ("google-analytics", """{"id":"G-1","consentMapping":{"necessary":["ad_storage"]}}""", "consentMapping",
            "'consentMapping.necessary' would grant an ad or analytics signal to every visitor; put analytics_storage, ad_storage, ad_user_data, ad_personalization under a category that a visitor can refuse."),
        ("google-analytics", "{\"id\":\"G-1\",\"consentMapping\":{\"marketing\":[" + string.Join(',', Enumerable.Repeat("\"ad_storage\"", 33)) + "]}}", "consentMapping",
            "'consentMapping.marketing' may have 32 signals, and has 33."),
        ("google-tag-manager", """{"id":"GTM-1","auth":"secret-auth"}""", "auth",
            "'auth' and 'preview' name an environment of the container together, and 'preview' is missing: with one of them alone, Google loads the live container."),
        ("google-tag-manager", """{"id":"GTM-1","dataLayer":"secret layer"}""", "dataLayer", "'dataLayer' must be the name of a variable, or an object of values, and is a string of 12 characters."),
        ("google-tag-manager", """{"id":"GTM-1","dataLayer":"secretLayer","dataLayerName":"other"}""", "dataLayer", "'dataLayer' and 'dataLayerName' name two data layers. Keep one of them."),
        ("hightouch", """{"writeKey":"a","apiHost":"secret..example"}""", "apiHost", "'apiHost' must be a valid host name, with a port and a path where needed, and is a string of 15 characters."),
        ("hotjar", """{"siteId":1,"version":6.5}""", "version", "'version' must be a whole number, and is a number."),
        ("intercom", """{"appId":"secret1","region":"au","apiBase":"https://api-iam.eu.intercom.io"}""", "region", "'region' and 'apiBase' name two regions. Keep one of them."),
        ("matomo-analytics", """{"matomoUrl":"https://ma.example","enableHeartBeatTimer":0.5}""", "enableHeartBeatTimer", "'enableHeartBeatTimer' must be true, false or a whole number of seconds from 1 to 3600, and is a number."),
        ("matomo-analytics", """{"matomoUrl":"https://ma.example","customDimensions":{"secret":"x"}}""", "customDimensions", "'customDimensions' has a key that is no number of a custom dimension; use 1 to 999."),
        ("matomo-tag-manager", """{"cloudId":"secret"}""", "containerId", "'containerId' is required and missing, unless 'scriptUrl' is set: the container's id."),
        ("matomo-tag-manager", """{"containerId":"secret"}""", "matomoUrl", "'matomoUrl' is required and missing, unless 'cloudId' or 'scriptUrl' is set: where Matomo is."),
        ("matomo-analytics", """{"trackerUrl":"https://secret.example/t.php"}""", "matomoUrl",
            "'matomoUrl' is required and missing, unless 'cloudId', or 'trackerUrl' and 'scriptUrl', are set: where Matomo is."),
        ("meta-pixel", """{"pixelId":"1","dataProcessingOptions":{"options":["secret"]}}""", "dataProcessingOptions", "'dataProcessingOptions.options' must be [\"LDU\"] or [], and is a list of 1 entries."),
        ("meta-pixel", """{"pixelId":"1","dataProcessingOptions":{}}""", "dataProcessingOptions", "'dataProcessingOptions.options' must be [\"LDU\"] or [], and is missing."),
        ("meta-pixel", """{"pixelId":"1","dataProcessingOptions":{"options":[],"state":"secret"}}""", "dataProcessingOptions",
            "'dataProcessingOptions.state' must be a whole number, 0 or greater, and is a string of 6 characters."),
        ("plausible-analytics", """{"endpoint":"/secret"}""", "scriptId", "'scriptId' is required and missing, unless 'domain' or 'scriptUrl' is set: the id of the site's own script."),
        ("plausible-analytics", """{"scriptId":"a","exclude":"/secret"}""", "exclude",
            "'exclude' is for the script that all sites shared, which 'domain' without 'scriptId' loads; the site's own script has its exclusions in Plausible's settings."),
        ("plausible-analytics", """{"domain":"secret.example","formSubmissions":true}""", "formSubmissions",
            "'formSubmissions' needs the site's own script, which 'scriptId' loads; the script that all sites shared, which 'domain' loads, does not track forms."),
        ("posthog", """{"id":"phc_1","features":{"secret":true}}""", "features", "'features' has a switch that is not known; use surveys, heatmaps, deadClicks, webVitals, featureFlags."),
        ("posthog", """{"id":"phc_1","features":{"surveys":"secret"}}""", "features", "'features.surveys' must be true or false, and is a string of 6 characters."),
        ("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"secret":1}}""", "consentManagement",
            "'consentManagement.mapping' must be an object that names the consent ids of at least one category, and is missing."),
        ("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"secret":["a"]}}}""", "consentManagement",
            "'consentManagement.mapping' has a key that is no consent category; use functionality, experience, measurement, marketing."),
        ("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"necessary":["secret-ads"],"marketing":["b"]}}}""", "consentManagement",
            "'consentManagement.mapping.necessary' would grant its consent ids to every visitor; put them under a category that a visitor can refuse, "
            + "or leave them out in RudderStack: a destination without consent ids needs none."),
        ("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example","consentManagement":{"mapping":{"marketing":"secret"}}}""", "consentManagement",
            "'consentManagement.mapping.marketing' must be a list with at least one consent id, and is a string of 6 characters."),
        ("segment", """{"writeKey":"a","integrations":{"Segment.io":{"apiHost":"https://secret.example/v1"}}}""", "integrations",
            "'integrations.Segment.io.apiHost' must be a host name without https://, with a path such as /v1."),
        ("script", """{"src":"https://own.example/a.js","attributes":{"id":"c15t-script-secret"}}""", "attributes",
            "'attributes.id' must be 1 to 64 letters, digits, _, ., : and - that do not begin as a consent client's ids do (c15t, consent-snapshots), and is a string of 18 characters."),
        ("script", """{"src":"https://own.example/a.js","persistAfterConsentRevoked":true,"attributes":{"id":"secret"}}""", "attributes",
            "'attributes.id' and 'persistAfterConsentRevoked' exclude each other: a client finds an element that stays by an id of its own, and would run the script again."),
        ("sentry", "{}", "dsn", "'dsn' is required and missing, unless 'scriptUrl' is set: the project's DSN."),
        ("sentry", """{"dsn":"https://0123456789abcdef@secret.example/1"}""", "scriptUrl", "'scriptUrl' is required and missing, since 'dsn' names a Sentry of your own: its loader, or a bundle of the SDK."),
        ("sentry", """{"dsn":"https://0123456789abcdef@secret..example/1","scriptUrl":"https://own.example/a.js"}""", "dsn", "'dsn' must be a DSN such as https://key@o1.ingest.sentry.io/2, and is a string of 42 characters."),
        ("snowplow", """{"collectorUrl":"https://sp.example","activityTracking":"secret"}""", "activityTracking",
            "'activityTracking' must be true, false, or an object with minimumVisitLength and heartbeatDelay, and is a string of 6 characters."),
        ("snowplow", """{"collectorUrl":"https://sp.example","activityTracking":{"minimumVisitLength":0.5,"heartbeatDelay":5}}""", "activityTracking",
            "'activityTracking.minimumVisitLength' must be a whole number of seconds, 1 or greater, and is a number."),
        ("script", """{"src":"https://own.example/secret.js","textContent":"secret"}""", "src", "Exactly one of 'src' and 'textContent' is needed."),
        ("script", """{"src":"https://own.example/a.js","attributes":{"type":"secret"}}""", "attributes", "'attributes.type' must be module or text/javascript, and is a string of 6 characters."),
        ("script", """{"src":"https://own.example/a.js","attributes":{"nomodule":7}}""", "attributes", "'attributes.nomodule' must be a string, or true for an attribute without value, and is a number."),
    ];

    public static TheoryData<int> Places => [.. Enumerable.Range(0, Rules.Length)];

    [Theory]
    [MemberData(nameof(Places))]
    public void Generate_RuleBroken_NamesFieldRuleAndShape(int place)
    {
        var (type, settings, field, message) = Rules[place];
        var problem = Assert.Single(Samples.Generate(Samples.Row(type, settings)).Problems);
        Assert.Equal((DestinationProblemKind.InvalidSettings, field, message), (problem.Kind, problem.Field, problem.Message));
        Assert.DoesNotContain("secret", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTypeWithRulesOfItsOwn_IsTested()
    {
        var own = DestinationCatalogue.BuiltIn.Types
            .Where(type => type.GetType().GetMethod("Check", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.DeclaredOnly) is not null);
        Assert.Equal(own.Select(type => type.Name), Rules.Select(rule => rule.Type).Distinct().Order(StringComparer.Ordinal));
    }
}
