#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
#:property RestorePackagesWithLockFile=false
#:project src/Worker/Worker.csproj
#:project src/EdgeApi/EdgeApi.csproj

// The embedded default: file source, directory store, worker and edge in one process on localhost.
//   dotnet run dev.cs [--config FILE] [--data DIR] [--urls URL]

using System.CommandLine;
using System.Text.Json.Nodes;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.EdgeApi.Http;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
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
    var welcomed = false;
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
            // The welcome comes first, then what happens.
            builder.Logging.AddFilter("ConsentSnapshots", level => level >= LogLevel.Warning || Volatile.Read(ref welcomed));
            builder.AddSnapshotService(WorkerConfiguration.Read(builder.Configuration));
        });
        new Playground(app, Path.Combine(here, "samples", "playground"), file).Map();
        await app.StartEdgeAsync(cancellationToken);
        var scopes = await PublishedAsync(app, cancellationToken);
        PrintWelcome(app.Urls.First().TrimEnd('/'), file, directory, scopes);
        Volatile.Write(ref welcomed, true);
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
        var missing = scopes.ToHashSet();
        await foreach (var current in store.ListCurrentAsync("", cancellationToken)) missing.Remove(current.Scope);
        if (missing.Count == 0) break;
        await timer.WaitForNextTickAsync(cancellationToken);
    }
    return scopes;
}

static void PrintWelcome(string url, string file, string directory, IReadOnlyList<Scope> scopes)
{
    Console.WriteLine($"""

        Consent Snapshots is running. Ctrl+C stops it.

          open           {url}/playground/
          destinations   {file}   (edit and save: the page and all answers follow within a second)
          snapshots      {directory}
        """);
    if (scopes.Count == 0)
    {
        Console.WriteLine("\nThe file has no organization yet; add one, and its URLs are /v1/{organization}/{environment}/scripts.json.\n");
        return;
    }
    var scope = scopes[^1];
    Console.WriteLine($$"""

        Try:
          curl '{{url}}/v1/{{scope}}/scripts.json'
          curl '{{url}}/v1/{{scope}}/tags.js'
          curl '{{url}}/v1/{{scope}}/scripts?consent=measurement'
          curl '{{url}}/v1/{{scope}}/scripts/measurement-marketing.json'
          curl -G '{{url}}/analytics/scripts' --data-urlencode 'consent={"measurement":true}' -d organizationId={{scope.Organization}} -d environment={{scope.Environment.Name()}}
          curl '{{url}}/health/ready'

        """);
}

// The page that shows what a visitor's consent loads, and why. Only this program serves it: it tells names and problems of destinations.
internal sealed class Playground(WebApplication app, string folder, string file)
{
    private const string PagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

    private static readonly Dictionary<string, string> s_files = new()
    {
        ["index.html"] = "text/html; charset=utf-8",
        ["playground.css"] = "text/css; charset=utf-8",
        ["playground.js"] = "text/javascript; charset=utf-8",
        ["page.js"] = "text/javascript; charset=utf-8",
    };

    private readonly IDestinationSource _source = app.Services.GetRequiredService<IDestinationSource>();
    private readonly IScopeQueue _queue = app.Services.GetRequiredService<IScopeQueue>();
    private readonly ScopeStore _store = app.Services.GetRequiredService<ScopeStore>();

    public void Map()
    {
        app.MapGet("/", () => Results.Redirect("/playground/"));
        // The page's own links start from here, so its address ends with a slash.
        app.MapGet("/playground", (HttpContext context) =>
        {
            if (context.Request.Path.Value!.EndsWith('/')) return FileAsync(context, "index.html", PagePolicy);
            context.Response.Redirect("/playground/");
            return Task.CompletedTask;
        });
        app.MapGet("/playground/{name}", (HttpContext context, string name) => FileAsync(context, name, PagePolicy));
        app.MapGet("/playground/page.html", PageAsync);
        // What stands in for a vendor's library while no request is sent.
        app.MapGet("/playground/library", () => Results.Text("", "text/javascript"));
        app.MapGet("/playground/scopes", ScopesAsync);
        app.MapGet("/playground/scopes/{organization}/{environment}", ScopeAsync);
    }

    private Task FileAsync(HttpContext context, string name, string policy) =>
        s_files.TryGetValue(name, out var type) ? SendAsync(context, Path.Combine(folder, name), type, policy) : NotFound.ExecuteAsync(context);

