using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using ConsentSnapshots.Worker.Benchmarks;

// What publishing costs, beside the least that anybody could do to get the same bytes into the same store. Arguments: the connection string of an empty Postgres database's owner, the
// connection string of an Azurite, and an empty folder on the disk to be measured; then, if not all, what to measure: directory, azurite, unchanged.
if (args is ["reconcile", var database, var existing])
{
    await using var pipeline = new Pipeline(("ConnectionStrings:Postgres", database), ("Storage:Provider", "directory"), ("Storage:Directory", existing));
    var (_, different) = await pipeline.ReconcileAsync();
    Console.WriteLine($"{different.Count} scopes differ.");
    return;
}

var (postgres, azurite, folder) = (args[0], args[1], args[2]);
string[] parts = args.Length > 3 ? args[3..] : ["directory", "azurite", "unchanged"];
const int Rounds = 3;
const int Writers = 32;

await using var source = new SourceDatabase(postgres);
await source.MigrateAsync();
if (parts.Contains("directory")) await DirectoryAsync(Scopes(3000));
if (parts.Contains("azurite")) await AzuriteAsync(Scopes(900));
if (parts.Contains("unchanged")) await UnchangedAsync(Scopes(30_000));

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
        // Names of their own, because Azurite deletes a container some time after it has said so.
        var run = Guid.NewGuid().ToString("N")[..8];
        (string Setting, string Name)[] containers = [("Storage:Container", $"public-{run}"), ("Storage:PrivateContainer", $"private-{run}"), ("Storage:HistoryContainer", $"history-{run}")];
        var count = round == 0 ? Math.Min(scopes, 60) : scopes; // what a process does once is not measured
        await source.FillAsync(count);
        Took took;
        await using (var pipeline = new Pipeline(
            [("ConnectionStrings:Postgres", postgres), ("Storage:Provider", "azure"), ("Storage:ConnectionString", azurite), .. containers]))
        {
            took = await pipeline.BuildAsync();
            if (await pipeline.CountPublishedAsync() != count) throw new InvalidOperationException("Not every scope was published.");
        }
        var contents = new List<(string Container, string Name, BinaryData Bytes)>();
        foreach (var (_, container) in containers)
            await foreach (var blob in service.GetBlobContainerClient(container).GetBlobsAsync())
                contents.Add((container, blob.Name, (await service.GetBlobContainerClient(container).GetBlobClient(blob.Name).DownloadContentAsync()).Value.Content));
        foreach (var (_, container) in containers) await service.DeleteBlobContainerAsync(container);
        var copies = containers.ToDictionary(container => container.Name, container => service.GetBlobContainerClient($"{container.Name}-copy"));
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

async Task UnchangedAsync(int scopes)
{
    // Building the store is not what is measured, so it is built where a flush costs nothing.
    var (built, store) = (Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : folder, $"consent-snapshots-{Environment.ProcessId}"), Path.Combine(folder, "unchanged"));
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
    Directory.Delete(store, recursive: true);

    static Dictionary<string, DateTime> Newest(string store) =>
        new DirectoryInfo(store).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.Name != ".lock").ToDictionary(file => file.FullName, file => file.LastWriteTimeUtc);

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

(string, string)[] DirectoryStore(string path) => [("ConnectionStrings:Postgres", postgres), ("Storage:Provider", "directory"), ("Storage:Directory", path)];

static void Report(string what, int scopes, List<Took> took)
{
    var (wall, processor) = (Median(took, t => t.Wall), Median(took, t => t.Processor));
    Console.WriteLine(Invariant($"| {what} | {scopes / wall:0} | {1000 * processor / scopes:0.0} ms | {wall:0.0} s |"));
}

static void ReportRatio(List<Took> ours, List<Took> plain, string goal) =>
    Console.WriteLine(Invariant($"| ratio (goal {goal}) | | {Median(ours, t => t.Processor) / Median(plain, t => t.Processor):0.00} | {Median(ours, t => t.Wall) / Median(plain, t => t.Wall):0.00} |"));

static double Median(List<Took> took, Func<Took, TimeSpan> of) => took.Select(t => of(t).TotalSeconds).Order().ElementAt(took.Count / 2);

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
