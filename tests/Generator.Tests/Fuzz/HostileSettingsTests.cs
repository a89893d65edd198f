using System.Collections.Concurrent;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>More than a hundred thousand attempts to make a setting do what only its type should.</summary>
public sealed class HostileSettingsTests(ITestOutputHelper output)
{
    private const int RandomDestinations = 100_000;
    private const int RandomScopes = 10_000;
    private const int Runs = 2_000;

    [Fact]
    public void Generate_HostileSettings_AreRefusedByNameOrStayData()
    {
        var checks = new HostileChecks();
        var escaped = new ConcurrentQueue<string>();
        Parallel.ForEach(HostileCase.EachFieldWithEachValue(), hostile =>
        {
            try
            {
                checks.Check(new HostileScope(hostile));
            }
            catch (Exception exception)
            {
                escaped.Enqueue($"{hostile}: {exception.Message}");
            }
        });
        Assert.True(escaped.IsEmpty, $"{escaped.Count} cases, such as:\n{string.Join('\n', escaped.Take(12))}");
        var systematic = checks.Cases;
        HostileScope.Alone.Sample(checks.Check, iter: RandomDestinations, threads: 2);
        HostileScope.Mixed.Sample(checks.Check, iter: RandomScopes, threads: 2);

        var runs = checks.ToRun.Values.Take(Runs).ToList();
        Parallel.ForEach(runs, run => HostilePage.Run(run.Types, run.Scripts));
        Assert.True(checks.Cases >= 100_000, $"Only {checks.Cases} cases were tried.");
        Assert.True(checks.Accepted > checks.Cases / 10, $"Only {checks.Accepted} cases were accepted, so little was attacked but the validation.");
        Assert.True(checks.OwnTexts > 500, $"Only {checks.OwnTexts} texts of an organization's own were compared.");
        Assert.True(runs.Count > 500, $"Only {runs.Count} configurations were run.");
        Report(FormattableString.Invariant(
            $"Hostile settings: {checks.Cases:N0} cases, none escaped ({systematic:N0} of every field with every value, {RandomDestinations:N0} random destinations, {RandomScopes:N0} random scopes of several). ")
            + FormattableString.Invariant($"In {checks.Accepted:N0} all was accepted, in {checks.Cases - checks.Accepted:N0} something refused by name; ")
            + FormattableString.Invariant($"{checks.InlineTexts:N0} inline texts parsed, {checks.OwnTexts:N0} own texts compared, {runs.Count:N0} configurations run."));
    }

    /// <summary>
    /// `dotnet test` shows what a passing test writes only with `--output Detailed`, so the test command names a file whose lines it prints at its end.
    /// </summary>
    private void Report(string line)
    {
        output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_REPORT") is { Length: > 0 } file) File.AppendAllText(file, line + "\n");
    }
}
