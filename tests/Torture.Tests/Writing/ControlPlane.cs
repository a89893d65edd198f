using System.Collections.Immutable;
using System.Data;
using System.Globalization;
using ConsentSnapshots.Generator.Consent;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Torture.Tests.Writing;

/// <summary>
/// One client of the control plane. It writes organizations that no other client writes, in every way in which a table can be written, with a short patience: whatever makes it wait or
/// fail, other than a fault that the run has made, is a broken guarantee.
/// </summary>
/// <remarks>A setting's token always carries the consent that its row requires, or required once, so what a reader may see is known before it can be seen.</remarks>
internal sealed class ControlPlane(string connectionString, ImmutableArray<Guid> organizations, bool truncates, Random random, Ledger ledger)
{
    private const int MostRows = 8;
    private const int LockTimeoutMilliseconds = 1000;
    private const int StatementTimeoutMilliseconds = 2000;
    private static readonly TimeSpan s_moment = TimeSpan.FromSeconds(15);

    // Serializable transactions that read conflict with each other by the pages of small indexes alone, whatever they read. One at a time cannot; inserts without reads cannot either.
    private static readonly SemaphoreSlim s_serializable = new(1, 1);

    private static readonly (string Type, string Setting)[] s_types =
        [("meta-pixel", """{"pixelId":"%"}"""), ("posthog", """{"apiKey":"phc_%"}"""), ("google-analytics", """{"measurementId":"G-%"}"""), ("linkedin-insights", """{"partnerId":"%"}"""),
         ("microsoft-clarity", """{"projectId":"c%","apiToken":"private"}"""), ("console", """{"note":"%"}""")];

    private static readonly string?[] s_environments = ["production", "production", "staging", "development", null];

    /// <summary>What of a row has to be known to change it.</summary>
    private sealed record Row(Guid Id, Guid Organization, string? Environment, string Token, ConsentSet Required, bool Enabled, bool Deleted);

    /// <summary>Writes until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        while (!cancellationToken.IsCancellationRequested)
        {
            var operation = "connect";
            try
            {
                connection ??= await ConnectAsync(cancellationToken);
                operation = await WriteAsync(connection, name => operation = name, cancellationToken);
                ledger.Count("transactions of writers");
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(20, 350)), TimeProvider.System, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException or TimeoutException or IOException)
            {
                Judge(operation, exception);
                if (connection is not null) await connection.DisposeAsync();
                connection = null;
                await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        if (connection is not null) await connection.DisposeAsync();
    }

