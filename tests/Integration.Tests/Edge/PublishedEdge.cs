using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>An edge over a directory of its own, in which one scope is published: the origin of a proxy.</summary>
internal sealed class PublishedEdge : IAsyncDisposable
{
    private readonly DirectoryInfo _root;
    private readonly WebApplication _edge;

    private PublishedEdge(DirectoryInfo root, WebApplication edge) => (_root, _edge) = (root, edge);

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_edge.Urls.First());

    public static async Task<PublishedEdge> StartAsync(CancellationToken cancellationToken, params Destination[] destinations)
    {
        var root = Directory.CreateTempSubdirectory("consent-snapshots-");
        using var blobs = new DirectoryBlobStore(root.FullName, TimeProvider.System);
        await new PublicationWorld(blobs).PublishAsync(1, destinations);
        var edge = EdgeApp.Build([], builder =>
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Storage:Provider"] = "directory",
                ["Storage:Directory"] = root.FullName,
                ["urls"] = "http://127.0.0.1:0",
                ["Edge:LoadTimeout"] = "00:01:00",
            });
            builder.Logging.ClearProviders();
        });
        await edge.StartAsync(cancellationToken);
        return new PublishedEdge(root, edge);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _edge.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        _root.Delete(recursive: true);
    }
}
