using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>What asking the store for a scope's newest version came to.</summary>
internal abstract record ScopeLoad
{
    private ScopeLoad()
    {
    }

    /// <summary>The kind of outcome, for decisions and metrics.</summary>
    public abstract LoadOutcome Outcome { get; }

    /// <summary>A new version, whole and checked.</summary>
    public sealed record Loaded(ServedScope Served) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Loaded;
    }

    /// <summary>The version at hand is the newest.</summary>
    public sealed record Unchanged : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Unchanged;
    }

    /// <summary>The store answered: the scope has no manifest.</summary>
    public sealed record Missing : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Missing;
    }

    /// <summary>The store could not be asked.</summary>
    public sealed record Unavailable(string Reason) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Unavailable;
    }

    /// <summary>The store answered with something that is not a whole version.</summary>
    public sealed record Corrupt(string Reason) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Corrupt;
    }
}
