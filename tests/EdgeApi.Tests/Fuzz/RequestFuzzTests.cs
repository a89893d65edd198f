using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using ConsentSnapshots.EdgeApi.Http;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Fuzz;

/// <summary>
/// Odd requests against a real edge. In a build a bounded number of them; <c>eng/fuzz.sh</c> runs as many as one likes. No answer is a 5xx, none has more scripts than the target grants by a
/// second, independent reading, and none has another organization's; afterwards no connection is left and no more memory is taken than before.
/// </summary>
public sealed class RequestFuzzTests : IDisposable
{
    private const int Clients = 4;

    private static readonly int s_requests = Number("CONSENT_SNAPSHOTS_FUZZ_REQUESTS", 20_000);
    private static readonly int s_seed = Number("CONSENT_SNAPSHOTS_FUZZ_SEED", 13);

    // Of each organization: what stands in an answer if a category's script does. Eleven digits occur in no time and no hash.
    private static readonly Dictionary<string, string[]> s_pixels = new()
    {
        ["acme"] = ["11111111111", "22222222222", "33333333333", "44444444444"],
        ["globex"] = ["55555555555", "66666666666", "77777777777", "88888888888"],
    };

    private readonly TestStore _store = new();
    private readonly ConcurrentDictionary<string, string> _decoded = new();
    private readonly ConcurrentDictionary<int, int> _statuses = new();
    private readonly ConcurrentQueue<string> _violations = [];

