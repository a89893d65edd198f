using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Samples;

/// <summary>A c15t backend instance that has a scope's list from an edge: it answers what the edge would answer, and goes on when the edge does not.</summary>
public sealed class C15tBackendTests : IAsyncLifetime
{
    private const string Subject = "sub_2jv6z8n4q9";

    private static readonly Destination[] s_first =
    [
        PublicationWorld.MetaPixel("11111111111", "marketing"), PublicationWorld.MetaPixel("22222222222", "measurement"),
        PublicationWorld.MetaPixel("33333333333", "functionality"), PublicationWorld.MetaPixel("44444444444", "experience", "marketing"),
        PublicationWorld.MetaPixel("55555555555", "necessary"),
    ];

    private static readonly string[] s_formsOfConsent =
    [
        "",
        "consent=",
        "consent=%20",
        "consent={}",
        "consent={\"marketing\":true}",
        "consent={\"marketing\":true,\"measurement\":false,\"necessary\":false}",
        "consent={\"analytics\":true,\"__proto__\":true,\"toString\":true,\"constructor\":true}",
        "consent={\"mark\\u0065ting\":true}",
        "consent={\"marketing\":true,\"marketing\":true}",
        "consent={\"marketing\":{\"a\":1},\"marketing\":true}",
        "consent={\"marketing\":\"a:b\",\"marketing\":true}",
        "consent={\"mark\\u0065ting\":false,\"marketing\":true}",
        "consent={\"a:b\":true,\"marketing\":true}",
        "consent={\"marketing\":1}",
        "consent={\"marketing\":\"true\"}",
        "consent={\"marketing\":null}",
        "consent={\"marketing\":true",
        "consent={\"marketing\":true}x",
        "consent=[\"marketing\"]",
        "consent=\"marketing\"",
        "consent=true",
        "consent=null",
        "consent=marketing,measurement",
        "consent=%20marketing%20,%20measurement",
        "consent=marketing,marketing",
        "consent=marketing,",
        "consent=Marketing",
        "consent=necessary",
        "consent=marketing&consent=measurement",
        "consent=marketing&measurement=true",
        "measurement=true&marketing=false",
        "measurement=1",
        "measurement=true&measurement=true",
        "measurement=",
        "analytics=true",
    ];

    private static readonly string[] s_malformedRecords =
    [
        "not JSON",
        "[]",
        "null",
        "{}",
        """{"subjectId":"' or 1=1 --","preferences":{},"version":1,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_1111111111111111111111111111111111111111111111111111111111111111111","preferences":{},"version":1,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{"analytics":true},"version":1,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{"marketing":"yes"},"version":1,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":[],"version":1,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{},"version":"1","snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{},"version":0,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{},"version":1e300,"snapshot":"00000000000000000000000000000000"}""",
        """{"subjectId":"sub_2jv","preferences":{},"version":1,"snapshot":"../../../../etc/passwd"}""",
    ];

    private static readonly (string Answer, string Problem)[] s_badAnswers =
    [
        ("a page", "what it answered is not JSON"),
        ("half of it", "what it answered is not JSON"),
        ("404", "it answered 404"),
        ("503", "it answered 503"),
        ("nothing", "what it answered is not a gated list"),
        ("null", "what it answered is not a gated list"),
        ("an index too far", "what it answered is not a gated list"),
        ("another scope", "it now has the list of another scope"),
        ("an older version", "it has version 1, which is older"),
        ("a broken connection", "cannot be read"),
    ];

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");
    private DirectoryBlobStore _blobs = null!;
    private PublicationWorld _world = null!;
    private WebApplication _edge = null!;
    private WatchedEdge _watched = null!;
    private C15tBackend _backend = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Store => Path.Combine(_root.FullName, "store");

    private string DatabaseFile => Path.Combine(_root.FullName, "consent.db");

    private Uri ListAddress => new(_watched.Address, "/v1/acme/production/scripts.json");