    private static Task SendAsync(HttpContext context, string path, string type, string policy)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = policy;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        context.Response.ContentType = type;
        return context.Response.SendFileAsync(path, context.RequestAborted);
    }

    // The page that the scripts run on has the policy that the list asks for. Unless requests are sent, it has no vendor's host.
    private async Task PageAsync(HttpContext context, string? scope, string? send)
    {
        if (scope?.Split('/') is not [var organization, var environment] || await ReadAsync(organization, environment, context.RequestAborted) is not { } manifest)
        {
            await NotFound.ExecuteAsync(context);
            return;
        }
        var policy = new Dictionary<string, string>
        {
            ["default-src"] = "'none'", ["script-src"] = "'self'", ["connect-src"] = "'self'", ["img-src"] = "'self' data:", ["base-uri"] = "'none'", ["form-action"] = "'none'", ["frame-ancestors"] = "'self'",
        };
        foreach (var (directive, sources) in Policy(manifest, ConsentSet.Everything))
        {
            var wanted = sources!.AsArray().Select(source => (string)source!).Where(source => send == "yes" || source.StartsWith('\''));
            policy[directive] = string.Join(' ', (string[])[policy.GetValueOrDefault(directive) ?? "'self'", .. wanted]);
        }
        await SendAsync(context, Path.Combine(folder, "page.html"), "text/html; charset=utf-8", string.Join("; ", policy.Select(entry => $"{entry.Key} {entry.Value}")));
    }

    private async Task<IResult> ScopesAsync(CancellationToken cancellationToken)
    {
        var scopes = await _source.ListScopesAsync(cancellationToken);
        return Json(new JsonObject { ["file"] = file, ["scopes"] = new JsonArray([.. scopes.Reverse().Select(scope => (JsonNode)scope.ToString())]) });
    }

    // What the published list does not say: whose each script is, and why a destination has none.
    private async Task<IResult> ScopeAsync(string organization, string environment, CancellationToken cancellationToken)
    {
        if (await ReadAsync(organization, environment, cancellationToken) is not { } manifest) return NotFound;
        var rows = (await _source.ReadAsync(manifest.Scope, ReadPurpose.Look, cancellationToken)).Require().Rows.ToDictionary(row => row.Id);
        var status = await _queue.StatusAsync(manifest.Scope.Organization, cancellationToken);
        var problems = status.Where(entry => entry.Scope == manifest.Scope).SelectMany(entry => entry.Problems).ToLookup(problem => problem.DestinationId);
        var used = Enumerable.Range(0, manifest.Content.ScriptCount).SelectMany(script => manifest.Content.DestinationsOf(script)).ToHashSet();
        JsonNode Describe(Guid id, string? reason = null) => rows.TryGetValue(id, out var row)
            ? new JsonObject { ["name"] = row.Name, ["type"] = row.Type, ["reason"] = reason }
            : new JsonObject { ["name"] = "", ["type"] = id.ToString(), ["reason"] = reason };
        string Reason(Destination row) =>
            problems[row.Id].FirstOrDefault() is { } problem ? $"{problem.Field}{(problem.Field is null ? "" : ": ")}{problem.Message}"
            : row.Enabled ? "It has no script for a browser." : "It is switched off.";

        return Json(new JsonObject
        {
            ["version"] = manifest.Version,
            ["snapshots"] = new JsonArray([.. ConsentSet.All.Select(set => (JsonNode)manifest[set].Snapshot)]),
            ["policies"] = new JsonArray([.. ConsentSet.All.Select(set => (JsonNode)Policy(manifest, set))]),
            ["scripts"] = new JsonArray([.. Enumerable.Range(0, manifest.Content.ScriptCount).Select(script => (JsonNode)new JsonObject
            {
                ["type"] = manifest.Content.TypeOf(script),
                ["destinations"] = new JsonArray([.. manifest.Content.DestinationsOf(script).Select(id => Describe(id))]),
            })]),
            ["without"] = new JsonArray([.. rows.Values.Where(row => !used.Contains(row.Id)).Select(row => Describe(row.Id, Reason(row)))]),
        });
    }

    private async Task<Manifest?> ReadAsync(string organization, string environment, CancellationToken cancellationToken) =>
        OrganizationId.TryParse(organization, out var id) && DeploymentEnvironments.TryParse(environment, out var known)
            ? (await _store.ReadCurrentAsync(new Scope(id, known), cancellationToken)).Manifest
            : null;

    private static JsonObject Policy(Manifest manifest, ConsentSet set) =>
        JsonNode.Parse(manifest.SnapshotBytes(manifest[set].Snapshot))!["metadata"]!["csp"]!.DeepClone().AsObject();

    private static IResult Json(JsonNode node) => Results.Text(node.ToJsonString(), "application/json");

    private static IResult NotFound => Results.Text("""{"error":"Not found","message":"There is nothing at this path."}""", "application/json", statusCode: 404);
}
