using System.Collections.Concurrent;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// The looks at the store that are under way. There is never a second one for the same scope at the same time, so an older answer cannot overtake a newer one. First requests take turns,
/// and only so many of them may wait.
/// </summary>
internal sealed class SharedLoads(ScopeUpdater updater, RefreshQueue refreshes, EdgeOptions options, TimeProvider time, IHostApplicationLifetime lifetime) : IDisposable
{
    private readonly SemaphoreSlim _turns = new(options.ConcurrentLoads);
    private readonly CancellationToken _stopping = lifetime.ApplicationStopping;
    private readonly ConcurrentDictionary<Scope, SharedLoad> _loads = new();
    private int _waiting;

    /// <summary>How many scopes are being loaded for requests or wait for it.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>How many looks at the store are under way, writing to disk included.</summary>
    public int UnderWay => _loads.Count;

    /// <summary>Loads a scope for a request, or waits for the look that is under way.</summary>
    public async Task<ScopeLookup> GetAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (!_loads.TryGetValue(scope, out var load))
        {
            // Counted before it is shared, so that a flood cannot overtake the count.
            if (Interlocked.Increment(ref _waiting) > options.ConcurrentLoads + options.WaitingLoads)
            {
                Interlocked.Decrement(ref _waiting);
                return ScopeLookup.Unavailable;
            }
            var own = new SharedLoad();
            load = _loads.GetOrAdd(scope, own);
            if (ReferenceEquals(load, own)) StartLoad(scope, own);
            else Interlocked.Decrement(ref _waiting);
        }
        try
        {
            // A load has its own limit; this one is for the wait for a turn before it.
            return await load.Result.WaitAsync(options.LoadTimeout * 2, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return ScopeLookup.Unavailable;
        }
    }

    /// <summary>Looks at the store for a scope that is held. While another look is under way, that one is repeated.</summary>
    public async Task RefreshAsync(Refresh refresh, CancellationToken cancellationToken)
    {
        var own = new SharedLoad();
        var load = _loads.GetOrAdd(refresh.Scope, own);
        if (ReferenceEquals(load, own)) await LookAsync(refresh, own, cancellationToken);
        else if (!load.TryRepeat(refresh.Announced)) refreshes.Schedule(refresh, TimeSpan.Zero);
    }

    /// <summary>Loads a scope for nobody, beside the turns that first requests take; or waits for the look that is under way.</summary>
    public async Task<ScopeLookup> PreloadAsync(Scope scope, CancellationToken cancellationToken)
    {
        var own = new SharedLoad();
        var load = _loads.GetOrAdd(scope, own);
        if (ReferenceEquals(load, own)) await LookAsync(new Refresh(scope, Announced: false, Failures: 0), own, cancellationToken);
        return await load.Result.WaitAsync(cancellationToken);
    }

    /// <summary>Repeats the look at a scope that is under way, because it may have read the manifest before a change; false where none is.</summary>
    public bool TryRepeat(Scope scope) => _loads.TryGetValue(scope, out var load) && load.TryRepeat(announced: true);

    /// <summary>Repeats all looks that are under way.</summary>
    public void RepeatAll()
    {
        foreach (var (_, load) in _loads) load.TryRepeat(announced: false);
    }

    public void Dispose() => _turns.Dispose();

    /// <summary>The load belongs to nobody who asks: the first caller's leaving must not fail it for the others.</summary>
    private void StartLoad(Scope scope, SharedLoad load) => _ = Task.Run(() => LoadInTurnAsync(scope, load));

    private async Task LoadInTurnAsync(Scope scope, SharedLoad load)
    {
        using var span = EdgeSpans.Load(scope);
        try
        {
            await _turns.WaitAsync(_stopping);
            try
            {
                await LookAsync(new Refresh(scope, Announced: false, Failures: 0), load, _stopping);
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            End(scope, load);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task LookAsync(Refresh refresh, SharedLoad load, CancellationToken cancellationToken)
    {
        try
        {
            if (!await updater.UpdateAsync(refresh, load, cancellationToken)) refreshes.Retry(refresh);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The process ends.
        }
        finally
        {
            End(refresh.Scope, load);
        }
    }

    private void End(Scope scope, SharedLoad load)
    {
        _loads.TryRemove(KeyValuePair.Create(scope, load));
        if (load.End(out var announced)) refreshes.Schedule(new Refresh(scope, announced, Failures: 0), TimeSpan.Zero);
        load.Answer(ScopeLookup.Unavailable); // for whoever still waits; it does nothing where there is an answer
    }
}
