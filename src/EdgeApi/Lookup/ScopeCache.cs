using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>Whether a scope can be answered.</summary>
internal enum ScopeOutcome
{
    /// <summary>Here is its state.</summary>
    Held,

    /// <summary>The store has no such scope.</summary>
    Unknown,

    /// <summary>The store could not be asked, or had nothing whole, and nothing is held.</summary>
    Unavailable,
}

/// <summary>What a lookup found.</summary>
internal readonly record struct ScopeLookup(ScopeOutcome Outcome, ScopeState? State)
{
    public static ScopeLookup Unknown => new(ScopeOutcome.Unknown, null);

    public static ScopeLookup Unavailable => new(ScopeOutcome.Unavailable, null);

    public static ScopeLookup Held(ScopeState state) => new(ScopeOutcome.Held, state);
}

/// <summary>
/// The scopes this edge holds. A scope is loaded by its first request, kept up to date by the change log, and let go when memory is
/// short. What is held is only ever replaced by a state that is whole; only the store's word that a scope is gone takes it away.
/// </summary>
internal sealed class ScopeCache : IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(30);

    private readonly ScopeLoader _loader;
    private readonly LastGoodDirectory? _disk;
    private readonly RefreshQueue _refreshes;
    private readonly NegativeCache _missing;
    private readonly NegativeCache _broken;
    private readonly StoreHealth _store;
    private readonly EdgeOptions _options;
    private readonly EdgeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<ScopeCache> _logger;
    private readonly SemaphoreSlim _loads;
    private readonly CancellationToken _stopping;
    private readonly ConcurrentDictionary<Scope, Entry> _held = new();
    private readonly ConcurrentDictionary<Scope, Flight> _flights = new();
    private readonly Lock _budget = new();
    private long _bytes;
    private int _waiting;

    public ScopeCache(
        ScopeLoader loader, RefreshQueue refreshes, StoreHealth store, EdgeOptions options, EdgeMetrics metrics, TimeProvider time,
        IHostApplicationLifetime lifetime, ILogger<ScopeCache> logger, LastGoodDirectory? disk = null)
    {
        (_loader, _disk, _refreshes, _store, _options, _metrics, _time, _logger) =
            (loader, disk, refreshes, store, options, metrics, time, logger);
        _missing = new NegativeCache(options.NegativeCacheEntries, options.NegativeCacheDuration, time);
        // As short as a retry: a scope that is asked for often and is not whole must not be read from the store for every request.
        _broken = new NegativeCache(options.NegativeCacheEntries, TimeSpan.FromSeconds(1), time);
        _loads = new SemaphoreSlim(options.ConcurrentLoads);
        _stopping = lifetime.ApplicationStopping;
        metrics.ObserveHoldings(() => _held.Count, () => Bytes, () => _missing.Count);
    }

    /// <summary>How many scopes are held.</summary>
    public int Count => _held.Count;

    /// <summary>How many missing scopes are remembered.</summary>
    public int MissingCount => _missing.Count;

    /// <summary>What the held scopes take, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_budget) return _bytes;
        }
    }

    /// <summary>How many held scopes wait for the store to confirm or renew them.</summary>
    public int Unconfirmed => _held.Values.Count(entry => !entry.Confirmed);

    /// <summary>How many scopes are being loaded for requests or wait for it.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>How many looks at the store are under way, writing to disk included.</summary>
    public int UnderWay => _flights.Count;

    /// <summary>Finds a scope: at once where it is held or known to be missing, else after one load that all who ask for it share.</summary>
    public ValueTask<ScopeLookup> GetAsync(Scope scope, CancellationToken cancellation)
    {
        if (TryGetHeld(scope, out var state))
        {
            _metrics.LookedUp(LookupResult.Held);
            return new ValueTask<ScopeLookup>(ScopeLookup.Held(state));
        }
        if (_missing.Contains(scope))
        {
            _metrics.LookedUp(LookupResult.NegativelyHeld);
            return new ValueTask<ScopeLookup>(ScopeLookup.Unknown);
        }
        if (_broken.Contains(scope))
        {
            _metrics.LookedUp(LookupResult.Unavailable);
            return new ValueTask<ScopeLookup>(ScopeLookup.Unavailable);
        }
        return new ValueTask<ScopeLookup>(LoadAsync(scope, cancellation));
    }

    /// <summary>A change record named the scope.</summary>
    public void Changed(Scope scope)
    {
        _missing.Remove(scope);
        _broken.Remove(scope);
        // A load under way may have read `current` before the change: it is repeated, and a "missing" of it is not remembered.
        if (_flights.TryGetValue(scope, out var flight) && flight.TryRepeat(announced: true)) return;
        if (_held.ContainsKey(scope)) _refreshes.Schedule(new Refresh(scope, Announced: true, Failures: 0), TimeSpan.Zero);
    }

    /// <summary>Nobody knows what changed: everything held is compared with the store, spread over a time, and nothing counts as missing.</summary>
    public void RevalidateAll(TimeSpan over)
    {
        _missing.Clear();
        _broken.Clear();
        foreach (var (_, flight) in _flights) flight.TryRepeat(announced: false);
        ScheduleAll(over);
    }

    /// <summary>Compares everything held with the store, spread over a time.</summary>
    public void ScheduleAll(TimeSpan over)
    {
        foreach (var (scope, _) in _held) _refreshes.Schedule(new Refresh(scope, Announced: false, Failures: 0), Jitter.Within(over));
    }

    /// <summary>Compares one held scope with the store; what fails is scheduled again, later each time.</summary>
    public async Task RefreshAsync(Refresh refresh, CancellationToken cancellation)
    {
        if (!_held.ContainsKey(refresh.Scope)) return;
        var own = new Flight();
        var flight = _flights.GetOrAdd(refresh.Scope, own);
        if (ReferenceEquals(flight, own)) await FlyAsync(refresh, own, cancellation);
        else if (!flight.TryRepeat(refresh.Announced)) _refreshes.Schedule(refresh, TimeSpan.Zero);
    }

    /// <summary>An answer of the state was made: its memory counts.</summary>
    public void Grew(ScopeState state)
    {
        if (_held.TryGetValue(state.Scope, out var entry) && ReferenceEquals(entry.State, state)) Account(entry);
    }

    public void Dispose() => _loads.Dispose();

    private bool TryGetHeld(Scope scope, [NotNullWhen(true)] out ScopeState? state)
    {
        state = null;
        if (!_held.TryGetValue(scope, out var entry)) return false;
        entry.Use(_time);
        state = entry.State;
        return true;
    }

    private async Task<ScopeLookup> LoadAsync(Scope scope, CancellationToken cancellation)
    {
        if (!_flights.TryGetValue(scope, out var flight))
        {
            // Counted before it is shared, so that a flood cannot overtake the count.
            if (Interlocked.Increment(ref _waiting) > _options.ConcurrentLoads + _options.WaitingLoads)
            {
                Interlocked.Decrement(ref _waiting);
                _metrics.LookedUp(LookupResult.Unavailable);
                return ScopeLookup.Unavailable;
            }
            var own = new Flight();
            flight = _flights.GetOrAdd(scope, own);
            if (ReferenceEquals(flight, own)) StartLoad(scope, own);
            else Interlocked.Decrement(ref _waiting);
        }
        // A refresh under way answers as well; what it found is what a load would find.
        var lookup = await WaitAsync(flight, cancellation);
        _metrics.LookedUp(lookup.Outcome switch
        {
            ScopeOutcome.Held => LookupResult.Loaded,
            ScopeOutcome.Unknown => LookupResult.Missing,
            _ => LookupResult.Unavailable,
        });
        return lookup;
    }

    /// <summary>The load belongs to nobody who asks: the first caller's leaving must not fail it for the others.</summary>
    private void StartLoad(Scope scope, Flight flight) => _ = Task.Run(() => LoadInTurnAsync(scope, flight));

    private async Task<ScopeLookup> WaitAsync(Flight flight, CancellationToken cancellation)
    {
        try
        {
            // A load has its own limit; this one is for the wait for a turn before it.
            return await flight.Result.WaitAsync(_options.LoadTimeout * 2, _time, cancellation);
        }
        catch (TimeoutException)
        {
            return ScopeLookup.Unavailable;
        }
    }

    private async Task LoadInTurnAsync(Scope scope, Flight flight)
    {
        try
        {
            await _loads.WaitAsync(_stopping);
            try
            {
                await FlyAsync(new Refresh(scope, Announced: false, Failures: 0), flight, _stopping);
            }
            finally
            {
                _loads.Release();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            Land(scope, flight);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>
    /// One look at the store for one scope; there is never a second one at the same time, so an older answer cannot overtake a newer.
    /// </summary>
    private async Task FlyAsync(Refresh refresh, Flight flight, CancellationToken cancellation)
    {
        try
        {
            await UpdateAsync(refresh, flight, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The process ends.
        }
        catch (Exception exception)
        {
            Events.ScopeFault(_logger, exception, refresh.Scope);
            Retry(refresh);
        }
        finally
        {
            Land(refresh.Scope, flight);
        }
    }

    private void Land(Scope scope, Flight flight)
    {
        _flights.TryRemove(KeyValuePair.Create(scope, flight));
        if (flight.End(out var announced) && _held.ContainsKey(scope)) _refreshes.Schedule(new Refresh(scope, announced, Failures: 0), TimeSpan.Zero);
        flight.Answer(ScopeLookup.Unavailable); // for whoever still waits; does nothing where there is an answer
    }

    private async Task UpdateAsync(Refresh refresh, Flight flight, CancellationToken cancellation)
    {
        var scope = refresh.Scope;
        var entry = _held.GetValueOrDefault(scope);
        var previous = entry?.State ?? (_disk is null ? null : await _disk.TryReadAsync(scope, cancellation));
        var mayTry = _store.MayTry(out var reason);
        var load = mayTry ? await _loader.LoadAsync(scope, previous, cancellation) : new ScopeLoad.Unavailable(reason);
        if (load is not ScopeLoad.Unavailable) _store.Answered();
        switch (load)
        {
            case ScopeLoad.Loaded(var state):
                _metrics.Refreshed("applied");
                if (entry is { Corrupt: true }) Events.ScopeMended(_logger, scope, state.Manifest.Version);
                Hold(state, confirmed: true);
                Events.ScopeApplied(_logger, scope, state.Manifest.Version);
                flight.Answer(ScopeLookup.Held(state));
                // Last, because nobody should wait for a disk; still within the flight, so writes of a scope cannot overtake each other.
                if (_disk is not null) await _disk.WriteAsync(state, cancellation);
                break;
            case ScopeLoad.Unchanged:
                _metrics.Refreshed("unchanged");
                Hold(previous!, confirmed: true);
                flight.Answer(ScopeLookup.Held(previous!));
                break;
            case ScopeLoad.Missing:
                _metrics.Refreshed("missing");
                Lose(refresh, entry, previous, flight);
                break;
            case ScopeLoad.Unavailable unavailable:
                _metrics.Refreshed("unavailable");
                if (mayTry) _store.Failed(StoreOperation.Load, unavailable.Reason);
                KeepOrAnswer(refresh, entry, previous, flight);
                break;
            case ScopeLoad.Corrupt corrupt:
                _metrics.Refreshed("corrupt");
                if (entry is not { Corrupt: true })
                    Events.ScopeCorrupt(_logger, scope, previous is null ? "nothing is held, so requests get 503" : $"version {previous.Manifest.Version} stays", corrupt.Reason);
                if (previous is null) _broken.Add(scope);
                KeepOrAnswer(refresh, entry, previous, flight);
                if (_held.TryGetValue(scope, out var kept)) kept.Corrupt = true;
                break;
        }
    }

    /// <summary>
    /// The store says that the scope is gone. After a change record (a purge) that is meant. Without one the store may have been wiped
    /// and be filling again, so what is held is kept until a look at least a whole revalidation later agrees.
    /// </summary>
    private void Lose(Refresh refresh, Entry? entry, ScopeState? previous, Flight flight)
    {
        var now = _time.GetUtcNow();
        if (entry is null && previous is not null && !refresh.Announced)
        {
            // Only this edge's disk knows it any more, as after a restart: the same patience.
            Hold(previous, confirmed: false);
            _held.TryGetValue(refresh.Scope, out entry);
        }
        if (entry is not null && !refresh.Announced && (entry.MissingSince is not { } since || now - since < _options.RevalidateInterval))
        {
            if (entry.MissingSince is null) Events.ScopeMissingOnce(_logger, refresh.Scope);
            entry.MissingSince ??= now;
            flight.Answer(ScopeLookup.Held(entry.State));
            return;
        }
        if (_held.TryRemove(refresh.Scope, out var removed))
        {
            Discount(removed);
            Events.ScopeDropped(_logger, refresh.Scope);
        }
        _disk?.Remove(refresh.Scope);
        flight.AnswerMissing(_missing, refresh.Scope);
    }

    private void KeepOrAnswer(Refresh refresh, Entry? entry, ScopeState? previous, Flight flight)
    {
        if (previous is null)
        {
            flight.Answer(ScopeLookup.Unavailable);
            return;
        }
        if (entry is null)
        {
            Hold(previous, confirmed: false);
            Events.ScopeFromDisk(_logger, refresh.Scope, previous.Manifest.Version);
        }
        else
        {
            entry.Confirmed = false;
        }
        flight.Answer(ScopeLookup.Held(previous));
        Retry(refresh);
    }

    private void Retry(Refresh refresh) =>
        _refreshes.Schedule(refresh with { Failures = refresh.Failures + 1 }, Jitter.Backoff(refresh.Failures + 1, FirstRetry, LongestRetry));

    private void Hold(ScopeState state, bool confirmed)
    {
        var entry = _held.GetOrAdd(state.Scope, static (_, state) => new Entry(state), state);
        entry.State = state;
        entry.Confirmed = confirmed;
        entry.MissingSince = null;
        if (confirmed) entry.Corrupt = false;
        entry.Use(_time);
        Account(entry);
    }

    private void Account(Entry entry)
    {
        lock (_budget)
        {
            if (entry.Gone) return;
            var size = entry.State.Size;
            _bytes += size - entry.Size;
            entry.Size = size;
            if (_bytes <= _options.MemoryBytes) return;
            // A full scan, but one that frees a tenth: it cannot happen often. The dictionary's own ToArray: sorting the dictionary
            // itself would throw when another load adds to it meanwhile.
            foreach (var (scope, candidate) in _held.ToArray().OrderBy(pair => pair.Value.UsedAt))
            {
                if (_bytes <= _options.MemoryBytes / 10 * 9) break;
                if (ReferenceEquals(candidate, entry)) continue;
                if (_held.TryRemove(KeyValuePair.Create(scope, candidate))) Forget(candidate);
            }
        }
    }

    private void Discount(Entry entry)
    {
        lock (_budget) Forget(entry);
    }

    private void Forget(Entry entry)
    {
        _bytes -= entry.Size;
        entry.Size = 0;
        entry.Gone = true;
    }

    private sealed class Entry(ScopeState state)
    {
        private volatile ScopeState _state = state;
        private long _usedAt;

        public ScopeState State
        {
            get => _state;
            set => _state = value;
        }

        /// <summary>Whether the store's last answer was this state.</summary>
        public volatile bool Confirmed;

        /// <summary>When the store was first found to have no manifest, though no change record said so. Used within the scope's flight only.</summary>
        public DateTimeOffset? MissingSince;

        /// <summary>Whether the store's newest version is not whole.</summary>
        public volatile bool Corrupt;

        public long UsedAt => Volatile.Read(ref _usedAt);

        // Both under the budget's lock.
        public long Size;
        public bool Gone;

        public void Use(TimeProvider time)
        {
            var now = time.GetTimestamp();
            // Written at most once in a while: a line that every request writes is a line that every core fights for.
            if (now - Volatile.Read(ref _usedAt) > time.TimestampFrequency / 16) Volatile.Write(ref _usedAt, now);
        }
    }

    /// <summary>One look at the store that is under way.</summary>
    private sealed class Flight
    {
        private readonly TaskCompletionSource<ScopeLookup> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _lock = new();
        private bool _repeat;
        private bool _announced;
        private bool _ended;

        public Task<ScopeLookup> Result => _result.Task;

        public void Answer(ScopeLookup lookup) => _result.TrySetResult(lookup);

        /// <summary>Remembers the scope as missing, unless a change was announced after the look began.</summary>
        public void AnswerMissing(NegativeCache missing, Scope scope)
        {
            lock (_lock)
            {
                if (!_repeat) missing.Add(scope);
            }
            Answer(ScopeLookup.Unknown);
        }

        /// <summary>Asks for another look after this one; false where this one has ended.</summary>
        public bool TryRepeat(bool announced)
        {
            lock (_lock)
            {
                if (_ended) return false;
                _announced |= announced;
                return _repeat = true;
            }
        }

        /// <summary>Ends the look; true where another one was asked for.</summary>
        public bool End(out bool announced)
        {
            lock (_lock)
            {
                _ended = true;
                announced = _announced;
                return _repeat;
            }
        }
    }
}
