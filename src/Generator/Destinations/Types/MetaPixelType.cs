using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Meta Pixel, after <see href="https://developers.facebook.com/docs/meta-pixel/get-started"/>.</summary>
public sealed partial class MetaPixelType : DestinationType
{
    private static readonly InlineScript Start = new(InlineSource.Wrap(InlineSource.Removed +
        """
        var f=w.fbq,n;if(!f){n=f=w.fbq=function(){n.callMethod?n.callMethod.apply(n,arguments):n.queue.push(arguments)};if(!w._fbq)w._fbq=n;n.push=n;n.loaded=true;n.version="2.0";n.queue=[]}
        f("consent","grant");
        removed(s,function(){w.fbq("consent","revoke")});
        var k="__c15tMetaPixels",seen=w[k]||(w[k]=[]);if(seen.indexOf(c.pixelId)>=0)return;seen.push(c.pixelId);
        f("init",c.pixelId);f("track","PageView");
        """));

    /// <inheritdoc/>
    public override string Name => "meta-pixel";

    /// <inheritdoc/>
    public override string Title => "Meta Pixel";

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://developers.facebook.com/docs/meta-pixel/get-started");

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("pixelId", SettingKind.Text, "The pixel's id, from Events Manager.")
        {
            Required = true, Pattern = Digits(), PatternInWords = "1 to 20 digits",
        },
        new("accessToken", SettingKind.Text, "The Conversions API's token, used on the server only.") { Visibility = SettingVisibility.Private },
    ];

    /// <inheritdoc/>
    public override ImmutableArray<InlineScript> InlineScripts => [Start];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var pixelId = scripts.Settings.RequiredText("pixelId");
        scripts.Inline(Start, config =>
        {
            config.WriteStartObject();
            config.WriteString("pixelId", pixelId);
            config.WriteEndObject();
        });
        scripts.Load(new Uri("https://connect.facebook.net/en_US/fbevents.js"),
            script => script with { Async = true, PersistAfterConsentRevoked = true });
    }

    [GeneratedRegex("^[0-9]{1,20}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Digits();
}
