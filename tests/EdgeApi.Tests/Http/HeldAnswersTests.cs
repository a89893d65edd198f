using System.Text;
using System.Text.RegularExpressions;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

/// <summary>
/// The short way of a request gives the bytes that the long way gives. The long way of the same edge is taken by a path in other letters: routes do not mind them, and the short way does not know them.
/// </summary>
public sealed partial class HeldAnswersTests : IDisposable
{
    private readonly TestStore _store = new();
    private readonly Pipeline _pipeline = new();

    public HeldAnswersTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    public static TheoryData<string, string> Settings => new()
    {
        { "", "" },
        { "Edge:Origins", "https://shop.example" },
        { "Edge:Origins", "https://shop.example,https://other.example" },
        { "Edge:SharedQueryCache", "true" },
        { "Storage:PublicBaseUrl", "https://cdn.example" },
        { "Edge:Scopes", "acme/production" },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public async Task Answer_BothWays_HasTheSameBytes(string key, string value)
    {
        await using var edge = await StartAsync(key.Length == 0 ? [] : [(key, value)]);
        var compared = 0;
        foreach (var path in Paths())
            foreach (var coding in (string[])["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0.5, br;q=0.1\r\n", "Accept-Encoding: zstd\r\n"])
            {
                // The first request makes the body; then it is held.
                var etag = ETag().Match(await SendAsync(edge, "GET", Longer(path), coding)).Groups[1].Value;
                foreach (var more in (string[])["", $"If-None-Match: {etag}\r\n", $"If-None-Match: \"x\", W/{etag}\r\n", "If-None-Match: \"x\"\r\n", "If-Modified-Since: Thu, 31 Dec 2099 23:59:59 GMT\r\n", $"If-Match: {etag}\r\n",
                    "Origin: https://shop.example\r\n", "Origin: https://elsewhere.example\r\n", "Range: bytes=0-3\r\n", "Content-Length: 3\r\n"])
                    foreach (var method in (string[])["GET", "HEAD"])
                    {
                        var (before, shorter) = (_pipeline.Requests, await SendAsync(edge, method, path, coding + more));
                        Assert.Equal(before, _pipeline.Requests);
                        Assert.Equal(await SendAsync(edge, method, Longer(path), coding + more), shorter);
                        Assert.Equal(before + 1, _pipeline.Requests);
                        compared++;
                    }
            }
        Assert.True(compared > 1000);
    }

    /// <summary>What the short way leaves to the routes: it is answered as ever.</summary>
    [Theory]
    [InlineData("POST", "/v1/acme/production/scripts.json", "", 405)]
    [InlineData("OPTIONS", "/v1/acme/production/scripts.json", "", 204)]
    [InlineData("GET", "/v1/acme/production/scripts", "", 400)]
    [InlineData("GET", "/v1/acme/production/scripts?consent={", "", 400)]
    [InlineData("GET", "/v1/acme/production/scripts/marketing-measurement.json", "", 404)]
    [InlineData("GET", "/v1/acme/production/scripts/.json", "", 404)]
    [InlineData("GET", "/v1/acme/production/scripts/json", "", 404)]
    [InlineData("GET", "/v1/acme/Production/scripts.json", "", 404)]
    [InlineData("GET", "/v1/nobody/production/scripts.json", "", 404)]
    [InlineData("GET", "/v1//production/scripts.json", "", 404)]
    [InlineData("GET", "/v1/acme/production/scripts.json", "Accept-Encoding: identity;q=0\r\n", 406)]
    [InlineData("GET", "/v1/acme/production/scripts.json", "If-Match: \"x\"\r\n", 412)]
    [InlineData("GET", "/analytics/scripts?consent=marketing", "", 400)]
    [InlineData("GET", "/analytics/scripts?consent=marketing&organizationId=acme&organizationId=acme&environment=production", "", 400)]
    public async Task Request_OfAnotherKind_GoesTheLongWay(string method, string path, string headers, int status)
    {
        await using var edge = await StartAsync();
        await SendAsync(edge, "GET", "/v1/acme/production/scripts.json", "");
        var before = _pipeline.Requests;

        var answer = await SendAsync(edge, method, path, headers);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Equal(before + 1, _pipeline.Requests);
    }

    [Fact]
    public async Task Redirects_GoTheLongWay()
    {
        await using var edge = await StartAsync([("Edge:Mode", "redirect"), ("Storage:PublicBaseUrl", "https://cdn.example")]);

        for (var round = 0; round < 2; round++)
            Assert.StartsWith("HTTP/1.1 307 ", await SendAsync(edge, "GET", "/v1/acme/production/scripts.json", ""), StringComparison.Ordinal);
    }

    /// <summary>c15t's path may be bound to one scope; another one that is held is still none of this path's.</summary>
    [Fact]
    public async Task BoundPath_AskedForAnotherHeldScope_Is404()
    {
        _store.Publish(TestStore.ScopeOf("globex"), TestStore.OneOfEach);
        await using var edge = await StartAsync([("Edge:Organization", "acme"), ("Edge:Environment", "production")]);
        await SendAsync(edge, "GET", "/v1/globex/production/scripts?consent=marketing", "");

        Assert.StartsWith("HTTP/1.1 404 ", await SendAsync(edge, "GET", "/analytics/scripts?consent=marketing&organizationId=globex", ""), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", await SendAsync(edge, "GET", "/analytics/scripts?consent=marketing", ""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewVersion_IsWhatTheShortWayServes()
    {
        await using var edge = await StartAsync();
        await SendAsync(edge, "GET", "/v1/acme/production/scripts.json", "");

        _store.Publish(TestStore.Acme, TestStore.Pixel("77777777777", "marketing"));

        using var response = await edge.GetUntilAsync("/v1/acme/production/scripts.json", (_, body) => body.Contains("77777777777", StringComparison.Ordinal));
        Assert.True(response.IsSuccessStatusCode);
    }

    private static IEnumerable<string> Paths()
    {
        const string Scope = "/v1/acme/production";
        yield return $"{Scope}/scripts.json";
        yield return $"{Scope}/config";
        yield return $"{Scope}/tags.js";
        foreach (var set in ConsentSet.All.Where(set => set.Index % 5 == 0)) yield return $"{Scope}/scripts/{set.Name}.json";
        foreach (var query in (string[])["consent=%7B%22marketing%22%3Atrue%7D", "consent=measurement,marketing", "measurement=true&marketing=false", "consent=unknown"])
        {
            yield return $"{Scope}/scripts?{query}";
            yield return $"/analytics/scripts?{query}&organizationId=acme&environment=production";
        }
        yield return "/v1/%61cme/production/scripts.json";
        yield return "/v1/acme/staging/../production/scripts.json";
    }

    private static string Longer(string path) =>
        path.StartsWith("/v1", StringComparison.Ordinal) ? $"/V1{path[3..]}" : path.Replace("/analytics", "/Analytics", StringComparison.Ordinal);

    private Task<TestEdge> StartAsync(params (string, string)[] settings) => TestEdge.StartAsync(_store, services => services.AddSingleton<IStartupFilter>(_pipeline), settings);

    private static async Task<string> SendAsync(TestEdge edge, string method, string target, string headers)
    {
        var body = headers.Contains("Content-Length: 3", StringComparison.Ordinal) ? "abc" : "";
        var (_, answer) = await edge.SendRawAsync(Encoding.Latin1.GetBytes($"{method} {target} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n{headers}\r\n{body}"));
        return Date().Replace(answer, "");
    }

    [GeneratedRegex("Date: [^\r]+\r\n")]
    private static partial Regex Date();

    [GeneratedRegex("ETag: ([^\r]+)")]
    private static partial Regex ETag();

    /// <summary>Counts the requests that reach the middleware pipeline.</summary>
    private sealed class Pipeline : IStartupFilter
    {
        private int _requests;

        public int Requests => Volatile.Read(ref _requests);

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(following => context =>
            {
                Interlocked.Increment(ref _requests);
                return following(context);
            });
            next(app);
        };
    }
}
