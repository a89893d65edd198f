using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>What a comparison of a scope's source with the store came to.</summary>
public enum ScopeDifference
{
    /// <summary>The store says what the source says, and nothing is missing.</summary>
    None,

    /// <summary>The scope has to be built. One that cannot be compared has to be too: its build says what is wrong, where its problem belongs.</summary>
    Different,

    /// <summary>A build would keep the last good version: the fault is ours, the scope is over a limit, or its source says the same and is older than the store. Its own retries look after it.</summary>
    Held,
}

/// <summary>A scope that was compared.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Difference">What it came to.</param>
/// <param name="Version">The current version; null where there is none that can be read.</param>
/// <param name="Problems">How many problems its destinations have.</param>
public sealed record ComparedScope(Scope Scope, ScopeDifference Difference, int? Version, int Problems);

/// <summary>
/// Compares what every scope of the source generates with what is in the store, by two listings instead of a read for each scope, and makes
/// pending what differs: a change whose trigger failed, a blob that was lost.
/// </summary>
public sealed class Reconciler(
    IDestinationSource source, IScopeQueue queue, ScopeBuilder builder, ScopeStore store, ILogger<Reconciler> logger, WorkerMetrics? metrics = null)
{
    /// <summary>Looks at every scope; the ones found different, in order, which are pending now.</summary>
    public async Task<IReadOnlyList<Scope>> ReconcileAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        using var span = WorkerSpans.Root("reconcile");
        try
        {
            var different = await FindDifferentAsync(cancellationToken);
            span?.SetTag("consent.differences", different.Count);
            using (WorkerSpans.Step("enqueue"))
                if (different.Count > 0) await queue.EnqueueAsync(different, cancellationToken);
            metrics?.Reconciled(different.Count, watch.Elapsed);
            return [.. different];
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            span.Failed(exception);
            metrics?.ReconcileFailed();
            throw;
        }
    }

    /// <summary>Compares every scope that the source or the store knows, and says of each what it came to. Nothing is written but a loader that is missing.</summary>
    /// <param name="then">What to do with a scope that was compared; several at once.</param>
    /// <param name="parallelism">How many at once.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task CompareAsync(Func<ComparedScope, CancellationToken, ValueTask> then, int parallelism, CancellationToken cancellationToken)
    {
        store.ForgetLoader();
        var inventory = await StoreInventory.ReadAsync(store, cancellationToken);
        if (!inventory.HasLoader) await store.EnsureLoaderAsync(cancellationToken);

        var organizations = new SortedSet<OrganizationId>(await source.ListOrganizationsAsync(cancellationToken));
        // An earlier manifest obliges: an organization the source has forgotten gets empty lists, not old ones.
        organizations.UnionWith(inventory.Organizations);
        await Parallel.ForEachAsync(
            source.ReadAsync([.. organizations.SelectMany(Scope.Of)], ReadPurpose.Look, cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellationToken },
            async (read, token) => await then(await CompareAsync(read, inventory, token), token));
    }

    private async Task<SortedSet<Scope>> FindDifferentAsync(CancellationToken cancellationToken)
    {
        var different = new SortedSet<Scope>();
        var scopes = 0;
        using var span = WorkerSpans.Step("compare");
        // Every scope is looked at: steps of all of them would be more than a trace can show.
        Activity.Current = null;
        await CompareAsync((compared, _) =>
        {
            lock (different)
            {
                scopes++;
                if (compared.Difference == ScopeDifference.Different) different.Add(compared.Scope);
            }
            return ValueTask.CompletedTask;
        }, Environment.ProcessorCount, cancellationToken);
        span?.SetTag("consent.scopes", scopes);
        logger.Reconciled(scopes, different.Count);
        return different;
    }

    private async Task<ComparedScope> CompareAsync(ScopeRead read, StoreInventory inventory, CancellationToken cancellationToken)
    {
        var current = inventory[read.Scope];
        try
        {
            if (read is ScopeRead.TooLarge) return new ComparedScope(read.Scope, ScopeDifference.Held, current?.Version, 0);
            var rows = read.Require();
            var generated = builder.Generate(rows);
            var difference = await builder.HoldReasonAsync(rows, generated, cancellationToken) is not null ? ScopeDifference.Held
                : !inventory.Says(read.Scope, generated.Content.Fingerprint) ? ScopeDifference.Different
                : rows.Position.IsOlderThan(current!.Epoch, current.Revision) ? ScopeDifference.Held
                : ScopeDifference.None;
            return new ComparedScope(read.Scope, difference, current?.Version, generated.Problems.Length);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            logger.ScopeNotCompared(read.Scope.ToString(), exception.Message);
            return new ComparedScope(read.Scope, ScopeDifference.Different, current?.Version, 0);
        }
    }
}
