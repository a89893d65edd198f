using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Tests.Support;

namespace ConsentSnapshots.Worker.Tests.Commands;

/// <summary>The command that a container's health check runs, as the executable that the image has.</summary>
public sealed class HealthCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-health-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Health_RunningService_IsAliveAndReady()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "destinations.json"), """{"organizations":[{"id":"acme"}]}""", Cancel);
        using var worker = RunningProgram.Start("consent-snapshots", _folder, "run",
            "--Source:Provider=file", "--Source:File=destinations.json", "--Storage:Provider=directory", "--Storage:Directory=store", "--Worker:Url=http://127.0.0.1:0");
        var address = await worker.SaysAsync("Health and metrics are served on ");
        await worker.SaysAsync("acme/production: Published");

        var alive = await AskAsync(address);
        var ready = await AskAsync(address, "--ready");

        Assert.Equal((0, """{"status":"live","reasons":[]}"""), (alive.ExitCode, alive.Output.Trim()));
        Assert.Equal((0, """{"status":"ready","reasons":[]}"""), (ready.ExitCode, ready.Output.Trim()));
    }

    [Fact]
    public async Task Health_ServiceThatWaitsForItsDatabase_IsAliveAndSaysWhyItIsNotReady()
    {
        using var worker = RunningProgram.Start("consent-snapshots", _folder, "run", "--Source:Provider=postgres", "--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1;Username=nobody",
            "--Storage:Provider=directory", "--Storage:Directory=store", "--Worker:Url=http://127.0.0.1:0");
        var address = await worker.SaysAsync("Health and metrics are served on ");

        var alive = await AskAsync(address);
        var ready = await AskAsync(address, "--ready");

        Assert.Equal(0, alive.ExitCode);
        Assert.Equal(1, ready.ExitCode);
        Assert.Contains("/health/ready answers 503: {\"status\":\"not-ready\",\"reasons\":[\"", ready.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_NobodyListens_SaysWhereItAsked()
    {
        var asked = await AskAsync("http://+:1");

        Assert.Equal((1, ""), (asked.ExitCode, asked.Output));
        Assert.StartsWith("http://127.0.0.1:1/health/live does not answer: ", asked.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_AddressIsOff_SaysWhatToSet()
    {
        var asked = await AskAsync("off");

        Assert.Equal(2, asked.ExitCode);
        Assert.Contains("Worker:Url is off", asked.Error, StringComparison.Ordinal);
    }

    private static Task<Executable.Outcome> AskAsync(string url, params string[] options) =>
        Executable.RunAsync(Executable.Worker, ["health", .. options, $"--Worker:Url={url}"], [], Cancel);
}
