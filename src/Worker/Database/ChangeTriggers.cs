using Npgsql;

namespace ConsentSnapshots.Worker.Database;

/// <summary>The four statement triggers on the destinations table. Attached anew whenever the table lost them, so a recreated table is followed too.</summary>
internal static class ChangeTriggers
{
    // Name, pg_trigger.tgtype of an AFTER ... FOR EACH STATEMENT trigger of that event, and the definition.
    private static readonly (string Name, short Type, string When)[] Triggers =
    [
        ("consent_snapshots_insert", 4, "after insert on {0} referencing new table as new_rows"),
        ("consent_snapshots_delete", 8, "after delete on {0} referencing old table as old_rows"),
        ("consent_snapshots_update", 16, "after update on {0} referencing old table as old_rows new table as new_rows"),
        ("consent_snapshots_truncate", 32, "after truncate on {0}"),
    ];

    /// <summary>In the caller's transaction, attaches what is missing, and then counts every scope as changed: nobody knows what happened while nobody looked.</summary>
    /// <returns>Whether there was anything to do; when not, the table was not locked either.</returns>
    public static async Task<bool> AttachAsync(NpgsqlConnection connection, TableName name, DestinationsTable table, CancellationToken ct)
    {
        if (await AreAttachedAsync(connection, table, ct)) return false;

        var drop = Triggers.Select(trigger => $"drop trigger if exists {trigger.Name} on {name.Quoted};");
        var create = Triggers.Select(trigger =>
            $"create trigger {trigger.Name} {string.Format(null, trigger.When, name.Quoted)} for each statement execute function consent_snapshots.destinations_changed();");
        // Always: a session that replays changes with session_replication_role = replica changes what has to be published, too.
        var enable = Triggers.Select(trigger => $"alter table {name.Quoted} enable always trigger {trigger.Name};");
        await ExecuteAsync(connection, string.Join('\n', [.. drop, .. create, .. enable]), ct);

        // From here on no writer is in between: creating a trigger waited for them, and holds off new ones until the commit.
        await ExecuteAsync(connection,
            $"""
            select consent_snapshots.tell_workers()
            from (
                select consent_snapshots.count_changes(array_agg(o.organization_id), array_agg(null::text))
                from (
                    select organization_id::text from {name.Quoted}
                    union
                    select organization_id from consent_snapshots.scopes
                ) o
            ) counted
            """, ct);
        return true;
    }

    /// <summary>Other tables that carry our triggers: left alone, because they may be what was meant.</summary>
    public static async Task<IReadOnlyList<string>> FindElsewhereAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select distinct t.tgrelid::regclass::text
            from pg_catalog.pg_trigger t
            where t.tgfoid = 'consent_snapshots.destinations_changed()'::regprocedure and t.tgrelid <> $1 and not t.tgisinternal
            order by 1
            """, connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid } } };
        var found = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) found.Add(reader.GetString(0));
        return found;
    }

    /// <summary>Whether every trigger is on the table, enabled always, and calls our function.</summary>
    public static async Task<bool> AreAttachedAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select count(*)
            from pg_catalog.pg_trigger t
            join unnest($2::text[], $3::int2[]) as expected (name, type) on t.tgname = expected.name and t.tgtype = expected.type
            where t.tgrelid = $1 and t.tgenabled = 'A' and t.tgfoid = 'consent_snapshots.destinations_changed()'::regprocedure
            """, connection)
        {
            Parameters =
            {
                new() { Value = table.Oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid },
                new() { Value = Triggers.Select(trigger => trigger.Name).ToArray() },
                new() { Value = Triggers.Select(trigger => trigger.Type).ToArray() },
            },
        };
        return (long)(await command.ExecuteScalarAsync(ct))! == Triggers.Length;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
