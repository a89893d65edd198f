using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

public sealed class ConsentProofTests
{
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
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing") };
        var violations = Samples.Generate(rows).ConsentViolations([Samples.Least("meta-pixel", 1, "marketing", "measurement")]);
        Assert.Contains("Script 'meta-pixel' is in combination 8, which lacks the consent its destination requires.", violations);
        Assert.Contains("Script 'meta-pixel' would run in combination 8, which lacks the consent its destination requires.", violations);
    }

    [Fact]
    public void Violations_DefaultCategoryThatTheSettingsDecide_IsTheOneOfTheSettings()
    {
        var measured = Samples.Generate(Samples.Row("google-analytics", """{"id":"G-1"}"""));

        var violations = measured.ConsentViolations([Samples.Row("google-analytics", """{"id":"AW-1"}""")]);

        Assert.Contains("Script 'google-analytics' is in combination 4, which lacks the consent its destination requires.", violations);
        Assert.Contains("Script 'google-analytics' would run in combination 4, which lacks the consent its destination requires.", violations);
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
    public void Violations_OwnerWhoseSettingsDoNotOpen_IsFound()
    {
        var row = Samples.Least("meta-pixel", 1);
        var generated = Samples.Generate(row);

        var violations = generated.ConsentViolations([row with { Problem = new DestinationProblem(row.Row.Id, "meta-pixel", "", DestinationProblemKind.NoKey, null, "No key.") }]);

        Assert.Contains("Script 'meta-pixel' does not belong to active destinations of known types.", violations);
    }

    [Fact]
    public void Violations_SharedLoaderNobodyMayLoad_AreFound()
    {
        // The runtime, which every inline script shares, and a library that two destinations have as one entry.
        foreach (var (type, shared) in (ReadOnlySpan<(string, string)>)[("meta-pixel", "consent-snapshots"), ("ahrefs-analytics", "ahrefs-analytics")])
        {
            var rows = new[] { Samples.Least(type, 1, "marketing"), Samples.Least(type, 2, "measurement") };
            var stricter = new[] { rows[0], rows[1].With(row => row with { Enabled = false }) };
            Assert.Equal(2, Samples.Generate(rows).Owners[shared].Length);
            Assert.Contains($"Script '{shared}' does not belong to active destinations of known types.", Samples.Generate(rows).ConsentViolations(stricter));
            var demanding = new[] { rows[0], rows[1].With(row => row with { RequiredConsent = ["measurement", "experience"] }) };
            Assert.Contains($"Script '{shared}' is in combination 4, which lacks the consent its destination requires.", Samples.Generate(rows).ConsentViolations(demanding));
            Assert.Contains($"Script '{shared}' would run in combination 4, which lacks the consent its destination requires.", Samples.Generate(rows).ConsentViolations(demanding));
        }
    }

    [Fact]
    public void Violations_RuntimeOfDestinationsWithoutInlineScripts_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing"), Samples.Least("ahrefs-analytics", 2, "marketing") };
        var generated = Samples.Generate(rows);

        var owners = generated.Owners.ToImmutableDictionary().SetItem("consent-snapshots", [rows[1].Row.Id]);

        Assert.Equal(["Script 'consent-snapshots' belongs to destinations of another type."], (generated with { Owners = owners }).ConsentViolations(rows).Distinct());
    }

    [Fact]
    public void Violations_InlineScriptOfNobody_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing") };
        var generated = Samples.Generate(rows);
        const string Nobody = "Script 'meta-pixel' does not belong to active destinations of known types.";
        Assert.Contains(Nobody, (generated with { Owners = generated.Owners.ToImmutableDictionary().SetItem("meta-pixel", []) }).ConsentViolations(rows));
        Assert.Contains(Nobody, (generated with { Owners = generated.Owners.ToImmutableDictionary().SetItem("meta-pixel", [Guid.NewGuid()]) }).ConsentViolations(rows));
        Assert.Contains(Nobody, (generated with { Owners = ImmutableDictionary<string, ImmutableArray<Guid>>.Empty }).ConsentViolations(rows));
    }

    [Fact]
    public void Violations_BytesThatAreNotTheManifests_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1) };
        var generated = Samples.Generate(rows);
        var tampered = JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!;
        tampered["scripts"]![0]!["category"] = "necessary";
        var bytes = generated.BytesByName();
        bytes[generated[ConsentSet.Everything].Hash.ToString()] = Encoding.UTF8.GetBytes(tampered.ToJsonString());
        Assert.Contains("is not among the bytes to publish, or its bytes have another hash.",
            Assert.Single(generated.ConsentViolations(rows, bytes)),
            StringComparison.Ordinal);
    }
}
