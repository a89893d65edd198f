using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>What a blob is.</summary>
internal enum BlobKind
{
    /// <summary>An immutable snapshot.</summary>
    Snapshot,

    /// <summary>A gated list.</summary>
    List,

    /// <summary>A loader and list in one file.</summary>
    Tags,

    /// <summary>The loader.</summary>
    Loader,

    /// <summary>A version of a manifest.</summary>
    History,

    /// <summary>A newest manifest.</summary>
    Current,

    /// <summary>Lines of the change log.</summary>
    Changes,

    /// <summary>Whatever else there is: the file source's reports.</summary>
    Other,
}

/// <summary>A store that counts what is written to it, and what it does not answer.</summary>
internal sealed class MeteredBlobStore(IBlobStore store, WorkerMetrics metrics) : IBlobStore
{
    /// <inheritdoc/>
    public string Description => store.Description;

    /// <inheritdoc/>
    public bool KeepsMetadata => store.KeepsMetadata;

    /// <inheritdoc/>
    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken) =>
        CountFailuresAsync(store.ReadAsync(container, name, knownETag, maxBytes, cancellationToken));

    /// <inheritdoc/>
    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        CountFailuresAsync(store.ReadRangeAsync(container, name, offset, length, knownETag, cancellationToken));

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var blobs = store.ListAsync(container, prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (blobs)
        {
            while (await CountFailuresAsync(blobs.MoveNextAsync().AsTask())) yield return blobs.Current;
        }
    }

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => CountFailuresAsync(AnswerAsync(store.EnsureContainersAsync(cancellationToken)));

    /// <inheritdoc/>
    public async Task<string?> CreateAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken)
    {
        var etag = await CountFailuresAsync(store.CreateAsync(container, name, bytes, properties, cancellationToken));
        if (etag is not null) metrics.Wrote(KindOf(container, name), bytes.Length);
        return etag;
    }

    /// <inheritdoc/>
    public async Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken)
    {
        var replaced = await CountFailuresAsync(store.ReplaceAsync(container, name, bytes, properties, etag, cancellationToken));
        if (replaced is not null) metrics.Wrote(KindOf(container, name), bytes.Length);
        return replaced;
    }

    /// <inheritdoc/>
    public async Task WriteAsync(BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken)
    {
        await CountFailuresAsync(AnswerAsync(store.WriteAsync(container, name, bytes, properties, cancellationToken)));
        metrics.Wrote(KindOf(container, name), bytes.Length);
    }

    /// <inheritdoc/>
    public async Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken)
    {
        var appended = await CountFailuresAsync(store.AppendAsync(name, bytes, maxLength, cancellationToken));
        if (appended) metrics.Wrote(KindOf(BlobContainer.Private, name), bytes.Length);
        return appended;
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        CountFailuresAsync(store.DeleteAsync(container, name, etag, cancellationToken));

    /// <summary>What a blob of this name is.</summary>
    internal static BlobKind KindOf(BlobContainer container, string name) => container switch
    {
        BlobContainer.History => BlobKind.History,
        BlobContainer.Private when name.StartsWith(BlobNames.CurrentPrefix, StringComparison.Ordinal) => BlobKind.Current,
        BlobContainer.Private when name.StartsWith(BlobNames.ChangesPrefix, StringComparison.Ordinal) => BlobKind.Changes,
        BlobContainer.Private => BlobKind.Other,
        _ when name == BlobNames.Loader => BlobKind.Loader,
        _ when name.EndsWith("/scripts.json", StringComparison.Ordinal) => BlobKind.List,
        _ when name.EndsWith("/tags.js", StringComparison.Ordinal) => BlobKind.Tags,
        _ => BlobKind.Snapshot,
    };

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
