using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.Generator.Destinations.Types;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>The destination types this build knows.</summary>
public sealed class DestinationCatalogue
{
    private readonly FrozenDictionary<string, DestinationType> _byName;

    /// <summary>A catalogue of these types.</summary>
    /// <exception cref="ArgumentException">Two types have a name or alias in common.</exception>
    public DestinationCatalogue(ImmutableArray<DestinationType> types)
    {
        Types = [.. types.OrderBy(type => type.Name, StringComparer.Ordinal)];
        _byName = types
            .SelectMany(type => type.Aliases.Prepend(type.Name), (type, name) => KeyValuePair.Create(name, type))
            .ToDictionary(StringComparer.Ordinal) // which throws on a second one; a frozen dictionary would take the last
            .ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>Every type of this build, by name. A new type is one file in <c>Types/</c> and one line here.</summary>
    public static DestinationCatalogue BuiltIn { get; } = new(
    [
        new AdobeAnalyticsType(),
        new AdRollType(),
        new AhrefsAnalyticsType(),
        new AmplitudeType(),
        new BrazeType(),
        new ClearbitType(),
        new CloudflareWebAnalyticsType(),
        new ConsoleType(),
        new CrispType(),
        new CriteoType(),
        new CustomScriptType(),
        new DatabuddyType(),
        new FathomAnalyticsType(),
        new FrontChatType(),
        new FullstoryType(),
        new GoogleAdsType(),
        new GoogleAnalyticsType(),
        new GoogleTagManagerType(),
        new HeapType(),
        new HightouchType(),
        new HotjarType(),
        new HubSpotType(),
        new IntercomType(),
        new KlaviyoType(),
        new LinkedInInsightsType(),
        new LogRocketType(),
        new MatomoAnalyticsType(),
        new MatomoTagManagerType(),
        new MetaPixelType(),
        new MicrosoftClarityType(),
        new MicrosoftUetType(),
        new MixpanelType(),
        new MouseflowType(),
        new NewRelicType(),
        new OneDollarStatsType(),
        new OneSignalType(),
        new OpenAiPixelType(),
        new OptimizelyType(),
        new OutbrainType(),
        new PinterestType(),
        new PirschType(),
        new PlausibleAnalyticsType(),
        new PostHogType(),
        new PromptwatchType(),
        new QuoraType(),
        new RedditPixelType(),
        new RudderStackType(),
        new RybbitAnalyticsType(),
        new SegmentType(),
        new SentryType(),
        new SnapchatPixelType(),
        new SnowplowType(),
        new TaboolaType(),
        new TawkToType(),
        new TikTokPixelType(),
        new UmamiAnalyticsType(),
        new VercelAnalyticsType(),
        new VercelSpeedInsightsType(),
        new XPixelType(),
        new YandexMetricaType(),
        new ZendeskType(),
    ]);

    /// <summary>The types in order of their names.</summary>
    public ImmutableArray<DestinationType> Types { get; }

    /// <summary>The type with this name or alias.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out DestinationType? type) => _byName.TryGetValue(name, out type);
}
