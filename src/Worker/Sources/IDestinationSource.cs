using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>
/// Where destinations come from: Postgres, or a file. A source that cannot be read throws <see cref="SourceUnavailableException"/>, because an empty answer
/// would mean that there are no destinations.
/// </summary>
public interface IDestinationSource
{
    /// <summary>What the source is, for people. It never contains a secret.</summary>
    string Description { get; }

    /// <summary>Checks that the source can be read with the rights there are, and says what is wrong with it as a whole.</summary>
    /// <exception cref="SourceUnavailableException">The source cannot be read; the message says why.</exception>
    Task<SourceFindings> CheckAsync(CancellationToken cancellationToken);

    /// <summary>Every organization that the source knows, in order. Names that are not safe are left out and logged.</summary>
    Task<IReadOnlyList<OrganizationId>> ListOrganizationsAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Reads scopes, in the given order. Each scope is read in one piece. What cannot be read of one scope is the answer for that scope and stops no other.
    /// </summary>
    /// <param name="scopes">The scopes. Those of one organization should follow each other.</param>
    /// <param name="purpose">What the rows are for.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, CancellationToken cancellationToken);
}

/// <summary>What rows are read for.</summary>
public enum ReadPurpose
{
    /// <summary>To compare, or to show. The source writes nothing.</summary>
    Look,

    /// <summary>To publish them. A source that counts revisions takes the next one of each scope in the same snapshot.</summary>
    Build,
}

/// <summary>What is wrong with a source as a whole. Each text says what, where, and what to do.</summary>
/// <param name="Refused">What is not published because its names cannot be.</param>
/// <param name="Warnings">What may delay or lose changes.</param>
public sealed record SourceFindings(IReadOnlyList<string> Refused, IReadOnlyList<string> Warnings)
{
    /// <summary>Nothing is wrong.</summary>
    public static SourceFindings None { get; } = new([], []);
}

/// <summary>What the source says of one scope, read in one piece.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Rows">Its destinations, those for all environments included.</param>
/// <param name="Position">The state of the source they were read at.</param>
/// <param name="Clock">The source's clock at the read.</param>
public sealed record ScopeRows(Scope Scope, IReadOnlyList<Destination> Rows, SourcePosition Position, SourceClock Clock)
{
    /// <summary>When the oldest change was made that no completed build has read; null where there is none, or the source does not know.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>How many changes of the scope the rows carry, as its queue counts them; null where the queue counts by itself.</summary>
    public long? Changes { get; init; }

    /// <summary>The highest version of the scope that the source remembers to have been published; 0 where it remembers none, null where it keeps no such record.</summary>
    public int? RecordedVersion { get; init; }

    /// <summary>Rows that are left out because the source cannot give their settings, and why.</summary>
    public IReadOnlyDictionary<Guid, SettingProblem> LeftOut { get; init; } = new Dictionary<Guid, SettingProblem>();
}

/// <summary>What came of reading one scope: its rows, or why there are none.</summary>
public abstract record ScopeRead
{
    private ScopeRead(Scope scope) => Scope = scope;

    /// <summary>The scope.</summary>
    public Scope Scope { get; }

    /// <summary>The rows, for a caller that can do nothing without them.</summary>
    /// <exception cref="ScopeUnreadableException">There are none; the message says why.</exception>
    public ScopeRows Require() => this switch
    {
        Found found => found.Rows,
        Unreadable unreadable => throw new ScopeUnreadableException(unreadable.Problem),
        TooLarge large => throw new ScopeUnreadableException(large.Problem),
        _ => throw new InvalidOperationException($"There is no such answer as {GetType().Name}."),
    };

    /// <summary>The scope was read.</summary>
    /// <param name="Rows">What the source says.</param>
    public sealed record Found(ScopeRows Rows) : ScopeRead(Rows.Scope);

    /// <summary>What the source holds for this scope cannot be read; other scopes are not concerned.</summary>
    /// <param name="Of">The scope.</param>
    /// <param name="Problem">Why not, for people.</param>
    public sealed record Unreadable(Scope Of, string Problem) : ScopeRead(Of);

    /// <summary>The scope is over a limit, so it was not read.</summary>
    /// <param name="Of">The scope.</param>
    /// <param name="Problem">Which limit, for people.</param>
    public sealed record TooLarge(Scope Of, string Problem) : ScopeRead(Of);
}

/// <summary>Short forms of what a source does.</summary>
public static class DestinationSources
{
    /// <summary>Reads one scope.</summary>
    public static async Task<ScopeRead> ReadAsync(this IDestinationSource source, Scope scope, ReadPurpose purpose, CancellationToken cancellationToken)
    {
        await foreach (var read in source.ReadAsync([scope], purpose, cancellationToken)) return read;
        throw new InvalidOperationException($"The source said nothing of {scope}.");
    }

    /// <summary>Every scope of every organization that the source knows, in order.</summary>
    public static async Task<IReadOnlyList<Scope>> ListScopesAsync(this IDestinationSource source, CancellationToken cancellationToken) =>
        [.. (await source.ListOrganizationsAsync(cancellationToken)).SelectMany(Scope.Of)];
}

/// <summary>The source cannot be read; the message says what, where and what to do.</summary>
public sealed class SourceUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the source may answer later without anybody changing a setting: it does not answer now, or is starting.</summary>
    public bool MayPass { get; init; }
}

/// <summary>What the source holds for one scope cannot be read. That is the scope's problem, which no other scope shares.</summary>
public sealed class ScopeUnreadableException(string message) : Exception(message);
