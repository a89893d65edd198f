using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using ConsentSnapshots.Edge.Benchmarks;
using ConsentSnapshots.Generator.Formats;

// What the edge takes, beside nginx that serves the same bytes, Kestrel that does nothing, and the handler that generates on request. benchmarks/edge.sh says how to run it.
if (args is ["host", .. var hosted])
{
    await Hosted.RunAsync(hosted);
    return;
}

if (args is ["store", var place, var count])
{
    // For looking at an edge by hand.
    ScopesOnDisk.Write(place, int.Parse(count, CultureInfo.InvariantCulture));
    return;
}

string[] parts = args.Length > 0 ? args : ["start", "one", "many", "cold", "allocated", "naive", "azure"];
var seconds = Number("SECONDS_EACH", 3);
var rounds = Number("ROUNDS", 3);
var native = Variable("EDGE_NATIVE");
var managed = Variable("EDGE_MANAGED");
List<(string Name, string Path)> edges = [("edge, native", native), ("edge, managed", managed)];
if (Environment.GetEnvironmentVariable("EDGE_READYTORUN") is { Length: > 0 } compiled) edges.Add(("edge, ReadyToRun", compiled));
var folder = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"consent-snapshots-edge-{Environment.ProcessId}")).FullName;
const string List = "/v1/org-{0}/production/scripts.json";
const string Query = "/v1/org-{0}/production/scripts?consent=%7B%22measurement%22%3Atrue%2C%22marketing%22%3Atrue%7D";
try
{
    if (parts.Contains("start")) await StartAsync();
    if (parts.Contains("one"))
        await CompareAsync(1,
        [
            new("list, br", List, 1, "br"), new("list, gzip", List, 1, "gzip"), new("list, identity", List, 1, "identity"), new("list, 304", List, 1, "br", Conditional: true),
            new("consent as JSON, br", Query, 1, "br"),
        ]);
    if (parts.Contains("many"))
        foreach (var scopes in (int[])[1_000, 10_000, 30_000])
            await CompareAsync(scopes, [new("list, br", List, scopes, "br")]);
    if (parts.Contains("cold")) await ColdAsync();
    if (parts.Contains("allocated")) await AllocatedAsync();
    if (parts.Contains("naive")) await NaiveAsync();
    if (parts.Contains("azure")) await AzureAsync();
}
finally
{
    Directory.Delete(folder, recursive: true);
}

// From the start of the process to the first answer with a scope; everything that is read is in the file system's cache.
async Task StartAsync()
{
    var store = StoreOf(1);
    Heading($"first answer after the start, warm files ({2 * rounds + 1} starts)", "median", "longest", "resident then", "goal");
    foreach (var (name, path) in edges)
    {
        var took = new List<double>();
        var resident = 0L;
        for (var round = 0; round <= 2 * rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            using var edge = Edge(name, path, store);
            await edge.AnswersAsync(Of(List, 0));
            took.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            resident = edge.Resident;
        }
        took.Sort();
        Row(name, Invariant($"{took[took.Count / 2]:0} ms"), Invariant($"{took[^1]:0} ms"), Megabytes(resident), "≤ 150 ms, native");
    }
}

// The servers in turns, with the same load.
async Task CompareAsync(int scopes, Question[] questions)
{
    var store = StoreOf(scopes);
    var files = Path.Combine(folder, $"nginx-{scopes}");
    List<Server> servers = [];
    List<(string Name, long[] Resident)> memory = [];
    try
    {
        var length = 0;
        foreach (var (name, path) in edges)
        {
            var edge = Edge(name, path, store);
            servers.Add(edge);
            await edge.AnswersAsync("/health/live");
            var resident = edge.Resident;
            length = await CopyAnswersAsync(edge, questions, files);
            memory.Add((name, [resident, edge.Resident]));
        }
        servers.Add(Server.StartNginx(files));
        servers.Add(Host("Kestrel that does nothing", "nothing", length.ToString(CultureInfo.InvariantCulture)));
        await servers[^1].AnswersAsync("/");
        Heading($"{scopes:N0} scopes in random order, 64 connections: requests/s, p99, processor time for each request", [.. servers.Select(server => server.Name), "native ÷ nginx", "goal"]);
        foreach (var question in questions)
        {
            var measured = servers.ToDictionary(server => server.Name, _ => new List<Measured>());
            for (var round = 0; round <= rounds; round++)
                foreach (var server in servers)
                {
                    var run = await Load.RunAsync(server, question, round == 0 ? 2 : seconds);
                    if (round > 0) measured[server.Name].Add(run); // what a process does for the first time is not measured
                }
            var ratio = Median(measured["edge, native"], run => run.Rate) / Median(measured["nginx"], run => run.Rate);
            Row(question.Name,
            [
                .. servers.Select(server => measured[server.Name]).Select(runs =>
                    Invariant($"{Median(runs, run => run.Rate):N0}, {Median(runs, run => run.P99):0.0} ms, {Median(runs, run => run.Processor):0.0} µs")),
                Invariant($"{ratio:0.00}"), "≥ 0.9, p99 ≤ nginx's",
            ]);
        }
        Heading($"resident memory, {scopes:N0} scopes", "after the start", "after each scope was asked for once", "after the load", "goal");
        foreach (var (server, (name, resident)) in servers.Zip(memory))
            Row(name, Megabytes(resident[0]), Megabytes(resident[1]), Megabytes(server.Resident), scopes switch { 1 => "–", 1_000 => "≤ 60 MB, native", _ => "≤ 320 MB, native" });
        Row("nginx", "", "", Megabytes(servers[edges.Count].Resident), "–");
    }
    finally
    {
        foreach (var server in servers) server.Dispose();
    }
    Directory.Delete(files, recursive: true);
    Directory.Delete(store, recursive: true);
}

