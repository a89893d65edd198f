using System.Collections.Immutable;
using ConsentSnapshots.EdgeApi.Following;
using ConsentSnapshots.EdgeApi.Scopes;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>Whether this process can serve. About the process, never about a tenant: one scope that is broken takes nobody out of rotation.</summary>
/// <param name="Status"><c>ready</c>, <c>degraded</c> (serving, but not hearing of changes or not loading) or <c>not-ready</c>.</param>
/// <param name="Reasons">Why it is not simply ready.</param>
/// <param name="ScopesHeld">How many scopes are held in memory.</param>
/// <param name="ScopesUnconfirmed">How many of them the store has not confirmed lately.</param>
/// <param name="ScopesOnDisk">How many last good states there are on disk.</param>
/// <param name="ChangeLogLagSeconds">How long ago the change log was last read to its end; null before the first time.</param>
/// <param name="ChangeLogPlace">How many records of the change log stand before the place that has been followed; null while no place is known.</param>
internal sealed record Readiness(
    string Status, ImmutableArray<string> Reasons, int ScopesHeld, int ScopesUnconfirmed, int ScopesOnDisk, double? ChangeLogLagSeconds, long? ChangeLogPlace);

/// <summary>Puts together what the parts know of themselves.</summary>
internal sealed class EdgeHealth(ChangeLogReader log, FollowerState follower, StoreHealth store, HeldScopes scopes, ScopeCopies copies)
{
    public Readiness Check(out bool ready)
    {
        var reasons = ImmutableArray.CreateBuilder<string>();
        var onDisk = copies.Count;
        // An edge that has a disk full of last good states is of use from its first moment, even while the store is down.
        ready = log.IsEstablished || onDisk > 0;
        if (!log.IsEstablished) reasons.Add("The change log's end has not been found yet.");
        if (follower.Failure is { } failure) reasons.Add($"The change log cannot be read since {failure.Since:yyyy-MM-dd'T'HH:mm:ss'Z'}: {failure.Reason}");
        if (store.DownReason is { } down) reasons.Add($"The store does not answer: {down}");
        return new Readiness(
            !ready ? "not-ready" : reasons.Count > 0 ? "degraded" : "ready", reasons.ToImmutable(), scopes.Count, scopes.Unconfirmed, onDisk,
            log.IsEstablished ? Math.Round(follower.Lag.TotalSeconds, 3) : null, log.RecordsBefore);
    }
}
