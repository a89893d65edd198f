using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>Judges what was read of a scope. A manifest is accepted only where all its parts give their hashes.</summary>
internal sealed class ManifestReview(WorkThreads threads, PublishedLoaders loaders, EdgeOptions options)
{
    /// <summary>No manifest is longer, in bytes.</summary>
    public static int MostBytes => ScopeLimits.Default.ManifestBytes;

    /// <summary>What a read of the store came to.</summary>
    public async Task<ScopeLoad> JudgeAsync(BlobRead read, Scope scope, ServedScope? atHand)
    {
        switch (read)
        {
            case BlobRead.Unchanged:
                return new ScopeLoad.Unchanged();
            case BlobRead.Missing:
                return new ScopeLoad.Missing();
            case BlobRead.NoContainer:
                return new ScopeLoad.Unavailable("The store has not been set up: its private container does not exist.");
            case BlobRead.TooLong tooLong:
                return new ScopeLoad.Corrupt($"The manifest has {tooLong.Bytes} bytes; no manifest has more than {MostBytes}.");
            case BlobRead.Found found:
                var (served, problem) = await AcceptAsync(found.Bytes, found.ETag, scope, atHand);
                return served is null ? new ScopeLoad.Corrupt(problem!) : new ScopeLoad.Loaded(served);
            default:
                throw new InvalidOperationException("A store's answer was not one of those there are.");
        }
    }

    /// <summary>A manifest's bytes as a version that can be served, or what is wrong with them.</summary>
    public Task<(ServedScope? Served, string? Problem)> AcceptAsync(byte[] bytes, string? etag, Scope scope, ServedScope? atHand) => threads.RunAsync(() => Accept(bytes, etag, scope, atHand));

    private (ServedScope? Served, string? Problem) Accept(byte[] bytes, string? etag, Scope scope, ServedScope? atHand)
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
}
