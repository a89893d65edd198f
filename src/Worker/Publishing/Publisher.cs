using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Storage;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>Which state of the source a scope was read at. A later epoch is newer whatever the revision.</summary>
/// <param name="Epoch">Raised after a database restore.</param>
/// <param name="Revision">Raised with every change of the scope; null where the source counts none and takes the previous plus one.</param>
public readonly record struct SourcePosition(long Epoch, long? Revision)
{
    /// <summary>Whether a manifest was made of newer data than this.</summary>
    public bool IsOlderThan(Manifest manifest) =>
        Revision is { } revision && (manifest.SourceEpoch, manifest.SourceRevision).CompareTo((Epoch, revision)) > 0;
}

/// <summary>What is to be published.</summary>
/// <param name="Generated">The snapshots.</param>
/// <param name="Destinations">The rows they were made of, with their settings in the clear, for the proof.</param>
/// <param name="Position">The state of the source that was read.</param>
public sealed record PublicationRequest(GeneratedScope Generated, IReadOnlyList<OpenedDestination> Destinations, SourcePosition Position)
{
    /// <summary>
    /// Whether to announce the scope even when nothing changed: an earlier attempt may have ended between making a manifest current
    /// and announcing it, and cannot be asked.
    /// </summary>
    public bool Announce { get; init; }

    /// <summary>Whether to read back every blob instead of trusting the listing.</summary>
    public bool Verify { get; init; }
}

/// <summary>How a publication ended.</summary>
public enum PublicationOutcome
{
    /// <summary>A new version is current.</summary>
    Published,

    /// <summary>The current version says the same already.</summary>
    Unchanged,

    /// <summary>The current version was made of newer data.</summary>
    Superseded,
}

/// <summary>What a publication did.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Manifest">The version that is current now.</param>
/// <param name="SnapshotsWritten">How many snapshots were missing from the store and are there now.</param>
/// <param name="ChangedCombinations">How many consent sets get another snapshot than before.</param>
public sealed record PublicationResult(PublicationOutcome Outcome, Manifest Manifest, int SnapshotsWritten, int ChangedCombinations);

/// <summary>A publication was refused because the consent proof failed. Nothing was written.</summary>
public sealed class ConsentViolationException(Scope scope, ImmutableArray<string> violations)
    : Exception($"{scope} is not published, because the consent proof failed: {string.Join(" ", violations.Take(5))}")
{
    /// <summary>Every violation.</summary>
    public ImmutableArray<string> Violations { get; } = violations;
}

/// <summary>
/// Makes a generated scope current. The order is the guarantee: whatever instruction a writer dies at, the old or the new version is
/// served whole, and whoever comes next can finish.
/// </summary>
public sealed class Publisher(SnapshotStore store, DestinationCatalogue catalogue, GeneratorBuild build, TimeProvider time)
{
    private const int MaxConflicts = 8;

    /// <summary>Publishes, unless the store says the same already or something newer.</summary>
    /// <exception cref="ConsentViolationException">The proof failed.</exception>
    /// <exception cref="StoreUnavailableException">The store failed; a retry with <see cref="PublicationRequest.Announce"/> is right.</exception>
    public async Task<PublicationResult> PublishAsync(PublicationRequest request, CancellationToken cancellationToken)
    {
        var scope = request.Generated.Scope;
        var publicationId = Guid.NewGuid();
        var written = 0;
        for (var attempt = 0; attempt < MaxConflicts; attempt++)
        {
            var state = await store.ReadCurrentAsync(scope, cancellationToken);
            var (previous, previousBytes) = await PreviousAsync(scope, state, cancellationToken);
            if (previous is not null && request.Position.IsOlderThan(previous))
                return new PublicationResult(PublicationOutcome.Superseded, previous, written, 0);

            var next = Next(request, previous, previousBytes, publicationId);
            Prove(request, next);
            written += await WriteMissingSnapshotsAsync(request, state.Current?.Manifest, cancellationToken);

            if (state.Current is { } current && current.Manifest.Version == previous?.Version
                && ManifestFingerprint.Of(current.Manifest) == ManifestFingerprint.Of(request.Generated))
            {
                if (request.Announce) await CompleteAsync(current.Manifest, current.Bytes, cancellationToken);
                return new PublicationResult(PublicationOutcome.Unchanged, current.Manifest, written, 0);
            }

            // The writer of the previous version may have died before its history copy: nothing replaces what history does not have.
            if (state.Current is { } replaced) await store.EnsureHistoryAsync(scope, replaced.Manifest.Version, replaced.Bytes, cancellationToken);
            var bytes = next.ToBytes();
            var etag = await store.WriteCurrentAsync(next, bytes, state.Current?.ETag ?? state.CorruptETag, cancellationToken);
            if (etag is null)
            {
                // Either somebody else was faster, or an attempt of ours that seemed to fail had succeeded.
                var now = await store.ReadCurrentAsync(scope, cancellationToken);
                if (now.Current?.Manifest.PublicationId != publicationId) continue;
                (next, bytes) = (now.Current.Manifest, now.Current.Bytes);
            }
            await CompleteAsync(next, bytes, cancellationToken);
            return new PublicationResult(PublicationOutcome.Published, next, written, ChangedCombinations(previous, next));
        }
        throw new StoreUnavailableException($"{scope} was replaced by others {MaxConflicts} times while it was being published; it stays pending.");
    }

