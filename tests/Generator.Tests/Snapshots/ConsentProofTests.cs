using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

public sealed class ConsentProofTests
{
    private static readonly string[] s_anybody = ["necessary"];

    [Fact]
    public void Violations_WhatTheGeneratorMakes_None()
    {
        foreach (var required in ConsentSet.All.Select(set => set.Optional.Select(category => category.Name()).Prepend("necessary").ToArray()).Append([]))
        {
            // Every type twice with the least settings, the second asking for more: so loaders are shared between different conditions.
            var rows = Samples.Settings.Keys.SelectMany((type, index) => (OpenedDestination[])
                [Samples.Least(type, 2 * index + 1, required), Samples.Least(type, 2 * index + 2, [.. required, "marketing"])]).ToList();
            Assert.Empty(Samples.Generate(rows).ConsentViolations(rows));
        }
    }

    [Fact]
    public void Violations_DestinationInASetWithoutItsConsent_AreFound()
    {
        var violations = Samples.Generate(Samples.Least("meta-pixel", 1, "marketing")).ConsentViolations([Samples.Least("meta-pixel", 1, "marketing", "measurement")]);

        Assert.Equal(["Script 'meta-pixel' loads for a visitor who lacks the consent that its destination requires."], violations);
    }

    [Fact]
    public void Violations_DefaultCategoryThatTheSettingsDecide_IsTheOneOfTheSettings()
    {
        var measured = Samples.Generate(Samples.Row("google-analytics", """{"id":"G-1"}"""));

        Assert.Contains("Script 'google-analytics' loads for a visitor who lacks the consent that its destination requires.",
            measured.ConsentViolations([Samples.Row("google-analytics", """{"id":"AW-1"}""")]));
    }

    [Fact]
    public void Violations_EncryptedSettings_AreJudgedByWhatTheySay()
    {
        var advertising = Samples.Row("google-analytics", """{"id":"AW-1"}""")
            .With(row => row with { Settings = JsonElement.Parse("""{"encrypted":"00","iv":"00","tag":"00"}"""), SettingsEncrypted = true });

        var generated = Samples.Generate(advertising);

        Assert.Empty(generated.Problems);
        Assert.Equal(["consent-snapshots", "google-consent:marketing", "google-consent", "google-analytics"], generated.Ids(Samples.Set("marketing")));
        Assert.Empty(generated.ConsentViolations([advertising]));
    }

    [Fact]
    public void Violations_OwnerThatIsNotActive_IsFound()
    {
        var row = Samples.Least("meta-pixel", 1);
        var generated = Samples.Generate(row);
        var expected = $"Script 'meta-pixel' claims to serve row {row.Row.Id}, which is no active destination of type 'meta-pixel'.";

        Assert.Contains(expected, generated.ConsentViolations([row with { Problem = new DestinationProblem(row.Row.Id, "meta-pixel", "", DestinationProblemKind.NoKey, null, "No key.") }]));
        Assert.Contains(expected, generated.ConsentViolations([row.With(known => known with { Enabled = false })]));
        Assert.Contains(expected, generated.ConsentViolations([row.With(known => known with { Deleted = true })]));
        Assert.Contains(expected, generated.ConsentViolations([row.With(known => known with { Type = "snapchat-pixel" })]));
        Assert.Contains(expected, generated.ConsentViolations([]));
        Assert.Contains(expected, generated.ToManifest().Content.ConsentViolations([row], [row.Row.Id]));
    }

    [Fact]
    public void Violations_SharedLoaderNobodyMayLoad_AreFound()
    {
        var rows = new[] { Samples.Least("ahrefs-analytics", 1, "marketing"), Samples.Least("ahrefs-analytics", 2, "measurement") };
        var generated = Samples.Generate(rows);
        Assert.Equal(2, generated.Owners["ahrefs-analytics"].Length);

        Assert.Contains($"Script 'ahrefs-analytics' claims to serve row {rows[1].Row.Id}, which is no active destination of type 'ahrefs-analytics'.",
            generated.ConsentViolations([rows[0], rows[1].With(row => row with { Enabled = false })]));
        Assert.Contains("Script 'ahrefs-analytics' loads for a visitor who lacks the consent that its destination requires.",
            generated.ConsentViolations([rows[0], rows[1].With(row => row with { RequiredConsent = ["measurement", "experience"] })]));
    }

    [Fact]
    public void Violations_RuntimeWhereNothingNeedsIt_IsFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing"), Samples.Least("ahrefs-analytics", 2, "measurement") };

