using System.Diagnostics;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>What can be said of dashboard, rules and runbook without running anything: that they fit together.</summary>
public sealed partial class DashboardTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Panels_All_HaveATitleAQuestionAndAnExplanation()
    {
        var panels = Dashboard.Panels();

        Assert.Equal(panels.Count, panels.Select(panel => panel.Id).Distinct().Count());
        Assert.All(panels, panel => Assert.NotEmpty(panel.Title));
        Assert.All(panels.Where(panel => panel.Type != "row"), panel =>
        {
            Assert.Contains(panel.Type, (string[])["stat", "timeseries"]);
            Assert.NotEmpty(panel.Queries);
            Assert.EndsWith(".", panel.Description);
        });
    }

    [Fact]
    public void Panels_All_StandInTheGridBesideEachOther()
    {
        var taken = new Dictionary<(int X, int Y), string>();
        foreach (var panel in Dashboard.Panels())
        {
            Assert.InRange(panel.X + panel.Width, 1, 24);
            for (var x = panel.X; x < panel.X + panel.Width; x++)
                for (var y = panel.Y; y < panel.Y + panel.Height; y++)
                    Assert.True(taken.TryAdd((x, y), panel.Title), $"'{panel.Title}' overlaps '{taken.GetValueOrDefault((x, y))}' at {x}, {y}.");
        }
        // No gap either: every line is used to the end of the last one.
        Assert.Equal(taken.Keys.Max(place => place.Y) + 1, taken.Keys.Select(place => place.Y).Distinct().Count());
    }

    [Fact]
    public void DataSource_OfEveryQuery_IsTheOneThatIsChosen()
    {
        using var dashboard = Dashboard.Read();

        var sources = SourceUid().Matches(dashboard.RootElement.GetRawText()).Select(match => match.Groups["uid"].Value).Distinct();

        Assert.Equal(["${datasource}"], sources);
        Assert.Equal("datasource", Assert.Single(dashboard.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public void Metrics_OfDashboardAndRules_AreDocumented()
    {
        var documented = DocumentedMetric.All.SelectMany(metric => metric.Series).ToHashSet(StringComparer.Ordinal);
        var used = Dashboard.Panels().SelectMany(panel => panel.Queries).Append(File.ReadAllText(Dashboard.Rules)).SelectMany(Dashboard.MetricsOf).Where(name => !name.StartsWith("dotnet_", StringComparison.Ordinal));

        Assert.Empty(used.Except(documented));
    }

    /// <summary>Nothing that is measured is left out of the dashboard: somebody would look for it at night.</summary>
    [Fact]
    public void Metrics_ThatAreDocumented_StandOnTheDashboard()
    {
        var used = Dashboard.Panels().SelectMany(panel => panel.Queries).SelectMany(Dashboard.MetricsOf).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(DocumentedMetric.All.Where(metric => !metric.Series.Any(used.Contains)).Select(metric => metric.Name));
    }

    [Fact]
    public void Alerts_All_HaveASeverityAndAnEntryInTheRunbook()
    {
        var rules = Alert().Matches(File.ReadAllText(Dashboard.Rules));
        var entries = Entry().Matches(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "runbook.md"))).Select(entry => entry.Groups["name"].Value);

        Assert.NotEmpty(rules);
        Assert.Equal(rules.Select(rule => rule.Groups["name"].Value).Order(StringComparer.Ordinal), entries.Order(StringComparer.Ordinal));
        Assert.All(rules, rule =>
        {
            Assert.Contains(rule.Groups["severity"].Value, (string[])["critical", "warning"]);
            Assert.NotEmpty(rule.Groups["summary"].Value);
            Assert.Equal($"docs/runbook.md#{rule.Groups["name"].Value.ToLowerInvariant()}", rule.Groups["runbook"].Value);
        });
    }

    /// <summary>promtool plays what the rules would have seen of several bad nights, and of a good one.</summary>
    [Fact]
    public async Task Rules_WithTheirTests_SayWhatTheyShould()
    {
        var (exitCode, output) = await PromtoolAsync("test", "rules", Path.Combine(Dashboard.Folder, "rules.test.yaml"));

        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public void Rules_Alerts_EachHaveATestThatSeesThemFire()
    {
        var tests = File.ReadAllText(Path.Combine(Dashboard.Folder, "rules.test.yaml"));

        // Either as an expected series of ALERTS, or as the annotations of an expected alert.
        Assert.All(Alert().Matches(File.ReadAllText(Dashboard.Rules)).Select(rule => rule.Groups["name"].Value), name =>
            Assert.True(tests.Contains($"alertname=\"{name}\", alertstate=\"firing\"", StringComparison.Ordinal) || tests.Contains($"#{name.ToLowerInvariant()}", StringComparison.Ordinal), $"{name} fires in no test."));
    }

    private static async Task<(int ExitCode, string Output)> PromtoolAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(SystemExecutable.Find("promtool"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output + await error);
    }

    [GeneratedRegex(@"""type"":\s*""prometheus"",\s*""uid"":\s*""(?<uid>[^""]*)""")]
    private static partial Regex SourceUid();

    [GeneratedRegex(@"- alert: (?<name>\w+)\n(?:(?!- alert: ).*\n)*?\s+severity: (?<severity>\w+)\n(?:(?!- alert: ).*\n)*?\s+summary: (?<summary>.+)\n(?:(?!- alert: ).*\n)*?\s+runbook_url: (?<runbook>\S+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"^### (?<name>Consent\w+)$", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
