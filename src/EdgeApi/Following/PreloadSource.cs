using System.Runtime.CompilerServices;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>Which scopes <c>Edge:Preload</c> means.</summary>
internal sealed class PreloadSource(IBlobReader store, ScopeCopies copies, EdgeOptions options)
{
    /// <summary>The scopes: those that are named, or all. Of all, those come first that are on disk, because they can be served before the store answers.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be listed, or has not been set up.</exception>
    public async IAsyncEnumerable<Scope> ScopesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.Preload is not { } preload) yield break;
        if (preload.Scopes is { } named)
        {
            foreach (var scope in named.Order()) yield return scope;
            yield break;
        }
        await foreach (var scope in copies.ScopesAsync(cancellationToken))
            if (options.Answers(scope)) yield return scope;
        var isEmpty = true;
        await foreach (var blob in store.ListAsync(BlobContainer.Private, BlobNames.CurrentPrefix, cancellationToken))
        {
            isEmpty = false;
            if (BlobNames.TryParseCurrent(blob.Name, out var scope) && options.Answers(scope)) yield return scope;
        }
        // A store without containers lists nothing either, and is no store without scopes.
        if (isEmpty && await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(1), 0, 1, null, cancellationToken) is BlobRead.NoContainer)
            throw new StoreUnavailableException("The store has not been set up: its private container does not exist.");
    }
}
