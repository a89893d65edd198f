using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>Tells the scopes that need no build from those that do, by one comparison of everything.</summary>
internal static class UnchangedScopes
{
    /// <summary>Looks at every scope of source and store.</summary>
    /// <param name="services">The worker's parts.</param>
    /// <param name="parallelism">How many scopes at once.</param>
    /// <param name="then">
    /// What to do with a scope: its current version where a build would change nothing and would have nothing to finish or to report, else null. Several at once.
    /// </param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async Task ForEachAsync(
        IServiceProvider services, int parallelism, Func<Scope, int?, CancellationToken, ValueTask> then, CancellationToken cancellationToken)
    {
        var store = services.GetRequiredService<ScopeStore>();
        // A scope that waits, or that has something reported, is built: so that it is complete afterwards, and what is reported is true.
        var settled = new HashSet<Scope>();
        foreach (var status in await services.GetRequiredService<IScopeQueue>().StatusAsync(null, cancellationToken))
            if (status is { State: ScopeState.UpToDate, Problems.Count: 0 }) settled.Add(status.Scope);

        await services.GetRequiredService<Reconciler>().CompareAsync(
            async (compared, token) => await then(compared.Scope, await IsUnchangedAsync(compared, token) ? compared.Version : null, token), parallelism, cancellationToken);

        // A version that is only in the history is current with the next build.
        async ValueTask<bool> IsUnchangedAsync(ComparedScope compared, CancellationToken token) =>
            compared is { Difference: ScopeDifference.None, Problems: 0, Version: { } version } && settled.Contains(compared.Scope)
            && !await store.HasHistoryAsync(compared.Scope, version + 1, token);
    }
}
