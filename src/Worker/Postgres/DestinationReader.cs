using System.Collections.Immutable;
using System.Data;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Which state of the source something was made from; compared as a whole, the epoch first.</summary>
/// <param name="Epoch">Raised after a restore of the database.</param>
/// <param name="Revision">The scope's; 0 where the scope was never counted.</param>
internal readonly record struct SourceVersion(long Epoch, long Revision) : IComparable<SourceVersion>
{
    public int CompareTo(SourceVersion other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Revision.CompareTo(other.Revision);
}

/// <summary>A scope's destinations and the revision they are of: both from one snapshot of the database.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Version">What the manifest takes: the revision that a build which reads now has, or would have.</param>
/// <param name="Destinations">Those of the environment and those without one, not deleted; by creation time, then id.</param>
/// <param name="Problem">Why the scope's rows cannot be read, which concerns no other scope; the destinations do not count then.</param>
internal sealed record ScopeSource(Scope Scope, SourceVersion Version, ImmutableArray<Destination> Destinations, string? Problem = null)
{
    /// <summary>Whether the problem is that the scope is over a limit.</summary>
    public bool IsOverLimit { get; init; }

    /// <summary>The database's clock at the read.</summary>
    public SourceClock Clock { get; init; }

    /// <summary>When the scope changed last, while no completed build has seen that.</summary>
    public DateTimeOffset? ChangedAt { get; init; }
}

/// <summary>
/// Reads destinations. Whatever goes wrong is an exception, or the problem of the row or the scope that it concerns: an empty list means that the
/// database said so.
/// </summary>
internal sealed class DestinationReader(NpgsqlDataSource database, IOptions<PostgresOptions> options, ScopeLimits limits, TimeProvider time, ILogger<DestinationReader> logger)
{
    // Large enough to be one index scan each, small enough to hold and to keep transactions short.
    private const int OrganizationsPerRead = 100;

    // Each is refused only where this very scope's row changed between two steps of one statement.
    private const int MostAttempts = 20;

    private readonly TableName _table = options.Value.Table;

    // Replaced as a whole; two readers may both find it absent and both look.
    private DestinationsTable? _shape;

    // Once the table's policies have had to be looked at, each transaction locks the table before it begins to read.
    private bool _locksFirst;

    /// <summary>For the start: the table is there, has what we need, may be read, and shows all its rows.</summary>
    /// <exception cref="DatabaseShapeException">Table or schema is not what we need.</exception>
    /// <exception cref="RowSecurityException">Rows would be hidden.</exception>
    /// <returns>Whether writers notify. They do not where two-phase commit is enabled, because a transaction that has notified cannot be prepared.</returns>
    public async Task<bool> CheckAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        _shape = await DestinationsTable.FindAsync(connection, _table, ct, wholly: true);
        await using (var command = new NpgsqlCommand(
            """
            select case
                when to_regnamespace('consent_snapshots') is null then 'not migrated'
                when not has_schema_privilege('consent_snapshots', 'usage') then '[' || current_user || ']'
                when to_regclass('consent_snapshots.changes') is null or to_regclass('consent_snapshots.workers') is null or to_regclass('consent_snapshots.followed') is null then 'not migrated'
            end
            """, connection))
        {
            switch (await command.ExecuteScalarAsync(ct))
            {
                case "not migrated":
                    throw new DatabaseShapeException($"Database {connection.Database} has not been migrated. Run `consent-snapshots migrate` first.");
                case string role:
                    throw new DatabaseShapeException(
                        $"Role {role[1..^1]} may not use schema consent_snapshots ({PostgresErrorCodes.InsufficientPrivilege}). Name the role in Database:WorkerRole and run `migrate`.");
            }
        }

        await ReadTogetherAsync(connection, [], null, ct);
        await using var prepared = new NpgsqlCommand("select current_setting('max_prepared_transactions')::integer = 0", connection);
        return (bool)(await prepared.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Reads one scope.</summary>
    /// <exception cref="ScopeUnreadableException">Its rows cannot be read.</exception>
    public async Task<ScopeSource> ReadAsync(Scope scope, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        return RequireReadable((await ReadAsync(connection, [scope.Organization], null, ct)).Single(source => source.Scope == scope));
    }

    /// <summary>
    /// Reads one scope for its build and takes the scope's next revision, both in one snapshot of the database: a higher revision never has older rows. Where the scope's
    /// row changed between the snapshot and its lock, the database refuses, and the read begins again.
    /// </summary>
    /// <exception cref="ScopeUnreadableException">Its rows cannot be read.</exception>
    public async Task<ScopeSource> ReadAsync(ScopeClaim claim, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(ct);
                return RequireReadable((await ReadAsync(connection, [claim.Scope.Organization], claim, ct)).Single(source => source.Scope == claim.Scope));
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.SerializationFailure && attempt < MostAttempts)
            {
                await Task.Delay(Jitter.Backoff(attempt, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(200)), time, ct);
            }
        }
    }

    private static ScopeSource RequireReadable(ScopeSource source) =>
        source.Problem is null ? source : throw (source.IsOverLimit ? new ScopeTooLargeException(source.Problem) : new ScopeUnreadableException(source.Problem));

    /// <summary>
    /// Reads all three scopes of each organization, in the given order. Some organizations at a time share a snapshot, each scope is whole; a long
    /// run holds no long transaction, which would keep the database from cleaning up. A scope whose rows cannot be read has a problem and stops no other.
    /// </summary>
    public async IAsyncEnumerable<ScopeSource> ReadAsync(
        IReadOnlyList<OrganizationId> organizations, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var some in organizations.Chunk(OrganizationsPerRead))
        {
            ImmutableArray<ScopeSource> read;
            await using (var connection = await database.OpenConnectionAsync(ct)) read = await ReadAsync(connection, some, null, ct);
            foreach (var source in read) yield return source;
        }
    }

    /// <summary>Every organization that has a row, be it deleted, or that has ever had one. Names that cannot be published are logged and left out.</summary>
    public async Task<ImmutableArray<OrganizationId>> ListOrganizationsAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await BeginAsync(connection, claim: null, ct);
        await using var command = new NpgsqlCommand(
            $"""
            select {DatabaseText.Sendable("organization_id")} collate "C"
            from (
                select organization_id::text from {_table.Quoted} where organization_id is not null
                union
                select organization_id from consent_snapshots.scopes
                union
                select organization_id from consent_snapshots.changes where organization_id is not null
            ) known
            order by 1
            """, connection, transaction);
        var organizations = ImmutableArray.CreateBuilder<OrganizationId>();
        try
        {
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                var text = reader.GetString(0);
                if (OrganizationId.TryParse(text, out var organization)) organizations.Add(organization);
                else logger.OrganizationRefused(text);
            }
        }
        catch (PostgresException exception) when (RowSecurity.IsRefusal(exception))
        {
            throw new RowSecurityException(_table.ToString(), exception);
        }

        await transaction.CommitAsync(ct);
        return organizations.ToImmutable();
    }

    /// <summary>What keeps changes from being noticed: triggers that are missing or not as they should be; and that no worker gives a sign of life.</summary>
    public async Task<IReadOnlyList<string>> ListFaultsAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var faults = new List<string>();
        var table = await DestinationsTable.FindAsync(connection, _table, ct);
        if (table is null) faults.Add($"There is no table {_table}.");
        else
            foreach (var fault in await ChangeTriggers.FaultsAsync(connection, table, ct))
                faults.Add($"Changes may go unnoticed, because of the change triggers on {fault}. Run `consent-snapshots migrate` as the table's owner; a running worker compares every scope once a minute meanwhile.");
        await using var command = new NpgsqlCommand("select exists (select from consent_snapshots.workers where beaten_at between clock_timestamp() - interval '2 seconds' and clock_timestamp() + interval '2 seconds')", connection);
        if (!(bool)(await command.ExecuteScalarAsync(ct))!) faults.Add("No worker is running, so what changes waits.");
        return faults;
    }

    /// <summary>Rows whose environment is none of the three, so that they belong to no scope: the first hundred.</summary>
    public async Task<ImmutableArray<(Guid Id, string Organization, string Environment)>> ListUnknownEnvironmentsAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            select id, {DatabaseText.Sendable("organization_id::text")}, {DatabaseText.Sendable("environment::text")} from {_table.Quoted}
            where organization_id is not null and environment::text not in ('development', 'staging', 'production') and deleted_at is null
            order by organization_id, id limit 100
            """);
        var found = ImmutableArray.CreateBuilder<(Guid, string, string)>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) found.Add((reader.GetGuid(0), reader.GetString(1), reader.GetString(2)));
        return found.ToImmutable();
    }

    /// <summary>Reads the organizations at once, and where that fails because of what a row holds, each alone, and one of them row by row.</summary>
    private async Task<ImmutableArray<ScopeSource>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<OrganizationId> organizations, ScopeClaim? claim, CancellationToken ct)
    {
        try
        {
            return await ReadTogetherAsync(connection, organizations, claim, ct);
        }
        catch (Exception exception) when (UnreadableRowSearch.MayBeOneRows(exception))
        {
            if (organizations is [var only]) return await ReadRowByRowAsync(connection, only, claim, ct);
            var sources = ImmutableArray.CreateBuilder<ScopeSource>();
            foreach (var organization in organizations) sources.AddRange(await ReadAsync(connection, [organization], claim, ct));
            return sources.ToImmutable();
        }
    }

    private async Task<ImmutableArray<ScopeSource>> ReadTogetherAsync(NpgsqlConnection connection, IReadOnlyList<OrganizationId> organizations, ScopeClaim? claim, CancellationToken ct)
    {
        var shape = await ShapeAsync(connection, ct);
        try
        {
            await using var transaction = await BeginAsync(connection, claim, ct);
            var names = organizations.Select(organization => organization.Value).ToArray();
            var (versions, sizes) = await ReadVersionsAsync(connection, transaction, shape, names, measured: true, ct);
            // Rows that are too much are not even asked for. An organization is read as a whole, so where one of its scopes is too large, the others are read on their own.
            var large = organizations.Where(organization => Scope.Of(organization).Any(scope => sizes.Of(scope).Exceeds(limits) is not null)).ToList();
            var rows = await ReadRowsAsync(connection, transaction, DestinationRows.Command(_table, Organizations(shape, [.. names.Except(large.Select(organization => organization.Value))])), ct);
            var sources = ImmutableArray.CreateBuilder<ScopeSource>();
            foreach (var scope in organizations.SelectMany(Scope.Of))
            {
                if (!large.Contains(scope.Organization))
                    sources.Add(Source(scope, versions, rows[scope.Organization.Value]));
                else if (sizes.Of(scope).Exceeds(limits) is { } problem)
                    sources.Add(Source(scope, versions, []) with { Problem = problem, IsOverLimit = true });
                else
                    sources.Add(Source(scope, versions, (await ReadRowsAsync(
                        connection, transaction, DestinationRows.Command(_table, Organizations(shape, [scope.Organization.Value]), scope.Environment), ct))[scope.Organization.Value]));
            }
            if (claim is not null) await TakeRevisionAsync(connection, transaction, claim, ct);
            await transaction.CommitAsync(ct);
            return sources.ToImmutable();
        }
        catch (PostgresException exception) when (RowSecurity.IsRefusal(exception))
        {
            throw new RowSecurityException(_table.ToString(), exception);
        }
        catch (PostgresException exception) when (exception.SqlState.StartsWith("42", StringComparison.Ordinal))
        {
            // Names or types do not fit: the table may have been made anew with another type of organization_id. Look again next time.
            _shape = null;
            throw;
        }
    }

    private async Task<ImmutableArray<ScopeSource>> ReadRowByRowAsync(NpgsqlConnection connection, OrganizationId organization, ScopeClaim? claim, CancellationToken ct)
    {
        var shape = await ShapeAsync(connection, ct);
        await using var transaction = await BeginAsync(connection, claim, ct);
        string[] names = [organization.Value];
        // A row whose settings the database cannot give cannot be measured either.
        var (versions, sizes) = await ReadVersionsAsync(connection, transaction, shape, names, measured: false, ct);
        if (Scope.Of(organization).Select(scope => sizes.Of(scope).Exceeds(limits)).FirstOrDefault(problem => problem is not null) is { } tooLarge)
            return [.. Scope.Of(organization).Select(scope => Source(scope, versions, []) with { Problem = tooLarge, IsOverLimit = true })];
        try
        {
            var search = new UnreadableRowSearch(transaction, _table, () => Organizations(shape, names));
            var rows = await search.ReadAsync(ct);
            if (claim is not null) await TakeRevisionAsync(connection, transaction, claim, ct);
            await transaction.CommitAsync(ct);
            return [.. Scope.Of(organization).Select(scope => Source(scope, versions, rows)).Select(source =>
                SettingsSize.Of(source.Destinations).Exceeds(limits) is { } problem
                    ? source with { Destinations = [], Problem = problem, IsOverLimit = true }
                    : source with { Problem = search.ProblemOfAll(source.Destinations) })];
        }
        catch (Exception exception) when (UnreadableRowSearch.MayBeOneRows(exception))
        {
            return [.. Scope.Of(organization).Select(scope => Source(scope, versions, []) with { Problem = $"The database cannot give the rows of the scope ({UnreadableRowSearch.Cause(exception)})." })];
        }
    }

    private async Task<DestinationsTable> ShapeAsync(NpgsqlConnection connection, CancellationToken ct) =>
        _shape ??= await DestinationsTable.FindAsync(connection, _table, ct) ?? throw new DatabaseShapeException($"There is no table {_table}. Check Database:DestinationsTable.");

    private sealed record Versions(long Epoch, SourceClock Clock, IReadOnlyDictionary<(string, string), (long Revision, DateTimeOffset? ChangedAt)> Revisions);

    /// <summary>How large each scope's destinations are; those of all environments count for each.</summary>
    private sealed class Sizes(IReadOnlyDictionary<(string Organization, string Environment), SettingsSize> sizes)
    {
        public SettingsSize Of(Scope scope)
        {
            var (own, shared) = (Get(scope.Environment.Name()), Get(""));
            return new SettingsSize(own.Destinations + shared.Destinations, own.SettingsBytes + shared.SettingsBytes, Math.Max(own.LargestBytes, shared.LargestBytes));

            SettingsSize Get(string environment) => sizes.GetValueOrDefault((scope.Organization.Value, environment));
        }
    }

    private async Task<(Versions Versions, Sizes Sizes)> ReadVersionsAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, DestinationsTable shape, string[] names, bool measured, CancellationToken ct)
    {
        // What the row takes in the table can always be asked; compressed as it is, it is the least that the settings can be.
        var settings = measured ? "octet_length(settings::text)" : "pg_column_size(settings)";
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(new NpgsqlBatchCommand("select epoch, clock_timestamp() from consent_snapshots.source"));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            """
            select s.organization_id, s.environment, s.revision + 1, s.changed_at
            from consent_snapshots.scopes s
            where s.organization_id = any($1)
            """)
        { Parameters = { new() { Value = names, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text } } });
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            $"""
            select {DatabaseText.Sendable("organization_id::text")}, coalesce({DatabaseText.Sendable("environment::text")}, ''),
                   count(*), coalesce(sum({settings}), 0)::bigint, coalesce(max({settings}), 0)::bigint
            from {_table.Quoted}
            where organization_id = any($1) and enabled and deleted_at is null
            group by 1, 2
            """)
        { Parameters = { Organizations(shape, names) } });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct)) throw new DatabaseShapeException("consent_snapshots.source has lost its row. Run `consent-snapshots migrate --new-epoch`.");
        var (epoch, clock) = (reader.GetInt64(0), new SourceClock(reader.GetFieldValue<DateTimeOffset>(1), time.GetTimestamp()));
        await reader.NextResultAsync(ct);
        var revisions = new Dictionary<(string, string), (long, DateTimeOffset?)>();
        while (await reader.ReadAsync(ct))
            revisions[(reader.GetString(0), reader.GetString(1))] = (reader.GetInt64(2), await reader.IsDBNullAsync(3, ct) ? null : reader.GetFieldValue<DateTimeOffset>(3));
        await reader.NextResultAsync(ct);
        var sizes = new Dictionary<(string, string), SettingsSize>();
        while (await reader.ReadAsync(ct)) sizes[(reader.GetString(0), reader.GetString(1))] = new SettingsSize(reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
        return (new Versions(epoch, clock, revisions), new Sizes(sizes));
    }

    /// <summary>
    /// Takes the revision that the read gave out, and remembers which changes were read. A claim that was lost remembers nothing: its build is fenced off.
    /// </summary>
    private static async Task TakeRevisionAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, ScopeClaim claim, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            update consent_snapshots.scopes
            set revision = revision + 1, read_generation = case when claim_token = $3 then generation else read_generation end
            where organization_id = $1 and environment = $2
            """, connection, transaction);
        command.Parameters.AddWithValue(claim.Scope.Organization.Value);
        command.Parameters.AddWithValue(claim.Scope.Environment.Name());
        command.Parameters.AddWithValue(claim.Token);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task<ILookup<string, Destination>> ReadRowsAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, NpgsqlBatchCommand rows, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(rows);
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await DestinationRows.ReadAsync(reader, ct);
    }

    private static ScopeSource Source(Scope scope, Versions versions, IEnumerable<Destination> rows)
    {
        var (revision, changedAt) = versions.Revisions.GetValueOrDefault((scope.Organization.Value, scope.Environment.Name()), (1, null));
        return new ScopeSource(
            scope, new SourceVersion(versions.Epoch, revision), [.. rows.Where(row => row.Environment is null || row.Environment == scope.Environment.Name())])
        {
            Clock = versions.Clock,
            ChangedAt = changedAt,
        };
    }

    /// <summary>Begins a transaction in which no row of the table is hidden from us; it has taken its snapshot.</summary>
    /// <exception cref="RowSecurityException">Rows would be hidden.</exception>
    private async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, ScopeClaim? claim, CancellationToken ct)
    {
        while (true)
        {
            var locked = Volatile.Read(ref _locksFirst);
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            try
            {
                var hidden = await GuardAsync(connection, transaction, locked, claim, ct);
                if (hidden is null) return transaction;
                if (hidden != RowSecurity.LockFirst) throw new RowSecurityException(_table.ToString(), hidden[1..^1]);
            }
            catch
            {
                await transaction.DisposeAsync();
                throw;
            }
            await transaction.DisposeAsync();
            Volatile.Write(ref _locksFirst, true);
        }
    }

    /// <summary>
    /// Asked in the transaction that reads, because a policy may have come since the start. In one batch with the query, the query's own error would hide ours. What it returns is said
    /// at <see cref="RowSecurity.Check"/>.
    /// </summary>
    private async Task<string?> GuardAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, bool locked, ScopeClaim? claim, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        // A worker that stops within the transaction must not keep the scope's row locked, nor the database from cleaning up.
        batch.BatchCommands.Add(new NpgsqlBatchCommand("set local idle_in_transaction_session_timeout = '5s'"));
        if (claim is null) batch.BatchCommands.Add(new NpgsqlBatchCommand("set transaction read only"));
        // A database without an encoding may hold bytes that are no text. Postgres would refuse to send them as UTF-8; as they are, we can judge them.
        if (connection.PostgresParameters.GetValueOrDefault("server_encoding") == "SQL_ASCII")
            batch.BatchCommands.Add(new NpgsqlBatchCommand("set local client_encoding = 'SQL_ASCII'"));
        // With this off Postgres refuses a query that a policy would filter, should one come between the check and the query.
        batch.BatchCommands.Add(new NpgsqlBatchCommand("set local row_security = off"));
        if (locked) batch.BatchCommands.Add(RowSecurity.LockCommand(_table));
        // The first statement, which takes the snapshot. For a build it locks the scope's row, so that nobody takes in a change of the scope that the snapshot lacks.
        var command = new NpgsqlBatchCommand($"select {RowSecurity.Check(_table, locked)}");
        if (claim is not null)
        {
            command.CommandText +=
                " from (select count(*) from (select from consent_snapshots.scopes where organization_id = $1 and environment = $2 for no key update) own) locked";
            command.Parameters.Add(new NpgsqlParameter { Value = claim.Scope.Organization.Value });
            command.Parameters.Add(new NpgsqlParameter { Value = claim.Scope.Environment.Name() });
        }
        batch.BatchCommands.Add(command);
        return await batch.ExecuteScalarAsync(ct) as string;
    }

    private static NpgsqlParameter Organizations(DestinationsTable shape, string[] names)
    {
        if (!shape.OrganizationIsUuid) return new NpgsqlParameter { Value = names, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
        // Compared as uuid so that an index serves. Only the form that Postgres prints names an organization: another one of the same
        // uuid would be a second scope with the same rows.
        var ids = names.Select(name => Guid.TryParseExact(name, "D", out var id) && id.ToString() == name ? id : (Guid?)null);
        return new NpgsqlParameter { Value = ids.OfType<Guid>().ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid };
    }
}
