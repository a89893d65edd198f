using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Plausible Analytics: <see href="https://plausible.io/docs/plausible-script"/>.</summary>
/// <remarks>
/// <para>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded or initialized a second time
/// when consent is granted again. A page has one set of options: the first destination's.
/// </para>
/// <para>
/// Differs from the npm package: a site's own script (<c>scriptId</c>) is async, as in the vendor's snippet, and the stub has the snippet's <c>init</c>. With <c>domain</c>, options that the
/// shared script does not read become the extensions that do the same.
/// </para>
/// <para>
/// Options, proxies and what replaced the extensions: <see href="https://plausible.io/docs/script-extensions"/>, <see href="https://plausible.io/docs/proxy/introduction"/> and
/// <see href="https://plausible.io/docs/script-update-guide"/>; exclusions: the tracker's source (<see href="https://github.com/plausible/analytics"/>). Read 2026-11-26.
/// </para>
/// </remarks>
public sealed partial class PlausibleAnalyticsType : DestinationType
{
    private static readonly ImmutableArray<string> Extensions =
        ["hash", "outbound-links", "file-downloads", "tagged-events", "revenue", "pageview-props", "compat", "local", "manual", "exclusions"];

    private static readonly ImmutableArray<string> Switches = ["hashBasedRouting", "autoCapturePageviews", "captureOnLocalhost", "outboundLinks", "formSubmissions", "logging"];

    /// <inheritdoc/>
    public override string Name => "plausible-analytics";

