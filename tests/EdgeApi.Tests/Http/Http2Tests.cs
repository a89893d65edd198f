using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ConsentSnapshots.EdgeApi.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary>HTTP/2, over cleartext with prior knowledge and over TLS, set up as docs/edge.md tells operators to.</summary>
public sealed class Http2Tests : IDisposable
{
    private const string List = "/v1/acme/production/scripts.json";

    private static readonly (string, string)[] s_cleartext = [("Kestrel:Endpoints:h2c:Url", "http://127.0.0.1:0"), ("Kestrel:Endpoints:h2c:Protocols", "Http2")];

    private readonly TestStore _store = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edge-tls-");

    public Http2Tests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _store.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Cleartext_WithPriorKnowledge_AnswersAsOverHttp1()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        await using var plain = await TestEdge.StartAsync(_store);
        using var client = Client(edge);

        foreach (var (method, path, coding) in ((HttpMethod, string, string)[])
            [
                (HttpMethod.Get, List, "br"), (HttpMethod.Get, List, "gzip"), (HttpMethod.Get, List, "identity"), (HttpMethod.Head, List, "br"), (HttpMethod.Options, List, "br"),
                (HttpMethod.Get, "/v1/acme/production/scripts?consent=marketing", "br"), (HttpMethod.Get, "/v1/acme/production/scripts", "br"), (HttpMethod.Get, "/v1/nobody/production/scripts.json", "br"),
                (HttpMethod.Post, List, "br"), (HttpMethod.Get, "/v1/loader.js", "br"),
            ])
        {
            using var over2 = await SendAsync(client, method, path, ("Accept-Encoding", coding));
            using var over1 = await plain.SendAsync(method, path, ("Accept-Encoding", coding));

            Assert.Equal(HttpVersion.Version20, over2.Version);
            Assert.Equal((over1.StatusCode, Describe(over1)), (over2.StatusCode, Describe(over2)));
            Assert.Equal(await over1.Content.ReadAsByteArrayAsync(Cancel), await over2.Content.ReadAsByteArrayAsync(Cancel));
        }
    }

    [Fact]
    public async Task Cleartext_Conditional_Is304WithoutABody()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        using var client = Client(edge);
        using var first = await SendAsync(client, HttpMethod.Get, List);

        using var second = await SendAsync(client, HttpMethod.Get, List, ("If-None-Match", first.Headers.ETag!.ToString()));

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task Cleartext_AHundredStreamsAtOnce_AreAllAnsweredOnOneConnection()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        using var open = new OpenConnections(edge);
        using var client = Client(edge);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(async number =>
        {
            using var response = await SendAsync(client, HttpMethod.Get, $"{List}?{number}");
            return await response.Content.ReadAsByteArrayAsync(Cancel);
        }));

        Assert.All(answers, answer => Assert.Equal(_store.Current(TestStore.Acme).ListBytes(), answer));
        Assert.Equal(1, open.Count);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task Tls_WithACertificateOfTheOperator_SpeaksBothVersions(int major, int minor)
    {
        await using var edge = await TestEdge.StartAsync(_store,
            [("Kestrel:Endpoints:tls:Url", "https://127.0.0.1:0"), ("Kestrel:Endpoints:tls:Certificate:Path", Certificate()), ("Kestrel:Endpoints:tls:Certificate:Password", "only-for-tests")]);
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.Subject == "CN=edge" } })
        {
            BaseAddress = edge.Address,
            DefaultRequestVersion = new Version(major, minor),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await SendAsync(client, HttpMethod.Get, List);

        Assert.Equal((HttpStatusCode.OK, new Version(major, minor)), (response.StatusCode, response.Version));
        Assert.Equal(_store.Current(TestStore.Acme).ListBytes(), await response.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task Http1Endpoint_SpokenToInHttp2_RefusesWithoutServing()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var connection = await RawConnection.OpenAsync(edge.Address);

        await connection.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

        Assert.DoesNotContain("200 OK", await connection.ReadTextToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HeaderBlock_ThatNeverEnds_ClosesTheConnection()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        using var open = new OpenConnections(edge);
        using var connection = await Http2Connection.OpenAsync(edge.Address);
        await connection.SendAsync(Http2Connection.Frame(Http2Connection.Headers, Http2Connection.EndStream, 1, Http2Connection.Get(List)));

        await connection.SendUntilClosedAsync(
            number => Http2Connection.Frame(Http2Connection.Continuation, 0, 1, Http2Connection.Field($"x-{number}", new string('a', 1000))), 100_000);

        await open.AreAsync(0);
        await AnswersAsync(edge);
    }

    [Fact]
    public async Task Streams_ResetAsSoonAsOpened_LeaveNothingBehind()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        using var open = new OpenConnections(edge);
        using var connection = await Http2Connection.OpenAsync(edge.Address);
        var path = Http2Connection.Get(List);

        await connection.SendUntilClosedAsync(
            number =>
            [
                .. Http2Connection.Frame(Http2Connection.Headers, Http2Connection.EndStream | Http2Connection.EndHeaders, 2 * number + 1, path),
                .. Http2Connection.Frame(Http2Connection.ResetStream, 0, 2 * number + 1, [0, 0, 0, 8]),
            ], 200_000);

        // Streams that pile up close the connection. Those whose answer was sent before the reset came do not pile up, and then the client has to go.
        connection.Dispose();
        await open.AreAsync(0);
        await AnswersAsync(edge);
    }

    [Fact]
    public async Task Connection_ThatDoesNotAnswerPings_IsClosed()
    {
        await using var edge = await TestEdge.StartAsync(_store, services => services.PostConfigure<KestrelServerOptions>(kestrel =>
            (kestrel.Limits.Http2.KeepAlivePingDelay, kestrel.Limits.Http2.KeepAlivePingTimeout) = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1))), s_cleartext);
        using var open = new OpenConnections(edge);
        using var connection = await Http2Connection.OpenAsync(edge.Address);

        await connection.ReadUntilAsync(Http2Connection.Ping);

        await open.AreAsync(0);
    }

    [Fact]
    public async Task Connection_TellsItsLimits()
    {
        await using var edge = await TestEdge.StartAsync(_store, s_cleartext);
        using var connection = await Http2Connection.OpenAsync(edge.Address);

        var settings = await connection.ReadUntilAsync(Http2Connection.Settings);

        var told = settings.Chunk(6).ToDictionary(entry => BinaryPrimitives.ReadUInt16BigEndian(entry), entry => BinaryPrimitives.ReadInt32BigEndian(entry.AsSpan(2)));
        Assert.Equal(100, told[3]); // SETTINGS_MAX_CONCURRENT_STREAMS
        Assert.Equal(16 << 10, told[6]); // SETTINGS_MAX_HEADER_LIST_SIZE
    }

    private static async Task AnswersAsync(TestEdge edge)
    {
        using var client = Client(edge);
        using var response = await SendAsync(client, HttpMethod.Get, List);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static HttpClient Client(TestEdge edge) => new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None })
    {
        BaseAddress = edge.Address,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Version = client.DefaultRequestVersion, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        foreach (var (name, value) in headers) Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await client.SendAsync(request, Cancel);
    }

    private static string Describe(HttpResponseMessage response) => string.Join('\n', response.Headers.Concat(response.Content.Headers)
        .Where(header => header.Key is not ("Date" or "Connection" or "Transfer-Encoding")).Select(header => $"{header.Key}: {string.Join(", ", header.Value)}").Order(StringComparer.Ordinal));

    /// <summary>A certificate for this test alone, as a file.</summary>
    private string Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=edge", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var path = Path.Combine(_folder.FullName, "edge.pfx");
        File.WriteAllBytes(path, certificate.Export(X509ContentType.Pfx, "only-for-tests"));
        return path;
    }
}
