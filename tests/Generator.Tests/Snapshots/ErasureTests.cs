using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

/// <summary>Which names a page erases, and for whom. What is asked of the list is what a page would do that follows it.</summary>
public sealed class ErasureTests
{
    private static readonly string[] s_anybody = ["necessary"];

    [Fact]
    public void Erase_OneDestination_ItsNamesStayWhereItMayLoad()
    {
        Assert.Equal(
            """[{"cookie":"_fbc","unless":"marketing"},{"cookie":"_fbp","unless":"marketing"}]""",
            Erase(Samples.Least("meta-pixel")));
    }

    [Fact]
    public void Erase_TwoDestinationsOfTheType_TheNameStaysForEither()
    {
        var erase = Erase(Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "measurement", "experience"));

        Assert.Equal(
            """[{"cookie":"_fbc","unless":{"or":[{"and":["experience","measurement"]},"marketing"]}},{"cookie":"_fbp","unless":{"or":[{"and":["experience","measurement"]},"marketing"]}}]""",
            erase);
    }

    [Fact]
    public void Erase_OwnerThatAlwaysLoads_TheNameIsLeftOut()
    {
        Assert.Equal("[]", Erase(Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "necessary")));
    }

    [Fact]
    public void Erase_NothingLeftOrNothingLoaded_IsEmpty()
    {
        Assert.Equal("[]", Erase());
        Assert.Equal("[]", Erase(Samples.Least("fathom-analytics")));
        Assert.Equal("[]", Erase(Samples.Row("meta-pixel", """{"pixelId":"1","enableClientSide":false}""")));
        Assert.Equal("[]", Erase(Samples.Row("posthog", """{"id":"phc_x","loadMode":"disabled"}""")));
        Assert.Equal("[]", Erase(Samples.Least("meta-pixel").With(row => row with { Enabled = false })));
    }

    /// <summary>What runs on the server only owns nothing in the browser: it protects no name.</summary>
    [Fact]
    public void Erase_OwnerThatIsLeftToTheServer_DoesNotCount()
    {
        Assert.Equal(
            Erase(Samples.Least("meta-pixel", 1)),
            Erase(Samples.Least("meta-pixel", 1), Samples.Row("meta-pixel", """{"pixelId":"2","enableClientSide":false}""", 2, "necessary")));
    }

    [Fact]
    public void Erase_GoogleTags_EachKindOfNameNeedsItsSignal()
    {
        string[] expected = ["_ga measurement", "_ga_* measurement", "_gac_* marketing", "_gcl_* marketing", "_gid measurement", "localStorage _gcl_ls marketing"];

        // A tag that always loads asks for the signals all the same, and so does a container, or an advertising tag beside.
        Assert.Equal(expected, Lines(Samples.Least("google-analytics", 1, s_anybody)));
        Assert.Equal(expected, Lines(Samples.Least("google-tag-manager", 1, s_anybody)));
        Assert.Equal(expected, Lines(Samples.Row("google-analytics", """{"id":"G-1"}"""), Samples.Row("google-analytics", """{"id":"AW-1"}""", 2)));
    }

    [Fact]
    public void Erase_GoogleTagThatNeedsConsentItself_NeedsBoth()
    {
        Assert.Equal(
            ["_ga measurement", "_ga_* measurement", "_gac_* measurement and marketing", "_gcl_* measurement and marketing", "_gid measurement", "localStorage _gcl_ls measurement and marketing"],
            Lines(Samples.Row("google-analytics", """{"id":"G-1"}""")));
    }

    [Fact]
    public void Erase_SignalsMappedElsewhere_FollowTheMappingOfAll()
    {
        var narrowed = Samples.Row("google-tag-manager", """{"id":"GTM-A","consentMapping":{"marketing":["analytics_storage"],"experience":["ad_storage"]}}""", 1, "necessary");
        Assert.Equal(
            ["_ga marketing", "_ga_* marketing", "_gac_* experience", "_gcl_* experience", "_gid marketing", "localStorage _gcl_ls experience"], Lines(narrowed));

        // The first maps analytics to marketing and the second to measurement, so Google is told of a grant only with both.
        Assert.Contains("_ga measurement and marketing", Lines(narrowed, Samples.Least("google-analytics", 2, s_anybody)));
    }

    /// <summary>A signal that no mapping mentions is denied to everybody, so nothing is written under it.</summary>
    [Fact]
    public void Erase_SignalThatNobodyGrants_GivesNoEntry()
    {
        Assert.Equal(["_ga measurement", "_ga_* measurement", "_gid measurement"],
            Lines(Samples.Row("google-analytics", """{"id":"G-1","consentMapping":{"measurement":["analytics_storage"]}}""", 1, "necessary")));
    }

    [Fact]
    public void Erase_PostHogThatAlwaysLoads_StaysWithTheGrantForTracking()
    {
        Assert.All(Lines(Samples.Least("posthog", 1, s_anybody)), line => Assert.EndsWith(" measurement", line, StringComparison.Ordinal));
        Assert.NotEmpty(Lines(Samples.Least("posthog", 1, s_anybody)));
        Assert.All(Lines(Samples.Least("posthog", 1, "experience")), line => Assert.EndsWith(" experience", line, StringComparison.Ordinal));
        Assert.All(Lines(Samples.Row("posthog", """{"id":"phc_x","loadMode":"after-consent"}""", 1, "experience")), line => Assert.EndsWith(" experience and measurement", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Erase_RecordOfARefusal_IsKept()
    {
        foreach (var required in (string[][])[[], s_anybody])
            foreach (var settings in (string[])["""{"id":"phc_x"}""", """{"id":"phc_x","initOptions":{"consent_persistence_name":"answer"}}""", """{"id":"phc_x","initOptions":{"opt_out_capturing_cookie_prefix":"answer_"}}"""])
                foreach (var record in (string[])["__ph_opt_in_out_phc_x", "answer", "answer_phc_x"])
                    Assert.False(IsErased(Generate(Samples.Row("posthog", settings, 1, required)), "localStorage", record, ConsentSet.NecessaryOnly));
    }

    /// <summary>A pattern that would erase a kept name is left out, whatever else it would erase.</summary>
    [Fact]
    public void Erase_PatternThatMeansAKeptName_IsLeftOut()
    {
        var generated = Generate(Samples.Row("posthog", """{"id":"phc_x","initOptions":{"consent_persistence_name":"ph_phc_x_answer"}}"""));

        Assert.False(IsErased(generated, "localStorage", "ph_phc_x_answer", ConsentSet.NecessaryOnly));
        Assert.False(IsErased(generated, "cookie", "ph_phc_x_answer", ConsentSet.NecessaryOnly));
        Assert.True(IsErased(generated, "sessionStorage", "ph_phc_x_window_id", ConsentSet.NecessaryOnly));
    }

    [Fact]
    public void Erase_OverlappingPatterns_EachStaysForAllWhomItCouldTouch()
    {
        // The first one's names begin with the second one's and are all of its own; a third project's do not.
        OpenedDestination[] rows =
        [
            Samples.Row("posthog", """{"id":"a"}""", 1, "measurement"), Samples.Row("posthog", """{"id":"a_b"}""", 2, "marketing"),
            Samples.Row("posthog", """{"id":"x","initOptions":{"persistence_name":"a_b_posthog"}}""", 3, "experience"), Samples.Row("posthog", """{"id":"z"}""", 4, "functionality"),
        ];
        var lines = Lines(rows);

        Assert.Contains("ph_a_* experience or measurement or marketing", lines);
        Assert.Contains("ph_a_b_* experience or measurement or marketing", lines);
        Assert.Contains("ph_a_b_posthog experience or measurement or marketing", lines);
        Assert.Contains("ph_x_* experience", lines);
        Assert.Contains("ph_z_* functionality", lines);
        var generated = Generate(rows);
        Assert.False(IsErased(generated, "cookie", "ph_a_b_posthog", Samples.Set("marketing")));
        Assert.True(IsErased(generated, "cookie", "ph_a_b_posthog", Samples.Set("functionality")));
    }

    /// <summary>
    /// Against a reading of the declarations that knows nothing of sorting: for every pair of conditions and every set of patterns, no name is erased that a permitted owner has, and every entry
    /// is erased where none of those whom it could touch is permitted.
    /// </summary>
    [Fact]
    public void Erase_AnyOverlaps_IsWhatTheDeclarationsSay()
    {
        var random = new Random(11);
        string[] texts = ["aaaa", "aaaab", "aaaabb", "aaaac", "bbbb", "bbbbb"];
        for (var round = 0; round < 300; round++)
        {
            var names = Enumerable.Range(0, random.Next(1, 6))
                .Select(place => (Name: texts[random.Next(texts.Length)] + (random.Next(2) == 0 ? "*" : ""), Needs: ConsentSet.FromIndex(random.Next(ConsentSet.Count)))).ToList();
            var types = names.Select((entry, place) => new LeavingType($"leaving-{place}", entry.Name)).ToList();
            var rows = names.Select((entry, place) => Samples.Row($"leaving-{place}", "{}", place + 1, [.. entry.Needs.Optional.Select(category => category.Name()).DefaultIfEmpty("necessary")])).ToList();
            var catalogue = new DestinationCatalogue([.. types]);
            var generated = new SnapshotGenerator(catalogue).Generate(Samples.Scope, rows);
            Assert.Empty(generated.Problems);
            Assert.Empty(ConsentProof.Violations(generated.ToManifest().Content, rows, new HashSet<Guid>(), catalogue));

            foreach (var (name, _) in names)
            {
                var touched = names.Where(other => Overlap(name, other.Name)).ToList();
                foreach (var set in ConsentSet.All)
                {
                    var mayStay = touched.Any(other => set.IsSupersetOf(other.Needs));
                    Assert.Equal(!mayStay, Entries(generated).Any(entry => (string?)entry["cookie"] == name && !Holds(entry["unless"], set)));
                }
            }
            foreach (var text in texts.Append("aaaabbb"))
                foreach (var set in ConsentSet.All)
                    if (names.Any(owner => Means(owner.Name, text) && set.IsSupersetOf(owner.Needs))) Assert.False(IsErased(generated, "cookie", text, set));
        }

        static bool Overlap(string left, string right) =>
            left == right || (left.EndsWith('*') && right.TrimEnd('*').StartsWith(left[..^1], StringComparison.Ordinal)) || (right.EndsWith('*') && left.TrimEnd('*').StartsWith(right[..^1], StringComparison.Ordinal));
    }

    [Fact]
    public void Erase_OrderOfDestinations_ChangesNothing()
    {
        OpenedDestination[] rows = [Samples.Least("posthog", 1), Samples.Least("meta-pixel", 2), Samples.Least("google-analytics", 3), Samples.Row("posthog", """{"id":"phc_second"}""", 4, "marketing")];
        OpenedDestination[] reversed = [.. rows.Select((row, place) => row.With(known => known with { CreatedAt = DateTimeOffset.UnixEpoch.AddDays(-place) }))];

        Assert.Equal(Erase(rows), Erase(reversed));
        Assert.Equal(Manifest(rows)["clearOnRevocation"]!.ToJsonString(), Manifest(reversed)["clearOnRevocation"]!.ToJsonString());
    }

    [Fact]
    public void Fingerprint_NamesOrTheirConditionsChange_Changes()
    {
        var generated = Generate(Samples.Least("meta-pixel"));
        string With(string part, string json) => generated.Changed(manifest => manifest[part] = JsonNode.Parse(json)).Fingerprint;

        Assert.Equal(4, new HashSet<string>(
        [
            generated.Content.Fingerprint, With("erase", "[]"), With("clearOnRevocation", "{}"), With("erase", """[{"cookie":"_fbc","unless":"marketing"},{"cookie":"_fbp","unless":"measurement"}]"""),
        ]).Count);
    }

    [Fact]
    public void ClearOnRevocation_NameThatEveryOwnerNeedsTheCategoryFor_IsUnderIt()
    {
        Assert.Equal(
            """{"marketing":{"cookies":["_fbc","_fbp"],"localStorage":[],"sessionStorage":[]}}""",
            Manifest(Samples.Least("meta-pixel"))["clearOnRevocation"]!.ToJsonString());
    }

    [Fact]
    public void ClearOnRevocation_OwnerThatNeedsTwoCategories_IsUnderBoth()
    {
        var clear = Manifest(Samples.Least("meta-pixel", 1, "marketing", "measurement"))["clearOnRevocation"]!;

        Assert.Equal(["measurement", "marketing"], clear.AsObject().Select(category => category.Key));
        Assert.Equal(clear["measurement"]!.ToJsonString(), clear["marketing"]!.ToJsonString());
    }

    [Fact]
    public void ClearOnRevocation_NameThatEitherCategoryPermits_IsUnderNone()
    {
        Assert.Equal("{}", Manifest(Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "measurement"))["clearOnRevocation"]!.ToJsonString());
        Assert.Equal("{}", Manifest(Samples.Least("meta-pixel", 1, s_anybody))["clearOnRevocation"]!.ToJsonString());
    }

    /// <summary>Whatever c15t would delete when one category is denied, no destination may have for a visitor who denied only that one.</summary>
    [Fact]
    public void ClearOnRevocation_EveryTypeAndCondition_ErasesOnlyWhatEraseDoes()
    {
        foreach (var set in ConsentSet.All)
        {
            var rows = Samples.Settings.Keys.SelectMany((type, index) => (OpenedDestination[])
                [Samples.Least(type, 2 * index + 1, [.. set.Optional.Select(category => category.Name())]), Samples.Full(type, 2 * index + 2, "marketing", "measurement")]).ToArray();
            var entries = Entries(Generate(rows)).ToLookup(entry => (entry.First().Key, (string?)entry.First().Value), entry => entry["unless"]);
            foreach (var (category, stores) in Manifest(rows)["clearOnRevocation"]!.AsObject())
            {
                Assert.True(ConsentCategories.TryParse(category, out var denied));
                foreach (var (store, names) in stores!.AsObject())
                    foreach (var name in names!.AsArray())
                        Assert.Contains(entries[(store == "cookies" ? "cookie" : store, (string?)name)], unless => !Holds(unless, ConsentSet.Everything.Without(denied)));
            }
        }
    }

    private static GeneratedScope Generate(params OpenedDestination[] rows)
    {
        var generated = Samples.Generate(rows);
        Assert.Empty(generated.ConsentViolations(rows));
        return generated;
    }

    private static JsonObject Manifest(params OpenedDestination[] rows) => JsonNode.Parse(Generate(rows).ToManifest().Bytes.Span)!.AsObject();

    private static string Erase(params OpenedDestination[] rows) => Manifest(rows)["erase"]!.ToJsonString();

    private static IEnumerable<JsonObject> Entries(GeneratedScope generated) => JsonNode.Parse(generated.ToManifest().ListBytes())!["erase"]!.AsArray().Select(entry => entry!.AsObject());

    /// <summary>An entry as a person would say it; cookies without the word.</summary>
    private static string[] Lines(params OpenedDestination[] rows) =>
    [
        .. Entries(Generate(rows)).Select(entry =>
        {
            var (store, name) = (entry.First().Key, (string)entry.First().Value!);
            return $"{(store == "cookie" ? "" : $"{store} ")}{name} {InWords(entry["unless"]!)}";
        }),
    ];

    private static string InWords(JsonNode condition) => condition is JsonObject one
        ? string.Join($" {one.First().Key} ", one.First().Value!.AsArray().Select(part => InWords(part!)))
        : (string)condition!;

    private static bool Means(string pattern, string name) => pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;

    /// <summary>Whether a page that follows the list deletes the name for a visitor with this consent.</summary>
    private static bool IsErased(GeneratedScope generated, string store, string name, ConsentSet set) =>
        Entries(generated).Any(entry => (string?)entry[store] is { } pattern && Means(pattern, name) && !Holds(entry["unless"], set));

    private static bool Holds(JsonNode? condition, ConsentSet set) => condition switch
    {
        JsonObject one when one.First() is ("and", JsonArray parts) => parts.All(part => Holds(part, set)),
        JsonObject one when one.First() is ("or", JsonArray parts) => parts.Any(part => Holds(part, set)),
        JsonValue value => ConsentCategories.TryParse((string?)value, out var category) && set.Contains(category),
        _ => throw new FormatException("No condition."),
    };

    /// <summary>A type that loads something and leaves one cookie.</summary>
    private sealed class LeavingType(string type, string cookie) : DestinationType
    {
        public override string Name => type;

        public override string Title => type;

        public override ConsentCategory DefaultCategory => ConsentCategory.Marketing;

        public override Uri Homepage { get; } = new("https://vendor.example/");

        public override System.Collections.Immutable.ImmutableArray<SettingField> Fields => [];

        public override SettingsExamples Examples { get; } = new("{}", "{}");

        public override System.Collections.Immutable.ImmutableArray<StoredName> StoredNames { get; } = [new(BrowserStore.Cookie, cookie, "https://vendor.example/cookies")];

        protected internal override void Compose(ScriptComposer scripts) => scripts.Load(PageUrl.Of($"https://vendor.example/{type}.js"));
    }
}