    /// <inheritdoc/>
    public override string Title => "Plausible Analytics";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Plausible Insights OÜ", "https://plausible.io/privacy",
        "Counts page views and events without cookies.",
        "https://www.npmjs.com/package/@plausible-analytics/tracker");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"domain":"a.example"}""",
        """
        {"scriptId":"pa-Ab-1","customProperties":{"plan":"x"},"endpoint":"/api/event","fileDownloads":{"fileExtensions":["pdf"]},"hashBasedRouting":true,
         "autoCapturePageviews":false,"captureOnLocalhost":true,"outboundLinks":true,"formSubmissions":true,"logging":false,"init":{"futureOption":1},"scriptUrl":"https://pl.example/a.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://plausible.io/docs/plausible-script");

    /// <inheritdoc/>
    /// <remarks>Hosts of Plausible's cloud, whose script sends events to the host it comes from; a script or endpoint of one's own takes their place.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://plausible.io"],
        Connect = ["https://plausible.io"],
    };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://plausible.io/dpa");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "a site's own script is async and the stub has init, as in the vendor's snippet; with a domain, options that the shared script does not read become the extensions that do the same");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("scriptId", SettingKind.Text, "The id of the site's own script, the part of its name after pa-; this, domain or scriptUrl is required.")
        {
            Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -, also with pa- before and .js behind",
        },
        new("domain", SettingKind.Text, "The site's domain, for the script that all sites shared.") { OtherNames = ["data-domain"], Pattern = Domain(), PatternInWords = "a domain, or several with commas between them" },
        new("extension", SettingKind.TextList, "Extensions of the script that all sites shared: one, or a list.") { OrText = true, OneOf = Extensions },
        new("exclude", SettingKind.TextList, "Pages that the script which all sites shared leaves out, such as /admin/**: a list, or one text with commas.")
        {
            OtherNames = ["data-exclude"], OrText = true, Pattern = PagePattern(), PatternInWords = "a path that begins with /, in which * stands for a part and ** for several",
        },
        new("include", SettingKind.TextList, "The only pages that the script which all sites shared tracks: a list, or one text with commas.")
        {
            OtherNames = ["data-include"], OrText = true, Pattern = PagePattern(), PatternInWords = "a path that begins with /, in which * stands for a part and ** for several",
        },
        new("init", SettingKind.JsonObject, "Further options of plausible.init.") { OtherNames = ["initOptions", "options"] },
        new("customProperties", SettingKind.JsonObject, "Properties of each page view.") { OtherNames = ["init.customProperties"] },
        new("endpoint", SettingKind.UrlOrPath, "Where events go: an https URL or a path of the site.") { OtherNames = ["data-api", "init.endpoint"] },
        new("fileDownloads", SettingKind.JsonValue, "Whether downloads are tracked, or which: {\"fileExtensions\":[\"pdf\"]}.") { OtherNames = ["init.fileDownloads"] },
        new("hashBasedRouting", SettingKind.Flag, "Whether changes of the address after # are page views.") { OtherNames = ["init.hashBasedRouting"] },
        new("autoCapturePageviews", SettingKind.Flag, "Whether page views are tracked by themselves.") { OtherNames = ["init.autoCapturePageviews"] },
        new("captureOnLocalhost", SettingKind.Flag, "Whether a page on localhost is tracked.") { OtherNames = ["init.captureOnLocalhost"] },
        new("outboundLinks", SettingKind.Flag, "Whether clicks to other sites are tracked.") { OtherNames = ["init.outboundLinks"] },
        new("formSubmissions", SettingKind.Flag, "Whether forms that are sent are tracked; the script that all sites shared cannot.") { OtherNames = ["init.formSubmissions"] },
        new("logging", SettingKind.Flag, "Whether the script says in the console what it does not track.") { OtherNames = ["init.logging"] },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader; derived from scriptId or extension.") { OtherNames = ["scriptSrc", "src"] },
        new("apiKey", SettingKind.Text, "The Stats API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (!settings.Has("scriptId") && !settings.Has("domain") && !settings.Has("scriptUrl"))
            problems.Add(new SettingProblem("scriptId", "'scriptId' is required and missing, unless 'domain' or 'scriptUrl' is set: the id of the site's own script."));
        if (settings.Value("fileDownloads") is { ValueKind: not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Object) } downloads)
            problems.Add(SettingProblem.NotAs("fileDownloads", "true, false or an object such as {\"fileExtensions\":[\"pdf\"]}", downloads));
        foreach (var field in (ReadOnlySpan<string>)["exclude", "include"])
            if (settings.Has(field) && !IsShared(settings))
                problems.Add(new SettingProblem(field, $"'{field}' is for the script that all sites shared, which 'domain' without 'scriptId' loads; the site's own script has its exclusions in Plausible's settings."));
        if (IsShared(settings) && settings.Flag("formSubmissions", false))
            problems.Add(new SettingProblem("formSubmissions", "'formSubmissions' needs the site's own script, which 'scriptId' loads; the script that all sites shared, which 'domain' loads, does not track forms."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var shared = IsShared(settings);
        if (settings.Url("endpoint") is { } endpoint) scripts.ContactInstead(endpoint);
        else if (settings.Url("scriptUrl") is { } host) scripts.ContactInstead(host);
        var options = new ConfigObject(settings.Value("init"));
        options.Set("customProperties", settings.Value("customProperties"));
        options.Set("endpoint", settings.Text("endpoint"));
        options.Set("fileDownloads", settings.Value("fileDownloads"));
        foreach (var name in Switches) options.Set(name, settings.Flag(name));
        var source = settings.Url("scriptUrl") ?? PageUrl.Of($"https://plausible.io/js/{FileName(settings)}");
        if (!shared)
        {
            scripts.Start(new VendorLibrary(source), config => options.WriteTo(config, "options"));
            return;
        }
        // This script reads its element and is told nothing else: what the page script adds is the queue for the page's own events.
        string? List(string name) => settings.TextList(name) is { IsEmpty: false } entries ? string.Join(',', entries) : null;
        scripts.Start(config: config => options.WriteTo(config, "options"));
        scripts.LoadVendor(source,
        [
            ("data-domain", settings.RequiredText("domain")), ("data-api", settings.Text("endpoint")), ("data-exclude", List("exclude")), ("data-include", List("include")),
        ]);
    }

    /// <summary>Whether the settings are for the script that all sites shared, which is told the site's domain.</summary>
    private static bool IsShared(DestinationSettings settings) => settings.Has("domain") && !settings.Has("scriptId");

    private static string FileName(DestinationSettings settings) =>
        settings.Text("scriptId") is { } scriptId
            ? $"pa-{Id().Match(scriptId).Groups["id"].Value}.js"
            : $"script{string.Concat(settings.TextList("extension").Concat(ImpliedExtensions(settings)).Distinct(StringComparer.Ordinal).Select(static extension => $".{extension}"))}.js";

    /// <summary>The extensions that do in the shared script what options do in a site's own: <see href="https://plausible.io/docs/script-update-guide"/>.</summary>
    private static IEnumerable<string> ImpliedExtensions(DestinationSettings settings)
    {
        if (settings.Flag("hashBasedRouting", false)) yield return "hash";
        if (settings.Flag("outboundLinks", false)) yield return "outbound-links";
        if (settings.Value("fileDownloads") is { ValueKind: JsonValueKind.True or JsonValueKind.Object }) yield return "file-downloads";
        if (!settings.Flag("autoCapturePageviews", true)) yield return "manual";
        if (settings.Flag("captureOnLocalhost", false)) yield return "local";
        if (settings.Has("exclude") || settings.Has("include")) yield return "exclusions";
    }

    // As the vendor shows it: alone, as the file's name, or as the whole address.
    [GeneratedRegex("^(?:https://plausible\\.io/js/)?(?:pa-)?(?<id>[A-Za-z0-9_-]{1,64}?)(?:\\.js)?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^/[^\\s,\"'<>`\\\\]{0,200}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex PagePattern();

    [GeneratedRegex("^[\\p{L}\\p{N}._:/,-]{1,512}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();
}
