using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Segment's Analytics.js: <see href="https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/quickstart/"/>.</summary>
/// <remarks>
/// The vendor has one source a page and no call that withdraws consent: the library that runs stays until the page is left. Differs from the npm
/// package, whose stub has six methods and none of the marks the library looks for (<c>invoked</c>, <c>_writeKey</c>, <c>SNIPPET_VERSION</c>), and loads it a second time
/// when consent is granted again.
/// </remarks>
public sealed partial class SegmentType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "segment";

    /// <inheritdoc/>
    public override string Title => "Segment";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"writeKey":"least_key"}""",
        """{"writeKey":"full-key","trackPageView":false,"scriptUrl":"https://seg.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/quickstart/");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://segment.com/docs/connections/sources/catalog/libraries/website/javascript/"/>, settings from the CDN and events to the API; what device-mode destinations need comes on top.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://cdn.segment.com"],
        Connect = ["https://api.segment.io", "https://cdn.segment.com"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "the stub is the vendor's, with all methods, the source's key and the page a queued call was made on");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("writeKey", SettingKind.Text, "The source's write key.") { Required = true, Pattern = Key(), PatternInWords = "1 to 64 letters, digits, _ and -" },
        new("trackPageView", SettingKind.Flag, "Whether a page call is made at the start.") { DefaultJson = "true" },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader; derived from the write key."),
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var writeKey = settings.RequiredText("writeKey");
        // The library asks the host it comes from for the source's settings.
        scripts.Contact(CspDirective.Connect, settings.Url("scriptUrl"));
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of($"https://cdn.segment.com/analytics.js/v1/{writeKey}/analytics.min.js")), config =>
        {
            config.WriteString("writeKey", writeKey);
            config.WriteBoolean("trackPageView", settings.Flag("trackPageView", true));
            if (scripts.TestMode) config.WriteBoolean("debug", true);
        });
    }

    [GeneratedRegex("^[A-Za-z0-9_-]{1,64}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();
}
