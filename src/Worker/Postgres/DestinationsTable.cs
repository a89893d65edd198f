using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>What the catalogue says about the control plane's table or view, as far as we depend on it.</summary>
/// <param name="Oid">The table's identity: a recreated table has another.</param>
/// <param name="OrganizationIsUuid">Whether <c>organization_id</c> is a uuid; else it is text.</param>
/// <param name="IsView">Whether it is a view. A view has no triggers of ours: the triggers of its owner call <c>consent_snapshots.changed</c>.</param>
internal sealed record DestinationsTable(uint Oid, bool OrganizationIsUuid, bool IsView)
{
    private static readonly string[] Times = ["timestamp with time zone", "timestamp without time zone", "date"];

    private static readonly Requirement[] Requirements =
    [
        new("id", ["uuid"]),
        new("organization_id", ["uuid", "text", "character varying"]),
        new("type", ["text"], OrLikeText: true),
        new("name", ["text"], OrLikeText: true),
        new("environment", ["text"], OrLikeText: true),
        new("settings", ["jsonb", "json", "text", "character varying"]),
        new("settings_encrypted", ["boolean"]),
        new("required_consent", ["jsonb", "json"], OrArrayOfText: true),
        new("enabled", ["boolean"]),
        new("test_mode", ["boolean"]),
        new("deleted_at", Times),
        // A text that is no time is its row's problem.
        new("created_at", [.. Times, "text", "character varying"]),
    ];

    /// <summary>What a column has to be. A domain counts as the type that it is made of.</summary>
    private sealed record Requirement(string Column, string[] Types, bool OrLikeText = false, bool OrArrayOfText = false)
    {
        public bool IsMetBy(ColumnType type) =>
            Types.Contains(type.Base) || (OrLikeText && type.Category is "S" or "E") || (OrArrayOfText && type.ElementCategory is "S" or "E");

        public override string ToString()
        {
            string[] understood = [.. OrArrayOfText ? (string[])["text[]"] : [], .. Types.Select(Short).Distinct(), .. OrLikeText ? (string[])["enums"] : []];
            return understood is [var only] ? $"{only} is needed" : $"{string.Join(", ", understood[..^1])} and {understood[^1]} are understood";
        }

        private static string Short(string type) => type switch
        {
            "character varying" => "text",
            "timestamp with time zone" => "timestamptz",
            "timestamp without time zone" => "timestamp",
            _ => type,
        };
    }

    private sealed record ColumnType(string Declared, string Base, string Category, string? ElementCategory, bool Readable);

