using System.Collections.Immutable;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Disk;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// The loaders that workers have published. A manifest names its loader by hash, so a <c>tags.js</c> that is put together here has the bytes of the public container, whichever build
/// this edge is of. The loader that stands alone is the one in the public container. This build's own is the one to fall back upon: it understands every list that this edge reads.
/// </summary>
internal sealed class PublishedLoaders : IDisposable
{
    /// <summary>How many are kept: builds that publish into one store at about the same time.</summary>
    public const int Most = LastGoodDirectory.MostLoaders;

    /// <summary>No loader is longer, in bytes.</summary>
    public const int Longest = LastGoodDirectory.LongestLoader;

    private readonly IBlobReader _store;
    private readonly EdgeOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _reading = new(1);
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ImmutableList<(string Hash, ReadOnlyMemory<byte> Text)> _known = [(Loader.Hash, Loader.Bytes)];
    private volatile Answer _current;
    private string? _etag;
    private string _currentHash = Loader.Hash;

    public PublishedLoaders(IBlobReader store, EdgeOptions options, TimeProvider time, ILogger<PublishedLoaders> logger, LastGoodDirectory? disk = null)
    {
        (_store, _options, _time, _logger) = (store, options, time, logger);
        _current = AnswerOf(Loader.Bytes);
        foreach (var copy in disk?.Loaders ?? []) Add(copy.Text);
    }

    /// <summary>The loader with a hash; null where it is not at hand.</summary>
    public ReadOnlyMemory<byte>? Find(string hash)
    {
        foreach (var known in _known)
            if (known.Hash == hash) return known.Text;
        return null;
    }

    /// <summary>Keeps a loader. This build's own, which stands first, is never given up for it.</summary>
    /// <returns>Its hash.</returns>
    public string Add(ReadOnlyMemory<byte> text)
    {
        var hash = SnapshotHash.Of(text.Span).ToString();
        lock (_lock)
        {
            if (Find(hash) is null) _known = (_known.Count < Most ? _known : _known.RemoveAt(1)).Add((hash, text));
        }
        return hash;
    }

    /// <summary>
    /// The loader that stands alone: of the public container as it was last seen, or of this build where none has been seen yet. Only the first request waits until somebody has looked.
    /// </summary>
    public async ValueTask<Answer> CurrentAsync(CancellationToken cancellationToken)
    {
        if (_looked.Task.IsCompleted || _options.Mode == EdgeMode.Redirect) return _current;
        try
        {
            await _looked.Task.WaitAsync(_options.LoadTimeout, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // This build's own will do.
        }
        return _current;
    }

    /// <summary>Looks at the public container's loader; false where the store cannot be asked, and then everything stays as it is.</summary>
    public async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_options.LoadTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var answered = await TryAsync(ReadCurrentAsync, either.Token, cancellationToken);
        _looked.TrySetResult();
        return answered;
    }

    /// <summary>Finds the loader that a scope's manifest names; null where it is nowhere, or the store did not answer.</summary>
    public async Task<ReadOnlyMemory<byte>?> FindAsync(Scope scope, string hash, CancellationToken cancellationToken)
    {
        // Where the public container is what visitors are sent to, nothing is put together here.
        if (_options.Mode == EdgeMode.Redirect) return null;
        // Shorter than a load, because somebody may be waiting for the list, which does not need this.
        using var limit = new CancellationTokenSource(_options.NetworkTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        await TryAsync(async token =>
        {
            if (Find(hash) is null) await ReadCurrentAsync(token);
            // A scope that is held, or whose turn has not come yet, still has the loader of the build before.
            if (Find(hash) is null) await ReadTagsAsync(scope, hash, token);
        }, either.Token, cancellationToken);
        if (Find(hash) is { } text) return text;
        EdgeLog.LoaderNotFound(_logger, scope);
        return null;
    }

    public void Dispose() => _reading.Dispose();

    private async Task<bool> TryAsync(Func<CancellationToken, Task> read, CancellationToken cancellationToken, CancellationToken caller)
    {
        try
        {
            // One after the other: what the first one finds is usually what the next one wants.
            await _reading.WaitAsync(cancellationToken);
            try
            {
                await read(cancellationToken);
            }
            finally
            {
                _reading.Release();
            }
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false; // the log has it from the loads and the follower
        }
        catch (OperationCanceledException) when (!caller.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception exception) when (!caller.IsCancellationRequested)
        {
            EdgeLog.LoaderFault(_logger, exception);
            return false;
        }
    }

    private async Task ReadCurrentAsync(CancellationToken cancellationToken)
    {
        var etag = Find(_currentHash) is null ? null : _etag;
        var read = await _store.ReadAsync(BlobContainer.Public, BlobNames.Loader, etag, Longest, cancellationToken);
        // A volume that is not mounted yet: asked again soon.
        if (read is BlobRead.NoContainer) throw new StoreUnavailableException("The store has not been set up: its public container does not exist.");
        if (read is not BlobRead.Found { Bytes.Length: > 0 } found) return;
        var hash = Add(found.Bytes);
        if (hash != _currentHash) _current = AnswerOf(found.Bytes);
        (_currentHash, _etag) = (hash, found.ETag);
    }

    private async Task ReadTagsAsync(Scope scope, string hash, CancellationToken cancellationToken)
    {
        if (await _store.ReadAsync(BlobContainer.Public, BlobNames.Tags(scope), null, ScopeLimits.Default.ManifestBytes * 2, cancellationToken) is not BlobRead.Found found) return;
        var text = TagsFile.LoaderOf(found.Bytes);
        if (text.Length is > 0 and <= Longest && SnapshotHash.Of(text).ToString() == hash) Add(text.ToArray());
    }

    private Answer AnswerOf(ReadOnlyMemory<byte> text) => new(AnswerName.Loader, new LoaderSource(text, _options.Storage.PublicBaseUrl), null);

    private sealed class LoaderSource(ReadOnlyMemory<byte> text, string? publicBaseUrl) : IAnswerSource
    {
        public byte[] Compose(AnswerName name) => text.ToArray();

        public string? PublicAddressOf(AnswerName name) => publicBaseUrl is null ? null : $"{publicBaseUrl}/{BlobNames.Loader}";
    }
}
