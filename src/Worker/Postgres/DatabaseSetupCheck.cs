using System.Globalization;
using System.Net.Sockets;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Settings;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Looks at the control plane's database as a worker uses it: connection, schema, rights, table, row-level security, triggers, notifications and clock.</summary>
internal sealed class DatabaseSetupCheck(NpgsqlDataSource database, PostgresOptions options, DestinationReader reader, TimeProvider time) : ISetupCheck
{
    private static readonly TimeSpan NotificationPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public string Area => "Database";

    /// <inheritdoc/>
    public async Task CheckAsync(Findings findings, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await GreetAsync(findings, connection, cancellationToken);
            if (!await CheckSchemaAsync(findings, connection, cancellationToken)) return;
            await CheckRightsAsync(findings, connection, cancellationToken);
            await CheckTriggersAsync(findings, connection, cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or SocketException)
        {
            findings.Fail($"{Place} cannot be used: {Said(exception)}", Fix(exception));
            return;
        }
        await CheckRowsAsync(findings, cancellationToken);
        await CheckNotificationsAsync(findings, cancellationToken);
    }

    private string Place
    {
        get
        {
            var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
            return $"postgres {connection.Host}:{connection.Port}/{connection.Database}";
        }
    }

    private async Task GreetAsync(Findings findings, NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "select current_user::text, current_setting('server_version'), pg_catalog.pg_is_in_recovery(), clock_timestamp(), current_setting('max_prepared_transactions')::integer", connection);
        var asked = time.GetUtcNow();
        await using var row = await command.ExecuteReaderAsync(ct);
        await row.ReadAsync(ct);
        var heard = time.GetUtcNow();
        findings.Ok($"{Place} answers: PostgreSQL {row.GetString(1)}, role {row.GetString(0)}.");
        if (row.GetBoolean(2))
            findings.Fail("The server is a standby, which takes no claims and sends no notifications.", "Name the primary in ConnectionStrings__Postgres, or add all hosts and Target Session Attributes=primary.");
        // The answer was made between the question and its arrival.
        var clock = row.GetFieldValue<DateTimeOffset>(3);
        var difference = clock < asked ? clock - asked : clock > heard ? clock - heard : TimeSpan.Zero;
        SayClock(findings, "The database's clock", difference);
        if (row.GetInt32(4) > 0)
            findings.Ok("Two-phase commit is enabled, so writers do not notify; workers look for changes every 250 ms instead.");
    }

    private static void SayClock(Findings findings, string whose, TimeSpan difference)
    {
        if (difference.Duration() <= ClockTolerance) findings.Ok($"{whose} and this machine's agree.");
        else
            findings.Warn(
                string.Create(CultureInfo.InvariantCulture, $"{whose} is {difference.Duration().TotalSeconds:F0} s {(difference > TimeSpan.Zero ? "ahead of" : "behind")} this machine's."),
                "Let both follow a time server. Publication times are the database's, and ages that this machine shows are wrong by as much.");
    }

    private async Task<bool> CheckSchemaAsync(Findings findings, NpgsqlConnection connection, CancellationToken ct)
    {
        try
        {
            if (await DestinationsTable.FindAsync(connection, options.Table, ct, wholly: true) is not { } table)
            {
                findings.Fail($"There is no table {options.Table}.", "Correct Database__DestinationsTable, or make the table with `consent-snapshots migrate --with-destinations`.");
                return false;
            }
            findings.Ok($"{options.Table} is a {(table.IsView ? "view" : "table")} with every column that is needed.");
        }
        catch (DatabaseShapeException exception)
        {
            findings.Fail(exception.Message);
            // What else is wrong with the schema is worth knowing as well.
        }
        try
        {
            await MigrationCheck.RequireMigratedAsync(connection, ct);
            findings.Ok("The schema consent_snapshots has every migration of this build.");
            return true;
        }
        catch (DatabaseShapeException exception)
        {
            findings.Fail(exception.Message);
            return false;
        }
    }

    private static async Task CheckRightsAsync(Findings findings, NpgsqlConnection connection, CancellationToken ct)
    {
        var missing = await WorkerRights.ListMissingAsync(connection, ct);
        if (missing.Count == 0)
        {
            findings.Ok("The role has every right that a worker needs.");
            return;
        }
        var shown = missing.Count <= 5 ? string.Join(", ", missing) : $"{string.Join(", ", missing.Take(5))} and {missing.Count - 5} more";
        var role = connection.UserName ?? "";
        findings.Fail($"The role lacks {shown}.", $"Run `consent-snapshots migrate` as the owner of the schema, with Database__WorkerRole={role}.");
    }

    private async Task CheckTriggersAsync(Findings findings, NpgsqlConnection connection, CancellationToken ct)
    {
        if (await FindTableAsync(connection, ct) is not { } table) return;
        if (table.IsView)
        {
            await CheckViewAsync(findings, connection, ct);
            return;
        }
        var faults = await ChangeTriggers.FaultsAsync(connection, table, ct);
        foreach (var fault in faults)
            findings.Fail($"Changes may go unnoticed, because of the change triggers on {fault}.", "Run `consent-snapshots migrate` as the table's owner. Until then a running worker compares every scope once a minute.");
        if (faults.Count == 0) findings.Ok($"The change triggers on {options.Table} are there and always enabled: for statements, and for what logical replication applies.");
        foreach (var other in await ChangeTriggers.FindElsewhereAsync(connection, table, ct))
            findings.Warn($"Our triggers are also on {other}, which is not the configured table.", $"Correct Database__DestinationsTable if {other} is meant; else drop the triggers consent_snapshots_* there.");
    }

    private async Task<DestinationsTable?> FindTableAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        try
        {
            return await DestinationsTable.FindAsync(connection, options.Table, ct);
        }
        catch (DatabaseShapeException)
        {
            // Said already.
            return null;
        }
    }

    /// <summary>A view has no triggers of ours: somebody else's call the function.</summary>
    private static async Task CheckViewAsync(Findings findings, NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select exists (
                select from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
                where not t.tgisinternal and t.tgenabled <> 'D' and p.prosrc ~* 'consent_snapshots\s*\.\s*"?changed')
            """, connection);
        if (await command.ExecuteScalarAsync(ct) is true) findings.Ok("A trigger of the database calls consent_snapshots.changed for the tables behind the view.");
        else
            findings.Warn("No trigger calls consent_snapshots.changed, so a change behind the view waits for the next reconcile.",
                "Let triggers on the tables behind the view call consent_snapshots.changed(organization, environment); docs/control-plane.md has an example.");
    }

    private async Task CheckRowsAsync(Findings findings, CancellationToken ct)
    {
        try
        {
            await reader.CheckAsync(ct);
            findings.Ok("Row-level security hides no row from the role.");
        }
        catch (RowSecurityException exception)
        {
            findings.Fail(exception.Message);
        }
        catch (DatabaseShapeException)
        {
            // Said already.
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            findings.Skip("Whether row-level security hides rows cannot be seen without the missing rights.");
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            findings.Fail($"The rows cannot be read: {Said(exception)}", Fix(exception));
        }
    }

    /// <summary>Sends a notification and waits for it, on a channel of its own.</summary>
    private async Task CheckNotificationsAsync(Findings findings, CancellationToken ct)
    {
        var setting = string.IsNullOrWhiteSpace(options.ListenConnectionString) ? "ConnectionStrings__Postgres" : "ConnectionStrings__PostgresListen";
        try
        {
            await using var source = PostgresConnections.CreateForListening(options);
            await using var connection = await source.OpenConnectionAsync(ct);
            if (await ServerSession.IsSharedAsync(source, connection, time, ct))
            {
                findings.Fail($"{setting} leads through a pooler in transaction mode, which loses the notifications that the worker listens for.",
                    "Set ConnectionStrings__PostgresListen to the server itself, or to a pooler in session mode.");
                return;
            }
            var arrived = new TaskCompletionSource();
            connection.Notification += (_, _) => arrived.TrySetResult();
            var channel = $"consent_snapshots_doctor_{Guid.NewGuid():N}";
            await using (var listen = new NpgsqlCommand($"listen {channel}", connection)) await listen.ExecuteNonQueryAsync(ct);
            await using (var notify = database.CreateCommand("select pg_notify($1, '')"))
            {
                notify.Parameters.Add(new NpgsqlParameter { Value = channel, NpgsqlDbType = NpgsqlDbType.Text });
                await notify.ExecuteNonQueryAsync(ct);
            }
            using var patience = new CancellationTokenSource(NotificationPatience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
            while (!arrived.Task.IsCompleted) await connection.WaitAsync(either.Token);
            findings.Ok("A notification arrives on the listener's connection.");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            findings.Fail($"A notification did not arrive within {NotificationPatience.TotalSeconds} s.", $"Let {setting} lead to the same database as the work, without a pooler that drops LISTEN.");
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or SocketException)
        {
            findings.Fail($"{setting} cannot be listened on: {Said(exception)}", Fix(exception));
        }
    }

    private static string Said(Exception exception)
    {
        var text = DatabaseIdentity.Explain(exception) ?? exception.Message;
        return text.EndsWith('.') ? text : $"{text}.";
    }

    private string Fix(Exception exception)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        return exception switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } => $"Correct the password of role {connection.Username} in ConnectionStrings__Postgres.",
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } =>
                $"Create role {connection.Username}, let it log in, or let pg_hba.conf admit it from here; or correct Username in ConnectionStrings__Postgres.",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => $"Create the database, or correct Database={connection.Database} in ConnectionStrings__Postgres.",
            PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => "Raise max_connections, or lower Maximum Pool Size and the number of workers (docs/operations.md).",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } => $"Run `consent-snapshots migrate` as the owner, with Database__WorkerRole={connection.Username}.",
            PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow } => "Wait until the server has started.",
            PostgresException => "Look at the server's log.",
            _ when DatabaseIdentity.Explain(exception) is not null => "Check that the process has an identity, and that a role was made for it (docs/azure.md).",
            _ => $"Start the server, or correct Host={connection.Host} and Port={connection.Port} in ConnectionStrings__Postgres; see whether a firewall is between.",
        };
    }
}
