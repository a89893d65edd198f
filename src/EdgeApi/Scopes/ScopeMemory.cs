using System.Collections.Concurrent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// Remembers scopes for a while. The number is bounded: once it is full, further ones are not remembered. Each of those costs a read of the store, which the number of concurrent loads
/// bounds in turn.
/// </summary>
internal sealed class ScopeMemory(int capacity, TimeSpan duration, TimeProvider time)
{
    private readonly ConcurrentDictionary<Scope, long> _until = new();
    private int _count;
    private long _nextSweep;

    /// <summary>How many scopes are remembered.</summary>
    public int Count => Volatile.Read(ref _count);

    public bool Contains(Scope scope)
    {
        if (!_until.TryGetValue(scope, out var until)) return false;
        if (time.GetUtcNow().UtcTicks < until) return true;
        Remove(scope);
        return false;
    }

    public void Add(Scope scope)
    {
        if (capacity == 0 || duration == TimeSpan.Zero) return;
        var now = time.GetUtcNow().UtcTicks;
        if (Count >= capacity) Sweep(now);
        if (Interlocked.Increment(ref _count) > capacity || !_until.TryAdd(scope, now + Jitter.Around(duration).Ticks)) Interlocked.Decrement(ref _count);
    }

    public void Remove(Scope scope)
    {
        if (_until.TryRemove(scope, out _)) Interlocked.Decrement(ref _count);
    }

    public void Clear()
    {
        foreach (var (scope, _) in _until) Remove(scope);
    }

    private void Sweep(long now)
    {
        // At most once a second: a flood must not make every miss walk the whole cache.
        var next = Volatile.Read(ref _nextSweep);
        if (now < next || Interlocked.CompareExchange(ref _nextSweep, now + TimeSpan.TicksPerSecond, next) != next) return;
        foreach (var (scope, until) in _until)
            if (until <= now) Remove(scope);
    }
}
