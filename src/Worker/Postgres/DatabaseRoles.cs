using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// The rights of the two roles beside the one that migrates: the worker's, which reads the control plane's table and works on ours, and the control plane's, which tells changes and
/// reads what became of its destinations. Each gets what it needs and loses what it had beyond that.
/// </summary>
internal static class DatabaseRoles
{
    /// <summary>Before anything is changed: each configured role exists.</summary>
    /// <exception cref="DatabaseShapeException">One does not; all that do not are named.</exception>
    public static async Task RequireAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken ct)
    {
        (string Setting, string Role)[] configured = [("Database:WorkerRole", options.WorkerRole), ("Database:ControlPlaneRole", options.ControlPlaneRole)];
        await using var command = new NpgsqlCommand("select rolname::text from pg_catalog.pg_roles where rolname::text = any($1)", connection)
        { Parameters = { new() { Value = configured.Select(entry => entry.Role).ToArray() } } };
        var known = new HashSet<string>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct)) known.Add(reader.GetString(0));
        }

        var missing = configured.Where(entry => entry.Role.Length > 0 && !known.Contains(entry.Role))
            .Select(entry => $"There is no role '{entry.Role}' ({entry.Setting}; case counts). Create it first, or correct the setting.").ToList();
        if (missing.Count > 0) throw new DatabaseShapeException($"{string.Join(" ", missing)} Nothing was changed.");
    }

    /// <summary>Grants in the caller's transaction.</summary>
    /// <exception cref="DatabaseShapeException">The role that migrates may not pass on the right to read the control plane's table.</exception>
    public static async Task GrantAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken ct)
    {
        await RevokeAsync(connection, options, ct);
        if (options.WorkerRole.Length > 0) await GrantWorkerAsync(connection, options, ct);
        if (options.ControlPlaneRole.Length > 0)
        {
            var role = Quote(options.ControlPlaneRole);
            await ExecuteAsync(connection,
                $"""
                grant usage on schema consent_snapshots to {role};
                grant execute on function consent_snapshots.changed(text, text) to {role};
                grant select on consent_snapshots.destination_status to {role};
                grant execute on function consent_snapshots.destinations_of(text) to {role};
                """, ct);
        }
    }

    private static async Task GrantWorkerAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken ct)
    {
        var role = Quote(options.WorkerRole);
        await ExecuteAsync(connection, WorkerRights.Grants(role, await QuartzTables.ListAsync(connection, ct)), ct);
        if (await MayReadAsync(connection, options, ct)) return;

        await ExecuteAsync(connection,
            $"""
            grant usage on schema "{options.Table.Schema}" to {role};
            grant select on {options.Table.Quoted} to {role};
            """, ct);
        // Who may not pass a right on gets a warning and no error.
        if (await MayReadAsync(connection, options, ct)) return;
        throw new DatabaseShapeException(
            $"The role that migrates may not let the worker's role read {options.Table}. Let the owner run "
            + $"`grant usage on schema \"{options.Table.Schema}\" to {role}; grant select on {options.Table.Quoted} to {role}`, and then migrate again.");
    }

    private static async Task<bool> MayReadAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select has_schema_privilege($1, $2, 'usage') and has_table_privilege($1, $3, 'select')", connection)
        { Parameters = { new() { Value = options.WorkerRole }, new() { Value = options.Table.Schema }, new() { Value = options.Table.Quoted } } };
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>
    /// Takes back what <c>public</c> and the configured roles have on our objects, so that they get what they need now and no more; and from everybody else the right to tell changes,
    /// which a role that was configured earlier may have.
    /// </summary>
    private static async Task RevokeAsync(NpgsqlConnection connection, PostgresOptions options, CancellationToken ct)
    {
        var grantees = new List<string> { "public" };
        grantees.AddRange(new[] { options.WorkerRole, options.ControlPlaneRole }.Where(role => role.Length > 0).Select(Quote));
        foreach (var grantee in grantees)
        {
            await ExecuteAsync(connection,
                $"""
                revoke all on all tables in schema consent_snapshots from {grantee};
                revoke all on all sequences in schema consent_snapshots from {grantee};
                revoke all on all functions in schema consent_snapshots from {grantee};
                revoke all on schema consent_snapshots from {grantee};
                """, ct);
        }

        await using var command = new NpgsqlCommand(
            """
            select quote_ident(r.rolname)
            from pg_catalog.pg_proc p
            cross join lateral aclexplode(p.proacl) a
            join pg_catalog.pg_roles r on r.oid = a.grantee
            where p.oid = 'consent_snapshots.changed(text, text)'::regprocedure and a.grantee <> p.proowner
            """, connection);
        var others = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct)) others.Add(reader.GetString(0));
        }
        foreach (var other in others) await ExecuteAsync(connection, $"revoke execute on function consent_snapshots.changed(text, text) from {other}", ct);
    }

    private static string Quote(string role) => new NpgsqlCommandBuilder().QuoteIdentifier(role);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
