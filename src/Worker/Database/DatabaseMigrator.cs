using System.Collections.Immutable;
using System.Reflection;
using DbUp;
using DbUp.Postgresql;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ConsentSnapshots.Worker.Database;

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
internal sealed class DatabaseMigrator(IOptions<PostgresOptions> options, ILogger<DatabaseMigrator> logger)
{
    /// <summary>The advisory lock that one migration holds for its whole length: an arbitrary number, only ours.</summary>
    internal const long LockKey = 0x636F6E73656E74;

    private const string ScriptFolder = "ConsentSnapshots.Worker.Database.Migrations.";

    private readonly PostgresOptions _options = options.Value;

    /// <summary>Does what is missing and what was asked for.</summary>
    /// <exception cref="MigrationException">Something was in the way. Steps already done stay done; running again continues.</exception>
    public async Task<MigrationResult> MigrateAsync(MigrationRequest request, CancellationToken ct)
    {
        var applied = ImmutableArray.CreateBuilder<string>();
        var step = "connect";
        try
        {
            await using var source = PostgresConnections.CreateForMigrations(_options);
            await using var connection = await source.OpenConnectionAsync(ct);
            await RequireUsableServerAsync(connection, ct);

            step = "wait for other migrations";
            await TakeLockAsync(connection, ct);

            step = $"look at {_options.Table}";
            if (await DestinationsTable.FindAsync(connection, _options.Table, ct) is null)
            {
                // Before anything is written: a wrong name must not leave half an installation behind.
                if (!request.WithDestinations) throw new MigrationException(MissingTable());
                step = $"create {_options.Table}";
                await ExecuteAsync(connection, DestinationsTable.Definition(_options.Table), ct);
                Applied($"table {_options.Table}");
            }

            step = "create schema consent_snapshots";
            if (await CreateSchemaAsync(connection, ct)) Applied("schema consent_snapshots");

            step = "apply the versioned scripts";
            foreach (var script in await Task.Run(() => RunScripts(source), ct)) Applied(script);

            step = "create the scheduler's tables";
            if (await QuartzTables.CreateAsync(connection, ct)) Applied("scheduler tables");

            step = $"attach the change triggers to {_options.Table}";
            var table = await DestinationsTable.FindAsync(connection, _options.Table, ct) ?? throw new MigrationException(MissingTable());
            if (await ChangeTriggers.AttachAsync(connection, _options.Table, table, ct)) Applied($"change triggers on {_options.Table}");
            foreach (var elsewhere in await ChangeTriggers.FindElsewhereAsync(connection, table, ct))
                logger.MigrationForeignTriggers(elsewhere, _options.Table.ToString());

            if (_options.WorkerRole.Length > 0)
            {
                step = $"grant rights to role {_options.WorkerRole}";
                await GrantAsync(connection, ct);
            }

            if (request.NewEpoch)
            {
                step = "raise the source epoch";
                Applied($"source epoch {await RaiseEpochAsync(connection, ct)}");
            }
        }
        catch (DatabaseShapeException exception)
        {
            throw new MigrationException(exception.Message, exception);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or Quartz.SchedulerException or ScriptFailedException)
        {
            throw new MigrationException(Explain(step, exception), exception);
        }

        if (applied.Count == 0) logger.MigrationNothingToDo();
        return new MigrationResult(applied.DrainToImmutable());

        void Applied(string what)
        {
            applied.Add(what);
            logger.MigrationApplied(what);
        }
    }