    /// <summary>Looks the table or view up; null where there is none of that name.</summary>
    /// <param name="connection">A connection of the role that is to read it.</param>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <param name="wholly">
    /// Whether to ask also what is only asked before anything is begun: the types of the columns, a usable key, and the right to read it. Later a column of an odd type concerns the
    /// rows whose values cannot be converted, and no others.
    /// </param>
    /// <exception cref="DatabaseShapeException">It exists and cannot serve. The message names everything that is in the way.</exception>
    public static async Task<DestinationsTable?> FindAsync(NpgsqlConnection connection, TableName name, CancellationToken ct, bool wholly = false)
    {
        // A domain may be made of another domain.
        await using var command = new NpgsqlCommand(
            """
            select c.oid, c.relkind::text, current_user::text,
                   exists (
                       select from pg_catalog.pg_index i
                       join pg_catalog.pg_attribute k on k.attrelid = c.oid and k.attname = 'id' and k.attnum = any (i.indkey[0:i.indnkeyatts - 1])
                       where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
                         and (c.relkind = 'p' or not exists (
                             select from pg_catalog.pg_attribute o
                             where o.attrelid = c.oid and o.attnum = any (i.indkey[0:i.indnkeyatts - 1]) and o.attname not in ('id', 'organization_id')))),
                   a.attname::text, format_type(a.atttypid, null), format_type(t.oid, null), t.typcategory::text,
                   (select e.typcategory::text from pg_catalog.pg_type e where e.oid = t.typelem and t.typcategory = 'A'),
                   a.attnum is not null and has_column_privilege(c.oid, a.attnum, 'select') and has_schema_privilege(n.oid, 'usage')
            from pg_catalog.pg_class c
            join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname::text = any($3)
            left join lateral (
                with recursive made_of as (
                    select d.oid, d.typtype, d.typbasetype from pg_catalog.pg_type d where d.oid = a.atttypid
                    union all
                    select d.oid, d.typtype, d.typbasetype from made_of m join pg_catalog.pg_type d on d.oid = m.typbasetype where m.typtype = 'd'
                )
                select d.oid, d.typcategory, d.typelem from made_of m join pg_catalog.pg_type d on d.oid = m.oid where m.typtype <> 'd'
            ) t on true
            where n.nspname = $1 and c.relname = $2
            """, connection)
        { Parameters = { new() { Value = name.Schema }, new() { Value = name.Table }, new() { Value = Requirements.Select(needed => needed.Column).ToArray() } } };

        uint oid = 0;
        var (kind, role, hasKey) = ("", "", false);
        var columns = new Dictionary<string, ColumnType>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                (oid, kind, role, hasKey) = (reader.GetFieldValue<uint>(0), reader.GetString(1), reader.GetString(2), reader.GetBoolean(3));
                if (reader.IsDBNull(4)) continue;
                columns[reader.GetString(4)] = new ColumnType(
                    reader.GetString(5), reader.GetString(6), reader.GetString(7), reader.IsDBNull(8) ? null : reader.GetString(8), reader.GetBoolean(9));
            }
        }

        if (kind.Length == 0) return null;
        var problems = ColumnProblems(name, kind, columns).ToList();
        if (wholly) problems.AddRange(UseProblems(name, kind, role, hasKey, columns));
        if (problems.Count > 0) throw new DatabaseShapeException(string.Join(" ", problems));
        return new DestinationsTable(oid, columns["organization_id"].Base == "uuid", kind is "v" or "m");
    }

    private static IEnumerable<string> ColumnProblems(TableName name, string kind, Dictionary<string, ColumnType> columns)
    {
        if (kind is not ("r" or "p" or "v" or "m"))
        {
            yield return $"{name} is no table and no view. Set Database:DestinationsTable to the control plane's table, or to a view over it.";
            yield break;
        }
        var missing = Requirements.Select(needed => needed.Column).Where(column => !columns.ContainsKey(column)).ToList();
        if (missing.Count > 0)
            yield return $"{name} has no column {string.Join(", ", missing)}. Is Database:DestinationsTable the right table? We never alter it: add what is missing there.";
        if (TypeProblem(name, Requirements.Single(needed => needed.Column == "organization_id"), columns) is { } problem) yield return problem;
    }

    private static string? TypeProblem(TableName name, Requirement needed, Dictionary<string, ColumnType> columns) =>
        columns.TryGetValue(needed.Column, out var type) && !needed.IsMetBy(type) ? $"{name}.{needed.Column} is of type {type.Declared}; {needed}." : null;

    private static IEnumerable<string> UseProblems(TableName name, string kind, string role, bool hasKey, Dictionary<string, ColumnType> columns)
    {
        foreach (var needed in Requirements.Where(needed => needed.Column != "organization_id"))
            if (TypeProblem(name, needed, columns) is { } problem) yield return problem;
        if (kind is "r" or "p" && !hasKey && columns.ContainsKey("id"))
            yield return $"{name}.id is neither a primary key nor unique, so two destinations could have one id: add a primary key or a unique constraint on it.";
        if (columns.Values.Any(column => !column.Readable))
        {
            yield return $"Role {role} may not read {name} ({PostgresErrorCodes.InsufficientPrivilege}). For `run`, name the role in Database:WorkerRole and run `migrate`; "
                + $"`migrate` itself needs a role that may create schemas in this database and owns {name}, or may read it where it is a view.";
        }
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
