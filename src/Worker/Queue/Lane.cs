namespace ConsentSnapshots.Worker.Queue;

/// <summary>Who waits for a build. Edits go first; bulk always has a place of its own, so neither keeps the other out.</summary>
public enum Lane
{
    /// <summary>Somebody changed a destination and looks whether it is live.</summary>
    Edits = 0,

    /// <summary>What the worker itself enqueues, and what one transaction changes in more than ten scopes.</summary>
    Bulk = 1,
}
