using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>OneDollarStats: <see href="https://docs.onedollarstats.com"/>.</summary>
/// <remarks>The vendor has no consent call: after withdrawal the library that runs stays until the page is left, and it is not loaded a second time when consent is granted again.</remarks>
public sealed partial class OneDollarStatsType : DestinationType
{
    /// <inheritdoc/>
    public override string Name => "onedollarstats";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["one-dollar-stats"];

    /// <inheritdoc/>
    public override string Title => "OneDollarStats";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Drizzle Team", "https://onedollarstats.com/privacy", "Counts the visits of a site's pages.", "https://www.npmjs.com/package/onedollarstats");

    /// <inheritdoc/>
    public override string NotDeclaredBecause => "no page of the vendor that was found says what it leaves";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        "{}",
        """{"hostname":"docs.example","devmode":true,"autocollect":false,"hash-routing":true,"url":"https://od.example/events","scriptSrc":"https://od.example/a.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://docs.onedollarstats.com");

    /// <inheritdoc/>
    /// <remarks>From the README of the vendor's package.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Library,
        Documentation = new("https://www.npmjs.com/package/onedollarstats"),
        Script = ["https://assets.onedollarstats.com"],
        Connect = ["https://collector.onedollarstats.com"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("hostname", SettingKind.Text, "The site that visits are counted for, where it is not the page's own host.") { Pattern = HostName(), PatternInWords = "a host name, with a port where needed" },
        new("devmode", SettingKind.Flag, "Whether visits on a developer's own machine are counted.") { DefaultJson = "false" },
        new("autocollect", SettingKind.Flag, "Whether page views are counted by themselves.") { DefaultJson = "true" },
        new("hashRouting", SettingKind.Flag, "Whether a change of the URL's fragment is a page view.") { OtherNames = ["hash-routing"], DefaultJson = "false" },
        new("collectorUrl", SettingKind.HttpsUrl, "Where visits are sent.") { OtherNames = ["url"], DefaultJson = "\"https://collector.onedollarstats.com/events\"" },
        new("scriptUrl", SettingKind.UrlOrPath, "The loader.") { OtherNames = ["scriptSrc"], DefaultJson = "\"https://assets.onedollarstats.com/stonks.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        if (settings.Url("collectorUrl") is { } collector) scripts.ConnectInstead(collector);
        scripts.LoadVendor(settings.Url("scriptUrl") ?? PageUrl.Of("https://assets.onedollarstats.com/stonks.js"),
        [
            ("data-hostname", settings.Text("hostname")), ("data-devmode", settings.Flag("devmode", false) ? "true" : null), ("data-autocollect", settings.Flag("autocollect", true) ? null : "false"),
            // The attribute alone turns it on, whatever it says.
            ("data-hash-routing", settings.Flag("hashRouting", false) ? "true" : null), ("data-url", settings.Url("collectorUrl")?.Text),
        ]);
    }

    [GeneratedRegex("^[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostName();
}