// Asks for each scope's answer once, and writes its bytes where nginx serves them.
async Task<int> CopyAnswersAsync(Server edge, Question[] questions, string files)
{
    using var http = new HttpClient { BaseAddress = edge.Address };
    var length = 0;
    foreach (var question in questions.Where(question => !question.Conditional))
        await Parallel.ForEachAsync(Enumerable.Range(0, question.Scopes), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (scope, cancellationToken) =>
        {
            var body = await Load.AskOnceAsync(http, question, scope);
            var file = $"{files}/files{Of(question.Path, scope).Split('?')[0]}{question.AcceptEncoding switch { "br" => ".br", "gzip" => ".gz", _ => "" }}";
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, body, cancellationToken);
            if (question.AcceptEncoding == "br") length = body.Length;
        });
    return length;
}

// 10,000 scopes that nobody has asked for are asked for once, on 32 connections, as fast as they are answered. Meanwhile a scope that is held is asked for 200 times a second.
async Task ColdAsync()
{
    const int Scopes = 10_000;
    var store = StoreOf(Scopes + 1);
    Heading($"a scope that is held, while {Scopes:N0} others are asked for the first time", "alone: p50, p99, longest", "meanwhile: p50, p99, longest", "the others took", "resident then", "goal");
    foreach (var (name, path) in ((string, string)[])[("edge, native", native), ("edge, managed", managed)])
    {
        using var edge = Edge(name, path, store);
        await edge.AnswersAsync(Of(List, Scopes));
        using var http = new HttpClient { BaseAddress = edge.Address };
        await Load.ProbeAsync(http, Of(List, Scopes), Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
        var alone = await Load.ProbeAsync(http, Of(List, Scopes), Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System));
        var started = Stopwatch.GetTimestamp();
        var others = Load.OnceEachAsync(edge, new Question("first requests", List, Scopes, "br"));
        var meanwhile = await Load.ProbeAsync(http, Of(List, Scopes), others);
        await others;
        var took = Stopwatch.GetElapsedTime(started);
        Row(name, Times(alone), Times(meanwhile), Invariant($"{took.TotalSeconds:0.0} s"), Megabytes(edge.Resident), "p99 ≤ 10 ms");
    }
    Directory.Delete(store, recursive: true);

    static string Times(List<double> sorted) => Invariant($"{sorted[sorted.Count / 2]:0.0}, {sorted[sorted.Count * 99 / 100]:0.0}, {sorted[^1]:0.0} ms");
}

// In a process that hosts the edge, or Kestrel alone, as managed code: the runtime's own count.
async Task AllocatedAsync()
{
    var store = StoreOf(1);
    using var edge = Server.Start("edge", Environment.ProcessPath!, ["host", "edge"], Settings(store));
    using var nothing = Host("Kestrel that does nothing", "nothing", "5000");
    await edge.AnswersAsync(Of(List, 0));
    await nothing.AnswersAsync("/");
    Heading($"allocated for each request", "bytes", "goal");
    foreach (var (server, question) in ((Server, Question)[])
        [
            (nothing, new("Kestrel that does nothing", "/", 1, "br")), (edge, new("edge: list, br", List, 1, "br")), (edge, new("edge: list, 304", List, 1, "br", Conditional: true)),
            (edge, new("edge: consent as JSON, br", Query, 1, "br")), (edge, new("edge: consent as a list, br", "/v1/org-{0}/production/scripts?consent=measurement,marketing", 1, "br")),
            (edge, new("edge: consent in parameters, br", "/v1/org-{0}/production/scripts?measurement=true&marketing=false", 1, "br")),
        ])
    {
        await Load.RunAsync(server, question, 2);
        var before = await server.AllocatedAsync();
        var run = await Load.RunAsync(server, question, seconds);
        Row(question.Name, Invariant($"{(await server.AllocatedAsync() - before) / run.Requests}"), "Kestrel's own");
    }
}

