using System.Globalization;
using System.Text;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>A trace as a text: a line for each span, below the span that it belongs to, with the time from the trace's begin and how long it took.</summary>
internal static class TraceText
{
    public static string Of(IEnumerable<ReceivedSpan> spans)
    {
        var all = spans.ToList();
        var text = new StringBuilder();
        var begin = all.Min(span => span.Start);
        var known = all.Select(span => span.SpanId).ToHashSet(StringComparer.Ordinal);
        foreach (var root in all.Where(span => !known.Contains(span.ParentId)).OrderBy(span => span.Start)) Write(text, root, all, begin, 0);
        return text.ToString();
    }

    /// <summary>The names of the spans, each with those that it belongs to, without times and repetitions: what has to be the same each time.</summary>
    public static SortedSet<string> Paths(string text)
    {
        var paths = new SortedSet<string>(StringComparer.Ordinal);
        var path = new List<string>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // Two columns of numbers, then the name, indented by two blanks a level.
            var name = line[NameColumn..];
            var level = (name.Length - name.TrimStart().Length) / 2;
            path.RemoveRange(level, path.Count - level);
            path.Add(name.Trim().Split("  ")[0]);
            paths.Add(string.Join(" / ", path));
        }
        return paths;
    }

    private const int NameColumn = 22;

    private static void Write(StringBuilder text, ReceivedSpan span, List<ReceivedSpan> all, DateTimeOffset begin, int level)
    {
        string[] shown = ["consent.trigger", "consent.scope", "consent.version", "consent.outcome", "consent.blob.container", "db.operation.name"];
        var attributes = shown.Where(span.Attributes.ContainsKey).Select(name => $"{name.Split('.', 2)[1]}={span.Attributes[name]}");
        text.Append(string.Create(CultureInfo.InvariantCulture, $"{(span.Start - begin).TotalMilliseconds,8:0.0} {span.Duration.TotalMilliseconds,9:0.0} ms "));
        text.Append(' ', level * 2).Append(span.Name);
        if (attributes.Any()) text.Append("  ").AppendJoin(' ', attributes);
        text.Append('\n');
        foreach (var child in all.Where(candidate => candidate.ParentId == span.SpanId).OrderBy(child => child.Start)) Write(text, child, all, begin, level + 1);
    }
}
