using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Microsoft Advertising's Universal Event Tracking with its consent mode: <see href="https://help.ads.microsoft.com/apex/index/3/en/60119"/>.</summary>
/// <remarks>
/// Differs from the npm package: it loads before consent only where the required consent is <c>{necessary}</c>. Whatever it requires, <c>ad_storage</c> is denied until marketing is granted;
/// and the loader's URL has its scheme. A second tag gets a queue of its own name.
/// </remarks>
public sealed partial class MicrosoftUetType : DestinationType
{
    private static readonly InlineScript Grant = new(InlineSource.Grant);

    // The library must be constructed after it has loaded; its element's load event reaches a capturing listener of the document.
    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Consent +
        """
        var k=consent(c.key);if(k.tell)return;
        w[c.queue]=w[c.queue]||[];
        k.start(function(on,first){w[c.queue].push("consent",first?"default":"update",{ad_storage:on?"granted":"denied"})});
        function make(){w[c.queue]=new w.UET({ti:c.id,enableAutoSpaTracking:true,q:w[c.queue]});w[c.queue].push("pageLoad")}
        if(w.UET)return make();
        var src=new URL(c.src).href;
        d.addEventListener("load",function loaded(e){if(!e.target||e.target.src!==src||!w.UET)return;d.removeEventListener("load",loaded,true);make()},true);
        """));

    /// <inheritdoc/>
    public override string Name => "microsoft-uet";

    /// <inheritdoc/>
    public override string Title => "Microsoft Advertising UET";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"id":"12345"}""",
        """{"tagId":"67890","scriptSrc":"https://uet.example/bat.js"}""");

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://help.ads.microsoft.com/apex/index/3/en/60119");

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Grant, Start];

    /// <inheritdoc/>
    /// <remarks>Hosts from the vendor's snippet and its noscript part; observed besides, bat.bing.net.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Script = ["https://bat.bing.com"],
        Connect = ["https://bat.bing.com", "https://bat.bing.net"],
        Image = ["https://bat.bing.com", "https://bat.bing.net"],
    };

    /// <inheritdoc/>
    public override PackageComparison Package { get; } = PackageComparison.Differs(
        "it loads before consent only where the required consent is {necessary}; the loader's URL has its scheme; a second "
        + "tag has a queue of its own");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("id", SettingKind.Text, "The UET tag's id.") { Required = true, OlderNames = ["tagId"], Pattern = Digits(), PatternInWords = "1 to 20 digits" },
        new("scriptSrc", SettingKind.HttpsUrl, "The loader.") { DefaultJson = "\"https://bat.bing.com/bat.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var source = scripts.Settings.Url("scriptSrc") ?? new Uri("https://bat.bing.com/bat.js");
        scripts.InlineWhileGranted(ConsentCategory.Marketing, Grant, config => config.WriteStringValue(scripts.BaseId));
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("key", scripts.BaseId);
            config.WriteString("id", scripts.Settings.RequiredText("id"));
            config.WriteString("queue", scripts.IsFirstOfType ? "uetq" : scripts.InstanceName);
            config.WriteString("src", source.AbsoluteUri);
            config.WriteEndObject();
        });
        scripts.LoadVendor(source);
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
