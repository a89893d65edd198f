using System.Collections.Concurrent;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// Query strings read before. Pages send the same few dozen, so the hot path is one lookup instead of decoding and parsing JSON. Bounded
/// by two generations: when the younger is full it becomes the elder, so a flood of made-up queries pushes the common ones out only
/// until they are asked for again.
/// </summary>
internal sealed class QueryCache(int generationCapacity = 2048)
{
    /// <summary>Longer query strings are read each time: keeping them is what an attacker would want.</summary>
    private const int LongestKept = 256;

    private volatile ConcurrentDictionary<string, ScriptsQuery> _young = new(StringComparer.Ordinal);
    private volatile ConcurrentDictionary<string, ScriptsQuery> _old = new(StringComparer.Ordinal);
    private readonly Lock _turning = new();
    private int _youngCount;

    /// <summary>How many are kept.</summary>
    public int Count => _young.Count + _old.Count;

    public ScriptsQuery Read(string raw)
    {
        if (_young.TryGetValue(raw, out var known)) return known;
        var read = _old.TryGetValue(raw, out var elder) ? elder : ScriptsQuery.Parse(raw);
        if (raw.Length > LongestKept) return read;
        var young = _young;
        if (young.TryAdd(raw, read) && Interlocked.Increment(ref _youngCount) >= generationCapacity) Turn(young);
        return read;
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
