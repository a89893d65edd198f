using System.Runtime.CompilerServices;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>A store that counts what is written to it, and what it does not answer. Each call has a span where it belongs to a trace.</summary>
internal sealed class MeteredBlobStore(IBlobStore store, WorkerMetrics metrics) : IBlobStore
{
    /// <inheritdoc/>
    public string Description => store.Description;

    /// <inheritdoc/>
    public bool KeepsMetadata => store.KeepsMetadata;

    /// <inheritdoc/>
    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken) =>
        CallAsync("read", container, name, () => store.ReadAsync(container, name, knownETag, maxBytes, cancellationToken));

    /// <inheritdoc/>
    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        CallAsync("read", container, name, () => store.ReadRangeAsync(container, name, offset, length, knownETag, cancellationToken));

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var blobs = store.ListAsync(container, prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (blobs)
        {
            // Of a long listing each page is asked for when the one before it has been used up, so no span could say how long the store took. The first answer has one.
            if (!await CallAsync(WorkerSpans.ListOperation, container, prefix, () => blobs.MoveNextAsync().AsTask())) yield break;
            do yield return blobs.Current;
            while (await CountFailuresAsync(blobs.MoveNextAsync().AsTask()));
        }
    }

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => CountFailuresAsync(AnswerAsync(store.EnsureContainersAsync(cancellationToken)));

    /// <inheritdoc/>
    public async Task<string?> CreateAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken)
    {
        var etag = await CallAsync("create", container, name, () => store.CreateAsync(container, name, bytes, properties, cancellationToken));
        if (etag is not null) metrics.Wrote(BlobKinds.Of(container, name), bytes.Length);
        return etag;
    }

    /// <inheritdoc/>
    public async Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken)
    {
        var replaced = await CallAsync("replace", container, name, () => store.ReplaceAsync(container, name, bytes, properties, etag, cancellationToken));
        if (replaced is not null) metrics.Wrote(BlobKinds.Of(container, name), bytes.Length);
        return replaced;
    }

    /// <inheritdoc/>
    public async Task WriteAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken)
    {
        await CallAsync("write", container, name, () => AnswerAsync(store.WriteAsync(container, name, bytes, properties, cancellationToken)));
        metrics.Wrote(BlobKinds.Of(container, name), bytes.Length);
    }

    /// <inheritdoc/>
    public async Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken)
    {
        var appended = await CallAsync("append", BlobContainer.Private, name, () => store.AppendAsync(name, bytes, maxLength, cancellationToken));
        if (appended) metrics.Wrote(BlobKinds.Of(BlobContainer.Private, name), bytes.Length);
        return appended;
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        CallAsync("delete", container, name, () => store.DeleteAsync(container, name, etag, cancellationToken));

    private Task<T> CallAsync<T>(string operation, BlobContainer container, string name, Func<Task<T>> call) =>
        WorkerSpans.IsWithin ? TraceAsync(operation, container, name, call) : CountFailuresAsync(call());

    private async Task<T> TraceAsync<T>(string operation, BlobContainer container, string name, Func<Task<T>> call)
    {
        using var span = WorkerSpans.Store(operation, container, name);
        try
        {
            return await CountFailuresAsync(call());
        }
        catch (Exception exception)
        {
            span.Failed(exception);
            throw;
        }
    }

    private async Task<T> CountFailuresAsync<T>(Task<T> call)
    {
        try
        {
            return await call;
        }
        catch (StoreUnavailableException)
        {
            metrics.StoreFailed();
            throw;
        }
    }

    private static async Task<bool> AnswerAsync(Task call)
    {
        await call;
        return true;
    }
}
