using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>LogRocket: <see href="https://docs.logrocket.com/reference/init"/>.</summary>
/// <remarks>
/// The vendor has one application a page and documents no call that stops a recording: it goes on until the page is left, and is not started a second time
/// when consent is granted again. A library that arrives after a withdrawal is not run, so it is not started either.
/// </remarks>
public sealed partial class LogRocketType : DestinationType
{
    private const string CookiePage = "https://docs.logrocket.com/reference/cookies";

    /// <inheritdoc/>
    public override string Name => "logrocket";

    /// <inheritdoc/>
    public override string Title => "LogRocket";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "LogRocket, Inc.", "https://logrocket.com/privacy",
        "Records visits as replays, with errors and network requests.",
        "https://github.com/c15t/c15t/tree/14d14f0bee6e9d70f05b8a4a8b41fe6064c07454/packages/integrations");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"appId":"org/least"}""",
        """{"appId":"org/full","initOptions":{"dom":{"inputSanitizer":true}},"release":"1.2.3","serverURL":"https://lr.example/i","scriptUrl":"https://lr.example/a.js","asyncScriptUrl":"https://lr.example/b.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.logrocket.com/reference/init");

    /// <inheritdoc/>
    /// <remarks>Hosts of the default loader; LogRocket gives an account hosts of other names too, which its project's setup page shows. The recorder is a worker.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.logrocket.io"],
        Connect = ["https://*.logrocket.io", "https://*.lr-ingest.io"],
        Worker = ["blob:"],
    };

    /// <inheritdoc/>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_lr_hb_*", CookiePage),
        new(BrowserStore.Cookie, "_lr_tabs_*", CookiePage),
        new(BrowserStore.Cookie, "_lr_uf_*", CookiePage),
    ];

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Equivalent;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("appId", SettingKind.Text, "The application's id.") { Required = true, Pattern = AppId(), PatternInWords = "organization/application in letters, digits, _ and -" },
        new("initOptions", SettingKind.JsonObject, "The second argument of LogRocket.init: what is recorded and what is left out.") { OtherNames = ["options", "config"] },
        new("release", SettingKind.Text, "The version of the site.") { OtherNames = ["initOptions.release"], MaxLength = 200 },
        new("serverURL", SettingKind.HttpsUrl, "Where recordings go, for a proxy of your own.") { OtherNames = ["initOptions.serverURL"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://cdn.logrocket.io/LogRocket.min.js\"" },
        new("asyncScriptUrl", SettingKind.HttpsUrl, "Where the loader finds its recorder, for a proxy of your own."),
        new("apiKey", SettingKind.Text, "The API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var source = settings.Url("scriptUrl") ?? PageUrl.Of("https://cdn.logrocket.io/LogRocket.min.js");
        scripts.Contact(CspDirective.Script, settings.Url("asyncScriptUrl"));
        scripts.Contact(CspDirective.Connect, settings.Url("serverURL"));
        var options = new ConfigObject(settings.Value("initOptions"));
        options.Set("release", settings.Text("release"));
        options.Set("serverURL", settings.Text("serverURL"));
        scripts.Start(new VendorLibrary(source).With(("crossorigin", "anonymous")), config =>
        {
            config.WriteString("appId", settings.RequiredText("appId"));
            options.WriteTo(config, "options");
            if (settings.Url("asyncScriptUrl") is { } recorder) config.WriteString("asyncScript", recorder.Text);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex AppId();
}
