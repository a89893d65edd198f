using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Destinations.Types;

namespace ConsentSnapshots.Generator.Tests.Destinations;

public sealed class StoredNameTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    /// <summary>What a declaration has to keep so that a page never erases what is not the vendor's.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void StoredNames_EveryType_AreSafeAndSourced(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        foreach (var stored in type.StoredNames)
        {
            Assert.Equal("https", stored.Source.Scheme);
            Assert.Equal(stored.HasPart, stored.Part is not null);
            Assert.False(stored.KeptBecause?.EndsWith('.') ?? false);
            if (stored.Grant is { } grant)
                Assert.True(type.Grants.Any(declared => declared.Name == grant) || (type.Bootstrap?.Mapping?.Default.Any(entry => entry.Signals.Contains(grant)) ?? false), $"{name} declares no '{grant}'.");
            if (!stored.HasPart) Assert.False(stored.Under(Settings(type, type.Examples.Least))!.Value.TouchesConsentRecord);
        }
        Assert.Equal(type.StoredNames.Length, type.StoredNames.Select(stored => (stored.Store, stored.Name)).Distinct().Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("_g*")]
    [InlineData("_ga_*x")]
    [InlineData("a b")]
    [InlineData("a;b")]
    [InlineData("a=b")]
    [InlineData("é")]
    [InlineData("{key}*")]
    [InlineData("a{key}*")]
    [InlineData("{a}_{b}")]
    [InlineData("a\"b")]
    public void StoredName_NotPlainOrTooShort_IsRefused(string name) =>
        Assert.Throws<ArgumentException>(() => new StoredName(BrowserStore.Cookie, name, "https://vendor.example/"));

    /// <summary>A setting may hold anything: it becomes a plain part of a name, or no name.</summary>
    [Theory]
    [InlineData("shop", "ph_shop")]
    [InlineData("shop.v1-2~x", "ph_shop.v1-2~x")]
    [InlineData("*", null)]
    [InlineData("shop*", null)]
    [InlineData("", null)]
    [InlineData(" ", null)]
    [InlineData("a b", null)]
    [InlineData("a;b", null)]
    [InlineData("a=b", null)]
    [InlineData("a,b", null)]
    [InlineData("\"", null)]
    [InlineData("\\", null)]
    [InlineData("</script>", null)]
    [InlineData("a\nb", null)]
    [InlineData("\u0000", null)]
    [InlineData("naïve", null)]
    [InlineData("\u202Ex", null)]
    public void Under_SettingOfTheSite_IsPlainOrNone(string persistenceName, string? expected)
    {
        var type = new PostHogType();
        var settings = Settings(type, JsonSerializer.Serialize(new { id = "phc_x", initOptions = new { persistence_name = persistenceName } }));

        var names = type.StoredNames.Select(stored => stored.Under(settings)).OfType<NamePattern>().ToList();

        Assert.All(names, name => Assert.True(NamePattern.IsPlain(name.Text)));
        Assert.All(names, name => Assert.True(!name.IsPrefix || name.Text.Length > 3));
        Assert.Equal(expected, names.Where(name => name is { Store: BrowserStore.Cookie, IsPrefix: false } && name.Text.StartsWith("ph_", StringComparison.Ordinal)).Select(name => name.Text).FirstOrDefault());
        Assert.Contains(names, name => name is { Store: BrowserStore.Cookie, Text: "ph_phc_x_", IsPrefix: true });
    }

    [Fact]
    public void Under_SettingThatIsNoText_GivesNoName()
    {
        foreach (var value in (string[])["null", "7", "true", "{}", "[\"x\"]", "{\"toString\":1}"])
        {
            var settings = Settings(new GoogleAnalyticsType(), $$"""{"id":"G-1","customParameters":{"cookie_prefix":{{value}} } }""");

            Assert.DoesNotContain(new GoogleAnalyticsType().StoredNames, stored => stored.HasPart && stored.Under(settings) is not null);
        }
    }

    [Fact]
    public void Under_NameAsLongAsAPageMayHave_IsNone()
    {
        var settings = Settings(new GoogleAnalyticsType(), $$"""{"id":"G-1","customParameters":{"cookie_prefix":"{{new string('x', NamePattern.MaxLength)}}"} }""");

        Assert.DoesNotContain(new GoogleAnalyticsType().StoredNames, stored => stored.HasPart && stored.Under(settings) is not null);
    }

    /// <summary>To erase the record of the answer would be to ask every visitor again.</summary>
    [Theory]
    [InlineData("c15t")]
    [InlineData("c15t-pending")]
    [InlineData("privacy-consent-storage")]
    [InlineData("consent-snapshots")]
    public void Under_NameOfAConsentRecord_IsNone(string record)
    {
        var name = new StoredName(BrowserStore.LocalStorage, "{name}", "https://vendor.example/") { Part = _ => record };

        Assert.Null(name.Under(Settings(new MetaPixelType(), """{"pixelId":"1"}""")));
        Assert.True(new NamePattern(BrowserStore.Cookie, "c15", IsPrefix: true).TouchesConsentRecord);
        Assert.False(new NamePattern(BrowserStore.Cookie, "c15", IsPrefix: false).TouchesConsentRecord);
    }

    [Fact]
    public void Under_CookiePrefix_StandsBeforeTheVendorsNames()
    {
        var type = new GoogleAnalyticsType();
        var settings = Settings(type, """{"id":"G-1","customParameters":{"cookie_prefix":"shop"}}""");

        Assert.Equal(["_ga", "_ga_*", "_gac_*", "_gcl_*", "_gcl_ls", "_gid", "shop_ga", "shop_ga_*"],
            type.StoredNames.Select(stored => stored.Under(settings)).OfType<NamePattern>().Select(name => name.ToString()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("_ga*", "_ga_X", true)]
    [InlineData("_ga", "_ga*", true)]
    [InlineData("_ga_*", "_ga*", true)]
    [InlineData("_ga_*", "_ga", false)]
    [InlineData("_ga", "_ga_X", false)]
    [InlineData("_ga_*", "_gb_*", false)]
    public void Overlaps_OneMeansWhatTheOtherDoes_EitherWay(string left, string right, bool expected)
    {
        static NamePattern Pattern(string text, BrowserStore store = BrowserStore.Cookie) => new(store, text.TrimEnd('*'), text.EndsWith('*'));

        Assert.Equal(expected, Pattern(left).Overlaps(Pattern(right)));
        Assert.Equal(expected, Pattern(right).Overlaps(Pattern(left)));
        Assert.False(Pattern(left).Overlaps(Pattern(right, BrowserStore.LocalStorage)));
    }

    private static DestinationSettings Settings(DestinationType type, string json)
    {
        var problems = new List<SettingProblem>();
        var settings = DestinationSettings.Read(type.KnownFields, JsonElement.Parse(json), problems);
        Assert.Empty(problems);
        return settings!;
    }
}
