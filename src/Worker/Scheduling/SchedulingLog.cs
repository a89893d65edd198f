using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

internal static partial class SchedulingLog
{
    [LoggerMessage(Events.Started, LogLevel.Information, "Publishing from {Source} to {Store}")]
    public static partial void Started(this ILogger logger, string source, string store);

    [LoggerMessage(Events.Built, LogLevel.Information,
        "{Scope}: {Outcome}, version {Version}, {SnapshotsWritten} snapshots written, {Problems} problems, {Milliseconds} ms")]
    public static partial void Built(
        this ILogger logger, string scope, string outcome, int version, int snapshotsWritten, int problems, long milliseconds);

    [LoggerMessage(Events.Held, LogLevel.Error, "{Scope} keeps its last good version: {Reason}")]
    public static partial void Held(this ILogger logger, string scope, string reason);

    [LoggerMessage(Events.ConsentViolation, LogLevel.Critical, "{Scope} was not published: the consent proof found {Count} violations, first: {Violation}")]
    public static partial void ConsentViolation(this ILogger logger, string scope, int count, string violation);

    [LoggerMessage(Events.BuildFailed, LogLevel.Error, "{Scope} could not be built (attempt {Attempt}) and stays pending: {Reason}")]
    public static partial void BuildFailed(this ILogger logger, string scope, int attempt, string reason, Exception? exception);

    [LoggerMessage(Events.OutcomeNotRecorded, LogLevel.Warning, "What became of {Scope} could not be recorded; it is ready again when the queue can be reached: {Reason}")]
    public static partial void OutcomeNotRecorded(this ILogger logger, string scope, string reason);

    [LoggerMessage(Events.ReadFailed, LogLevel.Error, "Claimed scopes could not be read and stay pending: {Reason}")]
    public static partial void ReadFailed(this ILogger logger, string reason, Exception exception);

    [LoggerMessage(Events.NotGivenBack, LogLevel.Warning, "Scopes in hand could not be given back; they are free two seconds after this worker has ended: {Reason}")]
    public static partial void NotGivenBack(this ILogger logger, string reason);

    [LoggerMessage(Events.DrainFailed, LogLevel.Error, "Pending scopes could not be looked at; trying again: {Reason}")]
    public static partial void DrainFailed(this ILogger logger, string reason, Exception? exception);

    [LoggerMessage(Events.DrainGoesOn, LogLevel.Information, "Pending scopes are looked at again, after {Seconds:F1} s")]
    public static partial void DrainGoesOn(this ILogger logger, double seconds);

    [LoggerMessage(Events.StoreCompared, LogLevel.Information, "The store has what the database says is published: {Scopes} scopes, compared in {Seconds:F1} s")]
    public static partial void StoreCompared(this ILogger logger, int scopes, double seconds);

    [LoggerMessage(Events.StoreLost, LogLevel.Error,
        "The store ({Store}) lacks what the database says is published: {Lost} of {Scopes} scopes, which are built again. Is it the right store? First of them: {First}")]
    public static partial void StoreLost(this ILogger logger, string store, int lost, int scopes, string first);

    [LoggerMessage(Events.StoreAhead, LogLevel.Error,
        "The store ({Store}) has {Ahead} scopes of a later state than the database, so changes of these are held. If the database was restored, run `consent-snapshots migrate --new-epoch`; "
        + "otherwise this is another database's store. First of them: {First}")]
    public static partial void StoreAhead(this ILogger logger, string store, int ahead, string first);

    [LoggerMessage(Events.StoreNotCompared, LogLevel.Warning, "The store could not be compared with what the database says is published; trying again: {Reason}")]
    public static partial void StoreNotCompared(this ILogger logger, string reason);

    [LoggerMessage(Events.Reconciled, LogLevel.Information, "Reconciled {Scopes} scopes: {Different} differ from the store and are pending")]
    public static partial void Reconciled(this ILogger logger, int scopes, int different);

    [LoggerMessage(Events.ReconcileFailed, LogLevel.Error, "Source and store could not be compared: {Reason}")]
    public static partial void ReconcileFailed(this ILogger logger, string reason, Exception? exception);

    [LoggerMessage(Events.ScopeNotCompared, LogLevel.Error, "{Scope} could not be compared with the store, so it is built: {Reason}")]
    public static partial void ScopeNotCompared(this ILogger logger, string scope, string reason);

    [LoggerMessage(Events.GenerationFailed, LogLevel.Error, "{Scope} is published without destination {Destination} of type {Type}: {Reason}")]
    public static partial void GenerationFailed(this ILogger logger, string scope, Guid destination, string type, string reason);
}
