using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>Whether a scope can be answered.</summary>
internal enum ScopeOutcome
{
    /// <summary>Here is the version that is served.</summary>
    Held,

    /// <summary>The store has no such scope.</summary>
    Unknown,

    /// <summary>The store could not be asked, or had nothing whole, and nothing is held.</summary>
    Unavailable,
}

/// <summary>What a lookup found.</summary>
internal readonly record struct ScopeLookup(ScopeOutcome Outcome, ServedScope? Served)
{
    public static ScopeLookup Unknown => new(ScopeOutcome.Unknown, null);

    public static ScopeLookup Unavailable => new(ScopeOutcome.Unavailable, null);

    public static ScopeLookup Held(ServedScope served) => new(ScopeOutcome.Held, served);
}
