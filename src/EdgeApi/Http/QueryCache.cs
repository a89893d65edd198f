using System.Collections.Concurrent;
using ConsentSnapshots.EdgeApi.Diagnostics;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// Query strings read before. Pages send the same few dozen, so the hot path is one lookup instead of decoding and parsing JSON. Bounded
/// by two generations: when the younger is full it becomes the elder, so a flood of made-up queries pushes the common ones out only
/// until they are asked for again.
/// </summary>
internal sealed class QueryCache
{
    /// <summary>Longer query strings are read each time: keeping them is what an attacker would want.</summary>
    private const int LongestKept = 256;

    private volatile ConcurrentDictionary<string, ScriptsQuery> _young = new(StringComparer.Ordinal);
    private volatile ConcurrentDictionary<string, ScriptsQuery> _old = new(StringComparer.Ordinal);
    private readonly Lock _turning = new();
    private readonly int _generationCapacity;
    private int _youngCount;
    private long _parsed;

    /// <param name="generationCapacity">How many of one generation are kept.</param>
    /// <param name="metrics">Where it is measured.</param>
    public QueryCache(int generationCapacity = 2048, EdgeMetrics? metrics = null)
    {
        _generationCapacity = generationCapacity;
        metrics?.ObserveQueries(() => Parsed, () => Count);
    }

    /// <summary>How many were not at hand. Those that were are not counted: they are the rest of the requests, and counting them would cost each of them something.</summary>
    public long Parsed => Volatile.Read(ref _parsed);

    /// <summary>How many are kept.</summary>
    public int Count => _young.Count + _old.Count;

    public ScriptsQuery Read(string raw)
    {
        if (_young.TryGetValue(raw, out var known)) return known;
        var read = _old.TryGetValue(raw, out var elder) ? elder : Parse(raw);
        if (raw.Length > LongestKept) return read;
        var young = _young;
        if (young.TryAdd(raw, read) && Interlocked.Increment(ref _youngCount) >= _generationCapacity) Turn(young);
        return read;
    }

    private ScriptsQuery Parse(string raw)
    {
        Interlocked.Increment(ref _parsed);
        return ScriptsQuery.Parse(raw);
    }

    private void Turn(ConcurrentDictionary<string, ScriptsQuery> full)
    {
        lock (_turning)
        {
            if (!ReferenceEquals(full, _young)) return;
            _old = full;
            _young = new ConcurrentDictionary<string, ScriptsQuery>(StringComparer.Ordinal);
            Interlocked.Exchange(ref _youngCount, 0);
        }
    }
}
