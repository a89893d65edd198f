using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>Dies at the n-th write: just before it has its effect, or just after, which is what a killed process or a lost answer is.</summary>
public sealed class FaultingBlobStore(IBlobStore inner) : IBlobStore
{
    private int _writes;

    public int? DieAtWrite { get; set; }

    public bool AfterEffect { get; set; }

    public int Writes => _writes;

    public List<string> Log { get; } = [];

    public string Description => inner.Description;

    public Task EnsureContainersAsync(CancellationToken cancellationToken) => inner.EnsureContainersAsync(cancellationToken);

    public Task<StoredBlob?> ReadAsync(BlobContainer container, string name, CancellationToken cancellationToken) =>
        inner.ReadAsync(container, name, cancellationToken);

    public Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        WriteAsync($"create {name}", () => inner.CreateAsync(container, name, bytes, properties, cancellationToken));

    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        WriteAsync($"replace {name}", () => inner.ReplaceAsync(container, name, bytes, properties, etag, cancellationToken));

    public Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        WriteAsync($"write {name}", async () =>
        {
            await inner.WriteAsync(container, name, bytes, properties, cancellationToken);
            return true;
        });

    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        WriteAsync($"append {name}", () => inner.AppendAsync(name, bytes, maxLength, cancellationToken));

    public IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, CancellationToken cancellationToken) =>
        inner.ListAsync(container, prefix, cancellationToken);

    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        WriteAsync($"delete {name}", () => inner.DeleteAsync(container, name, etag, cancellationToken));

    private async Task<T> WriteAsync<T>(string what, Func<Task<T>> write)
    {
        var dies = Interlocked.Increment(ref _writes) == DieAtWrite;
        if (dies && !AfterEffect) throw new StoreUnavailableException($"died before: {what}");
        var result = await write();
        lock (Log) Log.Add(what);
        if (dies) throw new StoreUnavailableException($"died after: {what}");
        return result;
    }
}
