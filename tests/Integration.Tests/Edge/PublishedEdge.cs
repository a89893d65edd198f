using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.AspNetCore.Builder;

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
        return new PublishedEdge(root, await DirectoryEdge.StartAsync(root.FullName, cancellationToken));
    }

    public Task StopAsync(CancellationToken cancellationToken) => _edge.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _edge.DisposeAsync();
        _root.Delete(recursive: true);
    }
}