    private static async Task RequireUsableServerAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        if (connection.PostgreSqlVersion.Major < 13)
            throw new MigrationException($"The server is PostgreSQL {connection.PostgreSqlVersion}; 13 or later is needed.");
        await using var command = new NpgsqlCommand("select pg_is_in_recovery()", connection);
        if ((bool)(await command.ExecuteScalarAsync(ct))!)
            throw new MigrationException($"{connection.Host} is a standby and cannot be written. Point ConnectionStrings:Postgres at the primary.");
    }

    private async Task TakeLockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        // A session lock, because the steps are several transactions; it goes with the connection, so a killed migration leaves none.
        await using var command = new NpgsqlCommand(
            $"""
            select set_config('lock_timeout', '{(long)_options.MigrationWait.TotalMilliseconds}', false);
            select pg_advisory_lock({LockKey});
            select set_config('lock_timeout', '{(long)_options.LockTimeout.TotalMilliseconds}', false);
            """, connection)
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

    private static IReadOnlyList<string> RunScripts(NpgsqlDataSource source)
    {
        var result = DeployChanges.To
            .PostgresqlDatabase(new PostgresqlConnectionManager(source))
            .JournalToPostgresqlTable("consent_snapshots", "schema_versions")
            .WithScriptsEmbeddedInAssembly(Assembly.GetExecutingAssembly(), name => name.StartsWith(ScriptFolder, StringComparison.Ordinal))
            .WithTransactionPerScript()
            .WithVariablesDisabled()
            .LogToNowhere()
            .Build()
            .PerformUpgrade();
        if (!result.Successful) throw new ScriptFailedException(Short(result.ErrorScript?.Name ?? "the journal"), result.Error);
        return [.. result.Scripts.Select(script => Short(script.Name))];

        static string Short(string name) => name.Replace(ScriptFolder, "", StringComparison.Ordinal).Replace(".sql", "", StringComparison.Ordinal);
    }

    private async Task GrantAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var role = new NpgsqlCommandBuilder().QuoteIdentifier(_options.WorkerRole);
        await ExecuteAsync(connection,
            $"""
            grant usage on schema consent_snapshots to {role};
            grant select, insert, update, delete on all tables in schema consent_snapshots to {role};
            revoke insert, update, delete on consent_snapshots.source, consent_snapshots.schema_versions from {role};
            grant usage, select on all sequences in schema consent_snapshots to {role};
            grant execute on all functions in schema consent_snapshots to {role};
            grant usage on schema "{_options.Table.Schema}" to {role};
            grant select on {_options.Table.Quoted} to {role};
            """, ct);
    }

    private static async Task<long> RaiseEpochAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand("update consent_snapshots.source set epoch = epoch + 1 returning epoch", connection);
        var epoch = (long)(await command.ExecuteScalarAsync(ct))!;
        // Claims and back-off in a restored database are somebody's past.
        await ExecuteAsync(connection,
            """
            update consent_snapshots.work
            set claimed_by = null, claim_token = null, claimed_until = null, next_attempt_at = null, attempts = 0;
            select consent_snapshots.count_changes(array_agg(s.organization_id), array_agg(s.environment)) from consent_snapshots.scopes s;
            select consent_snapshots.tell_workers();
            """, ct);
        await transaction.CommitAsync(ct);
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

    private string Explain(string step, Exception exception)
    {
        var (at, cause) = exception is ScriptFailedException script ? ($"script {script.Script}", script.InnerException!) : (step, exception);
        var database = cause as PostgresException ?? cause.InnerException as PostgresException;
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
            PostgresErrorCodes.UndefinedObject when step.StartsWith("grant", StringComparison.Ordinal) => "Create the role first, or correct Database:WorkerRole.",
            null when step == "connect" => "Check that the server runs and that Host and Port in ConnectionStrings:Postgres are right.",
            _ => "Steps done before stay done; after the cause is gone, run migrate again.",
        };
        var said = database is null ? cause.Message : $"{database.MessageText} ({database.SqlState})";
        return $"Could not {(exception is ScriptFailedException ? $"apply {at}" : at)} on {where.Host}:{where.Port}/{where.Database}: {said}. {remedy}";
    }

    private sealed class ScriptFailedException(string script, Exception inner) : Exception($"Script {script} failed.", inner)
    {
        public string Script { get; } = script;
    }
}
