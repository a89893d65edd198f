using System.Collections.Immutable;
using System.Text;
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
            Assert.Empty(Prove(Samples.Generate(rows), rows));
        }
    }

    [Fact]
    public void Violations_DestinationInASetWithoutItsConsent_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing") };
        var violations = Prove(Samples.Generate(rows), [Samples.Least("meta-pixel", 1, "marketing", "measurement")]);
        Assert.Contains("Script 'meta-pixel' is in combination 8, which lacks the consent its destination requires.", violations);
        Assert.Contains("Script 'meta-pixel:2' would run in combination 8, which lacks the consent its destination requires.", violations);
    }

    [Fact]
    public void Violations_SharedLoaderNobodyMayLoad_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing"), Samples.Row("meta-pixel", """{"pixelId":"2"}""", 2, "measurement") };
        var stricter = new[] { rows[0], rows[1].With(row => row with { Enabled = false }) };
        Assert.Contains("Script 'meta-pixel:2' does not belong to active destinations of known types.", Prove(Samples.Generate(rows), stricter));
        var demanding = new[] { rows[0], rows[1].With(row => row with { RequiredConsent = ["measurement", "experience"] }) };
        Assert.Contains("Script 'meta-pixel:2' is in combination 4, which lacks the consent its destination requires.", Prove(Samples.Generate(rows), demanding));
    }

    [Fact]
    public void Violations_InlineScriptOfNobody_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1, "marketing") };
        var generated = Samples.Generate(rows);
        const string Nobody = "Script 'meta-pixel' does not belong to active destinations of known types.";
        Assert.Contains(Nobody, Prove(generated with { Owners = generated.Owners.ToImmutableDictionary().SetItem("meta-pixel", []) }, rows));
        Assert.Contains(Nobody, Prove(generated with { Owners = generated.Owners.ToImmutableDictionary().SetItem("meta-pixel", [Guid.NewGuid()]) }, rows));
        Assert.Contains(Nobody, Prove(generated with { Owners = ImmutableDictionary<string, ImmutableArray<Guid>>.Empty }, rows));
    }

    [Fact]
    public void Violations_BytesThatAreNotTheManifests_AreFound()
    {
        var rows = new[] { Samples.Least("meta-pixel", 1) };
        var generated = Samples.Generate(rows);
        var tampered = JsonNode.Parse(generated[ConsentSet.Everything].Bytes.Span)!;
        tampered["scripts"]![0]!["category"] = "necessary";
        var bytes = Bytes(generated);
        bytes[generated[ConsentSet.Everything].Hash.ToString()] = Encoding.UTF8.GetBytes(tampered.ToJsonString());
        Assert.Contains("is not among the bytes to publish, or its bytes have another hash.",
            Assert.Single(ConsentProof.Violations(ManifestOf(generated), bytes, rows.Select(row => row.Row), generated.Owners, DestinationCatalogue.BuiltIn)),
            StringComparison.Ordinal);
    }

    private static ImmutableArray<string> Prove(GeneratedScope generated, IEnumerable<OpenedDestination> rows) =>
        ConsentProof.Violations(ManifestOf(generated), Bytes(generated), rows.Select(row => row.Row), generated.Owners, DestinationCatalogue.BuiltIn);

    private static Dictionary<string, ReadOnlyMemory<byte>> Bytes(GeneratedScope generated) =>
        generated.Snapshots.ToDictionary(snapshot => snapshot.Hash.ToString(), snapshot => snapshot.Bytes, StringComparer.Ordinal);

    private static Manifest ManifestOf(GeneratedScope generated) => new()
    {
        Schema = Manifest.CurrentSchema,
        Organization = "acme",
        Environment = "production",
        Version = 1,
        GeneratedAt = DateTimeOffset.UnixEpoch,
        PublicationId = Guid.Empty,
        Generator = "test",
        SourceEpoch = 1,
        SourceRevision = 1,
        RequiredCategories = [],
        Categories = [],
        Combinations = [.. generated.Combinations.Select(index =>
            new Combination(generated.Snapshots[index].Hash.ToString(), new CombinationSince(1, DateTimeOffset.UnixEpoch)))],
        Snapshots = generated.Snapshots.ToImmutableSortedDictionary(
            snapshot => snapshot.Hash.ToString(), snapshot => snapshot.ToEntry(), StringComparer.Ordinal),
    };
}
