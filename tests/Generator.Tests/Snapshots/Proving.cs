using System.Collections.Immutable;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.Snapshots;

/// <summary>What was generated as a publication would prove it: with the manifest and the bytes that would be written.</summary>
internal static class Proving
{
    public static ImmutableArray<string> ConsentViolations(this GeneratedScope generated, IEnumerable<OpenedDestination> rows) =>
        generated.ConsentViolations(rows, generated.BytesByName());

    public static ImmutableArray<string> ConsentViolations(
        this GeneratedScope generated, IEnumerable<OpenedDestination> rows, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> bytes) =>
        ConsentProof.Violations(generated.ToManifest(), bytes, rows, generated.Owners, DestinationCatalogue.BuiltIn);

    public static Dictionary<string, ReadOnlyMemory<byte>> BytesByName(this GeneratedScope generated) =>
        generated.Snapshots.ToDictionary(snapshot => snapshot.Hash.ToString(), snapshot => snapshot.Bytes, StringComparer.Ordinal);

    private static Manifest ToManifest(this GeneratedScope generated) => new()
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
        // The proof does not read the entries; to make one would hash the bytes twice more.
        Snapshots = ImmutableSortedDictionary<string, SnapshotEntry>.Empty,
    };
}
