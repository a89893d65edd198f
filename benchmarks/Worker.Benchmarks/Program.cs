using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using ConsentSnapshots.Worker.Benchmarks;

// What publishing costs, beside the least that anybody could do to get the same bytes into the same store. Arguments: the connection string of an empty Postgres database's owner, the
// connection string of an Azurite, and an empty folder on the disk to be measured; then, if not all, what to measure: directory, azurite, unchanged, edge.
if (args is ["reconcile", var database, var existing])
{
    await using var pipeline = new Pipeline(("ConnectionStrings:Postgres", database), ("Storage:Provider", "directory"), ("Storage:Directory", existing));
    var (_, different) = await pipeline.ReconcileAsync();
    Console.WriteLine($"{different.Count} scopes differ.");
    return;
}

var (postgres, azurite, folder) = (args[0], args[1], args[2]);
string[] parts = args.Length > 3 ? args[3..] : ["directory", "azurite", "unchanged", "edge"];
const int Rounds = 3;
const int Writers = 32;
var (Often, Seldom) = (TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(25)); // between two looks at the edge

await using var source = new SourceDatabase(postgres);
await source.MigrateAsync();
if (parts.Contains("directory")) await DirectoryAsync(Scopes(3000));
if (parts.Contains("azurite")) await AzuriteAsync(Scopes(900));
if (parts.Contains("unchanged") || parts.Contains("edge")) await WithStoreAsync(Scopes(30_000), async (scopes, store) =>
{
    if (parts.Contains("unchanged")) await UnchangedAsync(scopes, store);
    if (parts.Contains("edge")) await EdgeAsync(scopes, store);
});
if (parts.Contains("edge"))
{
    await AmidAsync("directory", Scopes(3000), DirectoryStore(Path.Combine(folder, "amid")));
    await AmidAsync("Azurite", Scopes(900), AzureStore(out _));
}

int Scopes(int usual) => int.TryParse(Environment.GetEnvironmentVariable("SCOPES"), CultureInfo.InvariantCulture, out var scopes) ? scopes : usual;

// The whole way from the rows to the files, against a writer that has the files' bytes in memory.
async Task DirectoryAsync(int scopes)
{
    var store = Path.Combine(folder, "store");
    await PublishAsync(Math.Min(scopes, 300), DirectoryStore(store)); // what a process does once is not measured
    List<Took> ours = [], plain = [];
    var files = 0;
    for (var round = 0; round < Rounds; round++)
    {
        ours.Add(await PublishAsync(scopes, DirectoryStore(store)));
        var contents = Directory.EnumerateFiles(store, "*", SearchOption.AllDirectories).ToDictionary(path => Path.GetRelativePath(store, path), File.ReadAllBytes);
        files = contents.Count;
        Directory.Delete(store, recursive: true);
        var copy = Path.Combine(folder, "copy");
        plain.Add(await Took.MeasureAsync(() => Parallel.ForEachAsync(contents, new ParallelOptions { MaxDegreeOfParallelism = Writers }, (file, _) =>
        {
            var path = Path.Combine(copy, file.Key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            stream.Write(file.Value);
            stream.Flush(flushToDisk: true);
            return ValueTask.CompletedTask;
        })));
        Directory.Delete(copy, recursive: true);
    }
    Console.WriteLine($"""
        | {scopes:N0} scopes × 6 destinations, Postgres → directory ({files:N0} files) | scopes/s | processor time for each scope | duration |
        | --- | --- | --- | --- |
        """);
    Report("the worker", scopes, ours);
    Report($"a plain writer of the same files, {Writers} at once, each flushed", scopes, plain);
    ReportRatio(ours, plain, "≤ 1.3");

    async Task<Took> PublishAsync(int count, (string, string)[] settings)
    {
        if (Directory.Exists(store)) Directory.Delete(store, recursive: true);
        await source.FillAsync(count);
        await using var pipeline = new Pipeline(settings);
        var took = await pipeline.BuildAsync();
        return await pipeline.CountPublishedAsync() == count ? took : throw new InvalidOperationException("Not every scope was published.");
    }
}

async Task AzuriteAsync(int scopes)
{
    var service = new BlobServiceClient(azurite);
    List<Took> ours = [], plain = [];
    var blobs = 0;
    for (var round = 0; round <= Rounds; round++)
    {
        var settings = AzureStore(out var containers);
        var count = round == 0 ? Math.Min(scopes, 60) : scopes; // what a process does once is not measured
        await source.FillAsync(count);
        Took took;
        await using (var pipeline = new Pipeline(settings))
        {
            took = await pipeline.BuildAsync();
            if (await pipeline.CountPublishedAsync() != count) throw new InvalidOperationException("Not every scope was published.");
        }
        var contents = new List<(string Container, string Name, BinaryData Bytes)>();
        foreach (var container in containers)
            await foreach (var blob in service.GetBlobContainerClient(container).GetBlobsAsync())
                contents.Add((container, blob.Name, (await service.GetBlobContainerClient(container).GetBlobClient(blob.Name).DownloadContentAsync()).Value.Content));
        foreach (var container in containers) await service.DeleteBlobContainerAsync(container);
        var copies = containers.ToDictionary(container => container, container => service.GetBlobContainerClient($"{container}-copy"));
        foreach (var copy in copies.Values) await copy.CreateAsync();
        var alone = await Took.MeasureAsync(() => Parallel.ForEachAsync(contents, new ParallelOptions { MaxDegreeOfParallelism = Writers }, async (blob, token) =>
            await copies[blob.Container].GetBlobClient(blob.Name).UploadAsync(blob.Bytes, new BlobUploadOptions(), token)));
        foreach (var copy in copies.Values) await copy.DeleteAsync();
        if (round == 0) continue;
        ours.Add(took);
        plain.Add(alone);
        blobs = contents.Count;
    }
    Console.WriteLine($"""

        | {scopes:N0} scopes × 6 destinations, Postgres → Azurite ({blobs:N0} blobs) | scopes/s | processor time for each scope | duration |
        | --- | --- | --- | --- |
        """);
    Report("the worker", scopes, ours);
    Report($"PUTs of the same blobs by the SDK alone, {Writers} at once", scopes, plain);
    ReportRatio(ours, plain, "≤ 1.3");
}

// A store in which every scope is published.
async Task WithStoreAsync(int scopes, Func<int, string, Task> measure)
{
    // Building the store is not what is measured, so it is built where a flush costs nothing.
    var (built, store) = (Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : folder, $"consent-snapshots-{Environment.ProcessId}"), Path.Combine(folder, "published"));
    await source.FillAsync(scopes);
    try
    {
        await using (var pipeline = new Pipeline(DirectoryStore(built))) await pipeline.BuildAsync();
        Copy(built, store);
    }
    finally
    {
        if (Directory.Exists(built)) Directory.Delete(built, recursive: true);
    }
    await measure(scopes, store);
    Directory.Delete(store, recursive: true);

    static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(file, path);
        }
    }
}

