using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Generator.Tests.Fuzz;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

public sealed class SnapshotGeneratorTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    /// <summary>The sixteen subsets a row can require; index 0 is <c>{necessary}</c>.</summary>
    private static string[] Names(ConsentSet required) => [.. required.Optional.Select(category => category.Name()).Prepend("necessary")];

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_EveryRequiredSubsetAndSet_LoadsExactlyWhereAllAreGranted(string type)
    {
        if (type == "console") return;
        foreach (var required in ConsentSet.All)
        {
            var generated = Samples.Generate(Samples.Least(type, 1, Names(required)));
            Assert.Empty(generated.Problems);
            foreach (var granted in ConsentSet.All)
                Assert.Equal(granted.IsSupersetOf(required), generated.Ids(granted).Contains(type, StringComparer.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_RequiresNothing_UsesTheTypesCategory(string type)
    {
        DestinationCatalogue.BuiltIn.TryGet(type, out var found);
        var generated = Samples.Generate(Samples.Least(type));
        foreach (var granted in ConsentSet.All.Where(set => !set.Contains(found!.DefaultCategory))) Assert.Empty(generated.Ids(granted));
        if (type != "console") Assert.NotEqual(ConsentCategory.Necessary, found!.DefaultCategory);
    }

    [Fact]
    public void Generate_EveryScript_IsInExactlyTheSetsThatMeetItsCategory()
    {
        foreach (var required in ConsentSet.All.Select(Names).Append([]))
        {
            var generated = Samples.Generate(Samples.Everything(required));
            var all = ConsentSet.All.ToDictionary(set => set, generated.Scripts);
            var content = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var (set, scripts) in all)
                foreach (var script in scripts)
                {
                    var id = (string)script!["id"]!;
                    Assert.Equal(content.GetValueOrDefault(id, script.ToJsonString()), script.ToJsonString());
                    content[id] = script.ToJsonString();
                }
            foreach (var (id, text) in content)
                foreach (var set in ConsentSet.All)
                    Assert.Equal(Has(JsonNode.Parse(text)!["category"]!, set), all[set].Any(script => (string)script!["id"]! == id));
        }
    }

    [Fact]
    public void Generate_MoreConsent_NeverTakesAScriptOrItsPlaceAway()
    {
        foreach (var required in ConsentSet.All.Select(Names).Append([]))
        {
            var generated = Samples.Generate(Samples.Everything(required));
            foreach (var set in ConsentSet.All)
                foreach (var category in ConsentCategories.Optional)
                {
                    var (less, more) = (generated.Ids(set), generated.Ids(set.With(category)));
                    Assert.Equal(less, more.Where(less.Contains));
                }
        }
    }

    [Fact]
    public void Generate_EverySnapshot_HasUniqueIdsAndOneOfSourceAndText()
    {
        var generated = Samples.Generate(Samples.Everything("necessary"));
        foreach (var set in ConsentSet.All)
        {
            var scripts = generated.Scripts(set);
            Assert.Equal(scripts.Count, scripts.Select(script => (string)script!["id"]!).Distinct(StringComparer.Ordinal).Count());
            foreach (var script in scripts)
            {
                Assert.NotEqual(script!["src"] is null, script["textContent"] is null);
                if (script["src"] is { } source) Assert.Matches("^(?:https://|/[^/])", (string)source!);
            }
        }
    }

    [Fact]
    public void Generate_InAnyOrderOfRows_SameBytes()
    {
        var rows = Samples.Everything().ToList();
        var first = Samples.Generate(rows);
        var second = Samples.Generate(Enumerable.Reverse(rows));
        Assert.Equal(first.Snapshots.Select(snapshot => Convert.ToHexString(snapshot.Bytes.Span)), second.Snapshots.Select(snapshot => Convert.ToHexString(snapshot.Bytes.Span)));
        Assert.Equal(first.Combinations, second.Combinations);
    }

    [Fact]
    public void Generate_Order_IsByCreationThenId()
    {
        var late = Samples.Row("script", """{"src":"https://a.example/late.js"}""", 9, "necessary");
        var early = Samples.Row("script", """{"src":"https://a.example/early.js"}""", 3, "necessary");
        var sameTime = Samples.Row("script", """{"src":"https://a.example/same.js"}""", 4, "necessary")
            .With(row => row with { CreatedAt = early.Row.CreatedAt });
        var generated = Samples.Generate(late, sameTime, early);
        Assert.Equal(["https://a.example/early.js", "https://a.example/same.js", "https://a.example/late.js"],
            generated.Scripts(default).Select(script => (string)script!["src"]!));
        Assert.Equal(["script", "script:00000004", "script:00000009"], generated.Ids(default));
    }

    [Fact]
    public void Generate_ScriptsForTheBody_ComeLast()
    {
        OpenedDestination Own(int place, string target) => Samples.Row("script", $$"""{"src":"https://a.example/{{place}}.js","target":"{{target}}"}""", place, "necessary");

        // A client that runs in a head without a body throws at the first of them, and loads nothing behind it.
        var generated = Samples.Generate(
            Own(1, "body"), Samples.Least("google-analytics", 2, "necessary"), Own(3, "head"), Own(4, "body"), Samples.Least("google-tag-manager", 5, "necessary"));

        Assert.Equal(
            ["consent-snapshots", "google-consent", "google-analytics", "script:00000003", "google-tag-manager", "script", "script:00000004"],
            generated.Ids(default));
    }

    [Fact]
    public void Generate_AnyText_HasNothingThatEndsAScriptElement()
    {
        const string Hostile = "a = '</script><!--' + \"<script>\" + '\u2028\u2029' & `+` > 1;";
        var settings = new JsonObject { ["textContent"] = Hostile, ["attributes"] = new JsonObject { ["data-x"] = "</SCRIPT>\u2028" } };
        var generated = Samples.Generate([Samples.Row("script", settings.ToJsonString(), 200, "necessary"), .. Samples.Everything("necessary")]);

        foreach (var snapshot in generated.Snapshots)
        {
            var text = Encoding.UTF8.GetString(snapshot.Bytes.Span);
            Assert.DoesNotContain(text, character => character is '<' or '\u2028' or '\u2029');
        }
        var own = generated.Scripts(default).Single(script => (string)script!["id"]! == "script:000000c8")!;
        Assert.Equal(Hostile, (string)own["textContent"]!);
        Assert.Equal("</SCRIPT>\u2028", (string)own["attributes"]!["data-x"]!);
        // What harms nobody stays readable.
        Assert.Contains("& `+` > 1;", Encoding.UTF8.GetString(generated[default].Bytes.Span), StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_IdsOfOneTypeThatCollide_TakeMoreDigits()
    {
        OpenedDestination Twin(int last) => Samples.Least("script", last, "necessary").With(row => row with { Id = new Guid(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)last]) });
        var generated = Samples.Generate(Twin(1), Twin(2), Twin(3));
        Assert.Equal(["script", "script:0000000700000000", "script:000000070000000000000000"], generated.Ids(default));
    }

    [Fact]
    public void Generate_FurtherDestinationOfAType_HasTheKeyAsItsId()
    {
        var generated = Samples.Generate(Samples.Least("meta-pixel", 1), Samples.Row("meta-pixel", """{"pixelId":"2","scriptSrc":"https://own.example/fb.js"}""", 2));
        Assert.Equal(["consent-snapshots", "meta-pixel", "meta-pixel:00000002"], generated.Ids(ConsentSet.Everything));
    }

    /// <summary>A destination that loses or gets the first place of its type is for the runtime the one it was.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_KeyInTheConfiguration_IdentifiesTheRowWhateverItsPlace(string type)
    {
        var (one, other) = (Samples.Full(type, 1, "necessary"), Samples.Full(type, 2, "necessary"));
        Dictionary<string, string> Keys(params OpenedDestination[] rows)
        {
            var generated = Samples.Generate(rows);
            return HostilePage.Elements(generated.Scripts(ConsentSet.Everything)).Select(element => element.Config).OfType<string>().Select(config => JsonNode.Parse(config)!)
                .Where(config => config is JsonObject).Select(config => (Key: (string)config["key"]!, Config: WithoutPlace(config.AsObject())))
                .Where(entry => entry.Key.Contains(':', StringComparison.Ordinal)).ToDictionary(entry => entry.Key, entry => entry.Config);
        }

        var both = Keys(one, other);

        var keys = new[] { $"{type}:00000001", $"{type}:00000002" };
        DestinationCatalogue.BuiltIn.TryGet(type, out var found);
        Assert.Equal(found!.PageScript is null ? [] : keys, both.Keys.Order(StringComparer.Ordinal));
        if (both.Count == 0) return;
        Assert.Equal(both[keys[0]], Keys(one)[keys[0]]);
        Assert.Equal(both[keys[1]], Keys(other)[keys[1]]);
        Assert.Equal(keys[..1], Keys(one).Keys);
        Assert.Equal(keys[1..], Keys(other).Keys);
    }

    /// <summary>The vendor's usual objects belong to the first destination of a type, so a further one has a name for its own.</summary>
    private static string WithoutPlace(JsonObject config)
    {
        foreach (var name in (string[])["name", "queue", "extra"]) config.Remove(name);
        return config.ToJsonString();
    }

    [Fact]
    public void Generate_KeysThatCollide_TakeMoreDigits()
    {
        OpenedDestination Twin(int last) => Samples.Least("meta-pixel", last).With(row => row with { Id = new Guid(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)last]) });
        var scripts = Samples.Generate(Twin(1), Twin(2)).Scripts(ConsentSet.Everything);
        Assert.Equal("meta-pixel:00000007", (string)scripts.Config("meta-pixel")["key"]!);
        Assert.Equal("meta-pixel:0000000700000000", (string)scripts.Config("meta-pixel:0000000700000000")["key"]!);
    }

    [Fact]
    public void Generate_TwoDestinationsWithOneLoader_LoadItOnceWhereEitherMay()
    {
        var generated = Samples.Generate(Samples.Least("ahrefs-analytics", 1, "measurement"), Samples.Least("ahrefs-analytics", 2, "marketing"));
        foreach (var set in (ConsentSet[])[ConsentSet.Everything, Samples.Set("measurement"), Samples.Set("marketing")]) Assert.Equal(["ahrefs-analytics"], generated.Ids(set));
        Assert.Empty(generated.Ids(Samples.Set("functionality,experience")));
        Assert.Equal(2, generated.Owners["ahrefs-analytics"].Length);
        Assert.Equal(2, generated[ConsentSet.Everything].DestinationCount);
        Assert.Equal(1, generated[Samples.Set("marketing")].DestinationCount);
    }

    /// <summary>The runtime inserts each URL once, so both destinations name it.</summary>
    [Fact]
    public void Generate_TwoDestinationsToldOfConsent_EachNameTheirLibrary()
    {
        var generated = Samples.Generate(Samples.Least("meta-pixel", 1, "measurement"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "marketing"));
        Assert.Equal(["consent-snapshots", "meta-pixel", "meta-pixel:00000002"], generated.Ids(ConsentSet.Everything));
        Assert.Equal(["consent-snapshots", "meta-pixel"], generated.Ids(Samples.Set("measurement")));
        Assert.Equal(["consent-snapshots", "meta-pixel:00000002"], generated.Ids(Samples.Set("marketing")));
        foreach (var id in (string[])["meta-pixel", "meta-pixel:00000002"])
            Assert.Equal("https://connect.facebook.net/en_US/fbevents.js", (string)generated.Scripts(ConsentSet.Everything).Config(id)["load"]!["src"]!);
        Assert.Empty(generated.Owners["consent-snapshots"]);
        Assert.Equal(2, generated[ConsentSet.Everything].DestinationCount);
        Assert.Equal(1, generated[Samples.Set("marketing")].DestinationCount);
    }

    /// <summary>It is there exactly where something relies on it, before all else, and it is nobody's reason to ask for consent.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_Runtime_BeginsEverySnapshotWithInlineScriptsOfOurs(string type)
    {
        DestinationCatalogue.BuiltIn.TryGet(type, out var found);
        var users = found!.InlineScripts.Select(script => script.Text).Where(text => text != PageScripts.Runtime.Text).ToHashSet(StringComparer.Ordinal);
        foreach (var required in ConsentSet.All.Select(Names).Append([]))
        {
            // An organization's own inline text is before and after it in the order of rows, and relies on nothing.
            var own = (int place) => Samples.Row("script", $$"""{"textContent":"own({{place}})"}""", place, "necessary");
            var generated = Samples.Generate(own(1), Samples.Full(type, 2, required), own(3));
            foreach (var set in ConsentSet.All)
            {
                var scripts = generated.Scripts(set);
                var isUsed = scripts.Any(script => script!["textContent"] is { } text && users.Contains((string)text!));
                Assert.Equal(isUsed, generated.Ids(set).Contains(PageScripts.RuntimeId));
                Assert.Equal(isUsed ? PageScripts.RuntimeId : "script", generated.Ids(set)[0]);
            }
        }
    }

    [Fact]
    public void Generate_RuntimesCondition_IsThatOfAnyWhoRelyOnIt()
    {
        var generated = Samples.Generate(Samples.Least("meta-pixel", 1, "measurement", "experience"), Samples.Least("mixpanel", 2, "marketing"), Samples.Least("ahrefs-analytics", 3, "functionality"));
        var runtime = generated.Scripts(ConsentSet.Everything)[0]!;
        Assert.Equal("""{"id":"consent-snapshots","category":{"or":[{"and":["experience","measurement"]},"marketing"]}}""",
            new JsonObject { ["id"] = (string)runtime["id"]!, ["category"] = runtime["category"]!.DeepClone() }.ToJsonString());
        Assert.Equal(PageScripts.Runtime.Text, (string)runtime["textContent"]!);
        Assert.Null(runtime["attributes"]);
        Assert.Empty(generated.Owners["consent-snapshots"]);
    }

    [Fact]
    public void Generate_DisabledDeletedOrServerOnly_YieldsNothing()
    {
        foreach (var type in Samples.Settings.Keys)
        {
            var serverOnly = JsonNode.Parse(Samples.Settings[type].Least)!;
            serverOnly["enableClientSide"] = false;
            var generated = Samples.Generate(
                Samples.Least(type, 1).With(row => row with { Enabled = false }),
                Samples.Least(type, 2).With(row => row with { Deleted = true }),
                Samples.Row(type, serverOnly.ToJsonString(), 3));
            Assert.Empty(generated.Problems);
            Assert.Equal("""{"scripts":[],"metadata":{"schema":2,"destinationCount":0,"scriptCount":0,"csp":{}}}""",
                Encoding.UTF8.GetString(Assert.Single(generated.Snapshots).Bytes.Span));
        }
    }

    [Fact]
    public void Generate_NoDestination_IsOneEmptySnapshot()
    {
        var generated = Samples.Generate();
        Assert.Single(generated.Snapshots);
        Assert.Equal(Enumerable.Repeat(0, 16), generated.Combinations);
        Assert.Empty(generated.RequiredCategories);
    }

    [Fact]
    public void Generate_UnknownType_IsReportedAndTheOthersStay()
    {
        var generated = Samples.Generate(Samples.Row("who-knows", "{}", 1), Samples.Least("script", 2, "necessary"));
        var problem = Assert.Single(generated.Problems);
        Assert.Equal((DestinationProblemKind.UnknownType, null), (problem.Kind, problem.Field));
        Assert.Equal("This build does not know the type; `types` lists what it knows.", problem.Message);
        Assert.Equal(["script"], generated.Ids(default));
    }

    [Fact]
    public void Generate_UnknownCategory_LoadsForNobodyAndIsReported()
    {
        var generated = Samples.Generate(Samples.Least("script", 1, "measurement", "analytics"));
        var problem = Assert.Single(generated.Problems);
        Assert.Equal((DestinationProblemKind.UnknownCategory, "required_consent"), (problem.Kind, problem.Field));
        Assert.StartsWith("The required consent names a category that does not exist, so it loads for no visitor;", problem.Message, StringComparison.Ordinal);
        Assert.All(ConsentSet.All, set => Assert.Empty(generated.Ids(set)));
    }

    [Fact]
    public void Generate_BadSettings_AreReportedPerFieldAndTheOthersStay()
    {
        var generated = Samples.Generate(Samples.Row("meta-pixel", """{"pixelId":"x","trackPageView":1}""", 1), Samples.Least("script", 2, "necessary"));
        Assert.Equal(["pixelId", "trackPageView"], generated.Problems.Select(problem => problem.Field).Order(StringComparer.Ordinal));
        Assert.All(generated.Problems, problem => Assert.Equal(DestinationProblemKind.InvalidSettings, problem.Kind));
        Assert.Equal(["script"], generated.Ids(default));
    }

    [Fact]
    public void Generate_SourcesProblem_IsPassedOn()
    {
        var row = Samples.Least("script", 1);
        var problem = new DestinationProblem(row.Row.Id, "script", "", DestinationProblemKind.NoKey, null, "No key.");
        Assert.Equal([problem], Samples.Generate(row with { Problem = problem }).Problems);
    }

    [Theory]
    [InlineData("posthog", "", "measurement")]
    [InlineData("posthog", "necessary", "measurement")]
    [InlineData("posthog", "marketing", "marketing")]
    [InlineData("google-tag-manager", "", "marketing")]
    [InlineData("google-tag-manager", "necessary", "functionality,experience,measurement,marketing")]
    [InlineData("google-analytics", "", "measurement")]
    [InlineData("meta-pixel", "experience,marketing", "experience,marketing")]
    [InlineData("script", "necessary", "")]
    [InlineData("console", "", "")]
    public void Generate_RequiredCategories_AreWhatADialogShouldOffer(string type, string required, string expected)
    {
        var generated = Samples.Generate(Samples.Least(type, 1, required.Split(',', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(expected, string.Join(',', generated.RequiredCategories.Select(category => category.Name())));
    }

    [Fact]
    public void Generate_Owners_NameEveryScript()
    {
        var rows = Samples.Everything().ToList();
        var generated = Samples.Generate(rows);
        var ids = ConsentSet.All.SelectMany(generated.Ids).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(ids.Order(StringComparer.Ordinal), generated.Owners.Keys.Order(StringComparer.Ordinal));
        foreach (var (id, owners) in generated.Owners)
        {
            // Google's tags share their consent state; destinations of a type share a library.
            if (id.StartsWith("google-consent", StringComparison.Ordinal)) continue;
            if (id == PageScripts.RuntimeId)
            {
                Assert.Empty(owners);
                continue;
            }
            Assert.All(owners, owner => Assert.StartsWith(rows.Single(row => row.Row.Id == owner).Row.Type, id, StringComparison.Ordinal));
        }
    }

    /// <summary>Private settings, and settings nobody declared, never leave: a canary in each of them is in no snapshot and no problem.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_PrivateAndUnknownSettings_StayBehind(string type)
    {
        const string Canary = "CANARY-7f3a";
        DestinationCatalogue.BuiltIn.TryGet(type, out var found);
        foreach (var sample in (string[])[Samples.Settings[type].Least, Samples.Settings[type].Full])
        {
            var settings = JsonNode.Parse(sample)!.AsObject();
            foreach (var field in found!.Fields.Where(field => field.Visibility == SettingVisibility.Private))
                settings[field.Name] = field.Kind == SettingKind.JsonObject ? new JsonObject { ["x"] = Canary } : Canary;
            foreach (var unknown in (string[])["unknown", "secret", "password", "apiSecret2", "access_token", "AccessToken"]) settings[unknown] = Canary;
            foreach (var required in (string[][])[[], ["necessary"]])
            {
                var generated = Samples.Generate(Samples.Row(type, settings.ToJsonString(), 1, required));
                Assert.Equal(["unknown", "secret", "password", "apiSecret2", "access_token", "AccessToken"], generated.Problems.Where(problem => !problem.LeavesOut).Select(problem => problem.Field));
                Assert.DoesNotContain(generated.Problems, problem => problem.LeavesOut || problem.Message.Contains(Canary, StringComparison.Ordinal));
                foreach (var snapshot in generated.Snapshots) Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(snapshot.Bytes.Span), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Generate_BadSettings_NeverEchoAValue()
    {
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var field in type.Fields)
                foreach (var value in (string[])["\"<CANARY>\\n\"", "[\"<CANARY>\"]", "{\"<CANARY>\":\"<CANARY>\"}"])
                {
                    var settings = JsonNode.Parse(Samples.Settings[type.Name].Least)!.AsObject();
                    settings[field.Name] = JsonNode.Parse(value);
                    foreach (var problem in Samples.Generate(Samples.Row(type.Name, settings.ToJsonString())).Problems)
                        Assert.DoesNotContain("CANARY", problem.Message, StringComparison.Ordinal);
                }
    }

    private static bool Has(JsonNode condition, ConsentSet set) =>
        condition is JsonObject combined
            ? combined["and"] is { } and ? and.AsArray().All(part => Has(part!, set)) : combined["or"]!.AsArray().Any(part => Has(part!, set))
            : ConsentCategories.TryParse((string)condition!, out var category) && set.Contains(category);
}
