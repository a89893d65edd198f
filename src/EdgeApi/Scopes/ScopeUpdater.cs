using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// Brings one scope up to date: looks at what is at hand and at the store, lets <see cref="LossPolicy"/> decide, and carries the decision out. It is the only place that changes what is
/// held, in memory and on disk, which is why it depends on both beside its log and its metrics.
/// </summary>
internal sealed class ScopeUpdater(HeldScopes scopes, MissingScopes missing, ScopeLoader loader, ScopeCopies copies, EdgeMetrics metrics, ILogger<ScopeUpdater> logger)
{
    /// <summary>What one look found.</summary>
    /// <param name="Held">The scope in memory, if it is there.</param>
    /// <param name="AtHand">What can be served without the store: from memory, else from disk.</param>
    /// <param name="Load">What the store said.</param>
    private readonly record struct Look(HeldScope? Held, ServedScope? AtHand, ScopeLoad Load);

    /// <summary>Looks at the store once and answers those who wait.</summary>
    /// <returns>False where the look has to be tried again soon.</returns>
    public async Task<bool> UpdateAsync(Refresh refresh, SharedLoad load, CancellationToken cancellationToken)
    {
        try
        {
            var held = scopes.TryGet(refresh.Scope, out var found) ? found : null;
            var atHand = held?.Served ?? await copies.TryReadAsync(refresh.Scope, cancellationToken);
            var look = new Look(held, atHand, await loader.LoadAsync(refresh.Scope, atHand, cancellationToken));
            var outcome = look.Load.Outcome == LoadOutcome.Loaded ? "applied" : look.Load.Outcome.ToString().ToLowerInvariant();
            metrics.Refreshed(outcome);
            EdgeSpans.Looked(outcome, look.Load is ScopeLoad.Loaded loaded ? loaded.Served.Version : atHand?.Version);
            var possession = held is not null ? scopes.PossessionOf(held) : atHand is not null ? Possession.OnDisk : Possession.Nothing;
            var decision = LossPolicy.Decide(possession, look.Load.Outcome, refresh.Announced);
            if (look.Load is ScopeLoad.Corrupt corrupt) NoteCorrupt(refresh.Scope, look, corrupt.Reason);
            await CarryOutAsync(decision, refresh.Scope, look, load, cancellationToken);
            return decision != LossDecision.KeepAndRetry;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            EdgeLog.ScopeFault(logger, exception, refresh.Scope);
            return false;
        }
    }

    private async Task CarryOutAsync(LossDecision decision, Scope scope, Look look, SharedLoad load, CancellationToken cancellationToken)
    {
        switch (decision)
        {
            case LossDecision.Adopt:
                await AdoptAsync(((ScopeLoad.Loaded)look.Load).Served, look, load, cancellationToken);
                break;
            case LossDecision.Confirm:
                Serve(look.AtHand!, confirmed: true, load);
                break;
            case LossDecision.KeepUntilASecondLook:
                // Only this edge's disk may know it any more, as after a restart: the same patience.
                if (scopes.NoteMissing(look.Held ?? scopes.Hold(look.AtHand!, confirmed: false))) EdgeLog.ScopeMissingOnce(logger, scope);
                load.Answer(ScopeLookup.Held(look.AtHand!));
                break;
            case LossDecision.KeepAndRetry:
                Keep(scope, look);
                load.Answer(ScopeLookup.Held(look.AtHand!));
                break;
            case LossDecision.Drop:
                if (scopes.Drop(scope)) EdgeLog.ScopeDropped(logger, scope);
                copies.Remove(scope);
                load.AnswerMissing(missing, scope);
                break;
            case LossDecision.Refuse:
                load.Answer(ScopeLookup.Unavailable);
                break;
        }
    }

    private async Task AdoptAsync(ServedScope served, Look look, SharedLoad load, CancellationToken cancellationToken)
    {
        if (look.Held is { Corrupt: true }) EdgeLog.ScopeMended(logger, served.Scope, served.Version);
        Serve(served, confirmed: true, load);
        EdgeLog.ScopeApplied(logger, served.Scope, served.Version);
        // Last, because nobody should wait for a disk; still within the look, so that the writes of a scope cannot overtake each other.
        await copies.WriteAsync(served, cancellationToken);
    }

    private void Serve(ServedScope served, bool confirmed, SharedLoad load)
    {
        scopes.Hold(served, confirmed);
        load.Answer(ScopeLookup.Held(served));
    }

    private void Keep(Scope scope, Look look)
    {
        if (look.Held is { } held)
        {
            held.Confirmed = false;
        }
        else
        {
            held = scopes.Hold(look.AtHand!, confirmed: false);
            EdgeLog.ScopeFromDisk(logger, scope, look.AtHand!.Version);
        }
        if (look.Load is ScopeLoad.Corrupt) held.Corrupt = true;
    }

    private void NoteCorrupt(Scope scope, Look look, string reason)
    {
        if (look.AtHand is null) missing.AddBroken(scope);
        if (look.Held is { Corrupt: true }) return;
        EdgeLog.ScopeCorrupt(logger, scope, look.AtHand is null ? "nothing is held, so requests get 503" : $"version {look.AtHand.Version} stays", reason);
    }
}
