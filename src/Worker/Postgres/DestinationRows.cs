using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// How rows of the destinations table are asked for and read. Columns are asked for in types of which every value can be read, and text is read as bytes:
/// nothing that a row holds makes reading it throw.
/// </summary>
internal static class DestinationRows
{
    private static readonly JsonElement NullJson = JsonElement.Parse("null");

    private static readonly (string Name, string Expression, string Type)[] All =
    [
        ("id", "id", "uuid"),
        ("type", "type::text", "text"),
        ("name", "name::text", "text"),
        ("environment", "environment::text", "text"),
        // Of what is off nobody reads the settings, and they need not be small.
        ("settings", "case when coalesce(enabled, false) then settings::text end", "text"),
        ("settings_encrypted", "coalesce(settings_encrypted, true)", "boolean"),
        ("required_consent", "to_jsonb(required_consent)::text", "text"),
        ("enabled", "coalesce(enabled, false)", "boolean"),
        ("test_mode", "coalesce(test_mode, false)", "boolean"),
        // Postgres reaches from 4713 BC to 294276 and knows infinity, .NET does not. It is a place in an order, so the ends will do.
        ("created_at", "least(greatest(coalesce(created_at::timestamptz, timestamptz 'epoch'), timestamptz '0001-01-01 00:00:00+00'), timestamptz '9999-12-31 23:59:59+00')", "timestamptz"),
    ];

    /// <summary>The columns beside the id.</summary>
    public static IEnumerable<string> Columns => All.Select(column => column.Name).Where(name => name != "id");

    /// <summary>Asks for the rows of organizations that belong to one of some environments, in order.</summary>
    public static NpgsqlBatchCommand Command(TableName table, NpgsqlParameter organizations, string[] environments) =>
        new($"select organization_id::text, {List([])} from {table.Quoted} where {Of} and (environment is null or environment::text = any($2)) order by created_at, id")
        {
            Parameters = { organizations, new() { Value = environments } },
        };

    /// <summary>Asks for some rows of organizations, without some columns.</summary>
    public static NpgsqlBatchCommand Command(TableName table, NpgsqlParameter organizations, Guid[] ids, IReadOnlyCollection<string> without) =>
        new($"select organization_id::text, {List(without)} from {table.Quoted} where {Of} and id = any($2)") { Parameters = { organizations, new() { Value = ids } } };

    /// <summary>Asks for one column of a row.</summary>
    public static NpgsqlBatchCommand ColumnCommand(TableName table, NpgsqlParameter organizations, Guid id, string column) =>
        new($"select {All.Single(known => known.Name == column).Expression} from {table.Quoted} where {Of} and id = $2") { Parameters = { organizations, new() { Value = id } } };

    /// <summary>Asks for the ids of the rows of organizations.</summary>
    public static NpgsqlBatchCommand IdsCommand(TableName table, NpgsqlParameter organizations) =>
        new($"select distinct id from {table.Quoted} where {Of}") { Parameters = { organizations } };

    /// <summary>Reads a result of rows, by organization.</summary>
    public static async Task<ILookup<string, Destination>> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var rows = new List<(string Organization, Destination Row)>();
        while (await reader.ReadAsync(cancellationToken)) rows.Add((reader.GetString(0), Read(reader, first: 1)));
        return rows.ToLookup(entry => entry.Organization, entry => entry.Row, StringComparer.Ordinal);
    }

    private const string Of = "organization_id = any($1) and deleted_at is null";

    private static string List(IReadOnlyCollection<string> without) => string.Join(", ", All.Select(column =>
        $"{(without.Contains(column.Name) ? $"null::{column.Type}" : column.Expression)} as {column.Name}"));

    private static Destination Read(NpgsqlDataReader reader, int first)
    {
        var row = new Destination
        {
            Id = reader.IsDBNull(first) ? Guid.Empty : reader.GetGuid(first),
            Type = Text(1) ?? "",
            Name = Text(2) ?? "",
            Environment = Text(3),
            SettingsEncrypted = reader.IsDBNull(first + 5) || reader.GetBoolean(first + 5),
            RequiredConsent = RequiredConsentColumn.Parse(Bytes(6)),
            // None of these is null but where the row is read without it; then it is reported, which what is off is not.
            Enabled = reader.IsDBNull(first + 7) || reader.GetBoolean(first + 7),
            TestMode = !reader.IsDBNull(first + 8) && reader.GetBoolean(first + 8),
            CreatedAt = reader.IsDBNull(first + 9) ? DateTimeOffset.UnixEpoch : reader.GetFieldValue<DateTimeOffset>(first + 9),
        };
        if (Bytes(4) is not { } json) return row with { Settings = NullJson };
        return SettingsJson.Parse(json, out var problem) is { } settings
            ? row with { Settings = settings }
            : row with { Problem = new DestinationProblem(row.Id, row.Type, row.Name, DestinationProblemKind.InvalidSettings, null, problem!) };

        byte[]? Bytes(int column) => reader.IsDBNull(first + column) ? null : reader.GetFieldValue<byte[]>(first + column);

        // A byte that belongs to no character becomes U+FFFD, so a type or an environment with one is none that there is, and a name is only a name.
        string? Text(int column) => Bytes(column) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;
    }
}
