using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>What asking the store for a scope's newest state came to.</summary>
internal abstract record ScopeLoad
{
    private ScopeLoad()
    {
    }

    /// <summary>A new state, whole and checked.</summary>
    public sealed record Loaded(ScopeState State) : ScopeLoad;

    /// <summary>The state at hand is the newest.</summary>
    public sealed record Unchanged : ScopeLoad;

    /// <summary>The store answered: the scope has no manifest.</summary>
    public sealed record Missing : ScopeLoad;

    /// <summary>The store could not be asked.</summary>
    public sealed record Unavailable(string Reason) : ScopeLoad;

    /// <summary>The store answered with something that is not a whole version.</summary>
    public sealed record Corrupt(string Reason) : ScopeLoad;
}

/// <summary>Reads a scope's newest manifest, which is everything there is to read, and accepts it only where all its parts give their hashes.</summary>
internal sealed class ScopeLoader(IBlobReader store, PublishedLoaders loaders, EdgeOptions options, TimeProvider time)
{
    /// <summary>Loads a scope. Never throws for what a store can do; cancellation by the caller does.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="previous">The state at hand: its ETag makes the read conditional.</param>
    /// <param name="cancellation">The process ends.</param>
    public async Task<ScopeLoad> LoadAsync(Scope scope, ScopeState? previous, CancellationToken cancellation)
    {
        var load = await LoadManifestAsync(scope, previous, cancellation);
        var state = load switch
        {
            ScopeLoad.Loaded loaded => loaded.State,
            ScopeLoad.Unchanged => previous,
            _ => null,
        };
        // The version is whole without it, so nothing that happens here fails the load.
        return state is { HasItsLoader: false } && await loaders.LearnAsync(state.Manifest, cancellation)
            ? new ScopeLoad.Loaded(Make(state.Manifest, state.ETag, load is ScopeLoad.Unchanged ? state : previous))
            : load;
    }

    private async Task<ScopeLoad> LoadManifestAsync(Scope scope, ScopeState? previous, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await ReadAsync(scope, previous, either.Token);
        }
        catch (StoreUnavailableException exception)
        {
            return new ScopeLoad.Unavailable(exception.Message);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new ScopeLoad.Unavailable($"The store did not answer within {options.LoadTimeout:c}.");
        }
    }

    /// <summary>A manifest's bytes as a state, or what is wrong with them.</summary>
    public (ScopeState? State, string? Problem) Accept(byte[] bytes, string? etag, Scope scope, ScopeState? previous)
    {
        try
        {
            var manifest = Manifest.Parse(bytes);
            if (manifest.Scope != scope) return (null, "The manifest is another scope's.");
            return manifest.FindFault() is { } fault ? (null, fault) : (Make(manifest, etag, previous), null);
        }
        catch (ManifestException exception)
        {
            return (null, exception.Message);
        }
    }

    private ScopeState Make(Manifest manifest, string? etag, ScopeState? previous) =>
        new(manifest, etag, previous, loaders.Find(manifest.Content.Loader), options.Storage.PublicBaseUrl);

    private async Task<ScopeLoad> ReadAsync(Scope scope, ScopeState? previous, CancellationToken cancellation)
    {
        var most = ScopeLimits.Default.ManifestBytes;
        switch (await store.ReadAsync(BlobContainer.Private, BlobNames.Current(scope), previous?.ETag, most, cancellation))
        {
            case BlobRead.Unchanged:
                return new ScopeLoad.Unchanged();
            case BlobRead.Missing:
                return new ScopeLoad.Missing();
            case BlobRead.NoContainer:
                return new ScopeLoad.Unavailable("The store has not been set up: its private container does not exist.");
            case BlobRead.TooLong tooLong:
                return new ScopeLoad.Corrupt($"The manifest has {tooLong.Bytes} bytes; no manifest has more than {most}.");
            case BlobRead.Found found:
                var (state, problem) = Accept(found.Bytes, found.ETag, scope, previous);
                return state is null ? new ScopeLoad.Corrupt(problem!) : new ScopeLoad.Loaded(state);
            default:
                throw new InvalidOperationException("A store's answer was not one of those there are.");
        }
    }
}
