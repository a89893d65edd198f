using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>What asking the store for a scope's newest version came to.</summary>
internal abstract record ScopeLoad
{
    private ScopeLoad()
    {
    }

    /// <summary>The kind of outcome, for decisions and metrics.</summary>
    public abstract LoadOutcome Outcome { get; }

    /// <summary>A new version, whole and checked.</summary>
    public sealed record Loaded(ServedScope Served) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Loaded;
    }

    /// <summary>The version at hand is the newest.</summary>
    public sealed record Unchanged : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Unchanged;
    }

    /// <summary>The store answered: the scope has no manifest.</summary>
    public sealed record Missing : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Missing;
    }

    /// <summary>The store could not be asked.</summary>
    public sealed record Unavailable(string Reason) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Unavailable;
    }

    /// <summary>The store answered with something that is not a whole version.</summary>
    public sealed record Corrupt(string Reason) : ScopeLoad
    {
        public override LoadOutcome Outcome => LoadOutcome.Corrupt;
    }
}

/// <summary>
/// Reads a scope's newest manifest, which is everything there is to read, with one conditional read. It accepts a manifest only where all its parts give their hashes. A store that does
/// not answer is left alone for a while.
/// </summary>
internal sealed class ScopeLoader(IBlobReader store, StoreHealth health, PublishedLoaders loaders, EdgeOptions options, TimeProvider time)
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

    /// <summary>A manifest's bytes as a version that can be served, or what is wrong with them.</summary>
    public (ServedScope? Served, string? Problem) Accept(byte[] bytes, string? etag, Scope scope, ServedScope? atHand)
    {
        try
        {
            var manifest = Manifest.Parse(bytes);
            if (manifest.Scope != scope) return (null, "The manifest is another scope's.");
            return manifest.FindFault() is { } fault ? (null, fault)
                : (new ServedScope(manifest, etag, atHand, loaders.Find(manifest.Content.Loader), options.Storage.PublicBaseUrl), null);
        }
        catch (ManifestException exception)
        {
            return (null, exception.Message);
        }
    }

    private async Task<ScopeLoad> LoadManifestAsync(Scope scope, ServedScope? atHand, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await ReadAsync(scope, atHand, either.Token);
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

    private async Task<ScopeLoad> ReadAsync(Scope scope, ServedScope? atHand, CancellationToken cancellationToken)
    {
        var most = ScopeLimits.Default.ManifestBytes;
        switch (await store.ReadAsync(BlobContainer.Private, BlobNames.Current(scope), atHand?.ETag, most, cancellationToken))
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
                var (served, problem) = Accept(found.Bytes, found.ETag, scope, atHand);
                return served is null ? new ScopeLoad.Corrupt(problem!) : new ScopeLoad.Loaded(served);
            default:
                throw new InvalidOperationException("A store's answer was not one of those there are.");
        }
    }
}
