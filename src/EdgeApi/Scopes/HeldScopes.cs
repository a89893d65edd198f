using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>The scopes in memory, as many as the budget allows. Finding one takes no lock.</summary>
internal sealed class HeldScopes
{
    private readonly MemoryBudget _budget;
    private readonly EdgeOptions _options;
    private readonly TimeProvider _time;
    private readonly PublicationLag _lag;
    private readonly Action<HeldScope> _forget;
    private readonly ConcurrentDictionary<Scope, HeldScope> _held = new(ScopeComparer.Instance);

    public HeldScopes(MemoryBudget budget, PublicationLag lag, EdgeOptions options, TimeProvider time) =>
        (_budget, _lag, _options, _time, _forget) = (budget, lag, options, time, Forget);

    /// <summary>How many there are.</summary>
    public int Count => _held.Count;

    /// <summary>How many of them wait for the store to confirm or renew them.</summary>
    public int Unconfirmed => _held.Values.Count(held => !held.Confirmed);

    /// <summary>Whether some more fit without another one having to leave.</summary>
    public bool HasRoom => _budget.HasRoomForScopes;

    /// <summary>All of them, as they are found while they are enumerated.</summary>
    public IEnumerable<Scope> Scopes => _held.Select(pair => pair.Key);

    public bool Contains(Scope scope) => _held.ContainsKey(scope);

    public bool TryGet(Scope scope, [NotNullWhen(true)] out HeldScope? held) => _held.TryGetValue(scope, out held);

    /// <summary>A publication was announced; true where its scope is held, and so has to be read again.</summary>
    public bool Announce(ScopeChange change)
    {
        var isHeld = _held.TryGetValue(change.Scope, out var held);
        if (isHeld) _lag.Announced(held!, change);
        else _lag.Announced(change);
        return isHeld;
    }

    /// <summary>Finds a scope by its names as they stand in a path, without making anything of them.</summary>
    public bool TryGet(in ScopeName name, [NotNullWhen(true)] out HeldScope? held) => _held.GetAlternateLookup<ScopeName>().TryGetValue(name, out held);

    /// <summary>Holds a version, in the place of the one before it.</summary>
    /// <param name="served">The version.</param>
    /// <param name="confirmed">Whether the store's last answer was this version.</param>
    public HeldScope Hold(ServedScope served, bool confirmed)
    {
        while (true)
        {
            var held = _held.GetOrAdd(served.Scope, static (_, arguments) => new HeldScope(arguments.served, arguments.forget), (served, forget: _forget));
            var before = held.Served;
            held.Served = served;
            held.Confirmed = confirmed;
            held.MissingSince = null;
            if (confirmed) held.Corrupt = false;
            // One that was let go at this very moment is found no more, so another one takes its place.
            if (!_budget.TryCountScope(held)) continue;
            _lag.Served(held, served.Version);
            if (!ReferenceEquals(before, served)) RemoveBodies(before, except: served);
            return held;
        }
    }

    /// <summary>Gives a scope up; false where it is not held.</summary>
    public bool Drop(Scope scope)
    {
        if (!_held.TryRemove(scope, out var held)) return false;
        _budget.Remove(held);
        _lag.LetGo(held);
        RemoveBodies(held.Served, except: null);
        return true;
    }

    /// <summary>What the edge has of a scope when it looks at the store.</summary>
    public Possession PossessionOf(HeldScope held) =>
        held.MissingSince is { } since && _time.GetUtcNow() - since >= _options.RevalidateInterval ? Possession.InMemoryAndMissingForLong : Possession.InMemory;

    /// <summary>Remembers that the store does not have a scope that is held; true where that is new.</summary>
    public bool NoteMissing(HeldScope held)
    {
        if (held.MissingSince is not null) return false;
        held.MissingSince = _time.GetUtcNow();
        return true;
    }

    private void Forget(HeldScope held)
    {
        _held.TryRemove(KeyValuePair.Create(held.Served.Scope, held));
        _lag.LetGo(held);
        RemoveBodies(held.Served, except: null);
    }

    /// <summary>Bodies that nobody can ask for any more are counted no longer. One that is being made at this moment is counted a while yet, and leaves as one that nobody uses.</summary>
    private void RemoveBodies(ServedScope served, ServedScope? except)
    {
        foreach (var answer in served.MadeAnswers)
        {
            if (except?.Has(answer) == true) continue;
            foreach (var body in answer.HeldBodies)
            {
                _budget.Remove(body);
                answer.Forget(body);
            }
        }
    }
}
