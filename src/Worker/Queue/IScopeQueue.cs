using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Building;

namespace ConsentSnapshots.Worker.Queue;

/// <summary>Which scopes wait to be built, each built by one worker at a time: in Postgres, or in memory beside a file.</summary>
public interface IScopeQueue
{
    /// <summary>How often to look for scopes that wait although nobody signalled.</summary>
    TimeSpan LookInterval { get; }

    /// <summary>Makes scopes wait in the bulk lane, whether they are known or not.</summary>
    Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken);

    /// <summary>Takes up to <paramref name="max"/> scopes of a lane that wait to be built, the oldest first, so that nobody else builds them meanwhile.</summary>
    Task<IReadOnlyList<ScopeClaim>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken);

    /// <summary>Takes one scope whether it waits or not; null while somebody else builds it.</summary>
    Task<ScopeClaim?> ClaimAsync(Scope scope, CancellationToken cancellationToken);

    /// <summary>Records what became of a claimed scope and gives it back. It waits again where it changed meanwhile, or where the outcome is no success.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="outcome">What became of it.</param>
    /// <param name="retryIn">After what time a scope that was not built is tried again, unless it changes earlier.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    Task CompleteAsync(ScopeClaim claim, BuildOutcome outcome, TimeSpan retryIn, CancellationToken cancellationToken);

    /// <summary>Gives back scopes whose build was not begun, as if they had not been taken.</summary>
    Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken cancellationToken);

    /// <summary>What is known of the scopes, in order; of one organization, or of all.</summary>
    Task<IReadOnlyList<ScopeStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken);
}

/// <summary>A scope that this worker builds, until it is given back or the worker is gone.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Lane">Who waits for it.</param>
/// <param name="Attempt">1 for the first attempt since the scope was last complete.</param>
/// <param name="Token">Tells this claim from a later one of the same scope.</param>
/// <param name="Fence">Whether whoever held the scope before may still commit a version: that claim was lost, or a commit was sent and not answered.</param>
public sealed record ScopeClaim(Scope Scope, Lane Lane, int Attempt, Guid Token, bool Fence = false)
{
    /// <summary>How many changes of the scope the build covers, as the queue counts them; what comes later makes it wait again.</summary>
    public long Changes { get; init; }

    /// <summary>Whether an earlier attempt may have ended between making a version current and announcing it.</summary>
    public bool Retried { get; init; } = Attempt > 1;
}

/// <summary>What a scope is doing.</summary>
public enum ScopeState
{
    /// <summary>What the source says is published.</summary>
    UpToDate,

    /// <summary>It changed and waits to be built.</summary>
    Pending,

    /// <summary>A worker builds it.</summary>
    Building,

    /// <summary>The last attempt failed; the next one is due at <see cref="QueuePlace.NextAttemptAt"/>.</summary>
    Failed,

    /// <summary>It keeps its last good version, for <see cref="ScopeStatus.HeldReason"/>.</summary>
    Held,
}

/// <summary>How a scope stands with its source, for <c>status</c>. Times are the source's.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="State">What it is doing.</param>
public sealed record ScopeStatus(Scope Scope, ScopeState State)
{
    /// <summary>The revision that the last build read; null where the source counts none.</summary>
    public long? Revision { get; init; }

    /// <summary>How many attempts have been made since the scope was last complete.</summary>
    public int Attempts { get; init; }

    /// <summary>Where it stands in the queue; null where it is up to date, or the queue is not one that others can look at.</summary>
    public QueuePlace? Queue { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    public string? LastError { get; init; }

    /// <summary>Why the scope keeps its last good version.</summary>
    public string? HeldReason { get; init; }

    /// <summary>What is wrong with which destination, as of the last build.</summary>
    public IReadOnlyList<DestinationProblem> Problems { get; init; } = [];
}

/// <summary>Where a scope that is not up to date stands in the queue.</summary>
/// <param name="Now">The queue's clock, which the times here are of.</param>
/// <param name="Lane">Who waits for it.</param>
public sealed record QueuePlace(DateTimeOffset Now, Lane Lane)
{
    /// <summary>When the oldest change was made that no completed build has read.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>When it may be built next; null while somebody builds it.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>The worker that builds it.</summary>
    public string? ClaimedBy { get; init; }

    /// <summary>When others may take it over unless that worker gives another sign of life, which it does twice a second.</summary>
    public DateTimeOffset? ClaimedUntil { get; init; }
}
