using System.Collections.Immutable;
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
/// Differs from the npm package: a site's own script (<c>scriptId</c>) is async, as in the vendor's snippet, and the stub has the snippet's <c>init</c>.
/// </para>
/// </remarks>
public sealed partial class PlausibleAnalyticsType : DestinationType
{
    private static readonly ImmutableArray<string> Extensions =
        ["hash", "outbound-links", "file-downloads", "tagged-events", "revenue", "pageview-props", "compat", "local", "manual"];

    /// <inheritdoc/>
    public override string Name => "plausible-analytics";

    /// <inheritdoc/>
    public override string Title => "Plausible Analytics";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"domain":"a.example"}""",
        """
        {"scriptId":"Ab-1","customProperties":{"plan":"x"},"endpoint":"/api/event","fileDownloads":{"fileExtensions":["pdf"]},"hashBasedRouting":true,
         "autoCapturePageviews":false,"captureOnLocalhost":true,"scriptUrl":"https://pl.example/a.js"}
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
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "a site's own script is async and the stub has init, as in the vendor's snippet");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("scriptId", SettingKind.Text, "The id of the site's own script, the part of its name after pa-; this or domain is required.")
        {
            Pattern = Id(), PatternInWords = "1 to 64 letters, digits, _ and -",
        },
        new("domain", SettingKind.Text, "The site's domain, for the script that all sites shared.") { Pattern = Domain(), PatternInWords = "a domain, or several with commas between them" },
        new("extension", SettingKind.TextList, "Extensions of the script that all sites shared: one, or a list.") { OrText = true, OneOf = Extensions },
        new("customProperties", SettingKind.JsonObject, "Properties of each page view."),
        new("endpoint", SettingKind.UrlOrPath, "Where events go: an https URL or a path of the site."),
        new("fileDownloads", SettingKind.JsonObject, "Which downloads are tracked: {\"fileExtensions\":[\"pdf\"]}."),
        new("hashBasedRouting", SettingKind.Flag, "Whether changes of the address after # are page views."),
        new("autoCapturePageviews", SettingKind.Flag, "Whether page views are tracked by themselves."),
        new("captureOnLocalhost", SettingKind.Flag, "Whether a page on localhost is tracked."),
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from scriptId or extension."),
        new("apiKey", SettingKind.Text, "The Stats API's key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
        if (!settings.Has("scriptId") && !settings.Has("domain"))
            problems.Add(new SettingProblem("scriptId", "'scriptId' is required and missing, unless 'domain' is set: the id of the site's own script."));
    }

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var scriptId = settings.Text("scriptId");
        if (settings.Url("endpoint") is { } endpoint) scripts.ContactInstead(endpoint);
        else if (settings.Url("scriptUrl") is { } host) scripts.ContactInstead(host);
        var options = new ConfigObject();
        options.Set("customProperties", settings.Value("customProperties"));
        options.Set("endpoint", settings.Text("endpoint"));
        options.Set("fileDownloads", settings.Value("fileDownloads"));
        options.Set("hashBasedRouting", settings.Flag("hashBasedRouting"));
        options.Set("autoCapturePageviews", settings.Flag("autoCapturePageviews"));
        options.Set("captureOnLocalhost", settings.Flag("captureOnLocalhost"));
        var source = settings.Url("scriptUrl") ?? PageUrl.Of($"https://plausible.io/js/{FileName(scriptId, settings.TextList("extension"))}");
        var library = new VendorLibrary(source);
        if (scriptId is null) library = library.With(("defer", ""), ("data-domain", settings.RequiredText("domain")), ("data-api", settings.Text("endpoint")));
        scripts.Start(library, config => options.WriteTo(config, "options"));
    }

    private static string FileName(string? scriptId, ImmutableArray<string> extensions) =>
        scriptId is not null ? $"pa-{scriptId}.js" : $"script{string.Concat(extensions.Distinct(StringComparer.Ordinal).Select(static extension => $".{extension}"))}.js";

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Id();

    [GeneratedRegex("^[\\p{L}\\p{N}._:/,-]{1,512}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();
}
