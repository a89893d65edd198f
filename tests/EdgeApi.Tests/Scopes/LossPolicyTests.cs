using ConsentSnapshots.EdgeApi.Scopes;

namespace ConsentSnapshots.EdgeApi.Tests.Scopes;

public sealed class LossPolicyTests
{
    // Every row of the table: what the edge has, what the look came to, and what follows without and with a change record.
    private static readonly (Possession Possession, LoadOutcome Load, LossDecision Unannounced, LossDecision Announced)[] s_table =
    [
        (Possession.Nothing, LoadOutcome.Loaded, LossDecision.Adopt, LossDecision.Adopt),
        (Possession.Nothing, LoadOutcome.Unchanged, LossDecision.Refuse, LossDecision.Refuse),
        (Possession.Nothing, LoadOutcome.Missing, LossDecision.Drop, LossDecision.Drop),
        (Possession.Nothing, LoadOutcome.Unavailable, LossDecision.Refuse, LossDecision.Refuse),
        (Possession.Nothing, LoadOutcome.Corrupt, LossDecision.Refuse, LossDecision.Refuse),

        (Possession.OnDisk, LoadOutcome.Loaded, LossDecision.Adopt, LossDecision.Adopt),
        (Possession.OnDisk, LoadOutcome.Unchanged, LossDecision.Confirm, LossDecision.Confirm),
        (Possession.OnDisk, LoadOutcome.Missing, LossDecision.KeepUntilASecondLook, LossDecision.Drop),
        (Possession.OnDisk, LoadOutcome.Unavailable, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),
        (Possession.OnDisk, LoadOutcome.Corrupt, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),

        (Possession.InMemory, LoadOutcome.Loaded, LossDecision.Adopt, LossDecision.Adopt),
        (Possession.InMemory, LoadOutcome.Unchanged, LossDecision.Confirm, LossDecision.Confirm),
        (Possession.InMemory, LoadOutcome.Missing, LossDecision.KeepUntilASecondLook, LossDecision.Drop),
        (Possession.InMemory, LoadOutcome.Unavailable, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),
        (Possession.InMemory, LoadOutcome.Corrupt, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),

        (Possession.InMemoryAndMissingForLong, LoadOutcome.Loaded, LossDecision.Adopt, LossDecision.Adopt),
        (Possession.InMemoryAndMissingForLong, LoadOutcome.Unchanged, LossDecision.Confirm, LossDecision.Confirm),
        (Possession.InMemoryAndMissingForLong, LoadOutcome.Missing, LossDecision.Drop, LossDecision.Drop),
        (Possession.InMemoryAndMissingForLong, LoadOutcome.Unavailable, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),
        (Possession.InMemoryAndMissingForLong, LoadOutcome.Corrupt, LossDecision.KeepAndRetry, LossDecision.KeepAndRetry),
    ];

    [Fact]
    public void Decide_EveryCombination_IsAsTheTableSays()
    {
        var all =
            from possession in Enum.GetValues<Possession>()
            from load in Enum.GetValues<LoadOutcome>()
            select (possession, load, LossPolicy.Decide(possession, load, announced: false), LossPolicy.Decide(possession, load, announced: true));

        Assert.Equal(s_table, all);
    }

    [Fact]
    public void Decide_WhatIsAtHand_IsTakenAwayOnlyByTheStoresWordThatTheScopeIsGone()
    {
        var losses =
            from possession in Enum.GetValues<Possession>()
            where possession != Possession.Nothing
            from load in Enum.GetValues<LoadOutcome>()
            from announced in new[] { false, true }
            where LossPolicy.Decide(possession, load, announced) is LossDecision.Drop or LossDecision.Refuse
            select load;

        Assert.Equal([LoadOutcome.Missing], losses.Distinct());
    }
}