    /// <summary>The two steps after a version is current: its history copy, then the line that tells the edges.</summary>
    private async Task CompleteAsync(Manifest manifest, byte[] bytes, CancellationToken cancellationToken)
    {
        await store.EnsureHistoryAsync(manifest.Scope, manifest.Version, bytes, cancellationToken);
        await store.AppendChangeAsync(manifest, cancellationToken);
    }

    /// <summary>What the new version follows: the current one, or the newest of the history where that is missing, unreadable or older.</summary>
    private async Task<(Manifest? Manifest, byte[]? Bytes)> PreviousAsync(Scope scope, CurrentState state, CancellationToken cancellationToken)
    {
        // A version that the history has beyond the current one was current once: an older state of the store was put back, and goes on from there.
        if (state.Current is { } current && !await store.HasHistoryAsync(scope, current.Manifest.Version + 1, cancellationToken))
            return (current.Manifest, current.Bytes);
        return await store.ReadLatestHistoryAsync(scope, cancellationToken) is { } latest ? (latest.Manifest, latest.Bytes) : (null, null);
    }

    private async Task<int> WriteMissingSnapshotsAsync(PublicationRequest request, Manifest? current, CancellationToken cancellationToken)
    {
        var scope = request.Generated.Scope;
        var stored = await store.ListSnapshotsAsync(scope, cancellationToken);
        var written = 0;
        foreach (var snapshot in request.Generated.Snapshots)
        {
            var name = snapshot.Hash.ToString();
            var exists = stored.TryGetValue(name, out var length);
            // A snapshot that the current manifest names is kept by every collector, so its listing can be trusted.
            var vouched = exists && length == snapshot.Length && current?.Snapshots.ContainsKey(name) == true;
            if (vouched && (!request.Verify || await IsIntactAsync(scope, snapshot, cancellationToken))) continue;
            await store.WriteSnapshotAsync(scope, snapshot, exists, cancellationToken);
            written++;
        }
        return written;
    }

    private async Task<bool> IsIntactAsync(Scope scope, Snapshot snapshot, CancellationToken cancellationToken) =>
        await store.ReadSnapshotAsync(scope, snapshot.Hash, cancellationToken) is { } bytes && snapshot.Bytes.Span.SequenceEqual(bytes);

    private Manifest Next(PublicationRequest request, Manifest? previous, byte[]? previousBytes, Guid publicationId)
    {
        var generated = request.Generated;
        var version = (previous?.Version ?? 0) + 1;
        var now = WireTime.Truncate(time.GetUtcNow());
        if (previous is not null && now <= previous.GeneratedAt) now = previous.GeneratedAt.AddMilliseconds(1);
        var hashes = generated.Snapshots.Select(snapshot => snapshot.Hash.ToString()).ToArray();
        return new Manifest
        {
            Schema = Manifest.CurrentSchema,
            Organization = generated.Scope.Organization.Value,
            Environment = generated.Scope.Environment.Name(),
            Version = version,
            GeneratedAt = now,
            PublicationId = publicationId,
            Previous = previousBytes is null ? null : Manifest.Digest(previousBytes),
            Generator = build.Name,
            SourceEpoch = Math.Max(request.Position.Epoch, request.Position.Revision is null ? previous?.SourceEpoch ?? 1 : 1),
            SourceRevision = request.Position.Revision ?? (previous?.SourceRevision ?? 0) + 1,
            RequiredCategories = [.. generated.RequiredCategories.Select(category => category.Name())],
            Categories = [.. ConsentCategories.Optional.Select(category => category.Name())],
            Combinations =
            [
                .. generated.Combinations.Select((snapshot, index) =>
                    previous?.Combinations[index] is { } before && before.Snapshot == hashes[snapshot]
                        ? before
                        : new Combination(hashes[snapshot], new CombinationSince(version, now))),
            ],
            Snapshots = generated.Snapshots.ToImmutableSortedDictionary(
                snapshot => snapshot.Hash.ToString(), snapshot => snapshot.ToEntry(), StringComparer.Ordinal),
        };
    }

    private void Prove(PublicationRequest request, Manifest manifest)
    {
        var violations = ConsentProof.Violations(
            manifest,
            request.Generated.Snapshots.ToDictionary(snapshot => snapshot.Hash.ToString(), snapshot => snapshot.Bytes, StringComparer.Ordinal),
            request.Destinations,
            request.Generated.Owners,
            catalogue);
        if (!violations.IsEmpty) throw new ConsentViolationException(request.Generated.Scope, violations);
    }

    private static int ChangedCombinations(Manifest? previous, Manifest next) =>
        ConsentSet.All.Count(set => previous?[set].Snapshot != next[set].Snapshot);
}

/// <summary>The build of the generator as manifests name it.</summary>
/// <param name="Name">Name and version, for example <c>consent-snapshots 1.4.0+3f2a1bc</c>.</param>
public sealed record GeneratorBuild(string Name)
{
    /// <summary>This assembly's.</summary>
    public static GeneratorBuild Current { get; } = new("consent-snapshots "
        + (System.Reflection.CustomAttributeExtensions.GetCustomAttribute<System.Reflection.AssemblyInformationalVersionAttribute>(
            typeof(GeneratorBuild).Assembly)?.InformationalVersion ?? "0"));
}
