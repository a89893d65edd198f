using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>What a comparison of store and memory found.</summary>
/// <param name="Lost">Scopes whose published version, or what belongs to it, is not in the store.</param>
/// <param name="Ahead">Scopes that the store has of a later state than the source.</param>
/// <param name="Compared">How many scopes were compared.</param>
internal sealed record StoreDifferences(IReadOnlyList<Scope> Lost, IReadOnlyList<Scope> Ahead, int Compared)
{
    /// <summary>Compares the newest manifests with what the source remembers, and changes nothing.</summary>
    public static async Task<(StoreDifferences Differences, IReadOnlyCollection<CurrentListing> Current)> FindAsync(IPublicationMemory memory, ScopeStore store, CancellationToken cancellationToken)
    {
        // In this order: what is published meanwhile is in the listing and not yet in the memory, which is no difference.
        var remembered = await memory.ListAsync(cancellationToken);
        var current = new Dictionary<Scope, CurrentListing>();
        await foreach (var listing in store.ListCurrentAsync("", cancellationToken)) current[listing.Scope] = listing;
        var lost = remembered.Where(entry => entry.Value.Version > (current.GetValueOrDefault(entry.Key)?.Version ?? 0)).Select(entry => entry.Key).Order().ToList();
        return (new StoreDifferences(lost, await FindAheadAsync(memory, remembered, current.Values, cancellationToken), current.Count), current.Values);
    }

    /// <summary>The scopes that the store has of a later state than the source. What a build read is in the source before it is in the store, so the source is asked again.</summary>
    private static async Task<IReadOnlyList<Scope>> FindAheadAsync(
        IPublicationMemory memory, IReadOnlyDictionary<Scope, RememberedScope> remembered, IReadOnlyCollection<CurrentListing> current, CancellationToken cancellationToken)
    {
        var ahead = await AheadOfAsync(remembered);
        return ahead.Count == 0 ? ahead : await AheadOfAsync(await memory.ListAsync(cancellationToken));

        async Task<List<Scope>> AheadOfAsync(IReadOnlyDictionary<Scope, RememberedScope> positions)
        {
            // A scope that the source has never heard of is at its beginning.
            var beginning = new SourcePosition(await memory.EpochAsync(cancellationToken), 0);
            return [.. current.Where(listing => IsAhead(listing, positions.GetValueOrDefault(listing.Scope)?.Position ?? beginning)).Select(listing => listing.Scope).Order()];
        }

        static bool IsAhead(CurrentListing listing, SourcePosition position) =>
            listing.Epoch != position.Epoch ? listing.Epoch > position.Epoch : listing.Revision > (position.Revision ?? 0);
    }
}

/// <summary>
/// Compares, soon after the start, what the source remembers to have published with what the store has: a store that was emptied, replaced or restored, or a database that was restored, is
/// noticed now and not by the next reconcile. It costs one listing of the newest manifests and a sample of what belongs to them; of workers that start together, one does it.
/// </summary>
internal sealed class StoreComparison(
    IPublicationMemory memory, IScopeQueue queue, ScopeStore store, Reconciler reconciler, TimeProvider time, ILogger<StoreComparison> logger) : BackgroundService, IHealthPart
{
    // A container that was lost lacks all of them, and one in ten lost is missed by such a sample once in 800 times; the reconcile looks at everything.
    private const int SampleSize = 64;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    private volatile string? _warning;

    /// <inheritdoc/>
    public IEnumerable<HealthFinding> Check() => _warning is { } warning ? [new HealthFinding(HealthSeverity.Warning, warning)] : [];

    /// <summary>Compares once, and makes pending what the store lacks.</summary>
    internal async Task<StoreDifferences> CompareAsync(CancellationToken cancellationToken)
    {
        var (found, current) = await StoreDifferences.FindAsync(memory, store, cancellationToken);
        if (found.Lost.Count > 0) await queue.EnqueueAsync(found.Lost, cancellationToken);
        else if (await FindLostSampleAsync([.. current], cancellationToken)) found = found with { Lost = [.. (await reconciler.ReconcileAsync(cancellationToken)).Order()] };
        return found;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var outage = new Outage(time);
        for (var attempt = 1; !stoppingToken.IsCancellationRequested; attempt++)
        {
            try
            {
                var watch = Stopwatch.StartNew();
                await memory.AloneAsync(async token => Say(await CompareAsync(token), watch.Elapsed), stoppingToken);
                return;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Publishing does not wait for it, and the hourly reconcile comes all the same.
                if (outage.Fails(exception)) logger.StoreNotCompared(exception.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await Task.Delay(Jitter.Backoff(attempt, FirstRetry, LongestRetry), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Whether something that belongs to a manifest is missing from the public container, by a sample.</summary>
    private async Task<bool> FindLostSampleAsync(CurrentListing[] current, CancellationToken cancellationToken)
    {
        Random.Shared.Shuffle(current);
        var names = current.Take(SampleSize)
            .SelectMany(listing => new[] { BlobNames.List(listing.Scope), BlobNames.Tags(listing.Scope) }
                .Concat(listing.Snapshots.Take(1).Select(snapshot => $"{BlobNames.PublicFolder(listing.Scope)}{snapshot}.json")))
            .ToList();
        if (names.Count > 0) names.Add(BlobNames.Loader);
        var isLost = 0;
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken }, async (name, token) =>
        {
            if (Volatile.Read(ref isLost) == 0 && await store.Blobs.ReadRangeAsync(BlobContainer.Public, name, 0, 1, null, token) is not BlobRead.Found { Bytes.Length: 1 })
                Volatile.Write(ref isLost, 1);
        });
        return isLost == 1;
    }

    private void Say(StoreDifferences differences, TimeSpan elapsed)
    {
        if (differences.Lost.Count > 0)
            logger.StoreLost(store.Blobs.Description, differences.Lost.Count, Math.Max(differences.Compared, differences.Lost.Count), differences.Lost[0].ToString());
        else logger.StoreCompared(differences.Compared, elapsed.TotalSeconds);
        if (differences.Ahead.Count == 0) return;
        logger.StoreAhead(store.Blobs.Description, differences.Ahead.Count, differences.Ahead[0].ToString());
        _warning = $"At the start the store had {differences.Ahead.Count} scopes of a later state than the database. If the database was restored, run `consent-snapshots migrate --new-epoch`.";
    }
}
