using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>A metric as the documents have it, under the name that Prometheus gives it: dots become underscores, the unit is part of the name, and a counter ends in <c>_total</c>.</summary>
/// <param name="Name">Prometheus' name.</param>
/// <param name="Type">counter, gauge or histogram.</param>
internal sealed partial record DocumentedMetric(string Name, string Type)
{
    /// <summary>The names under which queries ask for it.</summary>
    public IEnumerable<string> Series => Type == "histogram" ? [$"{Name}_bucket", $"{Name}_sum", $"{Name}_count"] : [Name];

    /// <summary>Those of the worker, in docs/operations.md, and of the edge, in docs/edge.md.</summary>
    public static IReadOnlyList<DocumentedMetric> All { get; } =
    [
        .. ((string[])["operations.md", "edge.md"]).SelectMany(document => Row().Matches(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", document))))
            .Select(row => Of(row.Groups["name"].Value, row.Groups["type"].Value, row.Groups["unit"].Value)),
    ];

    private static DocumentedMetric Of(string name, string type, string unit)
    {
        var suffix = unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        return new DocumentedMetric($"{name.Replace('.', '_')}{suffix}{(type == "counter" ? "_total" : "")}", type);
    }

    [GeneratedRegex(@"^\| `(?<name>consent\.[a-z.]+)` \| (?<type>counter|gauge|histogram) \| `(?<unit>[^`]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
