using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Pirsch: <see href="https://docs.pirsch.io/get-started/frontend-integration"/>.</summary>
/// <remarks>
/// The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.
/// A page has one Pirsch: the first destination's. Differs from the npm package. (1) The library finds its settings by a fixed element id, also when it is started again later. The
/// loader's element leaves the document once the library has run, so an element of its own carries the settings. (2) <c>pirschInit</c> is called after load only where <c>DOMContentLoaded</c>, at which
/// the library calls it itself, is over; the package also calls it shortly before, which counts each click twice.
/// </remarks>
public sealed partial class PirschType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "pirsch";

    /// <inheritdoc/>
    public override string Title => "Pirsch";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Emvi Software GmbH", "https://pirsch.io/privacy",
        "Counts page views and events without cookies.",
        "https://www.npmjs.com/package/pirsch-sdk");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"identificationCode":"least"}""",
        """
        {"identificationCode":"full","domain":["a.example:code","b.example"],"dev":"a.example","hitEndpoint":"/hit","eventEndpoint":"https://pi.example/event",
         "disablePageViews":true,"extended":true,"scriptUrl":"https://pi.example/a.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.pirsch.io/get-started/frontend-integration");

    /// <inheritdoc/>
    /// <remarks>The script's host and the default endpoints; those of one's own take their place.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://api.pirsch.io"],
        Connect = ["https://api.pirsch.io"],
    };

    /// <inheritdoc/>
    public override Uri LeavesNothing { get; } = new("https://docs.pirsch.io/privacy");

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the settings stand in an element of their own, and pirschInit is not called twice");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("identificationCode", SettingKind.Text, "The site's identification code.") { Required = true, OtherNames = ["code", "data-code"], Pattern = Code(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("domain", SettingKind.TextList, "The domains to track on, each alone or with :code: a list, or one text with commas.") { OrText = true, Pattern = Domain(), PatternInWords = "a domain name, alone or with :code" },
        new("dev", SettingKind.Text, "The host name to track under, for tests on localhost.") { Pattern = HostName(), PatternInWords = "a host name or an https URL" },
        new("hitEndpoint", SettingKind.UrlOrPath, "Where page views go: an https URL or a path of the site."),
        new("eventEndpoint", SettingKind.UrlOrPath, "Where events go: an https URL or a path of the site."),
        new("disablePageViews", SettingKind.Flag, "Whether page views are left to the page.") { DefaultJson = "false" },
        new("extended", SettingKind.Flag, "Whether the extended script is loaded.") { DefaultJson = "false" },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader; also a path of the site, for a proxy.") { OtherNames = ["scriptSrc", "src"], DefaultJson = "\"https://api.pirsch.io/pa.js\"" },
        new("clientSecret", SettingKind.Text, "The API client's secret, used on the server only.") { Visibility = SettingVisibility.Private },
        new("accessKey", SettingKind.Text, "The API's access key, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var extended = settings.Flag("extended", false);
        var source = settings.Url("scriptUrl") ?? PageUrl.Of(extended ? "https://api.pirsch.io/pirsch-extended.js" : "https://api.pirsch.io/pa.js");
        foreach (var field in (ReadOnlySpan<string>)["hitEndpoint", "eventEndpoint"])
            scripts.Contact(CspDirective.Connect, settings.Url(field));
        var attributes = new ConfigObject();
        attributes.Set("data-code", settings.RequiredText("identificationCode"));
        attributes.Set("data-domain", settings.TextList("domain") is { IsEmpty: false } domains ? string.Join(',', domains) : null);
        attributes.Set("data-dev", settings.Text("dev"));
        attributes.Set("data-hit-endpoint", settings.Text("hitEndpoint"));
        attributes.Set("data-event-endpoint", settings.Text("eventEndpoint"));
        attributes.Set("data-disable-page-views", settings.Flag("disablePageViews", false) ? "" : null);
        scripts.Start(new VendorLibrary(source).With(("defer", "")), config =>
        {
            config.WriteString("id", extended ? "pirschextendedjs" : "pianjs");
            attributes.WriteTo(config, "attributes");
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Code();

    [GeneratedRegex("^[\\p{L}\\p{N}.-]{1,253}(?::[A-Za-z0-9_-]{1,64})?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Domain();

    [GeneratedRegex("^(?:https://)?[\\p{L}\\p{N}.-]{1,253}(?::[0-9]{1,5})?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();
}
