using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>
/// Makes a generated scope current: reads what the store has, plans, and carries the plan out. The order is the guarantee: snapshots, then the version in the history, which is the
/// commit, then the current manifest, then list, tags and change line. Whatever instruction a writer dies at, the old or the new version is served whole, and whoever comes next can finish.
/// </summary>
public sealed class Publisher(ScopeStore store, DestinationCatalogue catalogue, GeneratorBuild build, ScopeLimits limits, TimeProvider time)
{
    private const int MaxConflicts = 8;
    private const int ConcurrentSnapshots = 8;

    /// <summary>What a publication looked up before it knew whether it would need it.</summary>
    private sealed record Lookups(bool IsTaken, BlobRead? List, BlobRead? Tags, int SnapshotsWritten);

    /// <summary>Publishes, unless the store says the same already or something newer.</summary>
    /// <exception cref="ConsentViolationException">The proof failed. Nothing was written.</exception>
    /// <exception cref="ScopeTooLargeException">The manifest is larger than what edges read. Nothing was written.</exception>
    /// <exception cref="CommitUnknownException">The commit was sent and not answered; a retry with <see cref="PublicationRequest.Fence"/> is right.</exception>
    /// <exception cref="StoreUnavailableException">The store failed; a retry with <see cref="PublicationRequest.Announce"/> is right.</exception>
    public async Task<PublicationResult> PublishAsync(PublicationRequest request, CancellationToken cancellationToken)
    {
        var scope = request.Generated.Scope;
        var publicationId = Guid.NewGuid();
        var (written, changed, lookAtHistory, rolledForward) = (0, 0, request.Verify, false);
        for (var attempt = 0; attempt < MaxConflicts; attempt++)
        {
            var (stored, current) = await ReadAsync(scope, request.RecordedVersion, lookAtHistory, request.Verify, cancellationToken);
            if (stored.Latest is { } ahead && ahead.Version != current.Manifest?.Version)
            {
                // Committed, and not current yet: its writer may have died, or an attempt of ours that seemed to fail had succeeded.
                await MakeCurrentAsync(ahead, current.ETag, cancellationToken);
                await CompleteAsync(request, ahead, null, cancellationToken);
                if (ahead.Envelope.PublicationId == publicationId) return new PublicationResult(PublicationOutcome.Published, ahead, written, changed);
                (lookAtHistory, rolledForward) = (false, true);
                continue;
            }

            var plan = PublicationPlan.Make(request, stored, build, request.Clock.Now(time), publicationId);
            if (plan.Outcome == PublicationOutcome.Superseded) return new PublicationResult(plan.Outcome, plan.Manifest, written, 0);
            if (plan.Outcome == PublicationOutcome.Published) Require(request, plan.Manifest);
            changed = plan.ChangedCombinations;
            var lookups = await PrepareAsync(scope, plan, stored, request.Verify, cancellationToken);
            written += lookups.SnapshotsWritten;
            if (lookups.IsTaken || (plan.Outcome == PublicationOutcome.Published && !await CommitAsync(plan.Manifest, cancellationToken)))
            {
                lookAtHistory = true;
                continue;
            }

            if (plan.Outcome == PublicationOutcome.Published) await MakeCurrentAsync(plan.Manifest, current.ETag, cancellationToken);
            else if (request.Verify) await store.MendHistoryAsync(plan.Manifest, cancellationToken);
            if (plan.Announces) await CompleteAsync(request, plan.Manifest, lookups, cancellationToken);
            else await MendAsync(plan, lookups, cancellationToken);
            return new PublicationResult(plan.Outcome, plan.Manifest, written, plan.ChangedCombinations) { Completed = rolledForward || plan.WritesAnything };
        }
        throw new StoreUnavailableException($"{scope} was replaced by others {MaxConflicts} times while it was being published; it stays pending.");
    }

    /// <summary>What would be done, without doing it.</summary>
    public async Task<PublicationPlan> PlanAsync(PublicationRequest request, CancellationToken cancellationToken)
    {
        var (stored, _) = await ReadAsync(request.Generated.Scope, request.RecordedVersion, lookAtHistory: true, verify: true, cancellationToken);
        var plan = PublicationPlan.Make(request, stored, build, request.Clock.Now(time), Guid.NewGuid());
        if (plan.Outcome == PublicationOutcome.Published) Require(request, plan.Manifest);
        return plan;
    }

    /// <summary>
    /// What the store has, and what is current. Where the current manifest is lost, unreadable or not the newest, the history says which version was the last; where the history is
    /// lost too, what stands in public and what the source remembers do.
    /// </summary>
    private async Task<(StoredScope Stored, CurrentState Current)> ReadAsync(
        Scope scope, int? recordedVersion, bool lookAtHistory, bool verify, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("read store");
        var reading = store.ReadCurrentAsync(scope, verify, cancellationToken);
        // A scope that the source has never recorded as published is new, as a rule, and listing a container is the dearest question that a store can be asked.
        if (recordedVersion == 0 && !lookAtHistory && (await reading) is { Manifest: null, ETag: null } nothing && await IsNewAsync(scope, cancellationToken))
            return (new StoredScope(null, 0, PublicListing.OfNothing, HistoryListed: true), nothing);
        var listing = store.ListPublicAsync(scope, cancellationToken);
        await Task.WhenAll(reading, listing);
        var (current, blobs) = (await reading, await listing);
        var inPublic = Math.Max(blobs.ListVersion, blobs.TagsVersion);
        if (current.Manifest is { } manifest && !lookAtHistory && inPublic <= manifest.Version) return (new StoredScope(manifest, manifest.Version, blobs), current);

        // The listing may have seen what another writer put in public after the current manifest was read. The history, which comes before that, has it then.
        var latest = await store.ReadLatestHistoryAsync(scope, cancellationToken);
        var known = Math.Max(latest?.Version ?? 0, current.Manifest?.Version ?? 0);
        var recorded = known > 0 ? 0 : recordedVersion ?? 0;
        // Nothing else tells the version any more, so the list's own word counts, whatever its metadata says.
        if (known == 0 && (blobs.List ?? await store.ReadListAsync(scope, cancellationToken)) is BlobRead.Found list) inPublic = Math.Max(inPublic, PublishedVersions.OfList(list.Bytes) ?? 0);
        var newest = latest?.Manifest is { } last && last.Version >= (current.Manifest?.Version ?? 0) ? last : current.Manifest;
        return (new StoredScope(newest, Math.Max(Math.Max(known, inPublic), recorded), blobs, HistoryListed: true), current);
    }