// From a commit in the control plane to the answer of an edge.
async Task EdgeAsync(int scopes, string store)
{
    Console.WriteLine($"""

        | commit → edge, {scopes:N0} scopes known, directory | p50 | p99 | longest | goal |
        | --- | --- | --- | --- | --- |
        """);
    using var latency = new Latency(source, DirectoryStore(store), Environment.GetEnvironmentVariable("EDGE") ?? throw new InvalidOperationException("EDGE must be the path of the edge's program."));
    await latency.ReadyAsync(0);
    var organizations = scopes / 3;
    for (var edit = 0; edit < 20; edit++) await latency.EditAsync(edit, Often); // what a process does once is not measured
    var random = new Random(5);

    var single = new List<TimeSpan>();
    for (var edit = 0; edit < 200; edit++)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100)), TimeProvider.System);
        single.Add(await latency.EditAsync(random.Next(organizations), Often));
    }
    ReportLatency("one edit at a time", single, "p50 ≤ 90 ms, p99 ≤ 250 ms");

    var many = new List<Task<TimeSpan>>();
    using (var second = new PeriodicTimer(TimeSpan.FromSeconds(1) / 30))
        for (var edit = 0; edit < Math.Min(600, organizations) && await second.WaitForNextTickAsync(); edit++) many.Add(latency.EditAsync((edit * 7) % organizations, Seldom));
    ReportLatency("30 edits/s of as many organizations", [.. await Task.WhenAll(many)], "p99 ≤ 1 s");

    await source.EditAllAsync();
    while (await source.CountPendingAsync() < scopes / 2) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    var started = Stopwatch.GetTimestamp();
    var before = await source.CountPendingAsync();
    var bystander = await BystanderAsync(latency, organizations, TimeSpan.FromSeconds(60));
    var after = await source.CountPendingAsync();
    ReportLatency(Invariant($"one edit every half second while all {scopes:N0} scopes are published anew ({before - after:N0} of them in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s)"), bystander, "p99 ≤ 1 s");

    List<TimeSpan> killed = [], stopped = [];
    for (var round = 0; round < 5 && await source.CountPendingAsync() > 100; round++) killed.Add(await latency.LoseWorkerAsync(kill: true));
    for (var round = 0; round < 5 && await source.CountPendingAsync() > 100; round++) stopped.Add(await latency.LoseWorkerAsync(kill: false));
    ReportLatency("SIGKILL of a worker until nothing is claimed by it", killed, "≤ 3 s");
    ReportLatency("SIGSTOP of a worker until nothing is claimed by it", stopped, "≤ 3 s");
}

// Edits of single organizations while everything is due for the first time.
async Task AmidAsync(string name, int scopes, (string, string)[] settings)
{
    await source.FillAsync(scopes);
    using var latency = new Latency(source, settings, Environment.GetEnvironmentVariable("EDGE")!);
    while (await source.CountPendingAsync() < scopes / 2) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    await latency.ReadyAsync(0);
    var edits = await BystanderAsync(latency, scopes / 3, TimeSpan.FromSeconds(30));
    ReportLatency($"one edit every half second while {scopes:N0} scopes are due, {name}", edits, "≤ 1 s");
}

