using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>What the catalogue says about the control plane's table, as far as we depend on it.</summary>
/// <param name="Oid">The table's identity: a recreated table has another.</param>
/// <param name="OrganizationIsUuid">Whether <c>organization_id</c> is a uuid; else it is text.</param>
internal sealed record DestinationsTable(uint Oid, bool OrganizationIsUuid)
{
    private static readonly string[] RequiredColumns =
    [
        "id", "organization_id", "type", "name", "environment", "settings", "settings_encrypted", "required_consent", "enabled", "test_mode",
        "deleted_at", "created_at",
    ];

    /// <summary>Looks the table up; null where there is none of that name.</summary>
    /// <exception cref="DatabaseShapeException">It exists and cannot serve: no ordinary table, a column missing or of another type.</exception>
    public static async Task<DestinationsTable?> FindAsync(NpgsqlConnection connection, TableName name, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select c.oid, c.relkind::text, a.attname::text, format_type(a.atttypid, null)
            from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname::text = any($3)
            where n.nspname = $1 and c.relname = $2
            """, connection)
        { Parameters = { new() { Value = name.Schema }, new() { Value = name.Table }, new() { Value = RequiredColumns } } };

        uint oid = 0;
        var kind = "";
        var columns = new Dictionary<string, string>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                (oid, kind) = (reader.GetFieldValue<uint>(0), reader.GetString(1));
                if (!await reader.IsDBNullAsync(2, ct)) columns[reader.GetString(2)] = reader.GetString(3);
            }
        }

        if (kind.Length == 0) return null;
        if (kind is not ("r" or "p"))
            throw new DatabaseShapeException($"{name} is not a table, so changes of it cannot be followed. Set Database:DestinationsTable to the table itself.");
        var missing = RequiredColumns.Where(column => !columns.ContainsKey(column)).ToList();
        if (missing.Count > 0)
        {
            throw new DatabaseShapeException(
                $"{name} has no column {string.Join(", ", missing)}. Is Database:DestinationsTable the right table? We never alter it: add what is missing there.");
        }

        return columns["organization_id"] switch
        {
            "uuid" => new DestinationsTable(oid, OrganizationIsUuid: true),
            "text" or "character varying" => new DestinationsTable(oid, OrganizationIsUuid: false),
            var other => throw new DatabaseShapeException($"{name}.organization_id is of type {other}; uuid and text are understood."),
        };
    }

    /// <summary>The table for a fresh installation, as the control plane would make it.</summary>
    public static string Definition(TableName name) =>
        $"""
        create table {name.Quoted} (
            id uuid primary key default gen_random_uuid(),
            organization_id uuid not null,
            type varchar(50) not null,
            name varchar(255) not null,
            description text,
            environment varchar(20),
            settings jsonb not null default '{"{}"}',
            settings_encrypted boolean not null default true,
            required_consent text[] not null default '{"{}"}',
            enabled boolean not null default true,
            test_mode boolean not null default false,
            last_tested_at timestamptz,
            connection_status varchar(20),
            last_error text,
            deleted_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            created_by uuid,
            updated_by uuid
        );
        create index on {name.Quoted} (organization_id);
        """;
}

/// <summary>The database is there and answers, but is not what we need; the message says what to do.</summary>
internal sealed class DatabaseShapeException(string message) : Exception(message)
{
    /// <summary>Whether somebody is putting it right at this moment.</summary>
    public bool MayPass { get; init; }
}
