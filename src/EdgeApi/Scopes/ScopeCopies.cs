using System.Runtime.CompilerServices;
using ConsentSnapshots.EdgeApi.Disk;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>The copies of scopes on local disk. Without <c>Edge:CacheDirectory</c> there are none.</summary>
internal sealed class ScopeCopies(ManifestReview review, LastGoodDirectory? disk = null)
{
    /// <summary>How many there are.</summary>
    public int Count => disk?.Count ?? 0;

    /// <summary>Whose copies there are, those used last first.</summary>
    public async IAsyncEnumerable<Scope> ScopesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (disk is null) yield break;
        await foreach (var copy in disk.ReadAllAsync(cancellationToken))
            if (ScopeOf(copy.Manifest) is { } scope) yield return scope;
    }

    /// <summary>Reads a scope's copy; null where there is none, or none that can be trusted (then it is removed).</summary>
    public async Task<ServedScope?> TryReadAsync(Scope scope, CancellationToken cancellationToken)
    {
        if (disk is null || await disk.TryReadAsync(scope, cancellationToken) is not { } copy) return null;
        var (served, problem) = await review.AcceptAsync(copy.Manifest, copy.ETag, scope, null);
        if (served is null) disk.RemoveDamaged(scope, problem!);
        return served;
    }

    /// <summary>Replaces a scope's copy. What a disk can do is never thrown.</summary>
    public Task WriteAsync(ServedScope served, CancellationToken cancellationToken) =>
        disk is null ? Task.CompletedTask
        : disk.WriteAsync(served.Scope, new LastGoodCopy(served.ETag, served.ManifestBytes()), served.LoaderText is { } text ? new LoaderCopy(served.LoaderHash, text) : null, cancellationToken);

    /// <summary>Removes the copy of a scope that the store no longer has.</summary>
    public void Remove(Scope scope) => disk?.Remove(scope);

    private static Scope? ScopeOf(byte[] manifest)
    {
        try
        {
            return Manifest.ParseHead(manifest.AsSpan(0, Math.Min(manifest.Length, Manifest.HeadBytes))).Envelope.Scope;
        }
        catch (ManifestException)
        {
            return null; // it is found damaged when its scope is asked for
        }
    }
}
