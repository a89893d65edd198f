using System.Net;
using System.Text;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class ErrorTests : IDisposable
{
    private readonly TestStore _store = new();

    public ErrorTests() => _store.Publish(TestStore.Acme, TestStore.OneOfEach);

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("?consent")]
    [InlineData("?consent=")]
    [InlineData("?consent=%20")]
    [InlineData("?marketin=true")]
    public async Task Scripts_NoConsent_Is400InTheContractsWords(string query)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync($"/v1/acme/production/scripts{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("{\"error\":\"Missing consent parameter\",\"message\":\"Consent preferences are required\"}",
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("no-store", HeaderTests.Header(response, "Cache-Control"));
    }

    [Theory]
    [InlineData("consent={\"measurement\":\"yes\"}")]
    [InlineData("consent={\"measurement\":1}")]
    [InlineData("consent={\"measurement\":true")]
    [InlineData("consent={\"measurement\":true}}")]
    [InlineData("consent={\"measurement\":true,\"measurement\":false}")]
    [InlineData("consent=[\"measurement\"]")]
    [InlineData("consent=true")]
    [InlineData("consent=null")]
    [InlineData("consent=measurement,,marketing")]
    [InlineData("consent=measurement,measurement")]
    [InlineData("consent=measurement&consent=marketing")]
    [InlineData("consent=measurement&marketing=true")]
    [InlineData("marketing=true&marketing=true")]
    [InlineData("marketing=1")]
    [InlineData("marketing")]
    [InlineData("consent=%FF%FE")]
    [InlineData("consent=%00")]
    [InlineData("consent=%")]
    [InlineData("consent={\"\\ud800\":true}")]
    public async Task Scripts_MalformedConsent_Is400ThatSaysWhatToSend(string query)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync($"/v1/acme/production/scripts?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("JSON object of booleans", await Errors.AssertAsync(response, "Invalid consent parameter"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/nobody/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/acme/staging/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/ACME/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/acme/Production/scripts?consent=marketing", "Unknown environment")]
    [InlineData("/v1/acme/qa/scripts?consent=marketing", "Unknown environment")]
    [InlineData("/v1/acme/0/scripts?consent=marketing", "Unknown environment")]
    [InlineData("/v1/acme./production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/-acme/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/ac%20me/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/acme%2Fproduction/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/%C3%A9/production/scripts?consent=marketing", "Unknown organization")]
    [InlineData("/v1/nobody/production/config", "Unknown organization")]
    [InlineData("/v1/nobody/production/tags.js", "Unknown organization")]
    [InlineData("/v1/acme/qa/tags.js", "Unknown environment")]
    [InlineData("/v1/acme%2Fproduction/tags.js", "Not found")]
    [InlineData("/v1/acme/production/tags.js.map", "Not found")]
    [InlineData("/v1/acme/loader.js", "Not found")]
    [InlineData("/v1/acme/qa/config", "Unknown environment")]
    [InlineData("/analytics/scripts?consent=marketing&organizationId=..%2Facme&environment=production", "Unknown organization")]
    [InlineData("/analytics/scripts?consent=marketing&organizationId=acme&environment=qa", "Unknown environment")]
    [InlineData("/", "Not found")]
    [InlineData("/v1", "Not found")]
    [InlineData("/v1/acme/production", "Not found")]
    [InlineData("/v1//production/scripts?consent=marketing", "Not found")]
    [InlineData("/v1/acme/production/scripts/more", "Not found")]
    [InlineData("/current/acme/production.json", "Not found")]
    [InlineData("/private/current/acme/production.json", "Not found")]
    [InlineData("/favicon.ico", "Not found")]
    public async Task Anything_Unknown_Is404CachedBriefly(string path, string error)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await Errors.AssertAsync(response, error);
        // A cache that ignores queries must not give one caller's mistake to all.
        Assert.Equal(path.StartsWith("/analytics", StringComparison.Ordinal) ? "max-age=5, private" : "public, max-age=5", HeaderTests.Header(response, "Cache-Control"));
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("PATCH")]
    [InlineData("TRACE")]
    [InlineData("BREW")]
    public async Task Scripts_OtherMethod_Is405WithAllow(string method)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        foreach (var path in new[] { "/v1/acme/production/scripts?consent=marketing", "/v1/acme/production/config", "/analytics/scripts", "/health/live" })
        {
            using var response = await edge.SendAsync(new HttpMethod(method), path);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
            Assert.Equal("GET, HEAD, OPTIONS", HeaderTests.Header(response, "Allow"));
            await Errors.AssertAsync(response, "Method not allowed");
        }
    }

    [Fact]
    public async Task Scripts_PostWithBody_Is405AndTheConnectionLives()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var content = new StringContent("{\"consent\":{}}", Encoding.UTF8, "application/json");
        using var response = await edge.Client.PostAsync("/v1/acme/production/scripts", content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        using var next = await edge.GetAsync("/v1/acme/production/scripts?consent=marketing");
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    public static TheoryData<string> HostileTargets() =>
    [
        "/v1/../../../../etc/passwd",
        "/v1/%2e%2e/production/scripts?consent=marketing",
        "/v1/..%2f..%2fprivate%2fcurrent%2facme/production/scripts?consent=marketing",
        "/v1/acme%00/production/scripts?consent=marketing",
        "/v1/acme/production%00/scripts?consent=marketing",
        "/v1/%FF%FE/production/scripts?consent=marketing",
        "/v1/%C0%AE%C0%AE/production/scripts?consent=marketing",
        "/v1/%/production/scripts?consent=marketing",
        "/v1/%zz/production/scripts?consent=marketing",
        "/v1/\xff\xfe/production/scripts?consent=marketing",
        "/v1/acme\\..\\..\\x/production/scripts?consent=marketing",
        "/v1/acme/production/scripts?consent=\xff\xfe",
        "/v1/acme/production/scripts?consent=%u0041",
        "/v1/acme/production/scripts?%00=%00&&&===&=",
        "/v1/acme/production/scripts??consent=marketing",
        "/v1/acme/production/scripts?consent=marketing#fragment",
        "/analytics/scripts?consent=marketing&organizationId=%00&environment=production",
        "/analytics/scripts?consent=marketing&organizationId=acme&organizationId=acme&environment=production",
        "/public/acme/production/..%2f..%2f..%2fprivate%2fcurrent%2facme%2fproduction.json",
        "/public/acme/production/00000000000000000000000000000000.json/",
        "http://other.example/v1/acme/production/scripts?consent=%7B",
        "*",
        "/v1/" + new string('a', 129) + "/production/scripts?consent=marketing",
        "/v1/" + new string('a', 7000) + "/production/scripts?consent=marketing",
        "/v1/acme/production/scripts?consent=" + new string('a', 20_000),
        "/v1/acme/production/scripts?consent=" + new string('{', 6000),
        "/v1/acme/production/scripts?consent=" + string.Join(',', Enumerable.Range(0, 1500).Select(number => $"c{number}")),
        "/v1/acme/production/scripts?" + string.Join('&', Enumerable.Range(0, 1500).Select(number => $"p{number}")),
        "/" + string.Concat(Enumerable.Repeat("../", 2000)),
        "/v1/acme/production/" + string.Concat(Enumerable.Repeat("%2e%2e%2f", 500)),
    ];

    [Theory]
    [MemberData(nameof(HostileTargets))]
    public async Task Anything_HostileTarget_IsNever5xxAndNeverScripts(string target)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        foreach (var method in new[] { "GET", "HEAD", "OPTIONS", "POST" })
        {
            var (status, answer) = await edge.SendRawTargetAsync(target, method);
            Assert.True(status is >= 400 and < 500 || (method == "OPTIONS" && status == 204), $"{method} {status}: {answer[..Math.Min(300, answer.Length)]}");
            Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("publicationId", answer, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(edge.Log.Entries, entry => entry.Level >= Microsoft.Extensions.Logging.LogLevel.Error);
    }

    [Theory]
    [InlineData("Accept-Encoding: \x01\x02")]
    [InlineData("If-None-Match: \"unclosed")]
    [InlineData("If-None-Match: ,,,,")]
    [InlineData("If-None-Match: W/")]
    [InlineData("If-Modified-Since: 99999999999999999999")]
    [InlineData("Accept-Encoding: gzip;q=99999999999999999999999999999999999, ;;;,,,br;q=")]
    [InlineData("Range: bytes=0-1,5-2,-")]
    [InlineData("Expect: 200-maybe")]
    public async Task Scripts_OddHeaders_AreNever5xx(string header)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var request = $"GET /v1/acme/production/scripts?consent=marketing HTTP/1.1\r\nHost: edge\r\n{header}\r\nConnection: close\r\n\r\n";
        var (status, answer) = await edge.SendRawAsync(Encoding.Latin1.GetBytes(request));
        Assert.True(status < 500, answer);
    }
}
