namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>The label every container of the tests carries, by which <c>eng/teardown-tests.sh</c> finds what a killed run left.</summary>
internal static class TestRun
{
    public const string Label = "consent-snapshots.test-run";

    /// <summary>The id <c>test.sh</c> gave this run; a run without it has a name of its own.</summary>
    public static string Id { get; } =
        Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_RUN") is { Length: > 0 } id ? id : $"run-{Environment.ProcessId}";
}