    /// <summary>Whether neither the history nor what stands in public says that a scope without a current manifest was ever published.</summary>
    private async Task<bool> IsNewAsync(Scope scope, CancellationToken cancellationToken)
    {
        var history = store.ReadLatestHistoryAsync(scope, cancellationToken);
        var (list, tags) = (store.ReadListAsync(scope, cancellationToken), store.ReadTagsAsync(scope, cancellationToken));
        await Task.WhenAll(history, list, tags);
        return await history is null && await list is not BlobRead.Found && await tags is not BlobRead.Found;
    }

    /// <summary>Nothing is written that the proof does not accept, or that no edge would read.</summary>
    private void Require(PublicationRequest request, Manifest manifest)
    {
        using var span = WorkerSpans.Step("prove");
        if (manifest.Bytes.Length > limits.ManifestBytes)
            throw new ScopeTooLargeException($"The manifest of {manifest.Scope} would have {manifest.Bytes.Length} bytes, and the limit is {limits.ManifestBytes}.");
        var violations = ConsentProof.Violations(
            manifest.Content, request.Destinations, request.Generated.LeftOut, catalogue);
        if (!violations.IsEmpty) throw new ConsentViolationException(manifest.Scope, violations);
    }

    /// <summary>Everything that can be done before the commit, at once: the snapshots, the loader, and looks at what the steps after it replace.</summary>
    private async Task<Lookups> PrepareAsync(Scope scope, PublicationPlan plan, StoredScope stored, bool verify, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("prepare")?.SetTag("consent.snapshots", plan.Snapshots.Length);
        var (inPlace, isPublished) = (stored.Public, plan.Outcome == PublicationOutcome.Published);
        // Where the history was just listed and a commit follows, which is refused where the version is taken, there is nothing to look for.
        var isTaken = stored.HistoryListed && isPublished ? Task.FromResult(false) : store.HasHistoryAsync(scope, plan.Manifest.Version + (isPublished ? 0 : 1), cancellationToken);
        var loader = store.EnsureLoaderAsync(cancellationToken);
        var list = plan.WritesList && inPlace.List is null ? store.ReadListAsync(scope, cancellationToken) : null;
        var tags = plan.WritesTags && inPlace.Tags is null ? store.ReadTagsAsync(scope, cancellationToken) : null;
        var written = 0;
        var snapshots = Parallel.ForEachAsync(
            plan.Snapshots, new ParallelOptions { MaxDegreeOfParallelism = ConcurrentSnapshots, TaskScheduler = TaskScheduler.Current, CancellationToken = cancellationToken },
            async (write, token) =>
            {
                if (verify && write.Exists && await store.ReadSnapshotAsync(scope, write.Snapshot.Hash, token) is not null) return;
                await store.WriteSnapshotAsync(scope, write.Snapshot, write.Exists, token);
                Interlocked.Increment(ref written);
            });
        await Task.WhenAll(isTaken, loader, snapshots, list ?? Task.CompletedTask, tags ?? Task.CompletedTask);
        return new Lookups(await isTaken, list is null ? inPlace.List : await list, tags is null ? inPlace.Tags : await tags, written);
    }

    private async Task<bool> CommitAsync(Manifest manifest, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("commit");
        try
        {
            return await store.CommitAsync(manifest, cancellationToken);
        }
        catch (StoreUnavailableException exception)
        {
            throw new CommitUnknownException(manifest.Scope, exception);
        }
    }

    private async Task MakeCurrentAsync(Manifest manifest, string? etag, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("make current");
        await store.RollForwardAsync(manifest, etag, cancellationToken);
    }

    /// <summary>The steps after a version is current, at once: the list, the tags, and the line that tells the edges. Only then is the work complete.</summary>
    private async Task CompleteAsync(PublicationRequest request, Manifest manifest, Lookups? lookups, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("announce");
        var change = new ChangeRecord(
            manifest.Scope.Organization.Value, manifest.Scope.Environment.Name(), manifest.Version, request.ChangedAt, request.Clock.Now(time));
        await Task.WhenAll(
            store.PutListAsync(manifest, lookups?.List, cancellationToken),
            store.PutTagsAsync(manifest, lookups?.Tags, cancellationToken),
            store.Changes.AppendAsync(change, cancellationToken));
    }

    private async Task MendAsync(PublicationPlan plan, Lookups lookups, CancellationToken cancellationToken)
    {
        if (plan.WritesList) await store.PutListAsync(plan.Manifest, lookups.List, cancellationToken);
        if (plan.WritesTags) await store.PutTagsAsync(plan.Manifest, lookups.Tags, cancellationToken);
    }
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
