using System.Diagnostics;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// Reads a scope's newest manifest, which is everything there is to read, with one conditional read. A store that does
/// not answer is left alone for a while. Two of the six that it depends on are the limit of its time, and the clock.
/// </summary>
internal sealed class ScopeLoader(IBlobReader store, StoreHealth health, ManifestReview review, PublishedLoaders loaders, EdgeOptions options, TimeProvider time)
{
    /// <summary>Loads a scope. It never throws for what a store can do; cancellation by the caller does.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="atHand">The version at hand: its ETag makes the read conditional.</param>
    /// <param name="cancellationToken">The process ends.</param>
    public async Task<ScopeLoad> LoadAsync(Scope scope, ServedScope? atHand, CancellationToken cancellationToken)
    {
        if (!health.MayTry(out var reason)) return new ScopeLoad.Unavailable(reason);
        var load = await LoadManifestAsync(scope, atHand, cancellationToken);
        if (load is ScopeLoad.Unavailable unavailable) health.Failed(StoreOperation.Load, unavailable.Reason);
        else health.Answered();
        var served = load switch
        {
            ScopeLoad.Loaded loaded => loaded.Served,
            ScopeLoad.Unchanged => atHand,
            _ => null,
        };
        // The version is whole without it, so nothing that happens here fails the load.
        return served is { HasItsLoader: false } && await loaders.FindAsync(scope, served.LoaderHash, cancellationToken) is { } text
            ? new ScopeLoad.Loaded(served.WithLoader(text, wasServed: load is ScopeLoad.Unchanged))
            : load;
    }

    private async Task<ScopeLoad> LoadManifestAsync(Scope scope, ServedScope? atHand, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            BlobRead read;
            using (EdgeSpans.Step("read current", ActivityKind.Client)?.SetTag("consent.blob.name", BlobNames.Current(scope)))
                read = await store.ReadAsync(BlobContainer.Private, BlobNames.Current(scope), atHand?.ETag, ManifestReview.MostBytes, either.Token);
            using (EdgeSpans.Step("check")) return await review.JudgeAsync(read, scope, atHand);
        }
        catch (StoreUnavailableException exception)
        {
            return new ScopeLoad.Unavailable(exception.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ScopeLoad.Unavailable($"The store did not answer within {options.LoadTimeout:c}.");
        }
    }
}
