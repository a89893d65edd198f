using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Postgres;

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

    [LoggerMessage(Events.ClaimsRecovered, LogLevel.Warning,
        "{Count} scopes were claimed for this worker, or built by it, without its hearing the database's answer; they are ready again")]
    public static partial void ClaimsRecovered(this ILogger logger, int count);

    [LoggerMessage(Events.ChangesTakenIn, LogLevel.Debug, "Took in {Count} changes")]
    public static partial void ChangesTakenIn(this ILogger logger, long count);

    [LoggerMessage(Events.EnvironmentUnknown, LogLevel.Warning,
        "A destination of environment {Environment} was changed, which is none of development, staging, production: nothing is published for it. `status` lists such destinations")]
    public static partial void EnvironmentUnknown(this ILogger logger, string environment);

    [LoggerMessage(Events.HeartbeatExpired, LogLevel.Warning,
        "Worker {Worker} gave no sign of life for more than two seconds: other workers may have taken over what it was building")]
    public static partial void HeartbeatExpired(this ILogger logger, string worker);

    [LoggerMessage(Events.HeartbeatFailed, LogLevel.Warning, "The database could not be told that this worker lives; trying again: {Reason}")]
    public static partial void HeartbeatFailed(this ILogger logger, string reason);

    [LoggerMessage(Events.QueueNotMeasured, LogLevel.Debug, "The queue could not be measured: {Reason}")]
    public static partial void QueueNotMeasured(this ILogger logger, string reason);

    [LoggerMessage(Events.HeartbeatGoesOn, LogLevel.Information, "The database takes this worker's signs of life again, after {Seconds:F1} s")]
    public static partial void HeartbeatGoesOn(this ILogger logger, double seconds);

    [LoggerMessage(Events.TriggersWrong, LogLevel.Error,
        "Changes of destinations may go unnoticed; every scope is compared once a minute until that is mended. {Fault}")]
    public static partial void TriggersWrong(this ILogger logger, string fault);

    [LoggerMessage(Events.TriggersMended, LogLevel.Warning, "The change triggers on {Table} were not as they should be and have been attached anew; every scope is built. {Faults}")]
    public static partial void TriggersMended(this ILogger logger, string table, string faults);

    [LoggerMessage(Events.TriggersRight, LogLevel.Information, "The change triggers on {Table} are as they should be")]
    public static partial void TriggersRight(this ILogger logger, string table);

    [LoggerMessage(Events.TriggersNotLookedAt, LogLevel.Warning, "The change triggers could not be looked at; trying again: {Reason}")]
    public static partial void TriggersNotLookedAt(this ILogger logger, string reason);

    [LoggerMessage(Events.TablesChanged, LogLevel.Warning,
        "The destinations of {Table} are in other tables than before: a partition was attached or detached, the table was made anew, or a view was defined anew. Every scope is built")]
    public static partial void TablesChanged(this ILogger logger, string table);

    [LoggerMessage(Events.TimesMended, LogLevel.Warning, "{Count} scopes waited for a time that the database's clock, which was set back, would not have reached for long: they are due now")]
    public static partial void TimesMended(this ILogger logger, long count);

    [LoggerMessage(Events.OrganizationRefused, LogLevel.Error,
        "Organization {Organization} refused: " + ConsentSnapshots.Generator.Destinations.OrganizationId.Rule)]
    public static partial void OrganizationRefused(this ILogger logger, string organization);

    [LoggerMessage(Events.ListenerConnected, LogLevel.Information, "Listening for changes on {Host}/{Database}")]
    public static partial void ListenerConnected(this ILogger logger, string? host, string? database);

    [LoggerMessage(Events.ListenerDisconnected, LogLevel.Warning, "The listening connection was lost; connecting again: {Reason}")]
    public static partial void ListenerDisconnected(this ILogger logger, string reason, Exception? fault);

    [LoggerMessage(Events.DatabaseWaitedFor, LogLevel.Warning, "The database takes no connections (attempt {Attempt}); trying again in {Delay}: {Reason}")]
    public static partial void DatabaseWaitedFor(this ILogger logger, int attempt, TimeSpan delay, string reason);

    [LoggerMessage(Events.ListenerRetrying, LogLevel.Warning, "Cannot listen for changes (attempt {Attempt}); trying again in {Delay}: {Reason}")]
    public static partial void ListenerRetrying(this ILogger logger, int attempt, TimeSpan delay, string? reason, Exception? fault);
}