    private async Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "control plane" }.ConnectionString);
        connection.Notice += (_, notice) =>
        {
            if (notice.Notice.MessageText.StartsWith("consent_snapshots:", StringComparison.Ordinal)) ledger.Violate($"The trigger warned a writer: {notice.Notice.MessageText}");
        };
        await connection.OpenAsync(cancellationToken);
        await ExecuteAsync(connection, $"set lock_timeout = {LockTimeoutMilliseconds}; set statement_timeout = {StatementTimeoutMilliseconds}", [], cancellationToken);
        return connection;
    }

    /// <summary>Whether an error is a consequence of a fault that the run has made, or of what the writers do to each other.</summary>
    private void Judge(string operation, Exception exception)
    {
        var state = (exception as PostgresException)?.SqlState;
        if (operation == "truncate" && state == PostgresErrorCodes.LockNotAvailable) ledger.Count("truncations that found the table busy");
        else if (state is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled && ledger.InTrouble(Troubles.Truncate, s_moment)) ledger.Count("writes that waited for a truncation");
        else if (state == PostgresErrorCodes.QueryCanceled && ledger.InTrouble(Troubles.Slow, s_moment)) ledger.Count("writes that a slow machine held up");
        else if (IsLostConnection(exception, state) && ledger.InTrouble(Troubles.Postgres, s_moment)) ledger.Count("writes that a restart of Postgres ended");
        else ledger.Violate($"A writer failed in '{operation}': {state} {exception.Message} {exception.InnerException?.Message}");
    }

    private static bool IsLostConnection(Exception exception, string? state) =>
        state is null ? exception is NpgsqlException or IOException or TimeoutException or InvalidOperationException
            : state.StartsWith("08", StringComparison.Ordinal)
                || state is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections;

    private async Task<string> WriteAsync(NpgsqlConnection connection, Action<string> begin, CancellationToken cancellationToken)
    {
        var choice = random.Next(200);
        if (truncates && choice == 0 && !ledger.InTrouble(Troubles.Truncate, TimeSpan.FromSeconds(60)))
        {
            begin("truncate");
            return await TruncateAsync(connection, cancellationToken);
        }
        if (choice < 12)
        {
            begin("import row by row");
            return await InTransactionAsync(connection, IsolationLevel.ReadCommitted, t => ImportAsync(connection, 30, t), cancellationToken);
        }
        if (choice < 20)
        {
            begin("copy");
            return await InTransactionAsync(connection, IsolationLevel.ReadCommitted, t => CopyAsync(connection, 15, t), cancellationToken);
        }
        if (choice < 30)
        {
            begin("serializable inserts");
            return await InTransactionAsync(connection, IsolationLevel.Serializable, t => ImportAsync(connection, 3, t), cancellationToken);
        }
        if (choice < 60)
        {
            begin("serializable changes");
            await s_serializable.WaitAsync(cancellationToken);
            try
            {
                return await InTransactionAsync(connection, IsolationLevel.Serializable, t => ChangeSomeAsync(connection, t), cancellationToken);
            }
            finally
            {
                s_serializable.Release();
            }
        }
        begin("changes");
        return await InTransactionAsync(connection, choice < 160 ? IsolationLevel.ReadCommitted : IsolationLevel.RepeatableRead, t => ChangeSomeAsync(connection, t), cancellationToken);
    }

    private async Task<string> InTransactionAsync(NpgsqlConnection connection, IsolationLevel level, Func<CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(level, cancellationToken);
        await write(cancellationToken);
        if (random.Next(10) == 0)
        {
            await transaction.RollbackAsync(cancellationToken);
            ledger.Count("transactions rolled back");
        }
        else
        {
            await transaction.CommitAsync(cancellationToken);
        }
        return "pause";
    }

    private async Task ChangeSomeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        for (var changes = random.Next(1, 4); changes > 0; changes--) await ChangeAsync(connection, cancellationToken);
    }

    private async Task ChangeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var organization = AnyOrganization();
        var rows = await RowsAsync(connection, organization, cancellationToken);
        var living = rows.Where(row => !row.Deleted).ToList();
        if (living.Count == 0 || (living.Count < MostRows && random.Next(4) == 0))
        {
            if (random.Next(4) == 0) await SavepointAsync(connection, organization, cancellationToken);
            else await InsertAsync(connection, organization, cancellationToken);
            return;
        }

        var row = living[random.Next(living.Count)];
        switch (living.Count >= MostRows ? random.Next(8, 10) : random.Next(14))
        {
            case 0 or 1 or 2:
                var (settings, token, required, categories) = NewSettings(row.Organization, row.Environment);
                await ExecuteAsync(connection, "update destinations set type = $2, settings = $3::jsonb, required_consent = $4, updated_at = now() where id = $1",
                    [row.Id, settings.Type, settings.Json, categories], cancellationToken);
                _ = (token, required);
                break;
            case 3:
                // The same settings for another consent: either may be served until the change is published.
                var other = AnyConsent();
                ledger.Allow(row.Token, row.Organization, row.Environment, other);
                await ExecuteAsync(connection, "update destinations set required_consent = $2 where id = $1", [row.Id, Categories(other)], cancellationToken);
                break;
            case 4:
                await ExecuteAsync(connection, "update destinations set enabled = not enabled where id = $1", [row.Id], cancellationToken);
                break;
            case 5:
                await ExecuteAsync(connection, "update destinations set last_tested_at = now(), connection_status = 'ok' where organization_id = $1", [organization], cancellationToken);
                break;
            case 6:
                var to = AnyOrganization();
                ledger.Allow(row.Token, to, row.Environment, row.Required);
                await ExecuteAsync(connection, "update destinations set organization_id = $2 where id = $1", [row.Id, to], cancellationToken);
                break;
            case 7:
                var environment = s_environments[random.Next(s_environments.Length)];
                ledger.Allow(row.Token, row.Organization, environment, row.Required);
                await ExecuteAsync(connection, "update destinations set environment = $2 where id = $1", [row.Id, environment], cancellationToken);
                break;
            case 8:
                await ExecuteAsync(connection, "delete from destinations where id = $1", [row.Id], cancellationToken);
                break;
            case 9:
                await ExecuteAsync(connection, "update destinations set deleted_at = now(), enabled = false where id = $1", [row.Id], cancellationToken);
                break;
            case 10:
                await ExecuteAsync(connection, "update destinations set deleted_at = null, enabled = true where organization_id = $1 and deleted_at is not null", [organization], cancellationToken);
                break;
            case 11:
                await MergeAsync(connection, organization, row.Id, cancellationToken);
                break;
            case 12:
                await UpsertAsync(connection, organization, row.Id, cancellationToken);
                break;
            default:
                await SavepointAsync(connection, organization, cancellationToken);
                break;
        }
    }

    /// <summary>What is rolled back to a savepoint was never there: its token may be served to nobody.</summary>
    private async Task SavepointAsync(NpgsqlConnection connection, Guid organization, CancellationToken cancellationToken)
    {
        await InsertAsync(connection, organization, cancellationToken);
        await ExecuteAsync(connection, "savepoint here", [], cancellationToken);
        await ExecuteAsync(connection, "insert into destinations (organization_id, type, name, environment, settings, settings_encrypted) values ($1, 'meta-pixel', 'never', 'production', $2::jsonb, false)",
            [organization, $$"""{"pixelId":"{{Unservable()}}"}"""], cancellationToken);
        await ExecuteAsync(connection, "rollback to savepoint here", [], cancellationToken);
        await ExecuteAsync(connection, "update destinations set name = 'after' where organization_id = $1", [organization], cancellationToken);
    }

    /// <summary>A token that is known and may be served nowhere.</summary>
    private string Unservable()
    {
        var token = ledger.NewToken();
        ledger.Allow(token, Guid.Empty, null, ConsentSet.NecessaryOnly);
        return token;
    }

    private async Task InsertAsync(NpgsqlConnection connection, Guid organization, CancellationToken cancellationToken)
    {
        var environment = s_environments[random.Next(s_environments.Length)];
        var (settings, _, _, categories) = NewSettings(organization, environment);
        await ExecuteAsync(connection,
            "insert into destinations (organization_id, type, name, environment, settings, required_consent, settings_encrypted) values ($1, $2, 'one', $3, $4::jsonb, $5, false)",
            [organization, settings.Type, environment, settings.Json, categories], cancellationToken);
    }

    private async Task ImportAsync(NpgsqlConnection connection, int rows, CancellationToken cancellationToken)
    {
        for (var row = 0; row < rows; row++) await InsertAsync(connection, AnyOrganization(), cancellationToken);
    }

    private async Task CopyAsync(NpgsqlConnection connection, int rows, CancellationToken cancellationToken)
    {
        await using var copy = await connection.BeginBinaryImportAsync(
            "copy destinations (organization_id, type, name, environment, settings, required_consent, settings_encrypted) from stdin (format binary)", cancellationToken);
        for (var row = 0; row < rows; row++)
        {
            var (organization, environment) = (AnyOrganization(), s_environments[random.Next(s_environments.Length)]);
            var (settings, _, _, categories) = NewSettings(organization, environment);
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(organization, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(settings.Type, NpgsqlDbType.Varchar, cancellationToken);
            await copy.WriteAsync("copied", NpgsqlDbType.Varchar, cancellationToken);
            if (environment is null) await copy.WriteNullAsync(cancellationToken);
            else await copy.WriteAsync(environment, NpgsqlDbType.Varchar, cancellationToken);
            await copy.WriteAsync(settings.Json, NpgsqlDbType.Jsonb, cancellationToken);
            await copy.WriteAsync(categories, NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(false, NpgsqlDbType.Boolean, cancellationToken);
        }
        await copy.CompleteAsync(cancellationToken);
    }

    private async Task MergeAsync(NpgsqlConnection connection, Guid organization, Guid id, CancellationToken cancellationToken)
    {
        var (settings, _, _, categories) = NewSettings(organization, "production");
        await ExecuteAsync(connection,
            """
            merge into destinations d
            using (select * from (values ($1::uuid), (gen_random_uuid())) as v (id)) n on d.id = n.id
            when matched then update set type = $3, settings = $4::jsonb, required_consent = $5, environment = 'production'
            when not matched then insert (id, organization_id, type, name, environment, settings, required_consent, settings_encrypted) values (n.id, $2, $3, 'merged', 'production', $4::jsonb, $5, false)
            """,
            [id, organization, settings.Type, settings.Json, categories], cancellationToken);
    }

    private async Task UpsertAsync(NpgsqlConnection connection, Guid organization, Guid id, CancellationToken cancellationToken)
    {
        var (settings, _, _, categories) = NewSettings(organization, "staging");
        await ExecuteAsync(connection,
            """
            insert into destinations (id, organization_id, type, name, environment, settings, required_consent, settings_encrypted) values ($1, $2, $3, 'upserted', 'staging', $4::jsonb, $5, false)
            on conflict (id) do update set type = excluded.type, settings = excluded.settings, required_consent = excluded.required_consent, environment = excluded.environment
            """,
            [id, organization, settings.Type, settings.Json, categories], cancellationToken);
    }

    private async Task<string> TruncateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var trouble = ledger.Begin(Troubles.Truncate);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await ExecuteAsync(connection, "set local lock_timeout = 300", [], cancellationToken);
        await ExecuteAsync(connection, "truncate destinations", [], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        ledger.Count("truncations");
        return "pause";
    }

    private static async Task<List<Row>> RowsAsync(NpgsqlConnection connection, Guid organization, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select id, organization_id, environment, substring(settings::text from '7[0-9]{14}'), required_consent, enabled, deleted_at is not null, type
            from destinations where organization_id = $1 order by id limit 100
            """, connection);
        command.Parameters.AddWithValue(organization);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Row>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var categories = reader.GetFieldValue<string[]>(4);
            rows.Add(new Row(reader.GetGuid(0), reader.GetGuid(1), await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2), reader.GetString(3),
                categories.Length == 0 ? DefaultOf(reader.GetString(7)) : Of(categories), reader.GetBoolean(5), reader.GetBoolean(6)));
        }
        return rows;
    }

    /// <summary>Settings with a token of their own, recorded for this scope and consent.</summary>
    private ((string Type, string Json) Settings, string Token, ConsentSet Required, string[] Categories) NewSettings(Guid organization, string? environment)
    {
        var (type, template) = s_types[random.Next(s_types.Length)];
        var (token, required) = (ledger.NewToken(), AnyConsent());
        // An empty list stands for the type's own category.
        var usesDefault = random.Next(6) == 0;
        if (usesDefault) required = DefaultOf(type);
        ledger.Allow(token, organization, environment, required);
        return ((type, template.Replace("%", token, StringComparison.Ordinal)), token, required, usesDefault ? [] : Categories(required));
    }

    private static ConsentSet DefaultOf(string type) =>
        type is "meta-pixel" or "linkedin-insights" ? ConsentSet.Of(ConsentCategory.Marketing) : ConsentSet.Of(ConsentCategory.Measurement);

    private static ConsentSet Of(string[] categories) =>
        ConsentSet.Of([.. categories.Select(name => ConsentCategories.TryParse(name, out var category) ? category : throw new FormatException(name))]);

    private static string[] Categories(ConsentSet set) => set == ConsentSet.NecessaryOnly ? ["necessary"] : [.. set.Optional.Select(category => category.Name())];

    private ConsentSet AnyConsent() => ConsentSet.FromIndex(random.Next(ConsentSet.Count));

    private Guid AnyOrganization() => organizations[random.Next(organizations.Length)];

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, object?[] values, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            if (value is null) command.Parameters.Add(new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            else command.Parameters.AddWithValue(value);
        }
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>A session that writes a table without our triggers. When it is held up, so is everybody, and the product is not the reason.</summary>
internal sealed class Yardstick(string connectionString, Ledger ledger)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(400);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (connection is null)
                {
                    connection = new NpgsqlConnection(connectionString);
                    await connection.OpenAsync(cancellationToken);
                    await using var create = new NpgsqlCommand("create table if not exists yardstick (at timestamptz)", connection);
                    await create.ExecuteNonQueryAsync(cancellationToken);
                }
                var started = TimeProvider.System.GetTimestamp();
                await using (var insert = new NpgsqlCommand("insert into yardstick values (now())", connection)) await insert.ExecuteNonQueryAsync(cancellationToken);
                var took = TimeProvider.System.GetElapsedTime(started);
                if (took > s_slow)
                {
                    ledger.Begin(Troubles.Slow).Dispose();
                    ledger.Count(string.Create(CultureInfo.InvariantCulture, $"statements that a slow machine held up over {s_slow.TotalMilliseconds:0} ms"));
                }
                await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException or TimeoutException or IOException or OperationCanceledException)
            {
                if (connection is not null) await connection.DisposeAsync();
                connection = null;
                await Task.Delay(s_pause, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        if (connection is not null) await connection.DisposeAsync();
    }
}
