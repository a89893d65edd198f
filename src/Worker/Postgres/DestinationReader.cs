using System.Collections.Immutable;
using System.Data;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;


/// <summary>
/// Reads destinations. Whatever goes wrong is an exception, or the problem of the row or the scope that it concerns: an empty list means that the
/// database said so.
/// </summary>
internal sealed class DestinationReader(NpgsqlDataSource database, PostgresOptions options, ScopeLimits limits, TimeProvider time, ILogger<DestinationReader> logger)
{
    // Large enough to be one index scan each, small enough to hold and to keep transactions short.
    private const int OrganizationsPerRead = 100;

    // A read for builds locks the rows of its scopes.
    private const int ScopesPerBuildRead = 32;

    // Each is refused only where one of these scopes' rows changed between two steps of one statement.
    private const int MostAttempts = 20;

    private readonly TableName _table = options.Table;

    // Replaced as a whole; two readers may both find it absent and both look.
    private DestinationsTable? _shape;

    // Once the table's policies have had to be looked at, each transaction locks the table before it begins to read.
    private bool _locksFirst;

    /// <summary>For the start: the table is there, has what we need, may be read, and shows all its rows.</summary>
    /// <exception cref="DatabaseShapeException">Table or schema is not what we need.</exception>
    /// <exception cref="RowSecurityException">Rows would be hidden.</exception>
    public async Task CheckAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        _shape = await DestinationsTable.FindAsync(connection, _table, ct, wholly: true);
        await MigrationCheck.RequireMigratedAsync(connection, ct);
        await ReadTogetherAsync(connection, [], ReadPurpose.Look, ct);
    }

    /// <summary>
    /// Reads scopes, in the given order. Some organizations at a time share a snapshot of the database, so each scope is whole; a long run holds no long transaction, which would keep
    /// the database from cleaning up. A scope whose rows cannot be read stops no other.
    /// </summary>
    public async IAsyncEnumerable<ScopeRead> ReadAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var some in purpose == ReadPurpose.Build ? scopes.Chunk(ScopesPerBuildRead) : InReads(scopes))
            foreach (var read in await ReadWithRetryAsync(some, purpose, ct)) yield return read;
    }

    /// <summary>Parts of the scopes that have no more organizations than are read at once.</summary>
    private static IEnumerable<IReadOnlyList<Scope>> InReads(IReadOnlyList<Scope> scopes)
    {
        var some = new List<Scope>();
        var organizations = new HashSet<OrganizationId>();
        foreach (var scope in scopes)
        {
            if (!organizations.Contains(scope.Organization) && organizations.Count == OrganizationsPerRead)
            {
                yield return some;
                (some, organizations) = ([], []);
            }
            organizations.Add(scope.Organization);
            some.Add(scope);
        }
        if (some.Count > 0) yield return some;
    }

    /// <summary>
    /// A read for builds takes the next revision of each scope in the snapshot of its rows, so a higher revision never has older rows. Where a scope's row changed between the
    /// snapshot and its lock, the database refuses, and the read begins again.
    /// </summary>
    private async Task<ImmutableArray<ScopeRead>> ReadWithRetryAsync(IReadOnlyList<Scope> scopes, ReadPurpose purpose, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(ct);
                return await ReadAsync(connection, scopes, purpose, ct);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.SerializationFailure && attempt < MostAttempts)
            {
                await Task.Delay(Jitter.Backoff(attempt, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(200)), time, ct);
            }
        }
    }

    /// <summary>Every organization that has a row, be it deleted, or that has ever had one. Names that cannot be published are logged and left out.</summary>
    public async Task<ImmutableArray<OrganizationId>> ListOrganizationsAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await BeginAsync(connection, toBuild: null, ct);
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

    /// <summary>Reads the scopes at once, and where that fails because of what a row holds, each organization alone, and one of them row by row.</summary>
    private async Task<ImmutableArray<ScopeRead>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<Scope> scopes, ReadPurpose purpose, CancellationToken ct)
    {
        try
        {
            return await ReadTogetherAsync(connection, scopes, purpose, ct);
        }
        catch (Exception exception) when (UnreadableRowSearch.MayBeOneRows(exception))
        {
            var organizations = scopes.GroupBy(scope => scope.Organization).ToList();
            if (organizations is [var only]) return await ReadRowByRowAsync(connection, only.Key, scopes, purpose, ct);
            var reads = new Dictionary<Scope, ScopeRead>();
            foreach (var organization in organizations)
                foreach (var read in await ReadAsync(connection, [.. organization], purpose, ct)) reads[read.Scope] = read;
            return [.. scopes.Select(scope => reads[scope])];
        }
    }

    private async Task<ImmutableArray<ScopeRead>> ReadTogetherAsync(NpgsqlConnection connection, IReadOnlyList<Scope> scopes, ReadPurpose purpose, CancellationToken ct)
    {
        var shape = await ShapeAsync(connection, ct);
        try
        {
            await using var transaction = await BeginAsync(connection, purpose == ReadPurpose.Build ? scopes : null, ct);
            var names = Names(scopes);
            var (versions, sizes) = await ReadVersionsAsync(connection, transaction, shape, names, measured: true, ct);
            // Rows that are too much are not even asked for. The others of an organization with such a scope are read on their own.
            var problems = scopes.ToDictionary(scope => scope, scope => sizes.Of(scope).Exceeds(limits));
            var apart = scopes.Where(scope => problems[scope] is not null).Select(scope => scope.Organization).ToHashSet();
            var together = scopes.Where(scope => !apart.Contains(scope.Organization)).ToList();
            var rows = await ReadRowsAsync(connection, transaction, DestinationRows.Command(_table, Organizations(shape, Names(together)), Environments(together)), ct);
            var reads = ImmutableArray.CreateBuilder<ScopeRead>(scopes.Count);
            foreach (var scope in scopes)
            {
                if (problems[scope] is { } problem) reads.Add(new ScopeRead.TooLarge(scope, problem));
                else if (!apart.Contains(scope.Organization)) reads.Add(Found(scope, versions, rows[scope.Organization.Value]));
                else
                {
                    var own = DestinationRows.Command(_table, Organizations(shape, [scope.Organization.Value]), Environments([scope]));
                    reads.Add(Found(scope, versions, (await ReadRowsAsync(connection, transaction, own, ct))[scope.Organization.Value]));
                }
            }
            if (purpose == ReadPurpose.Build) await TakeRevisionsAsync(connection, transaction, scopes, ct);
            await transaction.CommitAsync(ct);
            return reads.ToImmutable();
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

    private async Task<ImmutableArray<ScopeRead>> ReadRowByRowAsync(
        NpgsqlConnection connection, OrganizationId organization, IReadOnlyList<Scope> scopes, ReadPurpose purpose, CancellationToken ct)
    {
        var shape = await ShapeAsync(connection, ct);
        await using var transaction = await BeginAsync(connection, purpose == ReadPurpose.Build ? scopes : null, ct);
        string[] names = [organization.Value];
        // A row whose settings the database cannot give cannot be measured either.
        var (versions, sizes) = await ReadVersionsAsync(connection, transaction, shape, names, measured: false, ct);
        if (Scope.Of(organization).Select(scope => sizes.Of(scope).Exceeds(limits)).FirstOrDefault(problem => problem is not null) is { } tooLarge)
            return [.. scopes.Select(scope => new ScopeRead.TooLarge(scope, tooLarge))];
        try
        {
            var search = new UnreadableRowSearch(transaction, _table, () => Organizations(shape, names));
            var rows = await search.ReadAsync(ct);
            if (purpose == ReadPurpose.Build) await TakeRevisionsAsync(connection, transaction, scopes, ct);
            await transaction.CommitAsync(ct);
            return [.. scopes.Select(scope => Judge(Found(scope, versions, rows), search))];
        }
        catch (Exception exception) when (UnreadableRowSearch.MayBeOneRows(exception))
        {
            return [.. scopes.Select(scope => new ScopeRead.Unreadable(scope, $"The database cannot give the rows of the scope ({UnreadableRowSearch.Cause(exception)})."))];
        }

        ScopeRead Judge(ScopeRead.Found found, UnreadableRowSearch search) =>
            SettingsSize.Of(found.Rows.Rows).Exceeds(limits) is { } problem ? new ScopeRead.TooLarge(found.Scope, problem)
            : search.ProblemOfAll(found.Rows.Rows) is { } unreadable ? new ScopeRead.Unreadable(found.Scope, unreadable)
            : found;
    }

    private static string[] Names(IEnumerable<Scope> scopes) => [.. scopes.Select(scope => scope.Organization.Value).Distinct()];

    private static string[] Environments(IEnumerable<Scope> scopes) => [.. scopes.Select(scope => scope.Environment.Name()).Distinct()];

    private async Task<DestinationsTable> ShapeAsync(NpgsqlConnection connection, CancellationToken ct) =>
        _shape ??= await DestinationsTable.FindAsync(connection, _table, ct) ?? throw new DatabaseShapeException($"There is no table {_table}. Check Database:DestinationsTable.");

    private sealed record Versions(long Epoch, SourceClock Clock, IReadOnlyDictionary<(string, string), ScopeVersion> Scopes);

    /// <summary>What the queue knows of a scope.</summary>
    /// <param name="Revision">The revision that a build which reads now has, or would have.</param>
    /// <param name="Changes">How many changes the rows carry.</param>
    /// <param name="ChangedAt">When the oldest change was made that no completed build has read.</param>
    /// <param name="Published">The highest version that was recorded.</param>
    private sealed record ScopeVersion(long Revision, long Changes, DateTimeOffset? ChangedAt, int Published);

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
            select s.organization_id, s.environment, s.revision + 1, s.generation, s.changed_at,
                   coalesce((select max(p.version) from consent_snapshots.publications p where p.organization_id = s.organization_id and p.environment = s.environment), 0)
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
        var scopes = new Dictionary<(string, string), ScopeVersion>();
        while (await reader.ReadAsync(ct))
        {
            scopes[(reader.GetString(0), reader.GetString(1))] = new ScopeVersion(
                reader.GetInt64(2), reader.GetInt64(3), await reader.IsDBNullAsync(4, ct) ? null : reader.GetFieldValue<DateTimeOffset>(4), (int)reader.GetInt64(5));
        }
        await reader.NextResultAsync(ct);
        var sizes = new Dictionary<(string, string), SettingsSize>();
        while (await reader.ReadAsync(ct)) sizes[(reader.GetString(0), reader.GetString(1))] = new SettingsSize(reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
        return (new Versions(epoch, clock, scopes), new Sizes(sizes));
    }

    /// <summary>Takes the revisions that the read gave out.</summary>
    private static async Task TakeRevisionsAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<Scope> scopes, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            update consent_snapshots.scopes s
            set revision = s.revision + 1
            from unnest($1, $2) as n (organization_id, environment)
            where s.organization_id = n.organization_id and s.environment = n.environment
            """, connection, transaction);
        AddScopes(command.Parameters, scopes);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static void AddScopes(NpgsqlParameterCollection parameters, IReadOnlyList<Scope> scopes)
    {
        parameters.Add(new NpgsqlParameter { Value = scopes.Select(scope => scope.Organization.Value).ToArray() });
        parameters.Add(new NpgsqlParameter { Value = scopes.Select(scope => scope.Environment.Name()).ToArray() });
    }

    private static async Task<ILookup<string, Destination>> ReadRowsAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, NpgsqlBatchCommand rows, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(rows);
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await DestinationRows.ReadAsync(reader, ct);
    }

    private static ScopeRead.Found Found(Scope scope, Versions versions, IEnumerable<Destination> rows)
    {
        var version = versions.Scopes.GetValueOrDefault((scope.Organization.Value, scope.Environment.Name())) ?? new ScopeVersion(1, 0, null, 0);
        return new ScopeRead.Found(new ScopeRows(
            scope,
            [.. rows.Where(row => row.Environment is null || row.Environment == scope.Environment.Name())],
            new SourcePosition(versions.Epoch, version.Revision),
            versions.Clock)
        {
            ChangedAt = version.ChangedAt,
            Changes = version.Changes,
            RecordedVersion = version.Published,
        });
    }

    /// <summary>Begins a transaction in which no row of the table is hidden from us; it has taken its snapshot.</summary>
    /// <exception cref="RowSecurityException">Rows would be hidden.</exception>
    private async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, IReadOnlyList<Scope>? toBuild, CancellationToken ct)
    {
        while (true)
        {
            var locked = Volatile.Read(ref _locksFirst);
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            try
            {
                var hidden = await GuardAsync(connection, transaction, locked, toBuild, ct);
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
    private async Task<string?> GuardAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, bool locked, IReadOnlyList<Scope>? toBuild, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        // A worker that stops within the transaction must not keep the scope's row locked, nor the database from cleaning up. One that builds has lost its claims after the time of a
        // heartbeat, and whoever takes them over waits for the lock.
        batch.BatchCommands.Add(new NpgsqlBatchCommand($"set local idle_in_transaction_session_timeout = '{(toBuild is null ? 5 : 2)}s'"));
        if (toBuild is null) batch.BatchCommands.Add(new NpgsqlBatchCommand("set transaction read only"));
        // A database without an encoding may hold bytes that are no text. Postgres would refuse to send them as UTF-8; as they are, we can judge them.
        if (connection.PostgresParameters.GetValueOrDefault("server_encoding") == "SQL_ASCII")
            batch.BatchCommands.Add(new NpgsqlBatchCommand("set local client_encoding = 'SQL_ASCII'"));
        // With this off Postgres refuses a query that a policy would filter, should one come between the check and the query.
        batch.BatchCommands.Add(new NpgsqlBatchCommand("set local row_security = off"));
        if (locked) batch.BatchCommands.Add(RowSecurity.LockCommand(_table));
        // The first statement, which takes the snapshot. For builds it locks the scopes' rows, so that nobody takes in a change of them that the snapshot lacks, in an order that
        // is the same for all.
        var command = new NpgsqlBatchCommand($"select {RowSecurity.Check(_table, locked)}");
        if (toBuild is not null)
        {
            command.CommandText +=
                """
                 from (
                    select count(*)
                    from (select n.organization_id, n.environment from unnest($1, $2) as n (organization_id, environment) order by 1, 2) n
                    cross join lateral (
                        select from consent_snapshots.scopes s where s.organization_id = n.organization_id and s.environment = n.environment for no key update
                    ) own
                ) locked
                """;
            AddScopes(command.Parameters, toBuild);
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
