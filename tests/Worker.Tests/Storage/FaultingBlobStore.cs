using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>
/// Keeps a log of the calls, and dies at the n-th write: just before it has its effect, or just after, which is what a killed process or a lost answer is. A test may hold any call
/// back, which is what a process that sleeps is.
/// </summary>
public sealed class FaultingBlobStore(IBlobStore inner) : IBlobStore
{
    private readonly Lock _lock = new();
    private readonly List<string> _writes = [];
    private readonly List<string> _reads = [];
    private int _started;

    public int? DieAtWrite { get; set; }

    public bool AfterEffect { get; set; }

    /// <summary>The write it died at.</summary>
    public string? Died { get; private set; }

    /// <summary>Awaited before each call: the call's line of the log is its argument.</summary>
    public Func<string, Task>? Before { get; set; }

    /// <summary>How many writes were begun.</summary>
    public int Writes => Volatile.Read(ref _started);

    /// <summary>The writes that had their effect, in this order: <c>create history acme/production/00000001.json</c>.</summary>
    public IReadOnlyList<string> Log => Copy(_writes);

    /// <summary>The reads and listings.</summary>
    public IReadOnlyList<string> Reads => Copy(_reads);

    public string Description => inner.Description;

    public bool KeepsMetadata => inner.KeepsMetadata;

    public void Forget()
    {
        lock (_lock)
        {
            _writes.Clear();
            _reads.Clear();
        }
    }

    public Task EnsureContainersAsync(CancellationToken cancellationToken) => inner.EnsureContainersAsync(cancellationToken);

    public async Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken)
    {
        await NoteAsync($"read {Name(container)} {name}");
        return await inner.ReadAsync(container, name, knownETag, maxBytes, cancellationToken);
    }

    public async Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken)
    {
        await NoteAsync($"read {Name(container)} {name}");
        return await inner.ReadRangeAsync(container, name, offset, length, knownETag, cancellationToken);
    }

    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await NoteAsync($"list {Name(container)} {prefix}");
        await foreach (var blob in inner.ListAsync(container, prefix, cancellationToken)) yield return blob;
    }

    public Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        WriteAsync($"create {Name(container)} {name}", () => inner.CreateAsync(container, name, bytes, properties, cancellationToken));

    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        WriteAsync($"replace {Name(container)} {name}", () => inner.ReplaceAsync(container, name, bytes, properties, etag, cancellationToken));

    public Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        WriteAsync($"write {Name(container)} {name}", async () =>
        {
            await inner.WriteAsync(container, name, bytes, properties, cancellationToken);
            return true;
        });

    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        WriteAsync($"append private {name}", () => inner.AppendAsync(name, bytes, maxLength, cancellationToken));

    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        WriteAsync($"delete {Name(container)} {name}", () => inner.DeleteAsync(container, name, etag, cancellationToken));

    private static string Name(BlobContainer container) => container.ToString().ToLowerInvariant();

    private string[] Copy(List<string> lines)
    {
        lock (_lock) return [.. lines];
    }

    private async Task NoteAsync(string what)
    {
        lock (_lock) _reads.Add(what);
        if (Before is { } before) await before(what);
    }

    private async Task<T> WriteAsync<T>(string what, Func<Task<T>> write)
    {
        if (Before is { } before) await before(what);
        var number = Interlocked.Increment(ref _started);
        var dies = number == DieAtWrite;
        if (dies) Died = what;
        // Whoever is dead writes nothing any more, whatever else it had begun.
        if (number > DieAtWrite || (dies && !AfterEffect)) throw new StoreUnavailableException($"died before: {what}");
        var result = await write();
        lock (_lock) _writes.Add(what);
        if (dies) throw new StoreUnavailableException($"died after: {what}");
        return result;
    }
}
