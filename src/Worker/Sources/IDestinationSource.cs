using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>What the source says of one scope, read in one piece.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Rows">Its destinations, those for all environments included.</param>
/// <param name="Position">The state of the source they were read at.</param>
/// <param name="Clock">The source's clock at the read.</param>
public sealed record ScopeRows(Scope Scope, IReadOnlyList<Destination> Rows, SourcePosition Position, SourceClock Clock)
{
    /// <summary>When the change was made that no completed build has seen; null where there is none, or the source does not know.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>Rows that are left out because the source cannot give their settings, and why.</summary>
    public IReadOnlyDictionary<Guid, SettingProblem> LeftOut { get; init; } = new Dictionary<Guid, SettingProblem>();
}

/// <summary>One scope of a read of many: its rows, or why they cannot be read, which concerns this scope alone.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Rows">Its rows; null where they cannot be read.</param>
/// <param name="Problem">Why not.</param>
/// <param name="Held">Whether that is a limit, so that the scope is held and nothing is to be done about it.</param>
public sealed record ScopeRead(Scope Scope, ScopeRows? Rows, string? Problem = null, bool Held = false);

/// <summary>A scope that somebody in this process is building.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Retried">Whether an earlier attempt may have ended halfway.</param>
/// <param name="Attempt">1 for the first attempt since the scope was last complete.</param>
/// <param name="Token">What the source recognises the claim by.</param>
public sealed record ClaimedScope(Scope Scope, bool Retried, int Attempt, object Token)
{
    /// <summary>Who waits for it.</summary>
    public Lane Lane { get; init; }

    /// <summary>Whether whoever held the scope before may still commit a version: the claim ran out, or a commit was sent and not answered.</summary>
    public bool Fence { get; init; }
}

/// <summary>What a scope is doing.</summary>
public enum BuildState
{
    /// <summary>What the source says is published.</summary>
    UpToDate,

    /// <summary>It changed and waits to be built.</summary>
    Pending,

    /// <summary>A worker builds it.</summary>
    Building,

    /// <summary>An attempt failed and the next one is due later.</summary>
    Failed,

    /// <summary>It keeps its last good version because the fault is ours.</summary>
    Held,
}

/// <summary>How a scope stands with its source, for <c>status</c>.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="State">What it is doing.</param>
/// <param name="Attempts">How many attempts have been made since it was last complete.</param>
/// <param name="LastError">Why the last attempt failed.</param>
/// <param name="Revision">The source's revision; null where it counts none.</param>
/// <param name="Problems">What is wrong with which destination.</param>
public sealed record SourceStatus(
    Scope Scope, BuildState State, int Attempts, string? LastError, long? Revision, IReadOnlyList<DestinationProblem> Problems)
{
    /// <summary>Where it stands in the queue; null where it is up to date, or the source keeps no queue that others can look at.</summary>
    public QueuePlace? Queue { get; init; }
}

/// <summary>Where a scope that is not up to date stands in the queue.</summary>
/// <param name="Now">The source's clock, which the times here are of.</param>
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

/// <summary>
/// Where destinations come from, and which scopes wait to be built: Postgres, or a file. A source that cannot be read throws
/// <see cref="SourceUnavailableException"/>: no rows is an answer, no answer is not.
/// </summary>
public interface IDestinationSource
{
    /// <summary>What the source is, for people: never a secret.</summary>
    string Description { get; }

    /// <summary>How often to look for scopes that wait although nobody signalled.</summary>
    TimeSpan LookInterval { get; }

    /// <summary>Checks that the source can be read with the rights there are; what is wrong is in the exception's message.</summary>
    /// <exception cref="SourceUnavailableException">It cannot.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>Reads one scope.</summary>
    /// <exception cref="ScopeUnreadableException">What the source holds for this scope cannot be read; other scopes are not concerned.</exception>
    /// <exception cref="ScopeTooLargeException">The scope is over a limit.</exception>
    Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken);

    /// <summary>Reads a claimed scope for its build.</summary>
    /// <exception cref="ScopeUnreadableException">What the source holds for this scope cannot be read; other scopes are not concerned.</exception>
    /// <exception cref="ScopeTooLargeException">The scope is over a limit.</exception>
    Task<ScopeRows> ReadAsync(ClaimedScope claim, CancellationToken cancellationToken);

    /// <summary>Reads all scopes of these organizations, in order, without a query a scope. Each scope is read in one piece.</summary>
    IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<OrganizationId> organizations, CancellationToken cancellationToken);

    /// <summary>The highest version of a scope that the source remembers to have been published; 0 where it remembers none.</summary>
    Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken);

    /// <summary>Every scope of every organization the source knows, in order; names that are not safe are left out and reported.</summary>
    Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken);

    /// <summary>Takes up to <paramref name="max"/> scopes of a lane that wait to be built, the oldest first, so that nobody else builds them meanwhile.</summary>
    Task<IReadOnlyList<ClaimedScope>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken);

    /// <summary>Takes one scope whether it waits or not; null while somebody else builds it.</summary>
    Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken);

    /// <summary>The scope is built as of this position. It stays pending when the source has changed since.</summary>
    Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken);

    /// <summary>The scope could not be built; it is due again after the delay.</summary>
    Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>What was refused because its names cannot be published, for <c>status</c>: what, where, and what to do.</summary>
    Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken);

    /// <summary>What is wrong with the source as a whole, for <c>status</c>: what, where, and what to do.</summary>
    Task<IReadOnlyList<string>> ListWarningsAsync(CancellationToken cancellationToken);

    /// <summary>Makes scopes pending: what a reconcile found.</summary>
    Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken);

    /// <summary>What is known of the scopes, in order; of one organization, or of all.</summary>
    Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken);
}

/// <summary>What a build made of a scope.</summary>
/// <param name="Position">The state of the source it was made of.</param>
/// <param name="Problems">What is wrong with which destination.</param>
/// <param name="Publication">What was published.</param>
public sealed record BuildReport(SourcePosition Position, IReadOnlyList<DestinationProblem> Problems, PublicationResult Publication);

/// <summary>Why a scope was not built.</summary>
/// <param name="Error">What happened, for people.</param>
/// <param name="Held">Whether the last good version is kept on purpose because the fault is ours.</param>
/// <param name="Position">The state of the source that was read, where it got that far.</param>
/// <param name="Problems">What is wrong with which destination, where it got that far.</param>
public sealed record BuildFailure(string Error, bool Held, SourcePosition? Position, IReadOnlyList<DestinationProblem>? Problems)
{
    /// <summary>Whether a commit may still arrive, so that the next build has to fence it off.</summary>
    public bool CommitUnknown { get; init; }
}

/// <summary>The source cannot be read; says what, where and what to do.</summary>
public sealed class SourceUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the source may answer later without anybody changing a setting: it does not answer now, or is starting.</summary>
    public bool MayPass { get; init; }
}

/// <summary>What the source holds for one scope cannot be read: the scope's problem, which other scopes have nothing to do with.</summary>
public sealed class ScopeUnreadableException(string message) : Exception(message);
