using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>The scopes that are not asked for again at once: the store was found not to have them, or to have nothing whole of them while nothing is held.</summary>
internal sealed class MissingScopes(EdgeOptions options, TimeProvider time)
{
    private readonly ScopeMemory _missing = new(options.NegativeCacheEntries, options.NegativeCacheDuration, time);

    // As short as a retry: a scope that is asked for often and is not whole must not be read from the store for every request.
    private readonly ScopeMemory _broken = new(options.NegativeCacheEntries, TimeSpan.FromSeconds(1), time);

    /// <summary>How many missing scopes are remembered.</summary>
    public int Count => _missing.Count;

    /// <summary>Whether the store was lately found not to have the scope.</summary>
    public bool Contains(Scope scope) => _missing.Contains(scope);

    /// <summary>Whether the store was lately found to have nothing whole of the scope.</summary>
    public bool IsBroken(Scope scope) => _broken.Contains(scope);

    public void Add(Scope scope) => _missing.Add(scope);

    public void AddBroken(Scope scope) => _broken.Add(scope);

    /// <summary>Something was published for the scope: it is asked for again.</summary>
    public void Forget(Scope scope)
    {
        _missing.Remove(scope);
        _broken.Remove(scope);
    }

    /// <summary>Nobody knows what changed: all are asked for again.</summary>
    public void Clear()
    {
        _missing.Clear();
        _broken.Clear();
    }
}