    public RequestFuzzTests()
    {
        foreach (var (organization, pixels) in s_pixels)
            _store.Publish(TestStore.ScopeOf(organization), [.. SecondReading.Optional.Zip(pixels, (category, pixel) => TestStore.Pixel(pixel, category))]);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Requests_OfEveryOddForm_AreAnsweredWithinTheirConsent_AndLeaveNothingBehind()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var open = new OpenConnections(edge);
        // What is made once, and what the query cache holds when it is full, is there after a quarter.
        await RunAsync(edge, s_requests / 4, s_seed);
        await open.AreAsync(0);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await RunAsync(edge, s_requests - s_requests / 4, s_seed + Clients);

        await open.AreAsync(0);
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Report($"fuzz: {_statuses.Values.Sum():N0} answers to {s_requests:N0} odd requests, seed {s_seed}: {string.Join(", ", _statuses.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} × {pair.Value:N0}"))}; memory grew by {grown / 1e6:0.0} MB");
        Assert.Empty(_violations);
        Assert.InRange(grown, long.MinValue, 8 << 20);
        Assert.InRange(edge.Service<QueryCache>().Count, 0, 2 * 2048);
        Assert.True(_statuses.GetValueOrDefault(200) > s_requests / 10, "Too few requests were good enough to be answered.");
        Assert.Equal(0, edge.Log.Count(5206)); // a fault in reading a scope
        using var next = await edge.GetAsync("/v1/acme/production/scripts.json");
        Assert.True(next.IsSuccessStatusCode);
    }

    /// <summary>The judge itself: what it must find, and what it must not.</summary>
    [Theory]
    [InlineData("/v1/acme/production/scripts?consent=marketing", "marketing", true)]
    [InlineData("/v1/acme/production/scripts?consent=%7B%22marketing%22%3Atrue,%22measurement%22:false%7D", "marketing", true)]
    [InlineData("/v1/acme/production/scripts?marketing=true&measurement=true", "measurement marketing", true)]
    [InlineData("/v1/acme/production/scripts?consent=marketing&marketing=true", "", false)]
    [InlineData("/v1/acme/production/scripts?consent={%22marketing%22:true,%22marketing%22:true}", "", false)]
    [InlineData("/v1/acme/production/scripts?consent={%22marketing%22:1}", "", false)]
    [InlineData("/v1/acme/production/scripts?consent=marketing,marketing", "", false)]
    [InlineData("/v1/acme/production/scripts?marketing=yes", "", false)]
    [InlineData("/v1/acme/production/scripts/measurement-marketing.json", "measurement marketing", true)]
    [InlineData("/v1/acme/production/scripts/marketing-measurement.json", "", false)]
    [InlineData("/analytics/scripts?organizationId=acme&environment=production&consent=necessary", "", true)]
    public void SecondReading_OfATarget_IsWhatTheContractSays(string target, string granted, bool understood)
    {
        var reading = SecondReading.Of(target);

        Assert.Equal(granted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), reading.Granted.Order());
        Assert.Equal(understood, reading.Understood);
    }

    private Task RunAsync(TestEdge edge, int requests, int seed) => Task.WhenAll(Enumerable.Range(0, Clients).Select(number => Task.Run(async () =>
    {
        var mutator = new RequestMutator(seed + number);
        using var client = new FuzzClient(edge.Address);
        for (var count = 0; count < requests / Clients; count++)
        {
            var request = mutator.Next();
            if (!request.IsFramed)
            {
                foreach (var answer in await client.SendAsync(request, Cancel)) JudgeStatus(request, answer);
                continue;
            }
            if (await client.AskAsync(request, Cancel) is not { } framed)
            {
                Violate("no answer", request);
                continue;
            }
            JudgeStatus(request, framed);
            if (framed.Status == 200 && request.Method == "GET") Judge(request, framed);
            if (framed.Headers.TryGetValue("ETag", out var etag)) mutator.KnownETag = etag;
        }
    })));

    private void JudgeStatus(FuzzRequest request, FuzzAnswer answer)
    {
        _statuses.AddOrUpdate(answer.Status, 1, (_, count) => count + 1);
        // 505 is what HTTP itself prescribes for a version that the web server does not speak.
        if (answer.Status >= 500 && answer.Status != 505) Violate($"status {answer.Status}", request);
    }

    private void Judge(FuzzRequest request, FuzzAnswer answer)
    {
        var body = Body(answer);
        var served = s_pixels.SelectMany(pair => SecondReading.Optional.Zip(pair.Value, (category, pixel) => (Organization: pair.Key, Category: category, Pixel: pixel)))
            .Where(entry => body.Contains(entry.Pixel, StringComparison.Ordinal)).ToList();
        if (request.Target!.StartsWith("/public/", StringComparison.Ordinal)) return; // files of the public container, which are everybody's
        var reading = SecondReading.Of(request.Target);
        if (served.Exists(entry => entry.Organization != reading.Organization)) Violate("another organization's script", request);
        if (reading.Everything) return;
        if (served.Exists(entry => !reading.Granted.Contains(entry.Category))) Violate("a script beyond the consent", request);
        if (reading.Understood && s_pixels.ContainsKey(reading.Organization ?? "") && reading.Granted.Count != served.Count) Violate("not every script that was granted", request);
    }

    private string Body(FuzzAnswer answer) => _decoded.GetOrAdd(
        answer.Headers.TryGetValue("ETag", out var etag) ? etag : Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(answer.Body)), _ =>
        {
            using var raw = new MemoryStream(answer.Body);
            using Stream decoded = answer.Headers.GetValueOrDefault("Content-Encoding") switch
            {
                "br" => new BrotliStream(raw, CompressionMode.Decompress),
                "gzip" => new GZipStream(raw, CompressionMode.Decompress),
                _ => raw,
            };
            using var reader = new StreamReader(decoded, Encoding.UTF8);
            return reader.ReadToEnd();
        });

    private void Violate(string what, FuzzRequest request)
    {
        // The first few say enough.
        if (_violations.Count < 20) _violations.Enqueue($"{what}: {Encoding.Latin1.GetString(request.Bytes)}");
    }

    private static int Number(string variable, int usual) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : usual;

    private static void Report(FormattableString text)
    {
        var line = text.ToString(CultureInfo.InvariantCulture);
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("CONSENT_SNAPSHOTS_TEST_REPORT") is { Length: > 0 } file) File.AppendAllText(file, line + "\n");
    }
}
