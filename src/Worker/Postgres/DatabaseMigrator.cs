using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>What <c>migrate</c> was asked for beside bringing the schema up to date.</summary>
internal sealed record MigrationRequest
{
    /// <summary>Create the destinations table where there is none. An existing one is never altered.</summary>
    public bool WithDestinations { get; init; }

    /// <summary>
    /// Raise the source epoch and count every scope as changed: for after a restore, when revisions went back to numbers that were already
    /// published with other contents.
    /// </summary>
    public bool NewEpoch { get; init; }
}

/// <summary>What a migration did, in order; empty when there was nothing to do.</summary>
internal sealed record MigrationResult(ImmutableArray<string> Applied);

/// <summary>A migration could not be done. The message says what, where, and what to do about it.</summary>
internal sealed class MigrationException : Exception
{
    public MigrationException(string message) : base(message) { }

    public MigrationException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>
/// Brings our schema up to date. Safe to run at any time, by several at once, again: each step looks first and does nothing where there
/// is nothing to do, so a second run takes no lock on the destinations table.
/// </summary>
/// <remarks>
/// Everything happens in transactions whose settings and lock end with them, so the connection may lead through a pooler that gives the server's session to
/// somebody else after each transaction.
/// </remarks>
internal sealed class DatabaseMigrator(PostgresOptions options, ILogger<DatabaseMigrator> logger)
{
    /// <summary>The advisory lock that a migration's transactions hold: an arbitrary number, only ours.</summary>
    internal const long LockKey = 0x636F6E73656E74;

    private readonly PostgresOptions _options = options;

    /// <summary>Does what is missing and what was asked for.</summary>
    /// <exception cref="MigrationException">Something was in the way. The message says what was done nevertheless; running again continues.</exception>
    public async Task<MigrationResult> MigrateAsync(MigrationRequest request, CancellationToken ct)
    {
        var progress = new Progress();
        try
        {
            await using var source = PostgresConnections.CreateForMigrations(_options);
            await using var connection = await source.OpenConnectionAsync(ct);
            await InTransactionAsync(connection, progress, UpdateSchemaAsync, ct);
            if (request.NewEpoch) await InTransactionAsync(connection, progress, RaiseEpochAsync, ct);
        }
        catch (DatabaseShapeException exception)
        {
            throw new MigrationException(exception.Message, exception);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or Quartz.SchedulerException or ScriptFailedException)
        {
            throw new MigrationException(Explain(progress, exception), exception);
        }

        if (progress.Applied.Count == 0) logger.MigrationNothingToDo();
        return new MigrationResult([.. progress.Applied]);

        async Task UpdateSchemaAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, List<string> done)
        {
            // Before anything is written: a wrong name must not leave half an installation behind.
            progress.Step = "look for the configured roles";
            await DatabaseRoles.RequireAsync(connection, _options, ct);
            progress.Step = $"look at {_options.Table}";
            if (await DestinationsTable.FindAsync(connection, _options.Table, ct, wholly: true) is { } found)
            {
                if (await ChangeTriggers.FindNotOwnerAsync(connection, found, ct) is { } role)
                {
                    throw new MigrationException(
                        $"Role {role} does not own {_options.Table}, and only its owner may attach the change triggers ({PostgresErrorCodes.InsufficientPrivilege}). "
                        + "Run migrate as the owner. Nothing was changed.");
                }
            }
            else
            {
                if (!request.WithDestinations) throw new MigrationException(MissingTable());
                progress.Step = $"create {_options.Table}";
                await ExecuteAsync(connection, DestinationsTable.Definition(_options.Table), ct);
                done.Add($"table {_options.Table}");
            }

            progress.Step = "create schema consent_snapshots";
            if (await CreateSchemaAsync(connection, ct)) done.Add("schema consent_snapshots");

            progress.Step = "apply the versioned scripts";
            done.AddRange(await Task.Run(() => MigrationScripts.Apply(connection), ct));

            progress.Step = "create the scheduler's tables";
            if (await QuartzTables.CreateAsync(connection, transaction, ct)) done.Add("scheduler tables");

            progress.Step = "grant rights to the configured roles";
            await DatabaseRoles.GrantAsync(connection, _options, ct);

            var table = await DestinationsTable.FindAsync(connection, _options.Table, ct) ?? throw new MigrationException(MissingTable());
            progress.Step = $"let consent_snapshots.destination_status read {_options.Table}";
            if (await DestinationStatusView.PointAtAsync(connection, _options.Table, table, ct))
            {
                done.Add($"destination status of {_options.Table}");
                // What a table has from before is noted with its triggers.
                if (table.IsView) await ChangeTriggers.NoteEverythingAsync(connection, _options.Table, "view configured", ct);
            }

            progress.Step = $"attach the change triggers to {_options.Table}";
            await FollowedRelations.RememberAsync(connection, table, ct);
            foreach (var elsewhere in await ChangeTriggers.FindElsewhereAsync(connection, table, ct))
                logger.MigrationForeignTriggers(elsewhere, _options.Table.ToString());
            // Last, because it locks the control plane's table until the commit.
            await transaction.SaveAsync("before_triggers", ct);
            try
            {
                if (await ChangeTriggers.AttachAsync(connection, _options.Table, table, ct)) done.Add($"change triggers on {_options.Table}");
            }
            catch (PostgresException)
            {
                // A table that is busy now must not undo the rest: the next run has the triggers left to do.
                await transaction.RollbackAsync("before_triggers", ct);
                await CommitAsync(transaction, progress, done, ct);
                throw;
            }
        }

