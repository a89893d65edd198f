using System.Collections.Concurrent;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>A hundred thousand attempts to make a setting do what only its type should.</summary>
public sealed class HostileSettingsTests(ITestOutputHelper output)
{
    private const int RandomCases = 100_000;
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
                checks.Check(hostile);
            }
            catch (Exception exception)
            {
                escaped.Enqueue($"{hostile}: {exception.Message}");
            }
        });
        Assert.True(escaped.IsEmpty, $"{escaped.Count} cases, such as:\n{string.Join('\n', escaped.Take(12))}");
        var systematic = checks.Cases;
        HostileCase.Any.Sample(checks.Check, iter: RandomCases, threads: 2);

        var page = new HostilePage();
        var runs = checks.ToRun.Values.Take(Runs).ToList();
        Parallel.ForEach(runs, run => page.Run(run.Type, run.Scripts));
        output.WriteLine($"{checks.Cases} cases ({systematic} systematic): {checks.Accepted} accepted, {checks.Cases - checks.Accepted} refused; "
            + $"{checks.InlineTexts} inline texts parsed, {runs.Count} configurations run.");
        Assert.True(checks.Cases >= 100_000);
        Assert.True(checks.Accepted > checks.Cases / 10, $"Only {checks.Accepted} cases were accepted, so little was attacked but the validation.");
        Assert.True(runs.Count > 500, $"Only {runs.Count} configurations were run.");
    }
}
