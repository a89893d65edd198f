namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>What the edge has of a scope when it looks at the store.</summary>
internal enum Possession
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>A copy on local disk, which nobody has been served from yet.</summary>
    OnDisk,

    /// <summary>A version in memory, which the store had at the last look.</summary>
    InMemory,

    /// <summary>A version in memory, which the store was first found not to have at least a whole <c>Edge:RevalidateInterval</c> ago.</summary>
    InMemoryAndMissingForLong,
}

/// <summary>What the look at the store came to.</summary>
internal enum LoadOutcome
{
    /// <summary>A new version, whole and checked.</summary>
    Loaded,

    /// <summary>The version at hand is the newest.</summary>
    Unchanged,

    /// <summary>The store answered that the scope has no manifest.</summary>
    Missing,

    /// <summary>The store could not be asked.</summary>
    Unavailable,

    /// <summary>The store answered with something that is not a whole version.</summary>
    Corrupt,
}

/// <summary>What follows.</summary>
internal enum LossDecision
{
    /// <summary>The loaded version takes the place of what is at hand.</summary>
    Adopt,

    /// <summary>What is at hand is served, and the store has confirmed it.</summary>
    Confirm,

    /// <summary>What is at hand is served until a later look agrees that the scope is gone.</summary>
    KeepUntilASecondLook,

    /// <summary>What is at hand is served, and the store is asked again soon.</summary>
    KeepAndRetry,

    /// <summary>What is at hand is given up, in memory and on disk: the scope does not exist.</summary>
    Drop,

    /// <summary>There is nothing to serve, and the request is told to come back.</summary>
    Refuse,
}

/// <summary>
/// Decides what a look at the store means for what is at hand. It is a pure table. Only the store's word that a scope is gone takes anything away: at once where a change record announced
/// it, as after a purge; otherwise only when a second look agrees, because the store may have been wiped and may be filling again.
/// </summary>
internal static class LossPolicy
{
    /// <param name="possession">What the edge has.</param>
    /// <param name="load">What the look came to.</param>
    /// <param name="announced">Whether a change record asked for the look, so that what the store says now is meant.</param>
    public static LossDecision Decide(Possession possession, LoadOutcome load, bool announced) => (possession, load) switch
    {
        (_, LoadOutcome.Loaded) => LossDecision.Adopt,
        (Possession.Nothing, LoadOutcome.Missing) => LossDecision.Drop,
        // Without an ETag nothing can be unchanged: such an answer says as little as none.
        (Possession.Nothing, _) => LossDecision.Refuse,
        (_, LoadOutcome.Unchanged) => LossDecision.Confirm,
        (Possession.InMemoryAndMissingForLong, LoadOutcome.Missing) => LossDecision.Drop,
        (_, LoadOutcome.Missing) => announced ? LossDecision.Drop : LossDecision.KeepUntilASecondLook,
        _ => LossDecision.KeepAndRetry,
    };
}
