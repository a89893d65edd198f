using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Cdn;

/// <summary>An organization that configures its destinations in a file. Worker and edge run while something is published, and are stopped afterwards: what is served after that, a CDN serves alone.</summary>
internal sealed class SelfHostedSite : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-");
    private readonly Dictionary<string, string?> _settings;
    private readonly Dictionary<string, int> _versions = new(StringComparer.Ordinal);

    private SelfHostedSite(Dictionary<string, string?> store)
    {
        _settings = new(store)
        {
            ["Source:Provider"] = "file",
            ["Source:File"] = Path.Combine(_folder.FullName, "destinations.json"),
            ["urls"] = "http://127.0.0.1:0",
            // Nothing here is about slowness; a busy machine must reach none of these.
            ["Storage:Timeout"] = "00:02:00",
            ["Edge:NetworkTimeout"] = "00:00:30",
            ["Edge:LoadTimeout"] = "00:01:00",
        };
        Root = Path.Combine(_folder.FullName, "store");
    }

    /// <summary>The folder of the directory store.</summary>
    public string Root { get; }

    /// <summary>The public container's address, for a store in Azure.</summary>
    public Uri Container { get; private init; } = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A site whose store is a folder.</summary>
    public static SelfHostedSite OnDirectory()
    {
        var site = new SelfHostedSite(new() { ["Storage:Provider"] = "directory" });
        site._settings["Storage:Directory"] = site.Root;
        return site;
    }

    /// <summary>A site whose store is in Azurite. The public container can be read without a key, as docs/cdn.md says.</summary>
    public static async Task<SelfHostedSite> OnAzureAsync(AzuriteFixture azurite)
    {
        var (connection, name) = (await azurite.ConnectionStringAsync(Cancel), azurite.NextContainerName("public"));
        var container = new BlobContainerClient(connection, name);
        await container.CreateAsync(PublicAccessType.Blob, cancellationToken: Cancel);
        return new SelfHostedSite(new()
        {
            ["Storage:Provider"] = "azure",
            ["Storage:ConnectionString"] = connection,
            ["Storage:Container"] = name,
            ["Storage:PrivateContainer"] = azurite.NextContainerName("private"),
            ["Storage:HistoryContainer"] = azurite.NextContainerName("history"),
        })
        { Container = container.Uri };
    }

    /// <summary>Starts worker and edge with these destinations, waits until the edge serves their next version, and stops both.</summary>
    /// <param name="destinations">What stands under <c>destinations</c> of each organization's production environment.</param>
    public async Task PublishAsync(params (string Organization, string Destinations)[] destinations)
    {
        await WriteAsync(destinations);
        await using var running = await RunAsync();
        await running.ServesNextAsync(destinations.Select(entry => entry.Organization));
    }

    /// <summary>Writes the file.</summary>
    public Task WriteAsync(params (string Organization, string Destinations)[] destinations) => File.WriteAllTextAsync(
        _settings["Source:File"]!,
        $$"""
        { "organizations": [ {{string.Join(", ", destinations.Select(entry =>
            $$"""{ "id": "{{entry.Organization}}", "environments": { "production": { "destinations": {{entry.Destinations}} } } }"""))}} ] }
        """,
        Cancel);

    /// <summary>Starts worker and edge; they are stopped with what this gives.</summary>
    public async Task<Running> RunAsync()
    {
        var running = new Running(this);
        try
        {
            await running.StartAsync();
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Worker and edge, in this process.</summary>
    public sealed class Running : IAsyncDisposable
    {
        private readonly SelfHostedSite _site;
        private readonly IHost _worker;
        private readonly WebApplication _edge;
        private HttpClient? _http;

        internal Running(SelfHostedSite site)
        {
            _site = site;
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
            builder.Configuration.AddInMemoryCollection(site._settings);
            builder.AddSnapshotService(WorkerConfiguration.Read(builder.Configuration));
            _worker = builder.Build();
            _edge = EdgeApp.Build([], edge =>
            {
                edge.Configuration.Sources.Clear();
                edge.Configuration.AddInMemoryCollection(site._settings);
                edge.Logging.ClearProviders();
            });
        }

        /// <summary>Waits until the edge serves the version of each organization that follows the one it served last.</summary>
        public async Task ServesNextAsync(IEnumerable<string> organizations)
        {
            foreach (var organization in organizations)
            {
                var next = _site._versions[organization] = _site._versions.GetValueOrDefault(organization) + 1;
                await Eventually.TrueAsync(async () => await VersionAsync(organization) == next, $"the edge serves version {next} of {organization}");
            }
        }

        public async ValueTask DisposeAsync()
        {
            _http?.Dispose();
            await _edge.StopAsync(Cancel);
            await _edge.DisposeAsync();
            await _worker.StopAsync(Cancel);
            _worker.Dispose();
        }

        internal async Task StartAsync()
        {
            await _worker.StartAsync(Cancel);
            await _edge.StartAsync(Cancel);
            _http = new HttpClient { BaseAddress = new Uri(_edge.Urls.First()) };
        }

        private async Task<int> VersionAsync(string organization)
        {
            using var response = await _http!.GetAsync(new Uri($"/v1/{organization}/production/scripts.json", UriKind.Relative), Cancel);
            return response.IsSuccessStatusCode ? (int)JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!["metadata"]!["version"]! : 0;
        }
    }
}
