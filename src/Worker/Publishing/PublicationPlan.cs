using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>What the store has of a scope, as far as a plan goes by it.</summary>
/// <param name="Latest">The newest version that is known, current or to be made so; null where there is none that can be read.</param>
/// <param name="LatestVersion">The number of the newest version, whether or not it can be read; 0 for none.</param>
/// <param name="Public">What the public container has.</param>
/// <param name="HistoryListed">Whether the version is the highest of a listing of the history, and not only what is current.</param>
public sealed record StoredScope(Manifest? Latest, int LatestVersion, PublicListing Public, bool HistoryListed = false);

/// <summary>A snapshot that has to be written.</summary>
/// <param name="Snapshot">The snapshot.</param>
/// <param name="Exists">Whether there is a blob of its name, which nobody vouches for.</param>
public sealed record SnapshotWrite(Snapshot Snapshot, bool Exists);

/// <summary>
/// What has to be done to a store so that it says what the source says. It is made from what was generated and what the store has, without doing anything, and is the only place that
/// knows what differs.
/// </summary>
public sealed class PublicationPlan
{
    private PublicationPlan(PublicationOutcome outcome, Manifest manifest, ImmutableArray<SnapshotWrite> snapshots, bool writesList, bool writesTags, bool announces, int changedCombinations) =>
        (Outcome, Manifest, Snapshots, WritesList, WritesTags, Announces, ChangedCombinations) = (outcome, manifest, snapshots, writesList, writesTags, announces, changedCombinations);

    /// <summary>How it ends.</summary>
    public PublicationOutcome Outcome { get; }

    /// <summary>The version that is current in the end.</summary>
    public Manifest Manifest { get; }

    /// <summary>The snapshots that are missing, or that nobody vouches for.</summary>
    public ImmutableArray<SnapshotWrite> Snapshots { get; }

    /// <summary>Whether the gated list has to be written.</summary>
    public bool WritesList { get; }

    /// <summary>Whether <c>tags.js</c> has to be written.</summary>
    public bool WritesTags { get; }

    /// <summary>Whether a change line has to be written.</summary>
    public bool Announces { get; }

    /// <summary>Whether anything has to be written.</summary>
    public bool WritesAnything => Outcome == PublicationOutcome.Published || Announces || WritesList || WritesTags || !Snapshots.IsEmpty;

    /// <summary>How many consent sets get another snapshot than before.</summary>
    public int ChangedCombinations { get; }

    /// <summary>Makes the plan.</summary>
    /// <param name="request">What is to be published.</param>
    /// <param name="stored">What the store has.</param>
    /// <param name="build">The build that generated.</param>
    /// <param name="now">The source's time.</param>
    /// <param name="publicationId">Names a new version.</param>
    public static PublicationPlan Make(PublicationRequest request, StoredScope stored, GeneratorBuild build, DateTimeOffset now, Guid publicationId)
    {
        var (latest, content) = (stored.Latest, request.Generated.Content);
        if (latest is not null && request.Position.IsOlderThan(latest.Envelope)) return new PublicationPlan(PublicationOutcome.Superseded, latest, [], false, false, false, 0);

        // Equal parts give equal documents: nothing is put together to see that.
        // Where something newer than the latest version stands in public, only a version beyond it takes its place.
        if (latest is not null && latest.Envelope.Fingerprint == content.Fingerprint && !request.Fence && stored.LatestVersion == latest.Version)
        {
            var announces = request.Announce || request.Verify;
            return new PublicationPlan(PublicationOutcome.Unchanged, latest, Missing(latest, stored.Public, request.Verify),
                announces || stored.Public.ListVersion != latest.Version, announces || stored.Public.TagsVersion != latest.Version, announces, 0);
        }

        ImmutableArray<Snapshot> snapshots = [.. content.Lists.Select(list => new Snapshot(content.SnapshotBytes(list)))];
        var next = Next(request, stored, build, now, publicationId, snapshots);
        var writes = ImmutableArray.CreateBuilder<SnapshotWrite>();
        foreach (var snapshot in snapshots)
        {
            var exists = stored.Public.Snapshots.TryGetValue(snapshot.Name, out var length);
            // A snapshot that the latest manifest names is kept by every collector, so its listing can be trusted.
            var vouched = exists && length == snapshot.Bytes.Length && latest?.Snapshots.ContainsKey(snapshot.Name) == true;
            if (!vouched || request.Verify) writes.Add(new SnapshotWrite(snapshot, exists));
        }
        return new PublicationPlan(PublicationOutcome.Published, next, writes.ToImmutable(), true, true, true,
            ConsentSet.All.Count(set => latest?[set].Snapshot != next[set].Snapshot));
    }

    private static ImmutableArray<SnapshotWrite> Missing(Manifest manifest, PublicListing listing, bool verify)
    {
        var missing = ImmutableArray.CreateBuilder<SnapshotWrite>();
        foreach (var (hash, entry) in manifest.Snapshots)
        {
            var exists = listing.Snapshots.TryGetValue(hash, out var length);
            if (verify || !exists || length != entry.Bytes) missing.Add(new SnapshotWrite(new Snapshot(manifest.SnapshotBytes(hash)), exists));
        }
        return missing.ToImmutable();
    }

    private static Manifest Next(
        PublicationRequest request, StoredScope stored, GeneratorBuild build, DateTimeOffset now, Guid publicationId, ImmutableArray<Snapshot> snapshots)
    {
        var (latest, content) = (stored.Latest, request.Generated.Content);
        var version = stored.LatestVersion + 1;
        if (latest is not null && now <= latest.Envelope.GeneratedAt) now = latest.Envelope.GeneratedAt.AddMilliseconds(1);
        var envelope = new ManifestEnvelope
        {
            Scope = request.Generated.Scope,
            Version = version,
            GeneratedAt = now,
            PublicationId = publicationId,
            Previous = latest?.Digest(),
            Generator = build.Name,
            SourceEpoch = Math.Max(request.Position.Epoch, request.Position.Revision is null ? latest?.Envelope.SourceEpoch ?? 1 : 1),
            SourceRevision = request.Position.Revision ?? (latest?.Envelope.SourceRevision ?? 0) + 1,
            Fingerprint = content.Fingerprint,
        };
        // The categories are in every answer, so a change of them is a change of all sixteen.
        var sameCategories = latest is not null && latest.Content.RequiredCategories.AsSpan().SequenceEqual(content.RequiredCategories.AsSpan());
        var since = ImmutableArray.CreateBuilder<CombinationSince>(ConsentSet.Count);
        foreach (var set in ConsentSet.All)
            since.Add(sameCategories && latest![set] is { } before && before.Snapshot == snapshots[content.Combinations[set.Index]].Name ? before.Since : new CombinationSince(version, now));
        return Manifest.Create(envelope, content, snapshots, since.MoveToImmutable());
    }
}
