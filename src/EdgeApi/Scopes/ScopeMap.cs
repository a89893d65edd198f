using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// Finds scopes: one that is held at once, another one by a load that all who ask for it share. What is held is kept up to date by the change log, and let go when memory is short.
/// </summary>
internal sealed class ScopeMap
{
    private readonly HeldScopes _held;
    private readonly MissingScopes _missing;
    private readonly SharedLoads _loads;
    private readonly RefreshQueue _refreshes;
    private readonly EdgeMetrics _metrics;

    public ScopeMap(HeldScopes held, MissingScopes missing, SharedLoads loads, RefreshQueue refreshes, EdgeMetrics metrics)
    {
        (_held, _missing, _loads, _refreshes, _metrics) = (held, missing, loads, refreshes, metrics);
        metrics.ObserveScopes(() => held.Count, () => missing.Count);
    }

    /// <summary>Finds a scope: at once where it is held or known to be missing, else after one load that all who ask for it share.</summary>
    public ValueTask<ScopeLookup> GetAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (_held.TryGet(scope, out var held))
        {
            held.Use();
            _metrics.LookedUp(LookupResult.Held);
            return new ValueTask<ScopeLookup>(ScopeLookup.Held(held.Served));
        }
        if (_missing.Contains(scope))
        {
            _metrics.LookedUp(LookupResult.NegativelyHeld);
            return new ValueTask<ScopeLookup>(ScopeLookup.Unknown);
        }
        if (_missing.IsBroken(scope))
        {
            _metrics.LookedUp(LookupResult.Unavailable);
            return new ValueTask<ScopeLookup>(ScopeLookup.Unavailable);
        }
        return new ValueTask<ScopeLookup>(LoadAsync(scope, cancellationToken));
    }

    /// <summary>The change log announced a publication.</summary>
    public void Changed(ScopeChange change)
    {
        _missing.Forget(change.Scope);
        var isHeld = _held.Announce(change);
        // A load under way may have read the manifest before the change: it is repeated, and a "missing" of it is not remembered.
        if (_loads.TryRepeat(change.Scope)) return;
        if (isHeld) _refreshes.Schedule(new Refresh(change.Scope, Announced: true, Failures: 0, EdgeSpans.Cause), TimeSpan.Zero);
    }

    /// <summary>Nobody knows what changed: everything held is compared with the store, spread over a time, and nothing counts as missing.</summary>
    public void RevalidateAll(TimeSpan over)
    {
        _missing.Clear();
        _loads.RepeatAll();
        ScheduleAll(over);
    }

    /// <summary>Compares everything held with the store, spread over a time.</summary>
    public void ScheduleAll(TimeSpan over)
    {
        foreach (var scope in _held.Scopes) _refreshes.Schedule(new Refresh(scope, Announced: false, Failures: 0), Jitter.Within(over));
    }

    /// <summary>Compares one scope with the store, if it is still held; what fails is scheduled again, later each time.</summary>
    public async Task RefreshAsync(Refresh refresh, CancellationToken cancellationToken)
    {
        if (!_held.Contains(refresh.Scope)) return;
        using var span = EdgeSpans.Refresh(refresh.Scope, refresh.Cause);
        await _loads.RefreshAsync(refresh, cancellationToken);
    }

    /// <summary>Whether some more scopes can be held without another one having to leave.</summary>
    public bool HasRoom => _held.HasRoom;

    /// <summary>Loads a scope before anybody asks for it, without taking a turn from those who do.</summary>
    public async Task<ScopeOutcome> PreloadAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (_held.Contains(scope)) return ScopeOutcome.Held;
        var outcome = (await _loads.PreloadAsync(scope, cancellationToken)).Outcome;
        // What is not whole is nothing to wait for: it is read again when it is published, or asked for.
        return outcome == ScopeOutcome.Unavailable && _missing.IsBroken(scope) ? ScopeOutcome.Unknown : outcome;
    }

    private async Task<ScopeLookup> LoadAsync(Scope scope, CancellationToken cancellationToken)
    {
        // A refresh under way answers as well; what it found is what a load would find.
        var lookup = await _loads.GetAsync(scope, cancellationToken);
        _metrics.LookedUp(lookup.Outcome switch
        {
            ScopeOutcome.Held => LookupResult.Loaded,
            ScopeOutcome.Unknown => LookupResult.Missing,
            _ => LookupResult.Unavailable,
        });
        return lookup;
    }
}
