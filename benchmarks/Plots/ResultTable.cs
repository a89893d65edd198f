using System.Globalization;
using System.Text.RegularExpressions;

namespace ConsentSnapshots.Plots;

/// <summary>A table of results, as a benchmark prints it and as <c>docs/performance.md</c> has it.</summary>
/// <param name="Columns">The heads of the columns.</param>
/// <param name="Rows">The cells of each row, as many as there are columns.</param>
/// <param name="Lines">The lines of the text that it was read from.</param>
public sealed partial record ResultTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows, IReadOnlyList<string> Lines)
{
    /// <summary>Reads every table of a Markdown text.</summary>
    public static IReadOnlyList<ResultTable> ReadAll(string markdown)
    {
        ArgumentNullException.ThrowIfNull(markdown);
        var tables = new List<ResultTable>();
        var lines = new List<string>();
        foreach (var line in markdown.ReplaceLineEndings("\n").Split('\n').Append(""))
        {
            if (line.StartsWith('|'))
            {
                lines.Add(line);
                continue;
            }
            if (lines.Count > 2 && Rule().IsMatch(lines[1]))
            {
                var columns = CellsOf(lines[0]);
                tables.Add(new ResultTable(columns, [.. lines.Skip(2).Select(CellsOf).Where(row => row.Count == columns.Count)], [.. lines]));
            }
            lines.Clear();
        }
        return tables;
    }

    /// <summary>The number of one cell, or of one of the parts that commas divide it into; null where there is none.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">The column's number.</param>
    /// <param name="part">The part's number.</param>
    public static double? NumberOf(IReadOnlyList<string> row, int column, int part = 0)
    {
        ArgumentNullException.ThrowIfNull(row);
        var parts = row[column].Split(", ");
        return part < parts.Length && Number().Match(parts[part]) is { Success: true } match
            ? double.Parse(match.ValueSpan, NumberStyles.AllowThousands | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)
            : null;
    }

    /// <summary>The place of a column, by its head; -1 where there is none.</summary>
    public int ColumnOf(string head) => Columns.ToList().IndexOf(head);

    private static IReadOnlyList<string> CellsOf(string line) => [.. line.Trim('|').Split('|').Select(cell => cell.Trim().Replace("**", "", StringComparison.Ordinal).Replace("`", "", StringComparison.Ordinal))];

    [GeneratedRegex(@"^\|(\s*:?-+:?\s*\|)+$", RegexOptions.CultureInvariant)]
    private static partial Regex Rule();

    [GeneratedRegex(@"\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
