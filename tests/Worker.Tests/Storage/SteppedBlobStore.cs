using System.Runtime.CompilerServices;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>
/// One process's way to a store: every call waits until somebody lets it have its effect, fail, or both. So whoever calls can be put to sleep or killed between any two calls, and
/// what several processes do can be interleaved in any way.
/// </summary>
internal sealed class SteppedBlobStore(MemoryBlobs blobs) : IBlobStore
{
    /// <summary>A call that was made and has had no effect yet.</summary>
    /// <param name="What">Which one, such as <c>create history acme/production/00000001.json</c>.</param>
    /// <param name="Effect">Lets it have its effect, of which nobody hears.</param>
    /// <param name="Answer">Lets it have its effect, and answers.</param>
    /// <param name="Fail">Answers that the store is not available.</param>
    public sealed record Call(string What, Action Effect, Action Answer, Action Fail);

    private readonly List<Call> _pending = [];

    public string Description => "memory";

    public bool KeepsMetadata => false;

    public IReadOnlyList<Call> Pending => _pending;

    /// <summary>Takes a call out of those that wait.</summary>
    public Call Take(int index)
    {
        var call = _pending[index];
        _pending.RemoveAt(index);
        return call;
    }

    public Task EnsureContainersAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken) =>
        StepAsync("read", container, name, () => blobs.Read(container, name, knownETag, maxBytes));

    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        StepAsync("read", container, name, () => blobs.ReadRange(container, name, offset, length, knownETag));

    public async IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var blob in await StepAsync("list", container, prefix, () => blobs.List(container, prefix))) yield return blob;
    }

    public Task<string?> CreateAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        StepAsync("create", container, name, () => blobs.Create(container, name, bytes.ToArray()));

    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        StepAsync("replace", container, name, () => blobs.Replace(container, name, bytes.ToArray(), etag));

    public Task WriteAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        StepAsync("write", container, name, () => blobs.Write(container, name, bytes.ToArray()));

    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        StepAsync("append", BlobContainer.Private, name, () => blobs.Append(name, bytes.ToArray(), maxLength));

    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        StepAsync("delete", container, name, () => blobs.Delete(container, name, etag));

    private Task<T> StepAsync<T>(string verb, BlobContainer container, string name, Func<T> effect)
    {
        var what = $"{verb} {container.ToString().ToLowerInvariant()} {name}";
        // Whatever waits for the answer goes to the scheduler that it ran on, and nothing to the thread pool.
        var answer = new TaskCompletionSource<T>();
        _pending.Add(new Call(what, () => effect(), () => answer.SetResult(effect()), () => answer.SetException(new StoreUnavailableException($"no answer: {what}"))));
        return answer.Task;
    }
}
