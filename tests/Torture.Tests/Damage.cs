using System.Collections.Concurrent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Torture.Tests.Platform;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>Which blobs the run itself has deleted, so that a reader does not take them for torn publications until the worker has put them back.</summary>
internal sealed class Damage
{
    // A publication that listed the store before the deletion may end after it. It is younger than this.
    private static readonly TimeSpan s_inFlight = TimeSpan.FromSeconds(20);

    // Containers that are deleted one soon after the other, while the store is away or the workers are dead, are as good as deleted at once.
    private static readonly TimeSpan s_together = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<(Scope? Scope, string Container), long> _damaged = new();
    private readonly ConcurrentDictionary<(Scope Scope, string Container), long> _healed = new();

    /// <summary>Raised when everything was deleted at once, after which version numbers may begin again.</summary>
    public int Wipes { get; private set; }

    /// <summary>Records a deletion; called before it and after it. No scope stands for the whole container.</summary>
    public void Record(Scope? scope, string container)
    {
        _damaged[(scope, container)] = TimeProvider.System.GetTimestamp();
        string[] containers = [Product.PublicContainer, Product.PrivateContainer, Product.HistoryContainer];
        if (scope is null && containers.All(one => _damaged.TryGetValue((null, one), out var last) && TimeProvider.System.GetElapsedTime(last) < s_together)) RecordWipe();
    }

    public void RecordWipe() => Wipes++;

    /// <summary>Whether something of the scope may be missing because the run deleted it.</summary>
    public bool Is(Scope scope, string container) => Last(scope, container) is { } last && (!_healed.TryGetValue((scope, container), out var healed) || healed < last);

    /// <summary>Whether anything was ever deleted from the container.</summary>
    public bool Ever(string container) => _damaged.Keys.Any(key => key.Container == container);

    /// <summary>How long ago the last deletion of the scope's blobs was; null where there was none.</summary>
    public TimeSpan? Since(Scope scope, string container) => Last(scope, container) is { } last ? TimeProvider.System.GetElapsedTime(last) : null;

    /// <summary>Records that a reader found everything in place in a look that began at a time.</summary>
    public void Heal(Scope scope, string container, long begun)
    {
        if (Last(scope, container) is { } last && TimeProvider.System.GetElapsedTime(last, begun) > s_inFlight) _healed[(scope, container)] = begun;
    }

    private long? Last(Scope scope, string container)
    {
        long? last = null;
        if (_damaged.TryGetValue((null, container), out var whole)) last = whole;
        if (_damaged.TryGetValue((scope, container), out var one) && (last is null || one > last)) last = one;
        return last;
    }
}
