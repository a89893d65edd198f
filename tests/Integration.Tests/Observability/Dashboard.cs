using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>A panel of the dashboard.</summary>
internal sealed record Panel(int Id, string Type, string Title, string Description, int X, int Y, int Width, int Height, IReadOnlyList<string> Queries);

/// <summary>deploy/observability: the dashboard and the rules.</summary>
internal static partial class Dashboard
{
    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "deploy", "observability");

    public static string Rules { get; } = Path.Combine(Folder, "rules.yaml");

    public static JsonDocument Read() => JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "dashboard.json")));

    public static IReadOnlyList<Panel> Panels()
    {
        using var dashboard = Read();
        return
        [
            .. dashboard.RootElement.GetProperty("panels").EnumerateArray().Select(panel =>
            {
                var place = panel.GetProperty("gridPos");
                return new Panel(
                    panel.GetProperty("id").GetInt32(), panel.GetProperty("type").GetString()!, panel.GetProperty("title").GetString()!,
                    panel.TryGetProperty("description", out var description) ? description.GetString()! : "",
                    place.GetProperty("x").GetInt32(), place.GetProperty("y").GetInt32(), place.GetProperty("w").GetInt32(), place.GetProperty("h").GetInt32(),
                    panel.TryGetProperty("targets", out var targets) ? [.. targets.EnumerateArray().Select(target => target.GetProperty("expr").GetString()!)] : []);
            }),
        ];
    }

    /// <summary>The metrics that a query names, ours and .NET's.</summary>
    public static IEnumerable<string> MetricsOf(string text) => Metric().Matches(text).Select(match => match.Value).Distinct();

    [GeneratedRegex(@"\b(?:consent_(?:worker|edge)|dotnet)_[a-z_]+\b")]
    private static partial Regex Metric();
}
