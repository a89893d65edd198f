using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Compares what every scope of the source generates with what is in the store, by two listings instead of a read a scope, and makes
/// pending what differs: a change whose trigger failed, a blob that was lost.
/// </summary>
public sealed class Reconciler(IDestinationSource source, IScopeQueue queue, ScopeBuilder builder, ScopeStore store, ILogger<Reconciler> logger, WorkerMetrics? metrics = null)
{
    /// <summary>Looks at every scope; the ones found different, which are pending now.</summary>
    public async Task<IReadOnlyList<Scope>> ReconcileAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            var different = await CompareAsync(cancellationToken);
            metrics?.Reconciled(different.Count, watch.Elapsed);
            return different;
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            metrics?.ReconcileFailed();
            throw;
        }
    }

    private async Task<IReadOnlyList<Scope>> CompareAsync(CancellationToken cancellationToken)
    {
        store.ForgetLoader();
        var blobs = await store.ListPublicAsync(cancellationToken);
        if (!blobs.ContainsKey(BlobNames.Loader)) await store.EnsureLoaderAsync(cancellationToken);
        var current = new Dictionary<Scope, CurrentListing>();
        await foreach (var listing in store.ListCurrentAsync("", cancellationToken)) current[listing.Scope] = listing;
        var announced = await store.ReadAnnouncedVersionsAsync(cancellationToken);

        var organizations = new SortedSet<OrganizationId>(await source.ListOrganizationsAsync(cancellationToken));
        // An earlier manifest obliges: an organization the source has forgotten gets empty lists, not old ones.
        organizations.UnionWith(current.Keys.Select(scope => scope.Organization));
        var different = new List<Scope>();
        await foreach (var read in source.ReadAsync([.. organizations.SelectMany(Scope.Of)], ReadPurpose.Look, cancellationToken))
            if (await DiffersAsync(read, current.GetValueOrDefault(read.Scope), announced, blobs, cancellationToken)) different.Add(read.Scope);
        if (different.Count > 0) await queue.EnqueueAsync(different, cancellationToken);
        logger.Reconciled(organizations.Count * DeploymentEnvironments.All.Length, different.Count);
        return different;
    }

    /// <summary>Whether a scope has to be built. One that cannot be compared has to be: its build says what is wrong, where its problem belongs.</summary>
    private async Task<bool> DiffersAsync(
        ScopeRead read, CurrentListing? listing, IReadOnlyDictionary<Scope, int> announced, IReadOnlyDictionary<string, int> blobs, CancellationToken cancellationToken)
    {
        try
        {
            if (read is ScopeRead.TooLarge) return false; // It is held, and its own retries look after it.
            var rows = read.Require();
            var generated = builder.Generate(rows);
            if (await builder.HoldReasonAsync(rows, generated, cancellationToken) is not null) return false; // The same.
            return listing is null
                || listing.Fingerprint != generated.Content.Fingerprint
                || (announced.TryGetValue(read.Scope, out var version) && version < listing.Version)
                || blobs.GetValueOrDefault(BlobNames.List(read.Scope)) != listing.Version || blobs.GetValueOrDefault(BlobNames.Tags(read.Scope)) != listing.Version
                || listing.Snapshots.Any(snapshot => !blobs.ContainsKey($"{BlobNames.PublicFolder(read.Scope)}{snapshot}.json"));
        }
        catch (Exception exception) when (exception is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            logger.ScopeNotCompared(read.Scope.ToString(), exception.Message);
            return true;
        }
    }
}
