using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>LogRocket: <see href="https://docs.logrocket.com/reference/init"/>.</summary>
/// <remarks>
/// The vendor has one application a page and documents no call that stops a recording: it goes on until the page is left, and is not started a second time
/// when consent is granted again. Where consent is withdrawn before the library has loaded, it is not started. Differs from the npm package only in that.
/// </remarks>
public sealed partial class LogRocketType : DestinationType
{
    // The recorder is started after the library has loaded; its element's load event reaches a capturing listener of the document.
    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        var k=consent(c.key),page=consent("logrocket page"),on;k.hold(s);
        function go(){if(on&&w.LogRocket&&page.start(function(){}))w.LogRocket.init(c.appId,c.options)}
        if(!k.start(function(now){on=now;go()}))return;
        if(c.asyncScript)w._lrAsyncScript=c.asyncScript;
        var src=new URL(c.src).href;
        if(!w.LogRocket)d.addEventListener("load",function loaded(e){if(!e.target||e.target.src!==src)return;d.removeEventListener("load",loaded,true);go()},true);
        """));

    /// <inheritdoc/>
    public override string Name => "logrocket";

    /// <inheritdoc/>
    public override string Title => "LogRocket";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"appId":"org/least"}""",
        """{"appId":" org/full ","initOptions":{"dom":{"inputSanitizer":true}},"scriptUrl":"https://lr.example/a.js","asyncScriptUrl":"https://lr.example/b.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.logrocket.com/reference/init");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Start];

    /// <inheritdoc/>
    /// <remarks>Hosts of the default loader; LogRocket gives an account hosts of other names too, which its project's setup page shows. The recorder is a worker.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.logrocket.io"],
        Connect = ["https://*.logrocket.io", "https://*.lr-ingest.io"],
        Worker = ["blob:"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it is not started where consent is withdrawn before the library has loaded, nor a second time on a new grant");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("appId", SettingKind.Text, "The application's id.") { Required = true, Pattern = AppId(), PatternInWords = "organization/application in letters, digits, _ and -" },
        new("initOptions", SettingKind.JsonObject, "The second argument of LogRocket.init: what is recorded and what is left out."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { DefaultJson = "\"https://cdn.logrocket.io/LogRocket.min.js\"" },
        new("asyncScriptUrl", SettingKind.HttpsUrl, "Where the loader finds its recorder, for a proxy of your own."),
        new("apiKey", SettingKind.Text, "The API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var source = settings.Url("scriptUrl") ?? new Uri("https://cdn.logrocket.io/LogRocket.min.js");
        scripts.Contact(CspDirective.Script, settings.Url("asyncScriptUrl"));
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("key", scripts.BaseId);
            config.WriteString("appId", settings.RequiredText("appId").Trim());
            new ConfigObject(settings.Value("initOptions")).WriteTo(config, "options");
            if (settings.Url("asyncScriptUrl") is { } recorder) config.WriteString("asyncScript", recorder.AbsoluteUri);
            config.WriteString("src", source.AbsoluteUri);
            config.WriteEndObject();
        });
        scripts.LoadVendor(source, script => script with { Attributes = [new("crossorigin", "anonymous")] }, onePerPage: true);
    }

    [GeneratedRegex("^\\s*[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}\\s*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex AppId();
}
