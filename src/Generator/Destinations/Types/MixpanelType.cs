using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Mixpanel: <see href="https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript"/>.</summary>
/// <remarks>
/// Differs from the npm package. (1) It loads before consent only where the required consent is <c>{necessary}</c>; then it starts opted out
/// (<c>opt_out_tracking_by_default</c>, which no option takes back), where the package tracks until its load event. (2) The state found at the start is told once, silently and without
/// deleting the profile; a change is told as the vendor means it. (3) The stub has the methods of the vendor's snippet, and a second destination becomes a named instance.
/// </remarks>
public sealed partial class MixpanelType : DestinationType
{
    private static readonly InlineScript Grant = new(InlineSource.Grant);

    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        var k=consent(c.key);if(k.tell)return;
        var m=w.mixpanel;
        if(!m||!m.init){m=w.mixpanel=m||[];m._i=[];
        m.init=function(token,o,name){var t=m;if(name!==undefined)t=m[name]=[];else name="mixpanel";t.people=t.people||[];
        function defer(on,f,prefix){on[f]=function(){t.push([prefix+f].concat([].slice.call(arguments)))}}
        "disable time_event track track_pageview track_links track_forms track_with_groups add_group set_group remove_group register register_once alias unregister identify name_tag set_config reset opt_in_tracking opt_out_tracking has_opted_in_tracking has_opted_out_tracking clear_opt_in_out_tracking start_batch_senders start_session_recording stop_session_recording".split(" ").forEach(function(f){defer(t,f,"")});
        "set set_once unset increment append union track_charge clear_charges delete_user remove".split(" ").forEach(function(f){defer(t.people,f,"people.")});
        t.get_group=function(){var call=["get_group"].concat([].slice.call(arguments)),g={};"set set_once union unset remove delete".split(" ").forEach(function(f){g[f]=function(){t.push([call,[f].concat([].slice.call(arguments))])}});return g};
        m._i.push([token,o,name])};m.__SV=1.2}
        if(c.name)m.init(c.token,c.options,c.name);else if(Array.isArray(m))m.init(c.token,c.options);
        k.start(function(on,first){var t=c.name?w.mixpanel[c.name]:w.mixpanel;if(on)first?t.opt_in_tracking({track:function(){}}):t.opt_in_tracking();else first?t.opt_out_tracking({delete_user:false}):t.opt_out_tracking()});
        """));

    /// <inheritdoc/>
    public override string Name => "mixpanel";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["mixpanel-analytics"];

    /// <inheritdoc/>
    public override string Title => "Mixpanel";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"token":"0123456789abcdef0123456789abcdef"}""",
        """{"projectToken":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF","initOptions":{"track_pageview":true,"ignore_dnt":null},"scriptUrl":"https://mp.example/lib.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Grant, Start];

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
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}, and is opted out from its start until "
        + "consent; the state found at the start is told once, without an event; the stub has the methods of the vendor's "
        + "snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("token", SettingKind.Text, "The project's token.")
        {
            Required = true, OlderNames = ["projectToken"], Pattern = Token(), PatternInWords = "32 hexadecimal digits",
        },
        new("initOptions", SettingKind.JsonObject, "Further options of mixpanel.init."),
        new("scriptUrl", SettingKind.HttpsUrl, "The library.") { DefaultJson = "\"https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js\"" },
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
        if (settings.Value("initOptions").HttpsUrl("api_host") is { } apiHost) scripts.ConnectInstead(apiHost);
        scripts.InlineWhileTrackingGranted(ConsentCategory.Measurement, Grant, config => config.WriteStringValue(scripts.BaseId));
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("key", scripts.BaseId);
            config.WriteString("token", settings.RequiredText("token").Trim());
            if (!scripts.IsFirstOfType) config.WriteString("name", scripts.InstanceName);
            options.WriteTo(config, "options");
            config.WriteEndObject();
        });
        scripts.LoadVendor(settings.Url("scriptUrl") ?? new Uri("https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js"));
    }

    [GeneratedRegex("^\\s*[A-Fa-f0-9]{32}\\s*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Token();
}
