using System.Net;
using System.Text;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary><c>Edge:Origins</c>: whom CORS lets read.</summary>
public sealed class OriginTests : IDisposable
{
    private const string Shop = "https://shop.example";
    private const string Blog = "https://blog.example:8443";
    private const string Both = Shop + ", " + Blog;
    private const string List = "/v1/acme/production/scripts.json";
    private readonly TestStore _store = new();

    public OriginTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    /// <summary>Everything that the edge answers: each route, and each kind of error.</summary>
    private IEnumerable<(string Path, HttpStatusCode Status, bool IsCoded, string Caches)> Everything =>
    [
        (List, HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
        ("/v1/acme/production/config", HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
        ("/v1/acme/production/tags.js", HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
        ("/v1/acme/production/scripts/marketing.json", HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
        ("/v1/loader.js", HttpStatusCode.OK, true, "max-age=3600"),
        ("/v1/nobody/production/scripts.json", HttpStatusCode.NotFound, false, "max-age=5"),
        ("/v1/acme/qa/scripts.json", HttpStatusCode.NotFound, false, "max-age=5"),
        ("/v1/acme/production/scripts/nothing.json", HttpStatusCode.NotFound, false, "max-age=5"),
        ("/nothing", HttpStatusCode.NotFound, false, "max-age=5"),
        ("/public/acme/production/scripts.json", HttpStatusCode.OK, false, "max-age=30, stale-while-revalidate=60, stale-if-error=3600"),
        ($"/public/acme/production/{_store.Current(TestStore.Acme).Combinations[0].Snapshot}.json", HttpStatusCode.OK, false, "max-age=31536000, immutable"),
        ("/public/_/loader.js", HttpStatusCode.OK, false, "max-age=3600"),
        ("/public/acme/production/nothing.json", HttpStatusCode.NotFound, false, "max-age=5"),
    ];

    /// <summary>What is never public: the query decides, or nobody may store it.</summary>
    private static IEnumerable<(string Path, HttpStatusCode Status, bool IsCoded, string Caches)> NeverPublic =>
    [
        ("/v1/acme/production/scripts?consent=marketing", HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600, private"),
        ("/analytics/scripts?consent=marketing&organizationId=acme&environment=production", HttpStatusCode.OK, true, "max-age=30, stale-while-revalidate=60, stale-if-error=3600, private"),
        ("/analytics/scripts?consent=marketing&organizationId=nobody&environment=production", HttpStatusCode.NotFound, false, "max-age=5, private"),
        ("/analytics/scripts?consent=marketing", HttpStatusCode.BadRequest, false, "no-store"),
        ("/v1/acme/production/scripts", HttpStatusCode.BadRequest, false, "no-store"),
        ("/health/live", HttpStatusCode.OK, false, "no-store"),
    ];

    [Fact]
    public async Task Any_OneOrigin_IsSentToEverybodyWithoutVary()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Shop));

        foreach (var asking in new[] { null, Shop, "https://evil.example", "null" })
            foreach (var (path, status, isCoded, caches) in Everything.Select(answer => answer with { Caches = $"public, {answer.Caches}" }).Concat(NeverPublic))
            {
                using var response = await AskAsync(edge, HttpMethod.Get, path, asking);
                Assert.Equal(status, response.StatusCode);
                AssertReadableBy(response, Shop);
                Assert.Equal((path, isCoded ? "Accept-Encoding" : null), (path, HeaderTests.Header(response, "Vary")));
                Assert.Equal((path, Sorted(caches)), (path, Sorted(HeaderTests.Header(response, "Cache-Control"))));
            }
    }

    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task Any_SeveralOrigins_EchoesTheOneThatAsksAndVaries(string sharedQueryCache)
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Both), ("Edge:SharedQueryCache", sharedQueryCache));
        var isShared = sharedQueryCache == "true";

