using System.Data;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Sees to it that every write of the destinations table is followed. A table that was made anew or restored, or a partition that was added, lacks our triggers: that is said, mended
/// where the worker's role may, and made up for by a reconcile every minute as long as it lasts.
/// </summary>
internal sealed class TriggerWatch(
    NpgsqlDataSource database, PostgresOptions options, Reconciler reconciler, TimeProvider time, ILogger<TriggerWatch> logger) : BackgroundService, IHealthPart
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReconcileInterval = TimeSpan.FromMinutes(1);

    private readonly Outage _outage = new(time);
    private string _said = "";

    /// <summary>How the triggers were at the last look.</summary>
    public TriggerState State { get; private set; }

    /// <inheritdoc/>
    public IEnumerable<HealthFinding> Check() =>
        State is TriggerState.Weaker or TriggerState.Missing
            ? [new HealthFinding(HealthSeverity.Warning, $"Changes of destinations may go unnoticed; every scope is compared once a minute. {_said}")]
            : [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? reconciled = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var isFollowed = await LookAsync(stoppingToken);
                _outage.Ends();
                if (isFollowed)
                    reconciled = null;
                else if (reconciled is null || time.GetElapsedTime(reconciled.Value) >= ReconcileInterval)
                {
                    reconciled = time.GetTimestamp();
                    await reconciler.ReconcileAsync(stoppingToken);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever it was, others say it too: the next look tries again.
                if (_outage.Fails(exception)) logger.TriggersNotLookedAt(exception.Message);
            }
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Looks once; whether every write is followed.</summary>
    internal async Task<bool> LookAsync(CancellationToken ct)
    {
        var name = options.Table;
        await using var connection = await database.OpenConnectionAsync(ct);
        if (await DestinationsTable.FindAsync(connection, name, ct) is not { } table)
        {
            State = TriggerState.Missing;
            Say($"There is no table {name}.");
            return false;
        }
        var faults = await ChangeTriggers.FaultsAsync(connection, table, ct);
        if (faults.Count == 0)
        {
            if (_said.Length > 0) logger.TriggersRight(name.ToString());
            _said = "";
            State = TriggerState.Right;
            if (await FollowedRelations.FollowAsync(connection, name, table, ct)) logger.TablesChanged(name.ToString());
            return true;
        }
        State = faults.Any(fault => fault.Contains(ChangeTriggers.Missing, StringComparison.Ordinal)) ? TriggerState.Missing : TriggerState.Weaker;
        var mended = await MendAsync(connection, name, table, ct);
        if (mended is null)
        {
            logger.TriggersMended(name.ToString(), string.Join("; ", faults));
            _said = "";
            State = TriggerState.Right;
            return true;
        }
        Say($"{string.Join("; ", faults)}. {mended}");
        return false;
    }

    /// <summary>Attaches what is missing; null where that was done, or why it was not.</summary>
    private static async Task<string?> MendAsync(NpgsqlConnection connection, TableName name, DestinationsTable table, CancellationToken ct)
    {
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
            // A statement that waits for the table's lock makes every writer behind it wait.
            await using (var patience = new NpgsqlCommand("set local lock_timeout = '100ms'", connection, transaction)) await patience.ExecuteNonQueryAsync(ct);
            await ChangeTriggers.AttachAsync(connection, name, table, ct);
            await transaction.CommitAsync(ct);
            return null;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return "The worker's role may not mend that: run `consent-snapshots migrate` as the table's owner.";
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return "The table is busy, so that is mended later.";
        }
    }

    private void Say(string what)
    {
        if (_said == what) return;
        _said = what;
        logger.TriggersWrong(what);
    }
}
