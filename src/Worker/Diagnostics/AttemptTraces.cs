using System.Collections.Concurrent;
using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>
/// The spans of the last attempts of scopes that were not built, so that the next attempt of this worker is linked to them. Another worker does not know them, and there is room for a bounded
/// number: what a link is worth in an outage of everything is little.
/// </summary>
internal sealed class AttemptTraces
{
    private const int Most = 1024;

    private readonly ConcurrentDictionary<Scope, ActivityContext> _ended = new();

    /// <summary>The attempt before this one; null where it was complete, or is not known.</summary>
    public ActivityContext? Earlier(Scope scope) => _ended.TryGetValue(scope, out var context) ? context : null;

    /// <summary>An attempt has ended.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="span">Its span where there will be another attempt; null where there will be none.</param>
    public void Ended(Scope scope, Activity? span)
    {
        if (span is null)
        {
            if (!_ended.IsEmpty) _ended.TryRemove(scope, out _);
        }
        else
        {
            _ended[scope] = span.Context;
            if (_ended.Count > Most) DropAny(besides: scope);
        }
    }

    /// <summary>Which one goes does not matter much. Others may have completed some of these scopes, which this worker does not hear of.</summary>
    private void DropAny(Scope besides)
    {
        foreach (var (scope, _) in _ended)
            if (scope != besides && _ended.TryRemove(scope, out _)) return;
    }
}
