using System.Net;
using System.Net.Sockets;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests;

/// <summary>The executable itself, as an operator starts it.</summary>
public sealed class ProgramTests : IDisposable
{
    private const string Listening = "Now listening on: ";
    private readonly TestStore _store = new();
    // A UNIX socket's path has at most 108 characters.
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-").FullName;

    public ProgramTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string SocketPath => Path.Combine(_folder, "edge.sock");

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Start_SocketFileOfAKilledEdge_IsReplaced()
    {
        using (var killed = Start($"http://unix:{SocketPath}"))
        {
            await killed.SaysAsync(Listening);
            await killed.KillAsync();
        }
        Assert.True(File.Exists(SocketPath));

        using var edge = Start($"http://unix:{SocketPath}");
        await edge.SaysAsync(Listening);

        Assert.Equal(HttpStatusCode.OK, await AskAsync($"http://unix:{SocketPath}"));
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    public async Task Start_AddressOfALiveEdge_SaysSoInOneLineAndExitsWith1(string kind)
    {
        using var first = Start(kind == "unix" ? $"http://unix:{SocketPath}" : "http://127.0.0.1:0");
        var address = await first.SaysAsync(Listening);

        using var second = Start(address);
        var (exitCode, output, error) = await second.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Equal($"The edge cannot listen: Failed to bind to address {address}: address already in use.{Environment.NewLine}", error);
        Assert.DoesNotContain("Exception", output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(address));
    }

    [Fact]
    public async Task Start_OrdinaryFileInTheSocketsPlace_IsLeftAlone()
    {
        await File.WriteAllTextAsync(SocketPath, "precious", Cancel);

        using var edge = Start($"http://unix:{SocketPath}");
        var (exitCode, _, error) = await edge.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("address already in use", Assert.Single(error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(SocketPath, Cancel));
    }

    [Theory]
    [InlineData("http://unix:/no/such/folder/edge.sock", "Cannot assign requested address")]
    [InlineData("http://192.0.2.1:8080", "Cannot assign requested address")]
    [InlineData("8080", "Invalid url: '8080'")]
    public async Task Start_AddressThatCannotBeListenedOn_SaysSoInOneLineAndExitsWith1(string address, string reason)
    {
        using var edge = Start(address);
        var (exitCode, output, error) = await edge.EndAsync();

        Assert.Equal(1, exitCode);
        var line = Assert.Single(error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith($"The edge cannot listen on {address}: {reason}", line, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FolderWithSettingsAndSubfolders_WatchesNothing()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "appsettings.json"), $$$"""{"Storage":{"Provider":"directory","Directory":"{{{_store.Root}}}"}}""", Cancel);
        Directory.CreateDirectory(Path.Combine(_folder, "with", "many", "subfolders"));

        using var edge = RunningProgram.Start("consent-edge", _folder, "--urls=http://127.0.0.1:0");
        await edge.SaysAsync(Listening);

        Assert.Empty(edge.Watches());
    }

    /// <summary>An edge that nobody can measure is found at its start, not at night.</summary>
    [Fact]
    public async Task Start_MetricsAddressInUse_SaysSoInOneLineAndExitsWith1()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"http://{other.LocalEndpoint}";

        using var edge = RunningProgram.Start("consent-edge", _folder, "--urls=http://127.0.0.1:0", "--Storage:Provider=directory", $"--Storage:Directory={_store.Root}", $"--Edge:MetricsUrl={address}");
        var (exitCode, _, error) = await edge.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Equal($"The edge cannot serve its metrics on {address} (Edge:MetricsUrl): Failed to bind to address {address}: address already in use.{Environment.NewLine}", error);
    }

    private RunningProgram Start(string address) =>
        RunningProgram.Start("consent-edge", _folder, $"--urls={address}", "--Storage:Provider=directory", $"--Storage:Directory={_store.Root}");

    private static async Task<HttpStatusCode> AskAsync(string address)
    {
        const string Unix = "http://unix:";
        using var handler = new SocketsHttpHandler();
        if (address.StartsWith(Unix, StringComparison.Ordinal))
        {
            var endpoint = new UnixDomainSocketEndPoint(address[Unix.Length..]);
            handler.ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(endpoint, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            };
            address = "http://edge";
        }
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(new Uri($"{address}/v1/acme/production/scripts?consent=marketing"), Cancel);
        return response.StatusCode;
    }
}
