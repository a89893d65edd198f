using System.Collections.Immutable;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// The rights that a worker's role needs on our objects: what <c>migrate</c> grants and what <c>doctor</c> looks for. The right to read the control plane's table comes with them; the
/// trigger functions are for a worker whose role owns the table, which may mend the triggers.
/// </summary>
internal static class WorkerRights
{
    private sealed record Right(string Kind, string Privileges, ImmutableArray<string> Objects);

    private static readonly ImmutableArray<Right> s_rights =
    [
        new("schema", "usage", ["consent_snapshots"]),
        new("table", "select", ["consent_snapshots.source", "consent_snapshots.schema_versions"]),
        new("table", "select, insert, delete", ["consent_snapshots.changes", "consent_snapshots.destination_reports"]),
        new("table", "select, insert", ["consent_snapshots.publications"]),
        new("table", "select, insert, update", ["consent_snapshots.scopes", "consent_snapshots.followed"]),
        new("table", "select, insert, update, delete", ["consent_snapshots.workers", "consent_snapshots.destination_scripts"]),
        new("sequence", "usage, select, update", ["consent_snapshots.last_told"]),
        new("function", "execute",
        [
            "consent_snapshots.tell_workers()", "consent_snapshots.take_in_changes()", "consent_snapshots.claim_scopes(uuid, integer, integer)", "consent_snapshots.beat(uuid, text)",
            "consent_snapshots.release_lost_claims()", "consent_snapshots.mend_times()", "consent_snapshots.destinations_changed()", "consent_snapshots.destinations_replicated()",
            "consent_snapshots.record_scripts(text, text, bigint, timestamptz, uuid[], bytea[], bigint[], timestamptz[])",
        ]),
    ];

    /// <summary>The statements that grant them.</summary>
    /// <param name="role">The role, quoted.</param>
    /// <param name="scheduling">The scheduler's tables.</param>
    public static string Grants(string role, IEnumerable<string> scheduling) =>
        string.Join('\n', With(scheduling).Select(right => $"grant {right.Privileges} on {(right.Kind == "table" ? "" : $"{right.Kind} ")}{string.Join(", ", right.Objects)} to {role};"));

    /// <summary>Which of them the connection's own role lacks, each as in a grant. Whether it may read the destinations is for <see cref="DestinationsTable"/> to say.</summary>
    public static async Task<IReadOnlyList<string>> ListMissingAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var needed = With(await QuartzTables.ListAsync(connection, ct))
            .SelectMany(right => right.Objects.SelectMany(name => right.Privileges.Split(", ").Select(privilege => (right.Kind, Name: name, Privilege: privilege)))).ToList();
        await using var command = new NpgsqlCommand(
            """
            select n.privilege || ' on ' || n.name
            from unnest($1::text[], $2::text[], $3::text[]) with ordinality as n (kind, name, privilege, place)
            where not case n.kind
                when 'schema' then has_schema_privilege(n.name::regnamespace, n.privilege)
                when 'function' then has_function_privilege(n.name::regprocedure, n.privilege)
                when 'sequence' then has_sequence_privilege(n.name::regclass, n.privilege)
                else has_table_privilege(n.name::regclass, n.privilege) end
            order by n.place
            """, connection)
        {
            Parameters =
            {
                new() { Value = needed.Select(right => right.Kind).ToArray() },
                new() { Value = needed.Select(right => right.Name).ToArray() },
                new() { Value = needed.Select(right => right.Privilege).ToArray() },
            },
        };
        var missing = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct)) missing.Add(reader.GetString(0));
        return missing;
    }

    private static ImmutableArray<Right> With(IEnumerable<string> scheduling) => s_rights.Add(new Right("table", "select, insert, update, delete", [.. scheduling]));
}