// One edit every half second for some time, or until nothing is due any more.
async Task<List<TimeSpan>> BystanderAsync(Latency latency, int organizations, TimeSpan time)
{
    var random = new Random(6);
    var took = new List<TimeSpan>();
    using var half = new PeriodicTimer(TimeSpan.FromSeconds(0.5));
    for (var watch = Stopwatch.StartNew(); watch.Elapsed < time && await source.CountPendingAsync() > 10 && await half.WaitForNextTickAsync();)
        took.Add(await latency.EditAsync(random.Next(organizations), Often));
    return took;
}

async Task UnchangedAsync(int scopes, string store)
{
    Console.WriteLine($"""

        | {scopes:N0} scopes × 6 destinations, nothing changed, directory | duration | processor time | most memory | files written | goal |
        | --- | --- | --- | --- | --- | --- |
        """);
    foreach (var (name, arguments) in (((string, string[])[])[("`regenerate --all`", ["regenerate", "--all"]), ("a reconcile", ["--reconcile"])]))
    {
        var before = Newest(store);
        // A process of its own, because its memory is what is asked for.
        var (program, first) = arguments[0] == "--reconcile" ? (Environment.ProcessPath!, new[] { "reconcile", postgres, store }) : (Path.Combine(AppContext.BaseDirectory, "consent-snapshots"), arguments);
        var start = new ProcessStartInfo(program, first) { RedirectStandardOutput = true };
        foreach (var (key, value) in DirectoryStore(store)) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        start.Environment["Source__Provider"] = "postgres";
        start.Environment["Encryption__Keys__0"] = new string('0', 64);
        using var process = Process.Start(start)!;
        var started = Stopwatch.GetTimestamp();
        var reading = process.StandardOutput.ReadToEndAsync();
        var (most, processor) = (0L, TimeSpan.Zero);
        while (!process.WaitForExit(50))
        {
            process.Refresh();
            if (process.HasExited) break;
            most = Math.Max(most, process.PeakWorkingSet64);
            processor = process.TotalProcessorTime;
        }
        var wall = Stopwatch.GetElapsedTime(started);
        Console.Error.WriteLine(await reading);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{name} ended with {process.ExitCode}.");
        Console.WriteLine(Invariant(
            $"| {name} | {wall.TotalSeconds:0.0} s | {processor.TotalSeconds:0.0} s | {most / 1e6:0} MB | {Newest(store).Count(file => !before.TryGetValue(file.Key, out var time) || time != file.Value)} | ≤ 10 s, ≤ 300 MB, 0 |"));
    }

    static Dictionary<string, DateTime> Newest(string store) =>
        new DirectoryInfo(store).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.Name != ".lock").ToDictionary(file => file.FullName, file => file.LastWriteTimeUtc);
}

(string, string)[] DirectoryStore(string path) => [("ConnectionStrings:Postgres", postgres), ("Storage:Provider", "directory"), ("Storage:Directory", path)];

// Names of their own, because Azurite deletes a container some time after it has said so.
(string, string)[] AzureStore(out string[] containers)
{
    var run = Guid.NewGuid().ToString("N")[..8];
    containers = [$"public-{run}", $"private-{run}", $"history-{run}"];
    return
    [
        ("ConnectionStrings:Postgres", postgres), ("Storage:Provider", "azure"), ("Storage:ConnectionString", azurite),
        ("Storage:Container", containers[0]), ("Storage:PrivateContainer", containers[1]), ("Storage:HistoryContainer", containers[2]),
    ];
}

static void ReportLatency(string what, List<TimeSpan> took, string goal)
{
    took.Sort();
    Console.WriteLine(took.Count == 0 ? $"| {what} | not measured | | | {goal} |"
        : Invariant($"| {what} (n = {took.Count}) | {took[took.Count / 2].TotalMilliseconds:0} ms | {took[(int)(took.Count * 0.99)].TotalMilliseconds:0} ms | {took[^1].TotalMilliseconds:0} ms | {goal} |"));
}

static void Report(string what, int scopes, List<Took> took)
{
    var (wall, processor) = (Median(took, t => t.Wall), Median(took, t => t.Processor));
    Console.WriteLine(Invariant($"| {what} | {scopes / wall:0} | {1000 * processor / scopes:0.0} ms | {wall:0.0} s |"));
}

static void ReportRatio(List<Took> ours, List<Took> plain, string goal) =>
    Console.WriteLine(Invariant($"| ratio (goal {goal}) | | {Median(ours, t => t.Processor) / Median(plain, t => t.Processor):0.00} | {Median(ours, t => t.Wall) / Median(plain, t => t.Wall):0.00} |"));

static double Median(List<Took> took, Func<Took, TimeSpan> of) => took.Select(t => of(t).TotalSeconds).Order().ElementAt(took.Count / 2);

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