    public async ValueTask InitializeAsync()
    {
        _blobs = new DirectoryBlobStore(Store, TimeProvider.System);
        _world = new PublicationWorld(_blobs);
        await _world.PublishAsync(1, s_first);
        _edge = EdgeApp.Build([], builder =>
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Storage:Provider"] = "directory",
                ["Storage:Directory"] = Store,
                ["urls"] = "http://127.0.0.1:0",
                ["Edge:LoadTimeout"] = "00:01:00",
            });
            builder.Logging.ClearProviders();
        });
        await _edge.StartAsync(Cancel);
        _watched = await WatchedEdge.StartAsync(new Uri(_edge.Urls.First()), Cancel);
        _backend = await C15tBackend.StartAsync(ListAddress, DatabaseFile);
        await _backend.SaysAsync("Version 1 of acme/production is in force");
    }

    public async ValueTask DisposeAsync()
    {
        if (_backend is not null) await _backend.DisposeAsync();
        if (_watched is not null) await _watched.DisposeAsync();
        if (_edge is not null) await _edge.DisposeAsync();
        _blobs?.Dispose();
        _root.Delete(recursive: true);
    }

    [Fact]
    public async Task Scripts_EveryConsentSet_AreTheEdgesAnswer()
    {
        foreach (var set in ConsentSet.All)
        {
            var (edge, backend) = (await EdgeAnswerAsync(set), await AnswerAsync(set));

            AssertSame(edge["scripts"], backend["scripts"], set.Name);
            foreach (var name in (string[])["generatedAt", "consent", "scriptCount", "cached", "version", "requiredCategories"])
                AssertSame(edge["metadata"]![name], backend["metadata"]![name], $"{name} of {set.Name}");
            // The list counts the destinations of the whole scope, and names one snapshot: that of the visitor who granted everything.
            var isWhole = set.Index == 15;
            AssertSame(isWhole ? edge["metadata"]!["destinationCount"] : null, backend["metadata"]!["destinationCount"], $"destinationCount of {set.Name}");
            Assert.Equal((await _world.CurrentAsync())!.Combinations[15].Snapshot, (string?)backend["metadata"]!["snapshot"]);
        }
    }

    [Fact]
    public async Task Scripts_AnswerHeaders_KeepItForOneVisitorAndForThePagesOfTheSite()
    {
        using var own = await AskAsync("/analytics/scripts?consent=marketing", C15tBackend.Site);
        using var stranger = await AskAsync("/analytics/scripts?consent=marketing", "https://evil.example");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/analytics/scripts?consent=marketing") { Headers = { IfNoneMatch = { own.Headers.ETag! } } };
        using var again = await _backend.Http.SendAsync(request, Cancel);

        Assert.Equal("max-age=30, private", own.Headers.CacheControl!.ToString());
        Assert.Equal([C15tBackend.Site], own.Headers.GetValues("Access-Control-Allow-Origin"));
        Assert.Contains("Origin", own.Headers.Vary);
        Assert.False(stranger.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
    }

    [Fact]
    public async Task Scripts_AnyFormOfConsent_IsUnderstoodAsTheEdgeDoes()
    {
        foreach (var query in s_formsOfConsent)
        {
            using var backend = await AskAsync($"/analytics/scripts?{query}");
            using var edge = await EdgeAsync($"/v1/acme/production/scripts?{query}");

            Assert.True(edge.StatusCode == backend.StatusCode, $"{query}: the edge answered {edge.StatusCode}, the backend {backend.StatusCode}");
            var (expected, actual) = (await JsonAsync(edge), await JsonAsync(backend));
            AssertSame(expected["scripts"], actual["scripts"], query);
            AssertSame(expected["error"], actual["error"], query);
            Assert.Equal(actual["error"] is null, actual["scripts"] is not null);
        }
    }

    [Fact]
    public async Task Scripts_ScopeNamed_MustBeItsOwn()
    {
        foreach (var (scope, expected) in ((string, HttpStatusCode)[])
            [
                ("&organizationId=acme&environment=production", HttpStatusCode.OK), ("&organizationId=globex", HttpStatusCode.NotFound),
                ("&environment=staging", HttpStatusCode.NotFound), ("&organizationId=acme&organizationId=globex", HttpStatusCode.NotFound),
            ])
        {
            using var response = await AskAsync($"/analytics/scripts?consent=marketing{scope}");

            Assert.True(response.StatusCode == expected, $"{scope}: {response.StatusCode}");
        }
    }

    [Fact]
    public async Task List_Changed_IsTakenUp_AndAskedForByItsETag()
    {
        await Eventually.TrueAsync(() => Task.FromResult(_watched.Exchanges.Any(exchange => exchange.Status == 304)), "the list has not changed");

        await _world.PublishAsync(2, [.. s_first, PublicationWorld.MetaPixel("66666666666", "marketing")]);
        await _backend.SaysAsync("Version 2 of acme/production is in force");

        AssertSame((await EdgeAnswerAsync(ConsentSet.Everything))["scripts"], (await AnswerAsync(ConsentSet.Everything))["scripts"], "everything");
        var exchanges = _watched.Exchanges;
        Assert.Null(exchanges[0].IfNoneMatch);
        Assert.All(exchanges.Skip(1), exchange => Assert.NotNull(exchange.IfNoneMatch));
        // A body is sent once for each version.
        Assert.Equal(2, exchanges.Count(exchange => exchange.Status == 200));
        Assert.Equal(2, exchanges.Where(exchange => exchange.Status == 200).Select(exchange => exchange.ETag).Distinct().Count());
    }

    [Fact]
    public async Task List_CutOffOnTheWay_IsAskedForAgain()
    {
        _watched.CutOff(true);
        await _world.PublishAsync(2, s_first[..2]);
        await _backend.SaysAsync("cannot be read");

        _watched.CutOff(false);

        // An ETag that was remembered without its body would bring 304 from now on.
        await _backend.SaysAsync("Version 2 of acme/production is in force");
    }

    [Fact]
    public async Task Edge_Stopped_ItAnswersWhatItHas_AndSaysSo()
    {
        var before = await AnswersAsync();

        await _watched.StopAsync();
        await _edge.StopAsync(Cancel);
        await _backend.SaysAsync("cannot be read: ECONNREFUSED. Version 1 stays in force.");

        Assert.Equal(before, await AnswersAsync());
    }

    [Fact]
    public async Task Edge_NeverAnswers_ItAnswersWhatItHas_AndAsksAgain()
    {
        var before = await AnswersAsync();

        _watched.AnswerInstead(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await _backend.SaysAsync("aborted due to timeout. Version 1 stays in force.");

        Assert.Equal(before, await AnswersAsync());
        _watched.AnswerInstead(null);
        await _backend.SaysAsync("can be read again");
    }

    [Fact]
    public async Task Edge_AnswersNoList_ItAnswersWhatItHas_SaysSoOnce_AndRecovers()
    {
        await _world.PublishAsync(2, s_first[..2]);
        await _backend.SaysAsync("Version 2 of acme/production is in force");
        var before = await AnswersAsync();
        var list = await _world.BytesAsync(BlobContainer.Public, "acme/production/scripts.json");

        foreach (var (answer, problem) in s_badAnswers)
        {
            var (said, saidProblem) = (_backend.Count("cannot be read"), _backend.Count(problem));
            _watched.AnswerInstead(context => BadAnswerAsync(context, answer, JsonNode.Parse(list)!));
            await SeesFurtherRequestsAsync(4);

            Assert.Equal(before, await AnswersAsync());
            Assert.True(_backend.Count("cannot be read") == said + 1, $"{answer}:\n{string.Join('\n', _backend.Lines)}");
            Assert.Equal(saidProblem + 1, _backend.Count(problem));

            var recovered = _backend.Count("can be read again");
            _watched.AnswerInstead(null);
            await Eventually.TrueAsync(() => Task.FromResult(_backend.Count("can be read again") == recovered + 1), $"the backend recovers from {answer}");
        }

        await _world.PublishAsync(3, s_first);
        await _backend.SaysAsync("Version 3 of acme/production is in force");
    }

    [Fact]
    public async Task Edge_NotThereAtTheStart_ItServesConsentAndGetsTheListLater()
    {
        _watched.AnswerInstead(context => StatusAsync(context, 503));
        await using var backend = await C15tBackend.StartAsync(ListAddress, ":memory:");
        await backend.SaysAsync("There is none yet");

        using var scripts = await backend.Http.GetAsync(new Uri("/analytics/scripts?consent=marketing", UriKind.Relative), Cancel);
        using var init = await backend.Http.GetAsync(new Uri("/init", UriKind.Relative), Cancel);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, scripts.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(5), scripts.Headers.RetryAfter!.Delta);
        Assert.Equal(HttpStatusCode.OK, init.StatusCode);

        _watched.AnswerInstead(null);
        await backend.SaysAsync("Version 1 of acme/production is in force");
        using var later = await backend.Http.GetAsync(new Uri("/analytics/scripts?consent=marketing", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public async Task Instance_ItsOwnRoutes_WorkBeside()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/init") { Headers = { { "x-c15t-country", "DE" } } };
        using var init = await _backend.Http.SendAsync(request, Cancel);
        using var posted = await PostAsync("/subjects",
            $$"""{"type":"cookie_banner","subjectId":"{{Subject}}","domain":"example.com","preferences":{"necessary":true,"measurement":true},"givenAt":1790000000000}""", "application/json");
        var subject = await JsonAsync(await AskAsync($"/subjects/{Subject}"));

        Assert.Equal("opt-in", (string?)(await JsonAsync(init))["policy"]!["model"]);
        Assert.Equal(HttpStatusCode.OK, posted.StatusCode);
        Assert.True((bool?)subject["consents"]![0]!["preferences"]!["measurement"]);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("text/plain;charset=UTF-8")]
    public async Task Record_Posted_IsFoundByItsSubject_AlsoAfterAKill(string contentType)
    {
        var snapshot = (await _world.CurrentAsync())!.Combinations[15].Snapshot;
        var since = TimeProvider.System.GetUtcNow();

        using var first = await PostAsync("/consent-records", Record(version: 1, snapshot: snapshot), contentType);
        using var second = await PostAsync("/consent-records", Record(preferences: """{"necessary":true,"marketing":false}""", snapshot: snapshot), contentType);
        using var other = await PostAsync("/consent-records", Record(subject: "sub_4mH2", snapshot: snapshot), contentType);
        await _backend.KillAsync();
        // What a process leaves that is killed in a transaction.
        Directory.CreateDirectory($"{DatabaseFile}.lock");
        await using var restarted = await C15tBackend.StartAsync(ListAddress, DatabaseFile);

        Assert.All([first, second, other], response => Assert.Equal(HttpStatusCode.Created, response.StatusCode));
        var records = (await RecordsAsync(restarted, Subject))["records"]!.AsArray();
        Assert.Equal(2, records.Count);
        AssertSame(JsonNode.Parse("""{"necessary":true,"marketing":true}"""), records[0]!["preferences"], "first");
        AssertSame(JsonNode.Parse("""{"necessary":true,"marketing":false}"""), records[1]!["preferences"], "second");
        Assert.Equal((Subject, "acme", "production", 1, snapshot, 1), ((string?)records[0]!["subjectId"], (string?)records[0]!["organization"], (string?)records[0]!["environment"],
            (int?)records[0]!["version"], (string?)records[0]!["snapshot"], (int?)records[0]!["newestVersion"]));
        Assert.InRange((DateTimeOffset)records[0]!["receivedAt"]!, since.AddMilliseconds(-1), TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task Record_Malformed_IsRefused()
    {
        foreach (var record in s_malformedRecords)
        {
            using var response = await PostAsync("/consent-records", record, "text/plain");

            Assert.True(response.StatusCode == HttpStatusCode.BadRequest, $"{record}: {response.StatusCode}");
            Assert.Equal("Invalid record", (string?)(await JsonAsync(response))["error"]);
        }
        Assert.Empty((await RecordsAsync(_backend, "sub_2jv"))["records"]!.AsArray());
    }

    [Fact]
    public async Task Record_TooLarge_OfAnotherSiteOrAnotherType_IsRefused()
    {
        using var large = await PostAsync("/consent-records", Record() + new string(' ', 2048), "text/plain");
        using var foreign = await PostAsync("/consent-records", Record(), "text/plain", "https://evil.example");
        using var none = await PostAsync("/consent-records", Record(), "text/plain", origin: null);
        using var form = await PostAsync("/consent-records", Record(), "application/x-www-form-urlencoded");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, none.StatusCode);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.StatusCode);
        Assert.Empty((await RecordsAsync(_backend, Subject))["records"]!.AsArray());
    }

    [Fact]
    public async Task Records_WithoutTheKey_AreNotShown()
    {
        using var posted = await PostAsync("/consent-records", Record(), "text/plain");
        Assert.Equal(HttpStatusCode.Created, posted.StatusCode);

        foreach (var key in (string?[])[null, "", "another", C15tBackend.RecordsKey + "x"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/consent-records?subjectId={Subject}");
            if (key is not null) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
            using var response = await _backend.Http.SendAsync(request, Cancel);

            Assert.True(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.BadRequest, $"{key}: {response.StatusCode}");
            Assert.DoesNotContain("marketing", await response.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Preflight_OfARecord_IsAnsweredForTheSiteAlone()
    {
        using var own = await PreflightAsync(C15tBackend.Site);
        using var stranger = await PreflightAsync("https://evil.example");

        Assert.Equal([C15tBackend.Site], own.Headers.GetValues("Access-Control-Allow-Origin"));
        Assert.Equal(["true"], own.Headers.GetValues("Access-Control-Allow-Credentials"));
        Assert.Contains("Content-Type", own.Headers.GetValues("Access-Control-Allow-Headers"));
        Assert.False(stranger.Headers.Contains("Access-Control-Allow-Origin"));
    }

    private static Task BadAnswerAsync(HttpContext context, string answer, JsonNode list)
    {
        switch (answer)
        {
            case "a page":
                return context.Response.WriteAsync("<!doctype html><title>Sign in</title>", context.RequestAborted);
            case "half of it":
                return context.Response.WriteAsync(list.ToJsonString()[..100], context.RequestAborted);
            case "nothing":
                return context.Response.WriteAsync("{}", context.RequestAborted);
            case "null":
                return context.Response.WriteAsync("null", context.RequestAborted);
            case "an index too far":
                list["metadata"]!["combinations"]![3]!.AsArray().Add(99);
                return context.Response.WriteAsync(list.ToJsonString(), context.RequestAborted);
            case "another scope":
                list["metadata"]!["organization"] = "globex";
                return context.Response.WriteAsync(list.ToJsonString(), context.RequestAborted);
            case "an older version":
                list["metadata"]!["version"] = 1;
                list["metadata"]!["generatedAt"] = "2026-01-01T00:00:00.000Z";
                return context.Response.WriteAsync(list.ToJsonString(), context.RequestAborted);
            case "a broken connection":
                context.Abort();
                return Task.CompletedTask;
            default:
                return StatusAsync(context, int.Parse(answer, System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private static Task StatusAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private async Task SeesFurtherRequestsAsync(int count)
    {
        var before = _watched.Exchanges.Count;
        await Eventually.TrueAsync(() => Task.FromResult(_watched.Exchanges.Count >= before + count), "the backend asks again");
    }

    private static string Record(string subject = Subject, string preferences = """{"necessary":true,"marketing":true}""", int version = 1, string? snapshot = null) =>
        $$"""{"subjectId":"{{subject}}","preferences":{{preferences}},"version":{{version}},"snapshot":"{{snapshot ?? new string('0', 32)}}"}""";

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string contentType, string? origin = C15tBackend.Site)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        if (origin is not null) request.Headers.Add("Origin", origin);
        return await _backend.Http.SendAsync(request, Cancel);
    }

    private async Task<HttpResponseMessage> PreflightAsync(string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/consent-records");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "content-type");
        return await _backend.Http.SendAsync(request, Cancel);
    }

    private static async Task<JsonNode> RecordsAsync(C15tBackend backend, string subject)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/consent-records?subjectId={subject}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", C15tBackend.RecordsKey);
        using var response = await backend.Http.SendAsync(request, Cancel);
        response.EnsureSuccessStatusCode();
        return await JsonAsync(response);
    }

    private async Task<HttpResponseMessage> AskAsync(string path, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (origin is not null) request.Headers.Add("Origin", origin);
        return await _backend.Http.SendAsync(request, Cancel);
    }

    private async Task<List<string>> AnswersAsync()
    {
        var answers = new List<string>();
        foreach (var set in ConsentSet.All) answers.Add((await AnswerAsync(set)).ToJsonString());
        return answers;
    }

    private async Task<JsonNode> AnswerAsync(ConsentSet set)
    {
        using var response = await AskAsync($"/analytics/scripts?consent={set.Name.Replace('-', ',')}");
        response.EnsureSuccessStatusCode();
        return await JsonAsync(response);
    }

    private async Task<JsonNode> EdgeAnswerAsync(ConsentSet set)
    {
        using var response = await EdgeAsync($"/analytics/scripts?organizationId=acme&environment=production&consent={set.Name.Replace('-', ',')}");
        response.EnsureSuccessStatusCode();
        return await JsonAsync(response);
    }

    private async Task<HttpResponseMessage> EdgeAsync(string path)
    {
        using var http = new HttpClient { BaseAddress = new Uri(_edge.Urls.First()) };
        return await http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
    }

    private static async Task<JsonNode> JsonAsync(HttpResponseMessage response) => JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!;

    private static void AssertSame(JsonNode? expected, JsonNode? actual, string what) =>
        Assert.True(JsonNode.DeepEquals(expected, actual), $"{what}: expected {expected?.ToJsonString() ?? "null"}, was {actual?.ToJsonString() ?? "null"}");
}
