using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>What two listings tell of a store: everything that a build would mend has to be seen by them.</summary>
public sealed class StoreInventoryTests : IDisposable
{
    private static readonly Destination First = PublicationWorld.MetaPixel("111");
    private static readonly Destination Second = PublicationWorld.MetaPixel("222", "measurement");

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");
    private readonly DirectoryBlobStore _blobs;
    private readonly PublicationWorld _world;

    public StoreInventoryTests()
    {
        _blobs = new DirectoryBlobStore(_root.FullName, TimeProvider.System);
        _world = new PublicationWorld(_blobs, ChangeRecord.PerSegment);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Says_EverythingInPlace_OnlyWhatIsPublished()
    {
        await _world.PublishAsync(1, First);
        var published = (await _world.PublishAsync(2, First, Second)).Manifest;

        var inventory = await ReadAsync();

        Assert.True(inventory.HasLoader);
        Assert.True(inventory.Says(_world.Scope, published.Envelope.Fingerprint));
        Assert.False(inventory.Says(_world.Scope, _world.Request(2, First).Generated.Content.Fingerprint));
        Assert.Equal(2, inventory[_world.Scope]!.Version);
        Assert.Equal([_world.Scope.Organization], inventory.Organizations);
        Assert.Null(inventory[_world.Scope with { Environment = DeploymentEnvironment.Staging }]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Says_AnyPublicBlobOfTheScopeDeletedOrEmpty_False(bool deleted)
    {
        var published = (await _world.PublishAsync(1, First)).Manifest;
        foreach (var name in (await _world.NamesAsync(BlobContainer.Public)).Where(name => name != BlobNames.Loader))
        {
            var bytes = (await _world.BytesAsync(BlobContainer.Public, name))!;
            if (deleted) await _blobs.DeleteAsync(BlobContainer.Public, name, null, Cancel);
            else await _blobs.WriteAsync(BlobContainer.Public, name, ReadOnlyMemory<byte>.Empty, BlobProperties.ReplacedJson, Cancel);

            Assert.False((await ReadAsync()).Says(_world.Scope, published.Envelope.Fingerprint), name);

            await _blobs.WriteAsync(BlobContainer.Public, name, bytes, BlobProperties.ReplacedJson, Cancel);
            Assert.True((await ReadAsync()).Says(_world.Scope, published.Envelope.Fingerprint), name);
        }
    }

    [Fact]
    public async Task Says_ListTagsOrLogOfAnEarlierVersion_False()
    {
        (BlobContainer Container, string Name)[] followers =
        [
            (BlobContainer.Public, BlobNames.List(_world.Scope)), (BlobContainer.Public, BlobNames.Tags(_world.Scope)), (BlobContainer.Private, BlobNames.ChangeSegment(1)),
        ];
        await _world.PublishAsync(1, First);
        var earlier = new List<byte[]>();
        foreach (var (container, name) in followers) earlier.Add((await _world.BytesAsync(container, name))!);
        var published = (await _world.PublishAsync(2, First, Second)).Manifest;
        foreach (var ((container, name), bytes) in followers.Zip(earlier))
        {
            var present = (await _world.BytesAsync(container, name))!;
            await _blobs.WriteAsync(container, name, bytes, BlobProperties.ReplacedJson, Cancel);

            Assert.False((await ReadAsync()).Says(_world.Scope, published.Envelope.Fingerprint), name);

            await _blobs.WriteAsync(container, name, present, BlobProperties.ReplacedJson, Cancel);
        }
    }

    /// <summary>What its fingerprint says is not asked of a manifest that cannot be read: its scope has none.</summary>
    [Fact]
    public async Task Says_CurrentManifestUnreadable_False()
    {
        var published = (await _world.PublishAsync(1, First)).Manifest;
        await _blobs.WriteAsync(BlobContainer.Private, BlobNames.Current(_world.Scope), "{\"schema\":2,"u8.ToArray(), BlobProperties.PrivateJson, Cancel);

        var inventory = await ReadAsync();

        Assert.False(inventory.Says(_world.Scope, published.Envelope.Fingerprint));
        Assert.Null(inventory[_world.Scope]);
    }

    public void Dispose()
    {
        _blobs.Dispose();
        _root.Delete(recursive: true);
    }

    private Task<StoreInventory> ReadAsync() => StoreInventory.ReadAsync(_world.Store, Cancel);
}
