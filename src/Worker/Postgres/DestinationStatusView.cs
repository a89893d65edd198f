using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// The view <c>consent_snapshots.destination_status</c>, which tells a control plane what became of each destination. It reads the configured table through a function whose text
/// names the table. A view that named the table itself would keep the table's owner from dropping it and from changing its columns.
/// </summary>
internal static class DestinationStatusView
{
    /// <summary>In the caller's transaction, lets the view read this table.</summary>
    /// <returns>Whether it read another one, or none, before.</returns>
    public static async Task<bool> PointAtAsync(NpgsqlConnection connection, TableName name, DestinationsTable table, CancellationToken ct)
    {
        var body = Body(name, table);
        await using (var present = new NpgsqlCommand(
            "select prosrc = $1 from pg_catalog.pg_proc where oid = 'consent_snapshots.destinations_of(text)'::regprocedure", connection)
        { Parameters = { new() { Value = body } } })
        {
            if (await present.ExecuteScalarAsync(ct) is true) return false;
        }

        await using var replace = new NpgsqlCommand(
            $"""
            create or replace function consent_snapshots.destinations_of(organization text) returns table (destination_id uuid, environment text, enabled boolean)
            language plpgsql stable security definer
            set search_path = pg_catalog, pg_temp
            as '{body.Replace("'", "''", StringComparison.Ordinal)}'
            """, connection);
        await replace.ExecuteNonQueryAsync(ct);
        return true;
    }

    private static string Body(TableName name, DestinationsTable table)
    {
        // Compared as uuid so that an index serves. An organization whose name is no uuid has no row there.
        var organization = table.OrganizationIsUuid ? "case when organization ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then organization::uuid end" : "organization";
        return $"""

            begin
                return query
                select r.id::uuid, e.environment, coalesce(r.enabled, false)
                from {name.Quoted} r
                cross join lateral unnest(
                    case when r.environment is null then array['development', 'production', 'staging'] else array[r.environment::text] end) as e (environment)
                where r.organization_id = {organization} and r.deleted_at is null and r.id is not null;
            end
            """;
    }
}
