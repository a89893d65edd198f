using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Worker.Settings;

/// <summary>
/// The qualified name of a table, safe to put into SQL: two plain identifiers, always quoted (so upper and lower case count).
/// A name without a schema is in <c>public</c>; the search path is never asked.
/// </summary>
internal sealed partial record TableName
{
    /// <summary>What such a name looks like, for error messages.</summary>
    public const string Rule =
        "A table name is schema.table or table, each of letters, digits, _ and $, not beginning with a digit, at most 63 characters; case counts.";

    private TableName(string schema, string table) => (Schema, Table) = (schema, table);

    /// <summary>The schema, unquoted.</summary>
    public string Schema { get; }

    /// <summary>The table, unquoted.</summary>
    public string Table { get; }

    /// <summary>As SQL takes it: <c>"schema"."table"</c>.</summary>
    public string Quoted => $"\"{Schema}\".\"{Table}\"";

    /// <summary>Reads a name; false where it is not one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out TableName? name)
    {
        var match = text is null ? Match.Empty : Pattern().Match(text);
        name = match.Success ? new TableName(match.Groups["schema"] is { Success: true } schema ? schema.Value : "public", match.Groups["table"].Value) : null;
        return match.Success;
    }

    /// <summary>Reads a name.</summary>
    /// <exception cref="FormatException">The text is not one.</exception>
    public static TableName Parse(string text) => TryParse(text, out var name) ? name : throw new FormatException(Rule);

    /// <summary><c>schema.table</c>, for people.</summary>
    public override string ToString() => $"{Schema}.{Table}";

    [GeneratedRegex(@"\A(?:(?<schema>[A-Za-z_][A-Za-z0-9_$]{0,62})\.)?(?<table>[A-Za-z_][A-Za-z0-9_$]{0,62})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
