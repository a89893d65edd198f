using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests;

/// <summary>The command that a container's health check runs, as the executable that the image has.</summary>
public sealed class HealthCommandTests : IDisposable
{
    private const string Listening = "Now listening on: ";
    private readonly TestStore _store = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-health-").FullName;

    public HealthCommandTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("--urls=")]
    [InlineData("--Kestrel:Endpoints:h2c:Protocols=Http2 --Kestrel:Endpoints:h2c:Url=http://127.0.0.1:1 --Kestrel:Endpoints:web:Url=")]
    public async Task Health_RunningEdge_IsAliveAndReady(string setting)
    {
        using var edge = Start("--urls=http://127.0.0.1:0", "--Storage:Provider=directory", $"--Storage:Directory={_store.Root}");
        var address = await edge.SaysAsync(Listening);

        var alive = await AskAsync((setting + address).Split(' '));
        var ready = await ReadyAsync((setting + address).Split(' '));

        Assert.Equal((0, """{"status":"live"}"""), (alive.ExitCode, alive.Output.Trim()));
        Assert.Equal(0, ready.ExitCode);
        Assert.Contains("\"status\":\"ready\"", ready.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_StoreWasNeverReached_IsAliveAndSaysWhyItIsNotReady()
    {
        using var edge = Start("--urls=http://127.0.0.1:0", "--Storage:Provider=azure",
            "--Storage:ConnectionString=DefaultEndpointsProtocol=http;AccountName=nobody;AccountKey=bm9ib2R5;BlobEndpoint=http://127.0.0.1:1/nobody");
        var address = await edge.SaysAsync(Listening);

        var alive = await AskAsync(address);
        var ready = await AskAsync("--ready", address);

        Assert.Equal(0, alive.ExitCode);
        Assert.Equal(1, ready.ExitCode);
        Assert.Contains("/health/ready answers 503: {\"status\":\"not-ready\"", ready.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_NobodyListens_SaysWhereItAsked()
    {
        var asked = await AskAsync("--urls=http://+:1");

        Assert.Equal((1, ""), (asked.ExitCode, asked.Output));
        Assert.StartsWith("http://127.0.0.1:1/health/live does not answer: ", asked.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--urls=http://unix:/run/edge.sock", "The settings name no http address")]
    [InlineData("--urls=https://+:8443", "The settings name no http address")]
    [InlineData("https://127.0.0.1:8443", "'https://127.0.0.1:8443/' is no http URL")]
    [InlineData("--raedy", "'--raedy' is not understood. Write: consent-edge health [--ready] [URL]")]
    public async Task Health_NowhereToAsk_SaysWhatToWrite(string argument, string message)
    {
        var asked = await AskAsync(argument);

        Assert.Equal(2, asked.ExitCode);
        Assert.StartsWith(message, asked.Error, StringComparison.Ordinal);
    }

    private RunningProgram Start(params string[] arguments) => RunningProgram.Start("consent-edge", _folder, arguments);

    /// <summary>The edge is ready once it has found the end of the change log, soon after it listens.</summary>
    private async Task<(int ExitCode, string Output, string Error)> ReadyAsync(string[] arguments)
    {
        (int ExitCode, string Output, string Error) asked = default;
        await Eventually.TrueAsync(async () => (asked = await AskAsync(["--ready", .. arguments])).ExitCode == 0, "an edge that is ready");
        return asked;
    }

    private async Task<(int ExitCode, string Output, string Error)> AskAsync(params string[] arguments)
    {
        using var asking = Start(["health", .. arguments]);
        return await asking.EndAsync();
    }
}