        foreach (var (asking, readable) in new[] { (Shop, Shop), (Blog, Blog), ("https://evil.example", null), (null, null), ("null", null) })
            foreach (var (path, status, isCoded, caches) in Everything.Concat(NeverPublic))
            {
                using var response = await AskAsync(edge, HttpMethod.Get, path, asking);
                Assert.Equal(status, response.StatusCode);
                AssertReadableBy(response, readable);
                Assert.Equal((path, isCoded ? "Accept-Encoding, Origin" : "Origin"), (path, HeaderTests.Header(response, "Vary")));
                var expected = caches is "no-store" ? caches : $"{(isShared ? "public" : "private")}, {caches.Replace(", private", "", StringComparison.Ordinal)}";
                Assert.Equal((path, Sorted(expected)), (path, Sorted(HeaderTests.Header(response, "Cache-Control"))));
            }
    }

    [Fact]
    public async Task Any_SeveralOrigins_OtherStatusesToo()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Both));
        using var first = await AskAsync(edge, HttpMethod.Get, List, Shop);
        var etag = HeaderTests.Header(first, "ETag")!;

        foreach (var (asking, readable) in new[] { (Blog, Blog), ("https://evil.example", (string?)null) })
        {
            using var unchanged = await edge.GetAsync(List, ("Origin", asking), ("If-None-Match", etag));
            Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
            AssertReadableBy(unchanged, readable);
            Assert.Equal("Accept-Encoding, Origin", HeaderTests.Header(unchanged, "Vary"));
            Assert.Equal(HeaderTests.Header(first, "Cache-Control"), HeaderTests.Header(unchanged, "Cache-Control"));

            using var refused = await edge.GetAsync(List, ("Origin", asking), ("If-Match", "\"0123\""));
            Assert.Equal(HttpStatusCode.PreconditionFailed, refused.StatusCode);
            AssertReadableBy(refused, readable);
            Assert.Equal("Origin", HeaderTests.Header(refused, "Vary"));

            using var uncoded = await edge.GetAsync(List, ("Origin", asking), ("Accept-Encoding", "identity;q=0, zstd"));
            Assert.Equal(HttpStatusCode.NotAcceptable, uncoded.StatusCode);
            AssertReadableBy(uncoded, readable);
            Assert.Equal("Accept-Encoding, Origin", HeaderTests.Header(uncoded, "Vary"));

            using var method = await AskAsync(edge, HttpMethod.Delete, List, asking);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
            AssertReadableBy(method, readable);

            using var head = await AskAsync(edge, HttpMethod.Head, List, asking);
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
            AssertReadableBy(head, readable);
        }
    }

    [Fact]
    public async Task Any_SeveralOriginsAndStoreDown_503IsReadable()
    {
        _store.TakeDown();
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Both));

        foreach (var path in new[] { List, "/public/acme/production/scripts.json", "/health/ready" })
        {
            using var response = await AskAsync(edge, HttpMethod.Get, path, Shop);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            AssertReadableBy(response, Shop);
            Assert.Equal("Origin", HeaderTests.Header(response, "Vary"));
        }
    }

    [Theory]
    [InlineData(Shop, "https://evil.example", Shop, null)]
    [InlineData(Both, Blog, Blog, "Origin")]
    [InlineData(Both, "https://evil.example", null, "Origin")]
    public async Task Preflight_NamedOrigins_AreAllowedWithCredentials(string origins, string asking, string? readable, string? vary)
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", origins));

        using var response = await edge.SendAsync(
            HttpMethod.Options, List, ("Origin", asking), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "if-none-match"));

        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        AssertReadableBy(response, readable);
        Assert.Equal(vary, HeaderTests.Header(response, "Vary"));
        Assert.Contains("If-None-Match", HeaderTests.Header(response, "Access-Control-Allow-Headers"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Origin: https://shop.example\r\nOrigin: https://blog.example:8443")]
    [InlineData("Origin: https://shop.example\r\nOrigin: https://shop.example")]
    [InlineData("Origin: https://shop.example, https://blog.example:8443")]
    [InlineData("Origin: https://shop.example https://blog.example:8443")]
    [InlineData("Origin: HTTPS://shop.example")]
    [InlineData("Origin: https://SHOP.example")]
    [InlineData("Origin: https://shop.example/")]
    [InlineData("Origin: https://shop.example:443")]
    [InlineData("Origin: http://shop.example")]
    [InlineData("Origin: https://shop.example.")]
    [InlineData("Origin: https://shop.example.evil.example")]
    [InlineData("Origin: https://evilshop.example")]
    [InlineData("Origin: https://blog.example")]
    [InlineData("Origin: null")]
    [InlineData("Origin: *")]
    [InlineData("Origin:")]
    [InlineData("Origin: \xff\xfe")]
    [InlineData("X-Origin: https://shop.example")]
    public async Task Any_NotExactlyOneOfTheOrigins_MayNotRead(string header)
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Both));

        var (status, answer) = await edge.SendRawAsync(Encoding.Latin1.GetBytes($"GET {List} HTTP/1.1\r\nHost: edge\r\n{header}\r\nConnection: close\r\n\r\n"));

        Assert.True(status is 200 or 400, answer);
        Assert.DoesNotContain("Access-Control-Allow-Origin", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Access-Control-Allow-Credentials", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Timing-Allow-Origin", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(10_000, 200)]
    [InlineData(60_000, 431)]
    public async Task Any_HugeOrigin_IsNoFault(int length, int expected)
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", Both));

        var (status, answer) = await edge.SendRawAsync(
            Encoding.Latin1.GetBytes($"GET {List} HTTP/1.1\r\nHost: edge\r\nOrigin: https://{new string('a', length)}.example\r\nConnection: close\r\n\r\n"));

        Assert.Equal(expected, status);
        Assert.DoesNotContain("aaaa", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(edge.Log.Entries, entry => entry.Level >= Microsoft.Extensions.Logging.LogLevel.Error);
    }

    [Fact]
    public async Task Any_SpellingsOfOneOrigin_AreOneOrigin()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Origins", "https://Shop.Example:443,https://shop.example"));

        using var response = await edge.GetAsync(List);

        AssertReadableBy(response, Shop);
        Assert.Equal("Accept-Encoding", HeaderTests.Header(response, "Vary"));
    }

    private static void AssertReadableBy(HttpResponseMessage response, string? origin)
    {
        Assert.Equal(origin, HeaderTests.Header(response, "Access-Control-Allow-Origin"));
        Assert.Equal(origin, HeaderTests.Header(response, "Timing-Allow-Origin"));
        Assert.Equal(origin is null ? null : "true", HeaderTests.Header(response, "Access-Control-Allow-Credentials"));
        Assert.Equal("nosniff", HeaderTests.Header(response, "X-Content-Type-Options"));
    }

    private static Task<HttpResponseMessage> AskAsync(TestEdge edge, HttpMethod method, string path, string? origin) =>
        edge.SendAsync(method, path, origin is null ? [] : [("Origin", origin)]);

    private static string? Sorted(string? directives) => directives is null ? null : string.Join(", ", directives.Split(", ").Order(StringComparer.Ordinal));
}