        async Task RaiseEpochAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, List<string> done)
        {
            progress.Step = "raise the source epoch";
            done.Add($"source epoch {await DatabaseMigrator.RaiseEpochAsync(connection, ct)}");
        }
    }

    private async Task InTransactionAsync(
        NpgsqlConnection connection, Progress progress, Func<NpgsqlConnection, NpgsqlTransaction, List<string>, Task> work, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        await RequireUsableServerAsync(connection, ct);
        progress.Step = "wait for other migrations";
        await TakeLockAsync(connection, ct);
        var done = new List<string>();
        await work(connection, transaction, done);
        await CommitAsync(transaction, progress, done, ct);
    }

    private async Task CommitAsync(NpgsqlTransaction transaction, Progress progress, List<string> done, CancellationToken ct)
    {
        await transaction.CommitAsync(ct);
        progress.Committed = true;
        progress.Applied.AddRange(done);
        foreach (var what in done) logger.MigrationApplied(what);
    }

    private static async Task RequireUsableServerAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (connection.PostgreSqlVersion.Major < 13)
            throw new MigrationException($"The server is PostgreSQL {connection.PostgreSqlVersion}; 13 or later is needed.");
        await using var command = new NpgsqlCommand("select pg_catalog.pg_is_in_recovery()", connection);
        if ((bool)(await command.ExecuteScalarAsync(ct))!)
            throw new MigrationException($"{connection.Host} is a standby and cannot be written. Point ConnectionStrings:Postgres at the primary.");
    }

    /// <summary>Every setting and the lock are the transaction's, because a session may belong to a pooler and hence to others.</summary>
    private async Task TakeLockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            string.Create(CultureInfo.InvariantCulture,
                $"""
                set local search_path = pg_catalog, pg_temp;
                set local lock_timeout = {(long)_options.MigrationWait.TotalMilliseconds};
                select pg_advisory_xact_lock({LockKey});
                set local lock_timeout = {(long)_options.LockTimeout.TotalMilliseconds};
                """), connection)
        { CommandTimeout = (int)_options.MigrationWait.TotalSeconds + 30 };
        try
        {
            await command.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new MigrationException(
                $"Another migration of database {connection.Database} has been running for more than {_options.MigrationWait} (Database:MigrationWait). "
                + $"Wait for it, or find it: select * from pg_locks where locktype = 'advisory' and granted.", exception);
        }
    }

    private static async Task<bool> CreateSchemaAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var exists = new NpgsqlCommand("select exists (select from pg_catalog.pg_namespace where nspname = 'consent_snapshots')", connection);
        if ((bool)(await exists.ExecuteScalarAsync(ct))!) return false;
        await ExecuteAsync(connection, "create schema consent_snapshots; revoke all on schema consent_snapshots from public;", ct);
        return true;
    }

    private static async Task<long> RaiseEpochAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("update consent_snapshots.source set epoch = epoch + 1 returning epoch", connection);
        var epoch = (long)(await command.ExecuteScalarAsync(ct))!;
        // Claims and back-off in a restored database are somebody's past.
        await ExecuteAsync(connection,
            """
            delete from consent_snapshots.workers;
            update consent_snapshots.scopes
            set claimed_by = null, claim_token = null, attempts = 0, ready_at = case when generation > completed_generation then now() end;
            insert into consent_snapshots.changes (bulk, reason) values (true, 'new epoch');
            select consent_snapshots.tell_workers();
            """, ct);
        return epoch;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    private string MissingTable() =>
        $"There is no table {_options.Table}. Set Database:DestinationsTable to the control plane's table, "
        + "or run `migrate --with-destinations` to create it.";

    private string Explain(Progress progress, Exception exception)
    {
        var (at, cause) = exception is ScriptFailedException script ? ($"apply script {script.Script}", script.InnerException!) : (progress.Step, exception);
        var database = cause as PostgresException ?? cause.InnerException as PostgresException;
        if (database?.MessageText.Contains("statement pooling", StringComparison.OrdinalIgnoreCase) == true)
            return "ConnectionStrings:Postgres leads through a pooler in statement mode, which permits no transactions: "
                + "let it lead to the server itself, or to a pooler in transaction or session mode.";
        var where = new NpgsqlConnectionStringBuilder(_options.ConnectionString);
        var remedy = database?.SqlState switch
        {
            PostgresErrorCodes.InsufficientPrivilege =>
                $"Run migrate as a role that may create schemas in this database and owns {_options.Table} (its triggers are set to ENABLE ALWAYS).",
            PostgresErrorCodes.LockNotAvailable =>
                $"Somebody held a lock for longer than {_options.LockTimeout} (Database:LockTimeout). Nothing of this step was done: run it again, or lengthen the timeout.",
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                "Check user name and password in ConnectionStrings:Postgres.",
            PostgresErrorCodes.InvalidCatalogName => "Check Database in ConnectionStrings:Postgres; migrate creates no database.",
            null when DatabaseIdentity.Explain(cause) is not null => "Check that the process has an identity (docs/azure.md), then run migrate again.",
            null when progress.Step == "connect" => "Check that the server runs and that Host and Port in ConnectionStrings:Postgres are right.",
            _ when progress.Committed => "The steps before it are done; after the cause is gone, run migrate again.",
            _ => "Nothing was changed; after the cause is gone, run migrate again.",
        };
        var said = database is null ? DatabaseIdentity.Explain(cause) ?? cause.Message : $"{database.MessageText} ({database.SqlState})";
        return $"Could not {at} on {where.Host}:{where.Port}/{where.Database}: {said}. {remedy}";
    }

    /// <summary>How far a migration has come, for the message when it fails.</summary>
    private sealed class Progress
    {
        public string Step { get; set; } = "connect";

        public bool Committed { get; set; }

        public List<string> Applied { get; } = [];
    }
}
