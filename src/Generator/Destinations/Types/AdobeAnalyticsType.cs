using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>
/// Adobe Analytics through Adobe's tags: <see href="https://experienceleague.adobe.com/en/docs/experience-platform/tags/publish/environments/environments"/>.
/// </summary>
/// <remarks>
/// What the property loads is configured at Adobe, its consent rules too: there is no call that all properties know. After withdrawal the library that runs stays until the page is left. Differs
/// from the npm package: the library is not loaded a second time when consent is granted again. In test mode the library's debug output is turned on once it has loaded; Adobe keeps that
/// in the browser's storage.
/// </remarks>
public sealed class AdobeAnalyticsType : DestinationType
{
    private const string CookiePage = "https://experienceleague.adobe.com/en/docs/core-services/interface/data-collection/cookies/web-sdk";

    /// <inheritdoc/>
    public override string Name => "adobe-analytics";

    /// <inheritdoc/>
    public override string Title => "Adobe Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Adobe Inc.", "https://www.adobe.com/privacy/policy.html",
        "Measures how visitors use the site, and may load further Adobe products that the tags property is set up with.",
        "https://www.adobe.com/privacy/policy.html")
    {
        Elsewhere = "outside North America Adobe Systems Software Ireland Limited, in Japan Adobe KK",
    };

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"scriptUrl":"https://assets.adobedtm.com/a/b/launch-c.min.js"}""",
        """{"scriptUrl":"https://own.example/launch.js","async":false,"seedAdobeDataLayer":false}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://experienceleague.adobe.com/en/docs/experience-platform/tags/publish/environments/environments");

    /// <inheritdoc/>
    /// <remarks>The host of embed codes that Adobe hosts; where events go is configured in the property.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://assets.adobedtm.com"],
    };

    /// <inheritdoc/>
    /// <remarks>What the tags library leaves depends on the property it belongs to. The page lists the names of the Web SDK; its identity and the record of the visitor's answer stand under one prefix with the organization's id between (<c>kndctr_…_identity</c>, <c>kndctr_…_consent</c>), so that no prefix means the one without the other. The ID service gives <c>AMCV_</c> 24 months (<see href="https://experienceleague.adobe.com/docs/id-service/using/id-service-api/configurations/cookielifetime.html"/>), the Web SDK 395 days.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "AMCV_*", CookiePage) { Lifetime = "24 months", LifetimeSource = "https://experienceleague.adobe.com/docs/id-service/using/id-service-api/configurations/cookielifetime.html" },
        new(BrowserStore.Cookie, "s_ecid", CookiePage) { Lifetime = "2 years" },
    ];

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "the Web SDK keeps its identity and the visitor's answer under one prefix, and other Adobe products that the property loads have names of their own";

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("scriptUrl", SettingKind.HttpsUrl, "The library of the environment, from the property's embed code.") { Required = true, OtherNames = ["scriptSrc", "src"] },
        new("async", SettingKind.Flag, "Whether the library runs as soon as it is there; false keeps it in order with other scripts that wait.") { DefaultJson = "true" },
        new("seedAdobeDataLayer", SettingKind.Flag, "Whether the Adobe Client Data Layer's queue is made before the library loads.") { DefaultJson = "true" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        scripts.Start(new VendorLibrary(settings.RequiredUrl("scriptUrl")) { IsAsync = settings.Flag("async", true) }, config =>
        {
            if (settings.Flag("seedAdobeDataLayer", true)) config.WriteBoolean("layer", true);
            if (scripts.TestMode) config.WriteBoolean("debug", true);
        });
    }
}
