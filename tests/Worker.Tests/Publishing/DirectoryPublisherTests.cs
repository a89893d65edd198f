using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Publishing;

public sealed class DirectoryPublisherTests : PublisherTests, IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");
    private readonly List<DirectoryBlobStore> _stores = [];

    protected override Task<IBlobStore> CreateStoreAsync()
    {
        var store = new DirectoryBlobStore(Path.Combine(_root.FullName, Guid.NewGuid().ToString("N")), TimeProvider.System);
        _stores.Add(store);
        return Task.FromResult<IBlobStore>(store);
    }

    public void Dispose()
    {
        foreach (var store in _stores) store.Dispose();
        _root.Delete(recursive: true);
    }
}
