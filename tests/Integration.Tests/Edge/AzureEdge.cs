using Azure.Storage.Blobs;
using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>The worker's publisher and an edge on the same containers of Azurite.</summary>
internal sealed class AzureEdge : IAsyncDisposable
{
    private readonly string _connectionString;
    private readonly string _publicName;
    private readonly string _privateName;
    private WebApplication? _edge;

    private AzureEdge(string connectionString, AzuriteFixture azurite)
    {
        _connectionString = connectionString;
        _publicName = azurite.NextContainerName("public");
        _privateName = azurite.NextContainerName("private");
        Blobs = new AzureBlobStore(
            new StorageOptions
            {
                Provider = StorageProvider.Azure,
                ConnectionString = connectionString,
                Container = _publicName,
                PrivateContainer = _privateName,
                HistoryContainer = azurite.NextContainerName("history"),
            },
            StoreRetries.Patient(TimeSpan.FromMinutes(2)));
        World = new PublicationWorld(Blobs);
    }

    public AzureBlobStore Blobs { get; }

    public PublicationWorld World { get; init; }

    public HttpClient Http { get; private set; } = null!;

    public RecordingLogs Logs { get; private set; } = null!;

    public BlobContainerClient Private => new(_connectionString, _privateName);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<AzureEdge> CreateAsync(AzuriteFixture azurite) => new(await azurite.ConnectionStringAsync(Cancel), azurite);

    public async Task StartAsync(Action<IServiceCollection>? services = null, params (string Key, string Value)[] settings)
    {
        Logs = new RecordingLogs();
        _edge = EdgeApp.Build([], builder =>
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(
                new[]
                {
                    ("Storage:Provider", "azure"), ("Storage:ConnectionString", _connectionString), ("Storage:Container", _publicName),
                    ("Storage:PrivateContainer", _privateName), ("urls", "http://127.0.0.1:0"),
                    // Only some tests are about slowness; in the others a busy machine must reach neither.
                    ("Edge:NetworkTimeout", "00:00:30"), ("Edge:LoadTimeout", "00:01:00"),
                }.Concat(settings).GroupBy(setting => setting.Item1, setting => (string?)setting.Item2)
                    .Select(group => KeyValuePair.Create(group.Key, group.Last())));
            builder.Logging.ClearProviders().AddProvider(Logs);
            services?.Invoke(builder.Services);
        });
        await _edge.StartAsync(Cancel);
        Http = new HttpClient { BaseAddress = new Uri(_edge.Urls.First()) };
    }

    public async Task StopAsync()
    {
        Http?.Dispose();
        if (_edge is null) return;
        await _edge.StopAsync(Cancel);
        await _edge.DisposeAsync();
        _edge = null;
    }

    public async Task<(int Status, string Body)> GetAsync(string path = "/v1/acme/production/scripts?consent=marketing")
    {
        using var response = await Http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancel));
    }

    public int Logged(int id) => Logs.Count(id);

    public async ValueTask DisposeAsync() => await StopAsync();
}
