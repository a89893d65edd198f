using System.Globalization;
using System.Security;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace ConsentSnapshots.Plots;

/// <summary>
/// A picture of a table of results: horizontal bars, a group for each row and a bar for each of some columns. The same table gives the same bytes on every machine, and the lines of the
/// table that it was drawn from stand in its description.
/// </summary>
/// <param name="Name">The file's name, without its ending.</param>
/// <param name="Title">What the bars are, and whether more is better.</param>
/// <param name="Heads">The heads of the columns that the table must have to be drawn in this way.</param>
/// <param name="Series">The columns that are drawn, and how each is called in the picture.</param>
/// <param name="Format">How a bar's number is written.</param>
public sealed record ResultPlot(string Name, string Title, IReadOnlyList<string> Heads, IReadOnlyList<(string Column, string Name)> Series, string Format)
{
    private const int Width = 820;

    // Told apart by those who do not see every colour, and in grey.
    private static readonly OxyColor[] s_colours = [OxyColor.FromRgb(0x1b, 0x5e, 0x9b), OxyColor.FromRgb(0x7f, 0xb2, 0xdd), OxyColor.FromRgb(0xe0, 0x8e, 0x2b), OxyColor.FromRgb(0xb5, 0xb5, 0xb5)];

    /// <summary>Every picture that is known.</summary>
    public static IReadOnlyList<ResultPlot> All { get; } =
    [
        new("generator", "Scopes a second of processor time, on one thread (more is better)", ["scopes/s", "allocated/scope"], [("scopes/s", "scopes/s")], "{0:#,0}"),
        new("publication", "Commit to edge, in ms (less is better)", ["p50", "p99", "longest"], [("p50", "p50"), ("p99", "p99")], "{0:#,0}"),
        new("database", "Time with our triggers ÷ time without them (1 is no cost)", ["without us", "with us", "ratio"], [("ratio", "ratio")], "{0:0.00}"),
        new("edge", "Requests a second, 64 connections on the same two cores (more is better)", ["edge, native", "edge, managed", "nginx", "Kestrel that does nothing"],
            [("edge, native", "edge, native"), ("edge, managed", "edge, managed"), ("nginx", "nginx"), ("Kestrel that does nothing", "Kestrel alone")], "{0:#,0}"),
        new("naive", "Requests a second for a query (more is better)", ["requests/s", "p99", "the edge is so many times as fast"], [("requests/s", "requests/s")], "{0:#,0}"),
    ];

    /// <summary>The pictures of the tables in a Markdown text: the first table that fits each.</summary>
    /// <returns>By the file's name, the picture as SVG.</returns>
    public static IReadOnlyDictionary<string, string> DrawAll(string markdown)
    {
        var tables = ResultTable.ReadAll(markdown);
        var drawn = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var plot in All)
            if (tables.FirstOrDefault(table => plot.Heads.All(head => table.ColumnOf(head) >= 0)) is { } table) drawn.Add($"{plot.Name}.svg", plot.Draw(table));
        return drawn;
    }

    /// <summary>Draws a table that has the columns.</summary>
    public string Draw(ResultTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        // A row without a number in every column that is drawn is one of another kind, and so is one that measures a part of another row alone.
        var rows = table.Rows.Where(row => !row[0].Contains(" alone ", StringComparison.Ordinal) && Series.All(series => ResultTable.NumberOf(row, table.ColumnOf(series.Column)) is not null)).ToList();
        var names = new CategoryAxis { Position = AxisPosition.Left, StartPosition = 1, EndPosition = 0, GapWidth = 0.35, TickStyle = TickStyle.None, AxislineStyle = LineStyle.Solid };
        names.Labels.AddRange(rows.Select(row => Wrap(row[0], 38)));
        var model = new PlotModel
        {
            Title = Title,
            TitleFontSize = 15,
            TitleFontWeight = FontWeights.Bold,
            DefaultFont = "Arial",
            Background = OxyColors.White,
            PlotAreaBorderThickness = new OxyThickness(0),
            TitleHorizontalAlignment = TitleHorizontalAlignment.CenteredWithinView,
            Padding = new OxyThickness(20, 10, 24, 10),
        };
        model.Axes.Add(names);
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            Minimum = 0,
            MaximumPadding = 0.14,
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = OxyColor.FromRgb(0xe2, 0xe2, 0xe2),
            TickStyle = TickStyle.None,
            StringFormat = "#,0.##",
        });
        if (Series.Count > 1) model.Legends.Add(new Legend { LegendPosition = LegendPosition.BottomCenter, LegendPlacement = LegendPlacement.Outside, LegendOrientation = LegendOrientation.Horizontal });
        foreach (var (index, (column, name)) in Series.Index())
        {
            var bars = new BarSeries { Title = name, FillColor = s_colours[index], StrokeThickness = 0, LabelPlacement = LabelPlacement.Outside, LabelMargin = 8, LabelFormatString = Format, FontSize = 11 };
            foreach (var row in rows) bars.Items.Add(new BarItem(ResultTable.NumberOf(row, table.ColumnOf(column))!.Value));
            model.Series.Add(bars);
        }
        var height = 110 + rows.Count * (20 + 18 * Math.Max(Series.Count, 2));
        var svg = new SvgExporter { Width = Width, Height = height, TextMeasurer = new GenerousMeasure(Width, height) }.ExportToString(model).ReplaceLineEndings("\n");
        if (model.GetLastPlotException() is { } exception) throw new InvalidOperationException($"The table of '{Title}' cannot be drawn.", exception);
        var begin = svg.IndexOf('>', svg.IndexOf("<svg", StringComparison.Ordinal)) + 1;
        var description = string.Create(CultureInfo.InvariantCulture, $"\n<title>{SecurityElement.Escape(Title)}</title>\n<desc>\n{SecurityElement.Escape(string.Join('\n', table.Lines))}\n</desc>");
        return svg.Insert(begin, description).TrimEnd() + "\n";
    }

    private static string Wrap(string text, int length)
    {
        var (lines, line) = (new List<string>(), "");
        foreach (var word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + word.Length >= length)
            {
                lines.Add(line);
                line = "";
            }
            line = line.Length == 0 ? word : $"{line} {word}";
        }
        return string.Join('\n', lines.Append(line));
    }

    /// <summary>Each reader's machine has a font of its own, and many are wider than the one whose measures are known here.</summary>
    private sealed class GenerousMeasure(double width, double height) : PdfRenderContext(width, height, OxyColors.White)
    {
        public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight)
        {
            var measured = base.MeasureText(text, fontFamily, fontSize, fontWeight);
            return new OxySize(measured.Width * 1.5, measured.Height * 1.2);
        }
    }
}
