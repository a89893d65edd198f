using System.Data;
using ConsentSnapshots.Worker.Settings;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Notices that the destinations are in other tables than before, which no trigger tells: a partition was attached or detached, the table was made anew or restored together with our
/// triggers, or a view was given another definition.
/// </summary>
internal static class FollowedRelations
{
    // A materialized view has a definition, too. Its contents change without one of these; its owner calls consent_snapshots.changed.
    private const string Relations =
        """
        select string_agg(r.oid::text || case when r.relkind in ('v', 'm') then ' ' || md5(pg_catalog.pg_get_viewdef(r.oid)) else '' end, ',' order by r.oid)
        from pg_catalog.pg_class r
        where r.oid = $1 or r.oid in (select relid from pg_catalog.pg_partition_tree($1))
        """;

    /// <summary>In the caller's transaction, remembers where the destinations are now.</summary>
    /// <returns>Whether that is elsewhere than before.</returns>
    public static async Task<bool> RememberAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            insert into consent_snapshots.followed as f (relations) {Relations}
            on conflict (only_row) do update set relations = excluded.relations where f.relations <> excluded.relations
            """, connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid } } };
        return await command.ExecuteNonQueryAsync(ct) > 0;
    }

    /// <summary>Notes every scope as changed where the destinations are elsewhere than before.</summary>
    /// <returns>Whether they are.</returns>
    public static async Task<bool> FollowAsync(NpgsqlConnection connection, TableName name, DestinationsTable table, CancellationToken ct)
    {
        await using (var command = new NpgsqlCommand($"select ({Relations}) is distinct from (select relations from consent_snapshots.followed)", connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid } } })
        {
            if (await command.ExecuteScalarAsync(ct) is not true) return false;
        }

        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        var changed = await RememberAsync(connection, table, ct);
        // Another worker may have been faster.
        if (changed) await ChangeTriggers.NoteEverythingAsync(connection, name, "tables changed", ct);
        await transaction.CommitAsync(ct);
        return changed;
    }
}
