using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Torture.Tests.Platform;

namespace ConsentSnapshots.Torture.Tests;

/// <summary>The whole product as processes, while everything around it fails. What is guaranteed, and how a longer run is made, is in <c>docs/reliability.md</c>.</summary>
public sealed class TortureTests(TorturePostgres postgres, AzuriteFixture azurite)
{
    [Fact]
    public async Task Run_WhileEverythingFails_KeepsEveryGuarantee()
    {
        var outcome = await new TortureRun(postgres, azurite, TortureOptions.FromEnvironment(), Say).RunAsync(TestContext.Current.CancellationToken);

        Say(outcome.Summary);
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_REPORT") is { Length: > 0 } file)
            await File.AppendAllLinesAsync(file, [outcome.Summary], TestContext.Current.CancellationToken);
        Assert.True(outcome.Violations.Count == 0, $"{outcome.Summary} (logs in {outcome.Logs}){Environment.NewLine}{string.Join(Environment.NewLine, outcome.Violations.Take(30))}");
    }

    private static void Say(string line)
    {
        lock (Console.Out) Console.WriteLine(line);
    }
}
