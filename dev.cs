#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:project src/Worker/Worker.csproj
#:project src/EdgeApi/EdgeApi.csproj

// The embedded default: file source, directory store, worker and edge in one process on localhost.
//   dotnet run dev.cs [--config FILE] [--data DIR] [--urls URL]

using System.CommandLine;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;

var config = new Option<FileInfo?>("--config") { Description = "The destinations file. Default: samples/destinations.json.", HelpName = "FILE" };
var data = new Option<DirectoryInfo?>("--data") { Description = "Where snapshots are kept. Default: a fresh temporary directory.", HelpName = "DIR" };
var urls = new Option<string>("--urls") { Description = "Where the edge listens.", DefaultValueFactory = _ => "http://127.0.0.1:8787", HelpName = "URL" };
var root = new RootCommand("Runs worker and edge in one process, from a file, on localhost.") { config, data, urls };
root.SetAction((parsed, token) => RunAsync(parsed.GetValue(config), parsed.GetValue(data), parsed.GetValue(urls)!, token));
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });

static async Task<int> RunAsync(FileInfo? config, DirectoryInfo? data, string urls, CancellationToken cancellationToken)
{
    var here = Path.GetDirectoryName((string)AppContext.GetData("EntryPointFilePath")!)!;
    var file = config?.FullName ?? Path.Combine(here, "samples", "destinations.json");
    var directory = data?.FullName ?? Directory.CreateTempSubdirectory("consent-snapshots-").FullName;
    try
    {
        await using var app = EdgeApp.Build([], builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Source:Provider"] = "file",
                ["Source:File"] = file,
                ["Storage:Provider"] = "directory",
                ["Storage:Directory"] = directory,
                ["urls"] = urls,
            });
            builder.Logging.AddFilter("Quartz", LogLevel.Warning).AddFilter("Microsoft.Hosting", LogLevel.Warning);
            builder.AddSnapshotService(WorkerConfiguration.Read(builder.Configuration));
        });
        await app.StartEdgeAsync(cancellationToken);
        var scopes = await PublishedAsync(app, cancellationToken);
        PrintWelcome(app.Urls.First().TrimEnd('/'), file, directory, scopes);
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }
    catch (Exception exception) when (exception is InvalidOptionsException or InvalidConfigurationException or SourceUnavailableException
        or StoreUnavailableException or ListenException or IOException)
    {
        await Console.Error.WriteLineAsync(exception.Message);
        return exception is InvalidOptionsException or InvalidConfigurationException ? 2 : 1;
    }
    finally
    {
        if (data is null) Directory.Delete(directory, recursive: true);
    }
}

// Waits until everything in the file is published, so that the URLs printed next answer at once.
static async Task<IReadOnlyList<Scope>> PublishedAsync(WebApplication app, CancellationToken cancellationToken)
{
    var scopes = await app.Services.GetRequiredService<IDestinationSource>().ListScopesAsync(cancellationToken);
    var store = app.Services.GetRequiredService<ScopeStore>();
    using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
    for (var attempt = 0; attempt < 500; attempt++)
    {
        var published = 0;
        await foreach (var _ in store.ListCurrentAsync("", cancellationToken)) published++;
        if (published >= scopes.Count) break;
        await timer.WaitForNextTickAsync(cancellationToken);
    }
    return scopes;
}

static void PrintWelcome(string url, string file, string directory, IReadOnlyList<Scope> scopes)
{
    Console.WriteLine($"""

        Consent Snapshots is running. Ctrl+C stops it.

          destinations   {file}   (edit and save: answers follow within a second)
          snapshots      {directory}
        """);
    if (scopes.Count == 0)
    {
        Console.WriteLine("\nThe file has no organization yet; add one, and its URLs are /v1/{organization}/{environment}/scripts.\n");
        return;
    }
    var scope = scopes[^1];
    Console.WriteLine($$"""

        Try:
          curl '{{url}}/v1/{{scope}}/scripts?consent=measurement'
          curl '{{url}}/v1/{{scope}}/scripts?consent=marketing'
          curl -G '{{url}}/analytics/scripts' --data-urlencode 'consent={"measurement":true}' -d organizationId={{scope.Organization}} -d environment={{scope.Environment.Name()}}
          curl '{{url}}/v1/{{scope}}/scripts.json'
          curl '{{url}}/v1/{{scope}}/scripts/measurement-marketing.json'
          curl '{{url}}/health/ready'

        """);
}