// The design that this one takes the place of. Its answers are not compressed, and neither are the edge's here.
async Task NaiveAsync()
{
    const int Scopes = 1_000;
    var database = Variable("POSTGRES");
    await NaiveHandler.FillAsync(database, Scopes);
    var store = StoreOf(Scopes);
    using var edge = Edge("edge, native", native, store);
    using var hit = Host("generates on request, everything in the five-minute map", "naive", database, "300");
    using var miss = Host("generates on request, nothing in the map", "naive", database, "0");
    var question = new Question("", Query, Scopes, "identity");
    Heading($"a query for one of {Scopes:N0} scopes, identity", "requests/s", "p99", "the edge is so many times as fast");
    Dictionary<Server, List<Measured>> measured = new() { [edge] = [], [hit] = [], [miss] = [] };
    foreach (var server in measured.Keys) await server.AnswersAsync(Of(Query, 0));
    for (var round = 0; round <= rounds; round++)
        foreach (var (server, runs) in measured)
        {
            var run = await Load.RunAsync(server, question, round == 0 ? 4 : seconds);
            if (round > 0) runs.Add(run);
        }
    foreach (var (server, runs) in measured)
        Row(server.Name, Invariant($"{Median(runs, run => run.Rate):N0}"), Invariant($"{Median(runs, run => run.P99):0.0} ms"), Invariant($"{Median(measured[edge], run => run.Rate) / Median(runs, run => run.Rate):0.0}"));
    Directory.Delete(store, recursive: true);
}

// Resident with everything on that production has: Azure's client and the export of metrics.
async Task AzureAsync()
{
    var connection = Variable("AZURITE");
    var service = new BlobServiceClient(connection);
    foreach (var container in (string[])["consent-snapshots", "consent-snapshots-private"]) await service.CreateBlobContainerAsync(container);
    var current = service.GetBlobContainerClient("consent-snapshots-private").GetBlobClient(BlobNames.Current(ScopesOnDisk.ScopeOf(0)));
    await current.UploadAsync(new BinaryData(ScopesOnDisk.ManifestOf(0).Bytes));
    using var collector = Host("a collector", "nothing", "0");
    await collector.AnswersAsync("/");
    Heading($"Azure's client and the export of metrics on, one scope", "first answer", "resident after the start", "after load", "requests/s", "goal");
    foreach (var (name, path) in ((string, string)[])[("edge, native", native), ("edge, managed", managed)])
    {
        var started = Stopwatch.GetTimestamp();
        using var edge = Server.Start(name, path, [], ("Storage:Provider", "azure"), ("Storage:ConnectionString", connection),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Address.OriginalString), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000"));
        await edge.AnswersAsync(Of(List, 0));
        var (first, resident) = (Stopwatch.GetElapsedTime(started).TotalMilliseconds, edge.Resident);
        var run = await Load.RunAsync(edge, new Question("list, br", List, 1, "br"), 2 * seconds);
        Row(name, Invariant($"{first:0} ms"), Megabytes(resident), Megabytes(edge.Resident), Invariant($"{run.Rate:N0}"), "≤ 40 MB, native");
    }
}

Server Edge(string name, string path, string store) => Server.Start(name, path, [], Settings(store));

Server Host(string name, params string[] arguments) => Server.Start(name, Environment.ProcessPath!, ["host", .. arguments]);

static (string, string)[] Settings(string store) => [("Storage:Provider", "directory"), ("Storage:Directory", store)];

string StoreOf(int scopes)
{
    var store = Path.Combine(folder, $"store-{scopes}");
    ScopesOnDisk.Write(store, scopes);
    return store;
}

static string Of(string pattern, int scope) => pattern.Replace("{0}", scope.ToString("D5", CultureInfo.InvariantCulture), StringComparison.Ordinal);

static int Number(string name, int usual) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var number) ? number : usual;

static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set: run benchmarks/edge.sh.");

static double Median(List<Measured> runs, Func<Measured, double> of) => runs.Select(of).Order().ElementAt(runs.Count / 2);

static string Megabytes(long bytes) => Invariant($"{bytes / 1e6:0} MB");

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

static void Heading(FormattableString what, params string[] columns)
{
    Console.WriteLine();
    Row(Invariant(what), columns);
    Row("---", [.. columns.Select(_ => "---")]);
}

static void Row(string first, params string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells.Prepend(first))} |");
