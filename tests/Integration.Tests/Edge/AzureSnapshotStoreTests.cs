using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Tests.Publishing;

namespace ConsentSnapshots.Integration.Tests.Edge;

/// <summary>What the edge makes of Azure's answers, one by one.</summary>
public sealed class AzureSnapshotStoreTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(AzureEdge Edge, AzureSnapshotStore Store)> PublishedAsync()
    {
        var edge = await AzureEdge.CreateAsync(azurite);
        await edge.Blobs.EnsureContainersAsync(Cancel);
        await edge.World.PublishAsync(1, PublicationWorld.MetaPixel("111"));
        return (edge, new AzureSnapshotStore(edge.EdgeStorage, TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task ReadCurrent_KnownETag_IsUnchangedUntilItIsReplaced()
    {
        var (edge, store) = await PublishedAsync();
        var found = Assert.IsType<BlobRead.Found>(await store.ReadCurrentAsync(edge.World.Scope, null, 1 << 20, Cancel));
        Assert.Equal(1, Manifest.Parse(found.Bytes).Version);
        Assert.IsType<BlobRead.Unchanged>(await store.ReadCurrentAsync(edge.World.Scope, found.ETag, 1 << 20, Cancel));
        await edge.World.PublishAsync(2, PublicationWorld.MetaPixel("222"));
        var next = Assert.IsType<BlobRead.Found>(await store.ReadCurrentAsync(edge.World.Scope, found.ETag, 1 << 20, Cancel));
        Assert.Equal(2, Manifest.Parse(next.Bytes).Version);
    }

    [Fact]
    public async Task ReadCurrent_LongerThanAllowed_IsNotRead()
    {
        var (edge, store) = await PublishedAsync();
        Assert.IsType<BlobRead.TooLong>(await store.ReadCurrentAsync(edge.World.Scope, null, 100, Cancel));
    }

    [Fact]
    public async Task ReadSnapshot_PresentAndAbsent_AreToldApart()
    {
        var (edge, store) = await PublishedAsync();
        var manifest = (await edge.World.CurrentAsync())!;
        Assert.True(SnapshotHash.TryParse(manifest[ConsentSet.Everything].Snapshot, out var hash));
        var found = Assert.IsType<BlobRead.Found>(await store.ReadSnapshotAsync(edge.World.Scope, hash, 1 << 20, Cancel));
        Assert.Equal(hash, SnapshotHash.Of(found.Bytes));
        Assert.IsType<BlobRead.Missing>(await store.ReadSnapshotAsync(edge.World.Scope, SnapshotHash.Of("nothing"u8), 1 << 20, Cancel));
    }

    [Fact]
    public async Task ReadLog_AtTheEnd_IsUnchangedOrEmptyAndThenTheNewRecord()
    {
        var (edge, store) = await PublishedAsync();
        Assert.Equal(new LogTail(1, ChangeRecord.Length), await store.FindTailAsync(Cancel));
        var all = Assert.IsType<BlobRead.Found>(await store.ReadLogAsync(1, 0, 4096, null, Cancel));
        Assert.Equal(ChangeRecord.Length, all.Bytes.Length);
        Assert.IsType<BlobRead.Unchanged>(await store.ReadLogAsync(1, 0, 4096, all.ETag, Cancel));
        // Without an ETag: Azure refuses a range that begins at the end, the emulator answers it with nothing.
        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadLogAsync(1, ChangeRecord.Length, 4096, null, Cancel)).Bytes);
        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadLogAsync(1, 100 * ChangeRecord.Length, 4096, null, Cancel)).Bytes);
        await edge.World.PublishAsync(2, PublicationWorld.MetaPixel("222"));
        var next = Assert.IsType<BlobRead.Found>(await store.ReadLogAsync(1, ChangeRecord.Length, 4096, all.ETag, Cancel));
        Assert.Equal(2, Assert.Single(ChangeRecord.Read(next.Bytes, out _)).Version);
        Assert.IsType<BlobRead.Missing>(await store.ReadLogAsync(2, 0, 4096, null, Cancel));
    }

    [Fact]
    public async Task ReadLog_SegmentWithoutARecordYet_IsEmpty()
    {
        var (edge, store) = await PublishedAsync();
        await edge.Private.GetAppendBlobClient(BlobNames.ChangeSegment(2)).CreateAsync(new AppendBlobCreateOptions(), Cancel);
        Assert.Empty(Assert.IsType<BlobRead.Found>(await store.ReadLogAsync(2, 0, 4096, null, Cancel)).Bytes);
        Assert.Equal(new LogTail(2, 0), await store.FindTailAsync(Cancel));
    }

    [Fact]
    public async Task Read_NoContainer_IsUnavailableAndNotMissing()
    {
        var edge = await AzureEdge.CreateAsync(azurite);
        var store = new AzureSnapshotStore(edge.EdgeStorage, TimeSpan.FromSeconds(60));
        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadCurrentAsync(edge.World.Scope, null, 1 << 20, Cancel));
        Assert.Equal("The store answered 404 ContainerNotFound.", failure.Message);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FindTailAsync(Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadLogAsync(1, 0, 4096, null, Cancel));
    }
}
