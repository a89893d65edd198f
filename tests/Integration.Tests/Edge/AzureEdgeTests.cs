using System.Text;
using Azure.Storage.Blobs.Models;
using ConsentSnapshots.EdgeApi.Following;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Publishing;
using Microsoft.Extensions.DependencyInjection;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>The edge on Azure's own semantics, published to by the worker's publisher.</summary>
public sealed class AzureEdgeTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    internal static Task ServesAsync(AzureEdge edge, string text) => Eventually.TrueAsync(
        async () => (await edge.GetAsync()).Body.Contains(text, StringComparison.Ordinal), $"'{text}' served");

    [Fact]
    public async Task Serve_BeforeTheContainersExist_Is503ThenFollowsFromTheFirstPublication()
    {
        await using var edge = await AzureEdge.CreateAsync(azurite);
        await edge.StartAsync();
        Assert.Equal(503, (await edge.GetAsync()).Status);
        Assert.Equal(503, (await edge.GetAsync("/health/ready")).Status);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        await Eventually.TrueAsync(async () => (await edge.GetAsync()).Status == 404, "an empty store");
        await edge.World.PublishAsync(1, PublicationWorld.MetaPixel("11111111111"));
        await ServesAsync(edge, "11111111111");
        await edge.World.PublishAsync(2, PublicationWorld.MetaPixel("22222222222"));
        await ServesAsync(edge, "22222222222");
        Assert.Equal(0, edge.Logged(5103));
    }

    [Fact]
    public async Task Follow_SegmentsFillUp_MovesOnToTheNext()
    {
        const int RecordsPerSegment = 3;
        await using var edge = await AzureEdge.CreateAsync(azurite);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        var world = new PublicationWorld(edge.Blobs, RecordsPerSegment);
        await edge.StartAsync(services => services.AddSingleton(new ChangeLogFormat(RecordsPerSegment * ChangeRecord.Length)));
        for (var revision = 1; revision <= 8; revision++)
        {
            await world.PublishAsync(revision, PublicationWorld.MetaPixel($"{revision}000000000{revision}"));
            await ServesAsync(edge, $"{revision}000000000{revision}");
        }
        Assert.Equal(3, (await world.NamesAsync(BlobContainer.Private, BlobNames.ChangesPrefix)).Count);
        Assert.Equal(0, edge.Logged(5103));
    }

    [Fact]
    public async Task Follow_LogDeleted_IsSoughtAnew()
    {
        await using var edge = await AzureEdge.CreateAsync(azurite);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        await edge.World.PublishAsync(1, PublicationWorld.MetaPixel("11111111111"));
        await edge.StartAsync();
        await ServesAsync(edge, "11111111111");
        await Eventually.TrueAsync(() => Task.FromResult(edge.Logged(5100) == 1), "position");
        await edge.Private.DeleteBlobAsync(BlobNames.ChangeSegment(1), DeleteSnapshotsOption.None, null, Cancel);
        await Eventually.TrueAsync(() => Task.FromResult(edge.Logged(5100) == 2), "the new position");
        await edge.World.PublishAsync(2, PublicationWorld.MetaPixel("22222222222"));
        await ServesAsync(edge, "22222222222");
    }

    [Fact]
    public async Task Load_ManifestDamaged_Is503UntilMended()
    {
        await using var edge = await AzureEdge.CreateAsync(azurite);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        var manifest = (await edge.World.PublishAsync(1, PublicationWorld.MetaPixel("22222222222"))).Manifest;
        var current = edge.Private.GetBlobClient(BlobNames.Current(edge.World.Scope));
        // Still a manifest, whose parts do not give its hashes.
        var other = Encoding.UTF8.GetString(manifest.Bytes.Span).Replace("22222222222", "33333333333", StringComparison.Ordinal);
        await current.UploadAsync(BinaryData.FromString(other), overwrite: true, Cancel);
        await edge.StartAsync();
        Assert.Equal(503, (await edge.GetAsync()).Status);
        await current.UploadAsync(BinaryData.FromBytes(manifest.Bytes), overwrite: true, Cancel);
        await ServesAsync(edge, "22222222222");
    }
}

/// <summary>The edge while the store is away.</summary>
[Collection(Outages.Name)]
public sealed class AzureEdgeOutageTests(AzuriteFixture azurite) : IDisposable
{
    private readonly string _cache = Path.Combine(Path.GetTempPath(), $"edge-cache-{Guid.NewGuid():N}");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (Directory.Exists(_cache)) Directory.Delete(_cache, recursive: true);
    }

    private (string, string)[] Settings => [("Edge:CacheDirectory", _cache), ("Edge:NetworkTimeout", "00:00:00.500")];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Serve_StoreAwayAndEdgeRestarted_ServesFromDiskAndCatchesUp(bool silent)
    {
        await using var edge = await AzureEdge.CreateAsync(azurite);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        await edge.World.PublishAsync(1, PublicationWorld.MetaPixel("11111111111"));
        await edge.StartAsync(null, Settings);
        await AzureEdgeTests.ServesAsync(edge, "11111111111"); // a busy machine may take longer than the network timeout at first
        var before = await edge.GetAsync();
        await Eventually.TrueAsync(() => Task.FromResult(Directory.GetFiles(_cache, "*.scope").Length == 1 && edge.Logged(5100) == 1), "the state on disk");
        // Refused connections, and packets that nobody answers.
        await (silent ? azurite.PauseAsync(Cancel) : azurite.StopAsync(Cancel));
        try
        {
            await Eventually.TrueAsync(() => Task.FromResult(edge.Logged(5300) > 0), "the outage");
            Assert.Equal(before, await edge.GetAsync());
            Assert.Equal(503, (await edge.GetAsync("/v1/other/production/scripts?consent=marketing")).Status);
            var ready = await edge.GetAsync("/health/ready");
            Assert.Equal(200, ready.Status);
            Assert.Contains("degraded", ready.Body, StringComparison.Ordinal);

            await edge.StopAsync();
            await edge.StartAsync(null, Settings);
            Assert.Equal(before, await edge.GetAsync());
            Assert.Equal(503, (await edge.GetAsync("/v1/other/production/scripts?consent=marketing")).Status);
        }
        finally
        {
            await (silent ? azurite.UnpauseAsync(Cancel) : azurite.StartAsync(Cancel));
        }
        await edge.World.PublishAsync(2, PublicationWorld.MetaPixel("22222222222"));
        await AzureEdgeTests.ServesAsync(edge, "22222222222");
    }
}
