using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// For the start: the database has every versioned script of this build. Where it has not, a migration that is running is waited for, because its end is near; where none is running,
/// somebody has to run one.
/// </summary>
internal static class MigrationCheck
{
    /// <summary>Throws where the schema is older than this build, or missing. A newer one is accepted: during a deployment the migration comes first and the old workers go last.</summary>
    /// <exception cref="DatabaseShapeException">It is.</exception>
    public static async Task RequireMigratedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var find = new NpgsqlCommand(
            """
            select case when to_regnamespace('consent_snapshots') is not null and not has_schema_privilege('consent_snapshots', 'usage') then '[' || current_user || ']'
                        when to_regclass('consent_snapshots.schema_versions') is not null then 'migrated' end
            """, connection);
        var found = await find.ExecuteScalarAsync(ct) as string;
        if (found is not null and not "migrated")
        {
            throw new DatabaseShapeException(
                $"Role {found[1..^1]} may not use schema consent_snapshots ({PostgresErrorCodes.InsufficientPrivilege}). Name the role in Database:WorkerRole and run `migrate`.");
        }
        var missing = found is not null ? await ListMissingAsync(connection, ct) : MigrationScripts.Names;
        if (missing.Count == 0) return;
        var what = missing.Count == MigrationScripts.Names.Count
            ? $"Database {connection.Database} has not been migrated."
            : $"Database {connection.Database} lacks the migrations {string.Join(", ", missing)} of this build.";
        throw await IsRunningAsync(connection, ct)
            ? new DatabaseShapeException($"{what} A migration is running.") { MayPass = true }
            : new DatabaseShapeException($"{what} Run `consent-snapshots migrate` first.");
    }

    private static async Task<IReadOnlyList<string>> ListMissingAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select scriptname from consent_snapshots.schema_versions", connection);
        var applied = new HashSet<string>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) applied.Add(MigrationScripts.Short(reader.GetString(0)));
        return [.. MigrationScripts.Names.Where(name => !applied.Contains(name))];
    }

    /// <summary>Whether a session of this database holds the migrations' lock, or waits for it.</summary>
    private static async Task<bool> IsRunningAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select exists (
                select from pg_catalog.pg_locks l
                join pg_catalog.pg_database d on d.oid = l.database
                where l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint << 32 | l.objid::bigint) = $1 and d.datname = current_database())
            """, connection)
        { Parameters = { new() { Value = DatabaseMigrator.LockKey } } };
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }
}
