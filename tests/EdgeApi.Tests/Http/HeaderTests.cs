using System.Globalization;
using System.IO.Compression;
using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class HeaderTests : IDisposable
{
    private const string Marketing = "/v1/acme/production/scripts?consent=marketing";
    private const string List = "/v1/acme/production/scripts.json";
    private const string Tags = "/v1/acme/production/tags.js";
    private const string TheLoader = "/v1/loader.js";
    private readonly TestStore _store = new();

    public HeaderTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(Marketing, "max-age=30, private")]
    [InlineData("/analytics/scripts?consent=marketing&organizationId=acme&environment=production", "max-age=30, private")]
    [InlineData("/v1/acme/production/scripts/marketing.json", "public, max-age=30")]
    [InlineData(List, "public, max-age=30")]
    [InlineData(Tags, "public, max-age=30", "text/javascript; charset=utf-8")]
    public async Task Answer_Success_CarriesEveryHeaderOfTheContract(string path, string caches, string contentType = "application/json")
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Matches("^\"[0-9a-f]{32}\"$", Header(response, "ETag"));
        Assert.Equal("Sun, 01 Mar 2026 10:00:10 GMT", Header(response, "Last-Modified"));
        Assert.Equal($"{caches}, stale-while-revalidate=60, stale-if-error=3600", Header(response, "Cache-Control"));
        Assert.Equal("Accept-Encoding", Header(response, "Vary"));
        Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        Assert.Contains("ETag", Header(response, "Access-Control-Expose-Headers"), StringComparison.Ordinal);
        Assert.Contains("Content-Location", Header(response, "Access-Control-Expose-Headers"), StringComparison.Ordinal);
        Assert.Equal("*", Header(response, "Timing-Allow-Origin"));
        Assert.Equal(contentType, Header(response, "Content-Type"));
        Assert.Null(Header(response, "Access-Control-Allow-Credentials"));
        Assert.Equal((await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length.ToString(CultureInfo.InvariantCulture),
            Header(response, "Content-Length"));
        Assert.Null(Header(response, "Content-Encoding"));
        Assert.Null(Header(response, "Content-Location"));
        Assert.Null(Header(response, "Server"));
    }

    [Fact]
    public async Task Loader_Answer_IsJavaScriptForAnHour()
    {
        await using var edge = await TestEdge.StartAsync(_store);

        using var response = await edge.GetAsync(TheLoader);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(await File.ReadAllBytesAsync(_store.LoaderPath, TestContext.Current.CancellationToken),
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal("public, max-age=3600", Header(response, "Cache-Control"));
        Assert.Equal("text/javascript; charset=utf-8", Header(response, "Content-Type"));
        Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
        Assert.Equal("Accept-Encoding", Header(response, "Vary"));
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        Assert.Matches("^\"[0-9a-f]{32}\"$", Header(response, "ETag"));
        // Nobody knows since when it has been what it is, so a date confirms nothing.
        Assert.Null(Header(response, "Last-Modified"));
        using var dated = await edge.GetAsync(TheLoader, ("If-Modified-Since", "Mon, 01 Mar 2060 10:00:00 GMT"));
        Assert.Equal(HttpStatusCode.OK, dated.StatusCode);
    }

    [Fact]
    public async Task Answer_PublicBaseUrl_NamesTheListsBlobAsContentLocation()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Storage:PublicBaseUrl", "https://cdn.example/scripts/"));
        using var response = await edge.GetAsync(List);
        Assert.Equal("https://cdn.example/scripts/acme/production/scripts.json", Header(response, "Content-Location"));
        using var confirmed = await edge.GetAsync(List, ("If-None-Match", Header(response, "ETag")!));
        Assert.Equal(Header(response, "Content-Location"), Header(confirmed, "Content-Location"));
        // A snapshot has neither version nor consent, so it is not the same as an answer.
        foreach (var path in new[] { Marketing, Tags, TheLoader })
        {
            using var other = await edge.GetAsync(path);
            Assert.Null(Header(other, "Content-Location"));
        }
    }

    [Fact]
    public async Task Answer_SharedQueryCache_LetsACacheKeepAnswersToQueries()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:SharedQueryCache", "true"));
        using var response = await edge.GetAsync(Marketing);
        Assert.Equal("public, max-age=30, stale-while-revalidate=60, stale-if-error=3600", Header(response, "Cache-Control"));
    }

    [Theory]
    [InlineData(Marketing)]
    [InlineData(List)]
    [InlineData(Tags)]
    [InlineData(TheLoader)]
    public async Task Answer_EachCoding_HasItsOwnETagAndTheSameContent(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var (identity, plainTag) = await ReadAsync(edge, path, "identity", null);
        var (gzip, gzipTag) = await ReadAsync(edge, path, "gzip", "gzip");
        var (brotli, brotliTag) = await ReadAsync(edge, path, "gzip, deflate, br, zstd", "br");
        Assert.Equal(3, new[] { plainTag, gzipTag, brotliTag }.Distinct().Count());
        Assert.Equal(identity, Decompress(new GZipStream(new MemoryStream(gzip), CompressionMode.Decompress)));
        Assert.Equal(identity, Decompress(new BrotliStream(new MemoryStream(brotli), CompressionMode.Decompress)));
        Assert.True(brotli.Length < identity.Length);
        // Prepared once: the same bytes, the same tag.
        Assert.Equal(brotli, (await ReadAsync(edge, path, "br", "br")).Body);
    }

    [Fact]
    public async Task Answer_NoCodingAcceptable_Is406InTheClear()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(Marketing, ("Accept-Encoding", "identity;q=0, zstd"));
        Assert.Equal(HttpStatusCode.NotAcceptable, response.StatusCode);
        Assert.Equal("Accept-Encoding", Header(response, "Vary"));
        await Errors.AssertAsync(response, "Not acceptable");
    }

    [Theory]
    [InlineData(Marketing)]
    [InlineData(Tags)]
    [InlineData(TheLoader)]
    public async Task Answer_IfNoneMatch_Is304WithoutBody(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var first = await edge.GetAsync(path, ("Accept-Encoding", "br"));
        var etag = Header(first, "ETag")!;
        foreach (var condition in new[] { etag, $"W/{etag}", "*", $"\"a,b\", W/\"c\" ,{etag}" })
        {
            using var response = await edge.GetAsync(path, ("Accept-Encoding", "br"), ("If-None-Match", condition));
            Assert.Equal(HttpStatusCode.NotModified, response.StatusCode);
            Assert.Equal(etag, Header(response, "ETag"));
            Assert.Equal(Header(first, "Cache-Control"), Header(response, "Cache-Control"));
            Assert.Equal("Accept-Encoding", Header(response, "Vary"));
            Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
            Assert.Equal("nosniff", Header(response, "X-Content-Type-Options"));
            Assert.Empty(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
        // The tag of one coding does not stand for another.
        using var plain = await edge.GetAsync(path, ("If-None-Match", etag));
        Assert.Equal(HttpStatusCode.OK, plain.StatusCode);
    }

    [Fact]
    public async Task Answer_IfNoneMatchOfAnotherBody_IgnoresIfModifiedSince()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(Marketing, ("If-None-Match", "\"0123\""), ("If-Modified-Since", "Sun, 01 Mar 2027 10:00:00 GMT"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("Sun, 01 Mar 2026 10:00:10 GMT", HttpStatusCode.NotModified)]
    [InlineData("Sun, 01 Mar 2026 10:00:11 GMT", HttpStatusCode.NotModified)]
    [InlineData("Sun, 01 Mar 2026 10:00:09 GMT", HttpStatusCode.OK)]
    [InlineData("yesterday", HttpStatusCode.OK)]
    public async Task Answer_IfModifiedSince_ComparesWithLastModified(string since, HttpStatusCode expected)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(Marketing, ("If-Modified-Since", since));
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Answer_IfMatchOfAnotherBody_Is412()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(Marketing, ("If-Match", "\"0123\""));
        Assert.Equal(HttpStatusCode.PreconditionFailed, response.StatusCode);
        await Errors.AssertAsync(response, "Precondition failed");
    }

    [Theory]
    [InlineData(Marketing)]
    [InlineData(List)]
    [InlineData(Tags)]
    [InlineData(TheLoader)]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/v1/acme/production/scripts")]
    [InlineData("/v1/nobody/production/scripts?consent=marketing")]
    [InlineData("/nothing")]
    public async Task Head_Anything_HasTheHeadersOfGetAndNoBody(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        await edge.GetUntilAsync("/health/ready", (response, _) => response.IsSuccessStatusCode);
        using var get = await edge.GetAsync(path);
        using var head = await edge.SendAsync(HttpMethod.Head, path);
        Assert.Equal(get.StatusCode, head.StatusCode);
        foreach (var name in new[] { "ETag", "Last-Modified", "Cache-Control", "Content-Type", "Vary", "Access-Control-Allow-Origin", "X-Content-Type-Options" })
            Assert.Equal(Header(get, name), Header(head, name));
        if (!path.EndsWith("ready", StringComparison.Ordinal)) Assert.Equal(Header(get, "Content-Length"), Header(head, "Content-Length"));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(Marketing)]
    [InlineData(List)]
    [InlineData(Tags)]
    [InlineData(TheLoader)]
    [InlineData("/analytics/scripts")]
    public async Task Options_Preflight_Is204WithWhatIsAllowed(string path)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.SendAsync(
            HttpMethod.Options, path, ("Origin", "https://shop.example"), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "content-type"));
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        Assert.Equal("GET, HEAD, OPTIONS", Header(response, "Access-Control-Allow-Methods"));
        Assert.Contains("Content-Type", Header(response, "Access-Control-Allow-Headers"), StringComparison.Ordinal);
        Assert.Equal("86400", Header(response, "Access-Control-Max-Age"));
        Assert.Equal("GET, HEAD, OPTIONS", Header(response, "Allow"));
    }

    internal static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    private static async Task<(byte[] Body, string ETag)> ReadAsync(TestEdge edge, string path, string accept, string? coding)
    {
        using var response = await edge.GetAsync(path, ("Accept-Encoding", accept));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(coding, Header(response, "Content-Encoding"));
        return (await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), Header(response, "ETag")!);
    }

    private static byte[] Decompress(Stream stream)
    {
        using var output = new MemoryStream();
        using (stream) stream.CopyTo(output);
        return output.ToArray();
    }
}
