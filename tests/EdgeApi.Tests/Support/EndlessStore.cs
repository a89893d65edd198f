using ConsentSnapshots.EdgeApi.Lookup;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A store in memory that has every scope that is asked for: all of them have the same one destination. Its log is empty.</summary>
internal sealed class EndlessStore : ISnapshotStore
{
    private readonly Manifest _manifest;
    private readonly Dictionary<SnapshotHash, byte[]> _snapshots = [];

    public EndlessStore(TestStore store)
    {
        _manifest = store.Prepare(TestStore.Acme, [TestStore.Pixel("1")], out var generated);
        foreach (var snapshot in generated.Snapshots) _snapshots.Add(snapshot.Hash, snapshot.Bytes.ToArray());
    }

    public Task<BlobRead> ReadCurrentAsync(Scope scope, string? knownETag, int maxBytes, CancellationToken cancellation)
    {
        var manifest = _manifest with { Organization = scope.Organization.Value, Environment = scope.Environment.Name() };
        return Task.FromResult<BlobRead>(new BlobRead.Found(manifest.ToBytes(), "\"1\""));
    }

    public Task<BlobRead> ReadSnapshotAsync(Scope scope, SnapshotHash hash, int maxBytes, CancellationToken cancellation) =>
        Task.FromResult<BlobRead>(_snapshots.TryGetValue(hash, out var bytes) ? new BlobRead.Found(bytes, "\"1\"") : new BlobRead.Missing());

    public Task<LogTail> FindTailAsync(CancellationToken cancellation) => Task.FromResult(default(LogTail));

    public Task<BlobRead> ReadLogAsync(int segment, long offset, int maxBytes, string? knownETag, CancellationToken cancellation) =>
        Task.FromResult<BlobRead>(new BlobRead.Missing());
}
