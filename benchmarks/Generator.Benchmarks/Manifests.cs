using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Benchmarks;

/// <summary>Manifests of what was generated.</summary>
internal static class Manifests
{
    /// <summary>The first version of a scope.</summary>
    public static Manifest First(GeneratedScope generated)
    {
        var envelope = new ManifestEnvelope
        {
            Scope = generated.Scope,
            Version = 1,
            GeneratedAt = DateTimeOffset.UnixEpoch,
            PublicationId = Guid.Empty,
            Generator = "benchmark",
            SourceEpoch = 1,
            SourceRevision = 1,
            Fingerprint = generated.Content.Fingerprint,
        };
        ImmutableArray<Snapshot> snapshots = [.. generated.Content.Lists.Select(list => new Snapshot(generated.Content.SnapshotBytes(list)))];
        return Manifest.Create(envelope, generated.Content, snapshots, [.. Enumerable.Repeat(new CombinationSince(1, DateTimeOffset.UnixEpoch), ConsentSet.Count)]);
    }
}
