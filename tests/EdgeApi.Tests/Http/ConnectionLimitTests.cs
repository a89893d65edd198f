using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary>What a client may take of the edge over HTTP/1.1, tried on its sockets. Where a limit is a time, the edge has a shorter one here.</summary>
public sealed partial class ConnectionLimitTests : IDisposable
{
    private const string List = "/v1/acme/production/scripts.json";

    private readonly TestStore _store = new();

    public ConnectionLimitTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Limits_AreTheOnesThatAreWrittenDown()
    {
        await using var edge = await TestEdge.StartAsync(_store);

        var limits = edge.Service<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.Equal(10_000, limits.MaxConcurrentConnections);
        Assert.Equal((100, 16 << 10, 8 << 10), (limits.MaxRequestHeaderCount, limits.MaxRequestHeadersTotalSize, limits.MaxRequestLineSize));
        Assert.Equal((4096, 64 << 10), (limits.MaxRequestBodySize, limits.MaxResponseBufferSize));
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(130)), (limits.RequestHeadersTimeout, limits.KeepAliveTimeout));
        Assert.Equal((240, TimeSpan.FromSeconds(5)), (limits.MinResponseDataRate!.BytesPerSecond, limits.MinResponseDataRate.GracePeriod));
        Assert.Equal((240, TimeSpan.FromSeconds(5)), (limits.MinRequestBodyDataRate!.BytesPerSecond, limits.MinRequestBodyDataRate.GracePeriod));
        Assert.Equal((100, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(20)), (limits.Http2.MaxStreamsPerConnection, limits.Http2.KeepAlivePingDelay, limits.Http2.KeepAlivePingTimeout));
    }

    [Fact]
    public async Task Headers_ThatNeverEnd_AreAnswered408AndClosed()
    {
        await using var edge = await StartAsync(limits => limits.RequestHeadersTimeout = TimeSpan.FromMilliseconds(500));
        using var connection = await RawConnection.OpenAsync(edge.Address);

        await connection.SendAsync($"GET {List} HTTP/1.1\r\nHost: edge\r\nX-Slow: ");

        Assert.StartsWith("HTTP/1.1 408 ", await connection.ReadTextToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_ThatTrickleIn_DoNotProlongTheirTime()
    {
        await using var edge = await StartAsync(limits => limits.RequestHeadersTimeout = TimeSpan.FromMilliseconds(500));
        using var connection = await RawConnection.OpenAsync(edge.Address);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        await connection.SendAsync($"GET {List} HTTP/1.1\r\nHost: edge\r\nX-Slow: ");
        var trickling = TrickleAsync();
        var answer = await connection.ReadTextToEndAsync();
        await stop.CancelAsync();
        await trickling;

        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);

        async Task TrickleAsync()
        {
            try
            {
                while (true)
                {
                    await connection.SendAsync("a");
                    await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, stop.Token);
                }
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // The edge has closed the connection.
            }
        }
    }

    [Fact]
    public async Task Connection_ThatAsksNothing_IsClosed()
    {
        await using var edge = await StartAsync(limits => limits.KeepAliveTimeout = TimeSpan.FromMilliseconds(500));
        using var connection = await RawConnection.OpenAsync(edge.Address);

        await connection.SendAsync("GET /health/live HTTP/1.1\r\nHost: edge\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", await connection.ReadTextToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_ThatDoesNotRead_IsLetGo_AndNothingPilesUp()
    {
        await using var edge = await StartAsync(limits => limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 1_000_000, gracePeriod: TimeSpan.FromSeconds(1.5)));
        using var open = new OpenConnections(edge);
        using var connection = await RawConnection.OpenAsync(edge.Address, receiveBuffer: 4096);
        await open.AreAsync(1);

        // 20,000 answers are several times what the buffers of both sides hold. The edge stops reading long before it has read all of the requests.
        var request = Encoding.ASCII.GetBytes($"GET {List} HTTP/1.1\r\nHost: edge\r\n\r\n");
        var sent = await connection.SendUntilClosedAsync(_ => request, 200_000);

        await open.AreAsync(0);
        Assert.InRange(sent, 0, 199_999L * request.Length);
        using var next = await edge.GetAsync(List);
        Assert.True(next.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData(101, 1)]
    [InlineData(3, 8000)]
    public async Task Headers_TooManyOrTooLong_Are431(int count, int length)
    {
        await using var edge = await StartAsync();
        using var connection = await RawConnection.OpenAsync(edge.Address);

        await connection.SendAsync($"GET {List} HTTP/1.1\r\n{string.Concat(Enumerable.Range(0, count).Select(number => $"X-{number}: {new string('a', length)}\r\n"))}Host: edge\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 431 ", await connection.ReadTextToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_InAFloodThatNeverEnds_AreNotReadOn()
    {
        await using var edge = await StartAsync();
        using var open = new OpenConnections(edge);
        using var connection = await RawConnection.OpenAsync(edge.Address);
        await connection.SendAsync($"GET {List} HTTP/1.1\r\nHost: edge\r\n");

        await connection.SendUntilClosedAsync(number => Encoding.ASCII.GetBytes($"X-{number}: {new string('a', 1000)}\r\n"), 100_000);

        await open.AreAsync(0);
    }

    [Fact]
    public async Task RequestLine_TooLong_Is414()
    {
        await using var edge = await StartAsync();

        var (status, _) = await edge.SendRawTargetAsync($"{List}?{new string('a', 8 << 10)}");

        Assert.Equal(414, status);
    }

    [Fact]
    public async Task Requests_InOnePiece_AreAllAnsweredInTheirOrder()
    {
        await using var edge = await StartAsync();
        using var connection = await RawConnection.OpenAsync(edge.Address);
        string[] sets = ["necessary", "marketing", "measurement", "nonsense", "functionality-experience"];
        var requests = new StringBuilder();
        for (var number = 0; number < 500; number++)
            requests.Append(CultureInfo.InvariantCulture, $"GET /v1/acme/production/scripts/{sets[number % sets.Length]}.json HTTP/1.1\r\nHost: edge\r\n{(number == 499 ? "Connection: close\r\n" : "")}\r\n");

        await connection.SendAsync(requests.ToString());
        var answer = await connection.ReadTextToEndAsync();

        var expected = new List<string>();
        foreach (var set in sets)
        {
            using var alone = await edge.GetAsync($"/v1/acme/production/scripts/{set}.json");
            expected.Add(alone.Headers.ETag?.ToString() ?? "404");
        }
        var got = Heads().Matches(answer).Select(head => head.Groups[1].Value == "404" ? "404" : ETag().Match(head.Value).Groups[1].Value).ToList();
        Assert.Equal([.. Enumerable.Range(0, 500).Select(number => expected[number % sets.Length])], got);
    }

    /// <summary>A half-open connection: the client has said that it sends nothing more. It may or may not get what it asked for; the connection ends.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("GET /v1/acme/pro")]
    [InlineData("GET /v1/acme/production/scripts.json HTTP/1.1\r\nHost: edge\r\n\r\n")]
    public async Task Client_ThatHasFinishedSending_IsLetGo(string begun)
    {
        await using var edge = await StartAsync();
        using var open = new OpenConnections(edge);
        using var connection = await RawConnection.OpenAsync(edge.Address);
        if (begun.Length > 0) await connection.SendAsync(begun);

        connection.FinishSending();

        await connection.ReadToEndAsync();
        await open.AreAsync(0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET /v1/acme/pro")]
    [InlineData("GET /v1/acme/production/scripts.json HTTP/1.1\r\nHost: edge\r\n\r\n")]
    public async Task Clients_ThatGoAwayWithoutAWord_LeaveNothingBehind(string begun)
    {
        await using var edge = await StartAsync();
        using var open = new OpenConnections(edge);

        for (var number = 0; number < 200; number++)
        {
            using var connection = await RawConnection.OpenAsync(edge.Address);
            if (begun.Length > 0) await connection.SendAsync(begun);
            connection.Reset();
        }

        await open.AreAsync(0);
        using var next = await edge.GetAsync(List);
        Assert.True(next.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Connections_BeyondTheLimit_AreClosed_UntilOthersLeave()
    {
        await using var edge = await StartAsync(limits => limits.MaxConcurrentConnections = 3);
        using var open = new OpenConnections(edge);
        List<RawConnection> held = [];
        for (var number = 0; number < 3; number++) held.Add(await RawConnection.OpenAsync(edge.Address));
        foreach (var connection in held) await connection.SendAsync("GET /health/live HTTP/1.1\r\n");

        using (var fourth = await RawConnection.OpenAsync(edge.Address))
        {
            await fourth.SendAsync("GET /health/live HTTP/1.1\r\nHost: edge\r\n\r\n");
            Assert.Empty(await fourth.ReadToEndAsync());
        }
        foreach (var connection in held) connection.Reset();
        await open.AreAsync(0);

        using var next = await edge.GetAsync(List);
        Assert.True(next.IsSuccessStatusCode);
    }

    private Task<TestEdge> StartAsync(Action<KestrelServerLimits>? change = null) =>
        TestEdge.StartAsync(_store, services => services.PostConfigure<KestrelServerOptions>(kestrel => change?.Invoke(kestrel.Limits)));

    [GeneratedRegex(@"HTTP/1\.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*")]
    private static partial Regex Heads();

    [GeneratedRegex("ETag: ([^\r]+)")]
    private static partial Regex ETag();
}