        var violations = Samples.Generate(rows).ConsentViolations(rows, manifest =>
        {
            Script(manifest, "consent-snapshots")["category"] = JsonNode.Parse("""{"or":["marketing","measurement"]}""");
            Relist(manifest);
        });

        Assert.Equal(["The runtime does not load exactly where one of the scripts that need it does."], violations);
    }

    /// <summary>What the proof before this one let pass, and others of the kind.</summary>
    [Theory]
    [MemberData(nameof(Frauds))]
    public void Violations_Fraud_IsFound(string name)
    {
        var fraud = s_frauds[name];
        var generated = Samples.Generate(fraud.Rows);
        Assert.Empty(generated.Problems);
        Assert.Empty(generated.ConsentViolations(fraud.Rows));

        Assert.NotEmpty(generated.ConsentViolations(fraud.Rows, manifest =>
        {
            fraud.Commit(manifest);
            Relist(manifest);
        }));
    }

    public static TheoryData<string> Frauds => [.. s_frauds.Keys];

    private static readonly Dictionary<string, (OpenedDestination[] Rows, Action<JsonNode> Commit)> s_frauds = new(StringComparer.Ordinal)
    {
        ["all of Google's signals granted to everybody"] = ([Samples.Least("google-tag-manager", 1, "necessary")], manifest =>
        {
            foreach (var grant in (string[])["functionality", "experience", "measurement", "marketing"]) Script(manifest, $"google-consent:{grant}")["category"] = "necessary";
        }
        ),
        ["Google's signals that need no grant"] = ([Samples.Least("google-tag-manager", 1, "necessary")], manifest =>
            Configure(manifest, "google-consent", config => config["signals"]!["ad_storage"] = new JsonArray())),
        ["Google's signals that are not said"] = ([Samples.Least("google-tag-manager", 1, "necessary")], manifest =>
            Configure(manifest, "google-consent", config => config["signals"]!.AsObject().Remove("analytics_storage"))),
        ["Google's ads under measurement"] = ([Samples.Least("google-tag-manager", 1, "necessary")], manifest =>
            Configure(manifest, "google-consent", config => config["signals"]!["ad_storage"] = new JsonArray("measurement"))),
        ["Google's ads under what another mapping says"] = (
            [Samples.Row("google-tag-manager", """{"id":"GTM-A","consentMapping":{"marketing":["analytics_storage"]}}""", 1, "necessary"), Samples.Least("google-analytics", 2, "necessary")], manifest =>
            Configure(manifest, "google-consent", config => config["signals"]!["analytics_storage"] = new JsonArray("measurement"))),
        ["PostHog that does not ask"] = ([Samples.Least("posthog", 1, "necessary")], manifest => Configure(manifest, "posthog", config => config.AsObject().Remove("asks"))),
        ["owners that have no script"] = (
            [Samples.Least("fathom-analytics", 1, "marketing"), Samples.Row("fathom-analytics", """{"siteId":"OTHER","enableClientSide":false}""", 2, "necessary")], manifest =>
        {
            Part(manifest, "fathom-analytics")["destinations"]!.AsArray().Add(Samples.Row("script", "{}", 2).Row.Id.ToString());
            Script(manifest, "fathom-analytics")["category"] = "necessary";
        }
        ),
        ["a source among the attributes"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["attributes"]!["src"] = "https://a.example/x.js"),
        ["a handler among the attributes"] = ([Samples.Least("fathom-analytics", 1)], manifest => Script(manifest, "fathom-analytics")["attributes"]!["onload"] = "own()"),
        ["a told vendor's library as an entry"] = ([Samples.Least("meta-pixel", 1)], manifest =>
        {
            Script(manifest, "meta-pixel").AsObject().Remove("textContent");
            Script(manifest, "meta-pixel")["src"] = "https://connect.facebook.net/en_US/fbevents.js";
        }
        ),
        ["a told vendor's library as a second entry"] = (
            [Samples.Least("meta-pixel", 1), Samples.Least("vercel-analytics", 2)], manifest =>
            {
                (Part(manifest, "vercel-analytics:2")["type"], Part(manifest, "vercel-analytics:2")["destinations"]) = ("meta-pixel", Part(manifest, "meta-pixel")["destinations"]!.DeepClone());
                (Script(manifest, "vercel-analytics:2")["vendor"], Script(manifest, "vercel-analytics:2")["category"], Script(manifest, "vercel-analytics:2")["id"]) =
                    ("meta", "marketing", "meta-pixel:2");
            }
        ),
        ["an entry in the place of the page script of a vendor that is told nothing"] = ([Samples.Least("vercel-analytics", 1)], manifest =>
        {
            Script(manifest, "vercel-analytics").AsObject().Remove("textContent");
            Script(manifest, "vercel-analytics")["src"] = "/_vercel/insights/script.js";
        }
        ),
        ["PostHog's grant to everybody"] = ([Samples.Least("posthog", 1, "necessary")], manifest => Script(manifest, "posthog:granted")["category"] = "necessary"),
        ["Clarity's marketing grant under measurement"] = ([Samples.Least("microsoft-clarity", 1)], manifest => Script(manifest, "microsoft-clarity:marketing")["category"] = "measurement"),
        ["alwaysLoad"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["alwaysLoad"] = true),
        ["another row's id"] = ([Samples.Least("fathom-analytics", 1, "marketing"), Samples.Row("fathom-analytics", """{"siteId":"OTHER"}""", 2, "necessary")], manifest =>
            (Part(manifest, "fathom-analytics")["destinations"], Script(manifest, "fathom-analytics")["category"]) =
                (new JsonArray(Samples.Row("script", "{}", 2).Row.Id.ToString()), "necessary")),
        ["another row's key"] = ([Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "necessary")], manifest =>
            Configure(manifest, "meta-pixel:00000002", config => config["key"] = "meta-pixel:00000001")),
        ["owners overstated"] = ([Samples.Least("fathom-analytics", 1, "marketing"), Samples.Row("fathom-analytics", """{"siteId":"OTHER"}""", 2, "necessary")], manifest =>
        {
            Part(manifest, "fathom-analytics")["destinations"]!.AsArray().Add(Samples.Row("script", "{}", 2).Row.Id.ToString());
            Script(manifest, "fathom-analytics")["category"] = "necessary";
        }
        ),
        ["owners of another type"] = ([Samples.Least("fathom-analytics", 1, "marketing"), Samples.Least("meta-pixel", 2, "necessary")], manifest =>
        {
            Part(manifest, "fathom-analytics")["destinations"]!.AsArray().Add(Samples.Row("script", "{}", 2).Row.Id.ToString());
            Script(manifest, "fathom-analytics")["category"] = "necessary";
        }
        ),
        ["another type's name"] = ([Samples.Least("meta-pixel", 1)], manifest => Part(manifest, "meta-pixel")["type"] = "script"),
        ["a condition that more consent falsifies"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["category"] = JsonNode.Parse("""{"not":"marketing"}""")),
        ["an id twice"] = ([Samples.Least("meta-pixel", 1), Samples.Least("snapchat-pixel", 2)], manifest => Script(manifest, "snapchat-pixel")["id"] = "meta-pixel"),
        ["text of somebody else"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["textContent"] = "fbq('init','1')"),
        ["a script that the client leaves in place"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["persistAfterConsentRevoked"] = true),
        ["another vendor"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["vendor"] = "google"),
        ["source beside text"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "meta-pixel")["src"] = "https://a.example/x.js"),
        ["runtime under a condition of its own"] = ([Samples.Least("meta-pixel", 1)], manifest => Script(manifest, "consent-snapshots")["category"] = "necessary"),
        ["a cookie that is erased although one owner is permitted"] = (
            [Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "measurement")], manifest => manifest["erase"]![0]!["unless"] = "marketing"),
        ["a pattern that erases what another destination owns"] = (
            [Samples.Row("posthog", """{"id":"a"}""", 1, "marketing"), Samples.Row("posthog", """{"id":"a_b"}""", 2, "measurement")], manifest =>
            manifest["erase"]!.AsArray().First(entry => (string?)entry!["cookie"] == "ph_a_*")!["unless"] = "marketing"),
        ["a cookie that stays after a refusal"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0]!["unless"] = JsonNode.Parse("""{"or":["marketing","measurement"]}""")),
        ["a cookie that is not erased"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]!.AsArray().RemoveAt(0)),
        ["a name of the site's own"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]!.AsArray().Add(JsonNode.Parse("""{"cookie":"session","unless":"marketing"}"""))),
        ["every name of the site"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0]!["cookie"] = "*"),
        ["a wider pattern"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0]!["cookie"] = "_fb*"),
        ["a name in another store"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0] = JsonNode.Parse("""{"localStorage":"_fbc","unless":"marketing"}""")),
        ["a name twice, under two conditions"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]!.AsArray().Add(JsonNode.Parse("""{"cookie":"_fbc","unless":"measurement"}"""))),
        ["a name that is erased from everybody"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0]!.AsObject().Remove("unless")),
        ["a condition of erasing that more consent falsifies"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["erase"]![0]!["unless"] = JsonNode.Parse("""{"not":"marketing"}""")),
        ["a name that is kept"] = ([Samples.Row("posthog", """{"id":"phc_x"}""")], manifest =>
            manifest["erase"]!.AsArray().Add(JsonNode.Parse("""{"localStorage":"__ph_opt_in_out_phc_x","unless":"measurement"}"""))),
        ["a tag that always loads loses its cookies"] = ([Samples.Least("google-analytics", 1, "necessary")], manifest => manifest["erase"]![0]!["unless"] = "marketing"),
        ["a name under a category that its owner does not need"] = ([Samples.Least("meta-pixel", 1)], manifest =>
            manifest["clearOnRevocation"] = JsonNode.Parse("""{"measurement":{"cookies":["_fbc","_fbp"],"localStorage":[],"sessionStorage":[]}}""")),
        ["a name under necessary"] = ([Samples.Least("meta-pixel", 1)], manifest =>
            manifest["clearOnRevocation"]!["necessary"] = JsonNode.Parse("""{"cookies":["_fbp"],"localStorage":[],"sessionStorage":[]}""")),
        ["a name that one owner may have without the category"] = (
            [Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "measurement")], manifest =>
            manifest["clearOnRevocation"] = JsonNode.Parse("""{"marketing":{"cookies":["_fbp"],"localStorage":[],"sessionStorage":[]}}""")),
        ["a name of the site's own under a category"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["clearOnRevocation"]!["marketing"]!["sessionStorage"]!.AsArray().Add("cart")),
        ["a category that clears nothing"] = ([Samples.Least("meta-pixel", 1)], manifest => manifest["clearOnRevocation"] = new JsonObject()),
        ["runtime not first"] = ([Samples.Least("meta-pixel", 1)], manifest =>
        {
            var scripts = manifest["scripts"]!.AsArray();
            var runtime = scripts[0]!;
            scripts.RemoveAt(0);
            scripts.Add(runtime);
        }
        ),
    };

    [Theory]
    [InlineData("""{"and":[]}""")]
    [InlineData("""{"or":[]}""")]
    [InlineData("""{"and":["marketing"],"or":["necessary"]}""")]
    [InlineData("[\"marketing\"]")]
    [InlineData("true")]
    [InlineData("""{"xor":["marketing"]}""")]
    public void Violations_ConditionNoClientUnderstands_IsFound(string condition)
    {
        var rows = new[] { Samples.Least("meta-pixel", 1) };
        Assert.NotEmpty(Samples.Generate(rows).ConsentViolations(rows, manifest => Script(manifest, "meta-pixel")["category"] = JsonNode.Parse(condition)));
    }

    /// <summary>A list that is not what a client would keep of all scripts, in any set, in any place.</summary>
    [Fact]
    public void Violations_EveryChangeOfALists_IsFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1), Samples.Least("posthog", 2, "necessary"), Samples.Least("fathom-analytics", 3) };
        var generated = Samples.Generate(rows);
        var content = generated.Content;
        foreach (var list in content.Lists)
        {
            var hash = new ConsentSnapshots.Generator.Formats.Snapshot(content.SnapshotBytes(list)).Name;
            for (var script = 0; script < content.ScriptCount; script++)
            {
                var changed = list.Scripts.Contains(script) ? list.Scripts.Remove(script) : [.. list.Scripts.Add(script).Order()];
                Assert.NotEmpty(generated.ConsentViolations(rows, manifest => manifest["snapshots"]![hash]!["scripts"] = new JsonArray([.. changed.Select(index => JsonValue.Create(index))])));
            }
        }
    }

    /// <summary>
    /// Thousands of changes of a manifest that holds every type: declarations are swapped, conditions widened, owners moved, bytes flipped. Whatever would give a visitor a script, or a vendor
    /// a grant, that the honest manifest does not give, has to be found.
    /// </summary>
    [Fact]
    public void Violations_AnyHarmfulMutation_IsFound()
    {
        // Told and not told, with grants of every kind, shared parts and shared loaders, and an organization's own.
        string[] types = ["google-tag-manager", "google-analytics", "posthog", "microsoft-clarity", "rudderstack", "meta-pixel", "fathom-analytics", "ahrefs-analytics", "script"];
        var rows = types.SelectMany((type, index) => (OpenedDestination[])
            [
                Samples.Least(type, 2 * index + 1, index % 3 == 0 ? s_anybody : []),
                // PostHog's full settings ask for more than the row does, which no proof from rows can know.
                Samples.Row(type, type == "posthog" ? """{"id":"phc_second"}""" : Samples.Settings[type].Full, 2 * index + 2, index % 2 == 0 ? ["marketing"] : ["measurement"]),
            ]).ToList();
        var generated = Samples.Generate(rows);
        Assert.Empty(generated.Problems);
        var honest = JsonNode.Parse(generated.ToManifest().Bytes.Span)!.ToJsonString();
        var allowed = Mutation.Gives(JsonNode.Parse(honest)!);
        var (harmful, harmless) = (0, 0);

        // The same ones in each run; another seed tries others.
        var seed = Environment.GetEnvironmentVariable("MUTATION_SEED") is { } text ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : 42;
        var random = new Random(seed);
        var mutations = Enumerable.Range(0, 6000).Select(number => (Kind: number % Mutation.Kinds, Place: random.Next(10_000), Value: random.Next(10_000))).ToArray();
        Parallel.ForEach(mutations, mutation =>
        {
            var (kind, place, value) = mutation;
            var manifest = JsonNode.Parse(honest)!;
            if (!Mutation.Apply(manifest, kind, place, value)) return;
            Relist(manifest);
            ConsentSnapshots.Generator.Formats.ScopeContent content;
            try
            {
                content = ConsentSnapshots.Generator.Formats.Manifest.Parse(System.Text.Encoding.UTF8.GetBytes(manifest.ToJsonString())).Content;
            }
            catch (ConsentSnapshots.Generator.Formats.ManifestException)
            {
                return; // it is not even a manifest
            }
            var harm = Mutation.Gives(manifest).FirstOrDefault(given => !allowed.Contains(given));
            if (harm is null)
            {
                Interlocked.Increment(ref harmless);
                return;
            }
            Interlocked.Increment(ref harmful);
            Assert.True(!content.ConsentViolations(rows, []).IsEmpty, $"Mutation {kind} at {place} with {value} gives {harm}, and is not found.");
        });

        Assert.True(harmful > 500, $"Only {harmful} of {harmful + harmless} mutations were harmful.");
    }

    private static JsonNode Part(JsonNode manifest, string id) => manifest["scripts"]!.AsArray().First(part => (string)part!["script"]!["id"]! == id)!;

    private static JsonNode Script(JsonNode manifest, string id) => Part(manifest, id)["script"]!;

    private static void Configure(JsonNode manifest, string id, Action<JsonNode> change)
    {
        var attributes = Script(manifest, id)["attributes"]!;
        var config = JsonNode.Parse((string)attributes["data-config"]!)!;
        change(config);
        attributes["data-config"] = config.ToJsonString();
    }

    /// <summary>Makes the lists what a client would keep, so that nothing but the fraud itself gives it away.</summary>
    private static void Relist(JsonNode manifest)
    {
        var scripts = manifest["scripts"]!.AsArray();
        var snapshots = new JsonObject();
        var combinations = manifest["combinations"]!.AsArray();
        for (var set = 0; set < ConsentSet.Count; set++)
        {
            var kept = new JsonArray();
            for (var script = 0; script < scripts.Count; script++)
                if (Mutation.Holds(scripts[script]!["script"]!["category"], set)) kept.Add(script);
            var hash = set.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
            snapshots[hash] = new JsonObject { ["scripts"] = kept, ["policy"] = 0, ["bytes"] = 1, ["sha256"] = new string('0', 64), ["destinationCount"] = 1 };
            combinations[set]!["snapshot"] = hash;
        }
        manifest["snapshots"] = snapshots;
    }

    /// <summary>Changes of a manifest, and what a manifest gives, read without any code of ours.</summary>
    private static class Mutation
    {
        public const int Kinds = 10;

        private static readonly string[] s_conditions =
        [
            "\"necessary\"", "\"measurement\"", "\"marketing\"", "\"functionality\"", "\"experience\"", """{"or":["measurement","marketing"]}""", """{"and":["measurement","marketing"]}""",
            """{"or":["necessary","marketing"]}""", """{"not":"marketing"}""", "\"everything\"",
        ];

        public static bool Apply(JsonNode manifest, int kind, int place, int value)
        {
            var scripts = manifest["scripts"]!.AsArray();
            var part = scripts[place % scripts.Count]!;
            var other = scripts[value % scripts.Count]!;
            var script = part["script"]!.AsObject();
            switch (kind)
            {
                case 0:
                    script["category"] = JsonNode.Parse(s_conditions[value % s_conditions.Length]);
                    return true;
                case 1:
                    part["destinations"] = other["destinations"]!.DeepClone();
                    return true;
                case 2:
                    foreach (var owner in other["destinations"]!.AsArray().ToList()) part["destinations"]!.AsArray().Add(owner!.DeepClone());
                    script["category"] = other["script"]!["category"]!.DeepClone();
                    return true;
                case 3:
                    part["type"] = (string)other["type"]!;
                    return true;
                case 4:
                    script["id"] = (string)other["script"]!["id"]!;
                    other["script"]!["id"] = $"gone:{value}";
                    return true;
                case 5:
                    script[((string[])["alwaysLoad", "persistAfterConsentRevoked", "onLoad", "anonymizeId"])[value % 4]] = true;
                    script["category"] = "necessary";
                    return true;
                case 6 when Config(script) is { } own && Config(other["script"]!) is { } theirs && own != theirs:
                    script["attributes"]!["data-config"] = theirs;
                    return true;
                case 7:
                    (part["script"], other["script"]) = (other["script"]!.DeepClone(), script.DeepClone());
                    return true;
                case 8:
                    var text = script.ToJsonString().ToCharArray();
                    text[value % text.Length] ^= (char)1;
                    try
                    {
                        part["script"] = JsonNode.Parse(new string(text));
                        // Another address, or another text of the organization's own, is not another consent.
                        return part["script"] is JsonObject flipped && (string?)flipped["src"] == (string?)script["src"]
                            && ((string?)part["type"] != "script" || (string?)flipped["textContent"] == (string?)script["textContent"]);
                    }
                    catch (Exception exception) when (exception is JsonException or InvalidOperationException)
                    {
                        return false;
                    }
                case 9:
                    part["destinations"] = new JsonArray();
                    script["category"] = "necessary";
                    return true;
                default:
                    return false;
            }
        }

        /// <summary>
        /// What each consent set gets: each script by what it is (its text or source, and whom it stands for), and each key that a client might obey. A change of a vendor's own settings
        /// gives nobody more, so the configuration counts only for the key and the grant in it.
        /// </summary>
        public static HashSet<string> Gives(JsonNode manifest)
        {
            var given = new HashSet<string>(StringComparer.Ordinal);
            foreach (var part in manifest["scripts"]!.AsArray())
            {
                var script = part!["script"]!.AsObject();
                var what = (string?)script["src"] is { } source ? Base((string?)part["type"], source) : $"text {(string?)script["textContent"]}".GetHashCode(StringComparison.Ordinal).ToString("x", System.Globalization.CultureInfo.InvariantCulture);
                var keys = string.Join(',', script.Select(property => property.Key).Where(key => key is not ("src" or "textContent" or "anonymizeId" or "async" or "defer" or "fetchPriority" or "target" or "vendor")));
                for (var set = 0; set < ConsentSet.Count; set++)
                    if (Holds(script["category"], set)) given.Add($"{set}: {what} {Stands(Config(script))} {keys}");
            }
            return given;
        }

        private static string? Config(JsonNode script) => (string?)script["attributes"]?["data-config"];

        private static string Base(string? type, string source) => $"{type} {new Uri(source, UriKind.RelativeOrAbsolute)}";

        private static string Stands(string? config)
        {
            try
            {
                return config is null ? "" : JsonNode.Parse(config) switch
                {
                    JsonArray pair => pair.ToJsonString(),
                    JsonObject main => (string?)main["key"] ?? "",
                    _ => "",
                };
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                return "unreadable";
            }
        }

        public static bool Holds(JsonNode? condition, int set) => condition switch
        {
            JsonValue value when value.TryGetValue<string>(out var category) => category switch
            {
                "necessary" => true,
                "functionality" => (set & 1) != 0,
                "experience" => (set & 2) != 0,
                "measurement" => (set & 4) != 0,
                "marketing" => (set & 8) != 0,
                _ => false,
            },
            JsonObject { Count: 1 } one => one.First() switch
            {
                ("and", JsonArray { Count: > 0 } parts) => parts.All(part => Holds(part, set)),
                ("or", JsonArray { Count: > 0 } parts) => parts.Any(part => Holds(part, set)),
                ("not", var part) => !Holds(part, set),
                _ => false,
            },
            _ => false,
        };
    }
}
