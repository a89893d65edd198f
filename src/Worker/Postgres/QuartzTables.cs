using Npgsql;
using Quartz.Extensibility;
using Quartz.Impl.AdoJobStore;
using Quartz.Impl.AdoJobStore.Common;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// The scheduler's tables, made by <c>migrate</c> with Quartz's own script for the version that is built in, so that <c>run</c>
/// (whose store only validates, Quartz's default) needs no right to create anything.
/// </summary>
/// <remarks>
/// Quartz creates what is missing and never alters. A Quartz release that adds a column to a table needs a numbered migration of ours;
/// the validation at the end of <see cref="CreateAsync"/> fails when one was forgotten.
/// </remarks>
internal static class QuartzTables
{
    /// <summary>What the job store takes as its table prefix: our schema, and a prefix within it.</summary>
    public const string Prefix = "consent_snapshots.qrtz_";

    /// <summary>Creates the missing tables in the caller's transaction.</summary>
    /// <returns>Whether any was missing.</returns>
    public static async Task<bool> CreateAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken ct)
    {
        var before = await CountAsync(connection, ct);
        var tables = new PostgreSQLDelegate();
        tables.Initialize(new DriverDelegateContext
        {
            TablePrefix = Prefix,
            SchedulerName = "migrate",
            InstanceId = "migrate",
            DbProvider = new DbProvider("Npgsql", connection.ConnectionString),
            TypeLoader = new NoTypes(),
        });
        await using var unit = new ConnectionAndTransactionHolder(connection, transaction, ownsResources: false);
        await tables.CreateSchema(unit, ct);
        await tables.ValidateSchema(unit, ct);
        return await CountAsync(connection, ct) > before;
    }

    /// <summary>The tables, with their names as SQL takes them.</summary>
    public static async Task<IReadOnlyList<string>> ListAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select 'consent_snapshots.' || quote_ident(c.relname) from pg_catalog.pg_class c
            where c.relnamespace = 'consent_snapshots'::regnamespace and c.relkind = 'r' and c.relname like 'qrtz\_%'
            """, connection);
        var tables = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) tables.Add(reader.GetString(0));
        return tables;
    }

    private static async Task<long> CountAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'consent_snapshots' and c.relname like 'qrtz\_%'
            """, connection);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Creating tables loads no job, so there is no type to find.</summary>
    private sealed class NoTypes : ITypeLoader
    {
        public Type? LoadType(string? name) => null;
    }
}
