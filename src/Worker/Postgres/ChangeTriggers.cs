using ConsentSnapshots.Worker.Settings;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Our triggers on the destinations table: statement triggers on the table and on each of its partitions, because a write to a partition does not fire those of the table; and on
/// the table a row trigger for what logical replication applies, which fires no statement trigger.
/// </summary>
internal static class ChangeTriggers
{
    /// <summary>What a fault says of a trigger that is not there at all.</summary>
    internal const string Missing = " is missing";

    private sealed record Trigger(string Name, short Type, char Enabled, string Function, string Definition)
    {
        /// <summary>Whether a partition has one of its own; the row trigger is passed on by the table itself.</summary>
        public bool IsOfStatement => (Type & 1) == 0;
    }

    // Type is pg_trigger.tgtype of an AFTER trigger: 1 for each row, 4 insert, 8 delete, 16 update, 32 truncate. Enabled always: a session that replays changes with
    // session_replication_role = replica changes what has to be published, too.
    private static readonly Trigger[] s_triggers =
    [
        new("consent_snapshots_insert", 4, 'A', "destinations_changed", "after insert on {0} referencing new table as new_rows for each statement"),
        new("consent_snapshots_delete", 8, 'A', "destinations_changed", "after delete on {0} referencing old table as old_rows for each statement"),
        new("consent_snapshots_update", 16, 'A', "destinations_changed", "after update on {0} referencing old table as old_rows new table as new_rows for each statement"),
        new("consent_snapshots_truncate", 32, 'A', "destinations_changed", "after truncate on {0} for each statement"),
        new("consent_snapshots_replica", 29, 'R', "destinations_replicated", "after insert or update or delete on {0} for each row"),
    ];

    /// <summary>In the caller's transaction, attaches what is missing, and then notes every scope as changed: nobody knows what happened while nobody looked.</summary>
    /// <returns>Whether there was anything to do; when not, the table was not locked either.</returns>
    public static async Task<bool> AttachAsync(NpgsqlConnection connection, TableName name, DestinationsTable table, CancellationToken ct)
    {
        var faults = await FaultsAsync(connection, table, ct);
        if (faults.Count == 0) return false;

        var relations = await RelationsAsync(connection, table, ct);
        var statements = new List<string>();
        foreach (var (relation, isPartition) in relations)
            foreach (var trigger in s_triggers.Where(trigger => trigger.IsOfStatement || !isPartition))
            {
                statements.Add($"drop trigger if exists {trigger.Name} on {relation};");
                statements.Add($"create trigger {trigger.Name} {string.Format(null, trigger.Definition, relation)} execute function consent_snapshots.{trigger.Function}();");
            }
        // A partition's copy of a row trigger is switched apart from the table's.
        foreach (var (relation, _) in relations)
            foreach (var trigger in s_triggers)
                statements.Add($"alter table {relation} enable {(trigger.Enabled == 'A' ? "always" : "replica")} trigger {trigger.Name};");
        await ExecuteAsync(connection, string.Join('\n', statements), ct);

        // From here on no writer is in between: creating a trigger waited for them, and holds off new ones until the commit.
        await NoteEverythingAsync(connection, name, "triggers attached", ct);
        return true;
    }

    /// <summary>Which role this is, where it does not own the table and so may not attach what is missing; null where it may, or where nothing is missing.</summary>
    public static async Task<string?> FindNotOwnerAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select case when not pg_catalog.pg_has_role(c.relowner, 'usage') then current_user::text end, to_regproc('consent_snapshots.destinations_replicated') is not null
            from pg_catalog.pg_class c where c.oid = $1
            """, connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid } } };
        string role;
        bool isMigrated;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            if (table.IsView || !await reader.ReadAsync(ct) || reader.IsDBNull(0)) return null;
            (role, isMigrated) = (reader.GetString(0), reader.GetBoolean(1));
        }
        return isMigrated && (await FaultsAsync(connection, table, ct)).Count == 0 ? null : role;
    }

    /// <summary>In the caller's transaction, notes every scope of the table and every scope that is known as changed.</summary>
    public static Task NoteEverythingAsync(NpgsqlConnection connection, TableName name, string reason, CancellationToken ct) => ExecuteAsync(connection,
        $"""
        insert into consent_snapshots.changes (organization_id, bulk, reason)
        select organization_id, true, '{reason}'
        from (select distinct organization_id::text from {name.Quoted} where organization_id is not null) o
        union all
        select null, true, '{reason}';
        select consent_snapshots.tell_workers();
        """, ct);

    /// <summary>Other tables that carry our triggers: left alone, because they may be what was meant.</summary>
    public static async Task<IReadOnlyList<string>> FindElsewhereAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select distinct t.tgrelid::regclass::text
            from pg_catalog.pg_trigger t
            where t.tgfoid in ('consent_snapshots.destinations_changed()'::regprocedure, 'consent_snapshots.destinations_replicated()'::regprocedure) and not t.tgisinternal
              and t.tgrelid <> $1 and t.tgrelid not in (select relid from pg_catalog.pg_partition_tree($1))
            order by 1
            """, connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid } } };
        var found = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) found.Add(reader.GetString(0));
        return found;
    }

    /// <summary>
    /// What is not as it should be, one line for each relation: a trigger that is missing, switched off or fires at the wrong times. Empty when every write is followed, and for a
    /// view, whose changes its owner's own triggers tell.
    /// </summary>
    public static async Task<IReadOnlyList<string>> FaultsAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        if (table.IsView) return [];
        await using var command = new NpgsqlCommand(
            $"""
            with relations as (
                select c.oid, c.oid <> $1 as is_partition
                from pg_catalog.pg_class c
                where c.oid = $1 or (c.oid in (select relid from pg_catalog.pg_partition_tree($1)) and c.relkind in ('r', 'p'))
            )
            select r.oid::regclass::text || ': ' || string_agg(e.name || case when t.oid is null then '{Missing}' else ' is not enabled as it should be' end, ', ' order by e.name)
            from relations r
            cross join unnest($2::text[], $3::int2[], $4::text[], $5::text[]) as e (name, type, enabled, function)
            left join pg_catalog.pg_trigger t
                on t.tgrelid = r.oid and t.tgname = e.name and t.tgtype = e.type and t.tgfoid = ('consent_snapshots.' || e.function || '()')::regprocedure
            where t.oid is null or t.tgenabled::text <> e.enabled
            group by r.oid
            order by 1
            """, connection)
        {
            Parameters =
            {
                new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid },
                new() { Value = s_triggers.Select(trigger => trigger.Name).ToArray() },
                new() { Value = s_triggers.Select(trigger => trigger.Type).ToArray() },
                new() { Value = s_triggers.Select(trigger => trigger.Enabled.ToString()).ToArray() },
                new() { Value = s_triggers.Select(trigger => trigger.Function).ToArray() },
            },
        };
        var faults = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) faults.Add(reader.GetString(0));
        return faults;
    }

    /// <summary>The table and its partitions at every depth, with their names quoted; those that are foreign tables take no such triggers.</summary>
    private static async Task<IReadOnlyList<(string Name, bool IsPartition)>> RelationsAsync(NpgsqlConnection connection, DestinationsTable table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.oid <> $1
            from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where c.oid = $1 or (c.oid in (select relid from pg_catalog.pg_partition_tree($1)) and c.relkind in ('r', 'p'))
            order by 2, 1
            """, connection)
        { Parameters = { new() { Value = table.Oid, NpgsqlDbType = NpgsqlDbType.Oid } } };
        var relations = new List<(string, bool)>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) relations.Add((reader.GetString(0), reader.GetBoolean(1)));
        return relations;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
