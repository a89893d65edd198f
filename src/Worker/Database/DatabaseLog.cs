using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Database;

/// <summary>What the database side says, with the ids of <see cref="Events"/>. Never a setting's value, never a connection string.</summary>
internal static partial class DatabaseLog
{
    [LoggerMessage(Events.MigrationApplied, LogLevel.Information, "Migration applied: {Step}")]
    public static partial void MigrationApplied(this ILogger logger, string step);

    [LoggerMessage(Events.MigrationNothingToDo, LogLevel.Information, "The database is up to date")]
    public static partial void MigrationNothingToDo(this ILogger logger);

    [LoggerMessage(Events.MigrationForeignTriggers, LogLevel.Warning,
        "{Table} still has the change triggers, although Database:DestinationsTable names {Configured}: its changes cause needless builds. "
        + "Drop the triggers consent_snapshots_* there if that table is no longer the source")]
    public static partial void MigrationForeignTriggers(this ILogger logger, string table, string configured);

    [LoggerMessage(Events.ScopeRefused, LogLevel.Error, "Scope {Organization}/{Environment} refused: {Reason}")]
    public static partial void ScopeRefused(this ILogger logger, string organization, string environment, string reason);

    [LoggerMessage(Events.ClaimLost, LogLevel.Warning,
        "The claim on {Scope} ran out before {Action}: another worker may have it")]
    public static partial void ClaimLost(this ILogger logger, string scope, string action);

    [LoggerMessage(Events.UncountedChangesFolded, LogLevel.Information, "Counted {Count} changes that could not be counted when they were written")]
    public static partial void UncountedChangesFolded(this ILogger logger, long count);

    [LoggerMessage(Events.UncountedChangesBlocked, LogLevel.Warning,
        "Changes noted in consent_snapshots.uncounted_changes could not be counted now ({SqlState}); the next drain tries again")]
    public static partial void UncountedChangesBlocked(this ILogger logger, string sqlState, Exception exception);

    [LoggerMessage(Events.OrganizationRefused, LogLevel.Error,
        "Organization {Organization} refused: " + ConsentSnapshots.Generator.Destinations.OrganizationId.Rule)]
    public static partial void OrganizationRefused(this ILogger logger, string organization);

    [LoggerMessage(Events.ListenerConnected, LogLevel.Information, "Listening for changes on {Host}/{Database}")]
    public static partial void ListenerConnected(this ILogger logger, string? host, string? database);

    [LoggerMessage(Events.ListenerDisconnected, LogLevel.Warning, "The listening connection was lost; connecting again")]
    public static partial void ListenerDisconnected(this ILogger logger, Exception exception);

    [LoggerMessage(Events.ListenerRetrying, LogLevel.Warning, "Cannot listen for changes (attempt {Attempt}); trying again in {Delay}")]
    public static partial void ListenerRetrying(this ILogger logger, int attempt, TimeSpan delay, Exception? exception);
}
