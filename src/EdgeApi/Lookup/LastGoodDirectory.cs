using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using System.Text;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>
/// The last good state of each scope on local disk, so that an edge that restarts while the store is down still answers. One file a
/// scope holds the manifest, and is replaced by renaming: there is no half of a state to find. The name is a
/// hash, so no organization's id meets a file system's ideas of case or reserved names. Bounded; every byte is checked when read. The few loaders that the states name are kept
/// beside them, each once.
/// </summary>
/// <remarks>
/// File of a state: <c>CSLG0002</c>, length of the ETag and of the manifest (int32, little endian), ETag, manifest, then XxHash128 of all that. File of a loader: its text, under its hash.
/// </remarks>
internal sealed class LastGoodDirectory
{
    private const string Extension = ".scope";
    private const string LoaderExtension = ".loader";
    private const int HeaderLength = 16;
    private const int TrailerLength = 16;

    private readonly string _path;
    private readonly long _limit;
    private readonly ScopeLoader _loader;
    private readonly PublishedLoaders _loaders;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long Bytes, long UsedTicks)> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _writtenLoaders = new(StringComparer.Ordinal);
    private long _total;
    private bool _failing;

    private LastGoodDirectory(string path, EdgeOptions options, ScopeLoader loader, PublishedLoaders loaders, TimeProvider time, ILogger logger)
    {
        _path = path;
        _limit = options.CacheDirectoryBytes;
        _loader = loader;
        _loaders = loaders;
        _time = time;
        _logger = logger;
    }

    private static ReadOnlySpan<byte> Magic => "CSLG0002"u8;

    /// <summary>Opens the directory, creating it where needed.</summary>
    /// <exception cref="InvalidOptionsException">It cannot be created, listed or written.</exception>
    public static LastGoodDirectory Open(
        string path, EdgeOptions options, ScopeLoader loader, PublishedLoaders loaders, TimeProvider time, ILogger<LastGoodDirectory> logger)
    {
        var directory = new LastGoodDirectory(path, options, loader, loaders, time, logger);
        try
        {
            directory.Scan();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOptionsException(
                [$"Edge:CacheDirectory must be a directory this process can write; {Redaction.Show(path)} is not: {exception.GetType().Name}."]);
        }
        return directory;
    }

    /// <summary>How many states there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _files.Count;
        }
    }

    /// <summary>What they take, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock) return _total;
        }
    }

    /// <summary>Reads a scope's last good state; false where there is none, or none that can be trusted (then it is removed).</summary>
    public async Task<ScopeState?> TryReadAsync(Scope scope, CancellationToken cancellation)
    {
        var name = FileName(scope);
        lock (_lock)
        {
            // Random organizations never reach the disk.
            if (!_files.ContainsKey(name)) return null;
        }
        string? problem;
        try
        {
            var bytes = await File.ReadAllBytesAsync(Path.Combine(_path, name), cancellation);
            if (TryParse(bytes, scope, out var state, out problem))
            {
                Touch(name, bytes.Length);
                return state;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problem = exception.GetType().Name;
        }
        Events.DiskEntryDamaged(_logger, problem);
        Remove(scope);
        return null;
    }

    /// <summary>Replaces a scope's last good state. A disk that is full or gone is logged once and never thrown: the edge serves from memory.</summary>
    public async Task WriteAsync(ScopeState state, CancellationToken cancellation)
    {
        var name = FileName(state.Scope);
        var target = Path.Combine(_path, name);
        var bytes = Serialize(state);
        if (bytes.Length > _limit) return;
        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            await File.WriteAllBytesAsync(temporary, bytes, cancellation);
            File.Move(temporary, target, overwrite: true);
            Touch(name, bytes.Length);
            await WriteLoaderAsync(state.Manifest.Content.Loader, cancellation);
            Evict();
            if (Interlocked.Exchange(ref _failing, false)) Events.DiskWriteRecovered(_logger);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!Interlocked.Exchange(ref _failing, true)) Events.DiskWriteFailed(_logger, exception.GetType().Name);
            TryDelete(temporary);
        }
        catch (OperationCanceledException)
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Keeps the loader that a state names, for an edge of another build that starts here while the store is down.</summary>
    private async Task WriteLoaderAsync(string hash, CancellationToken cancellation)
    {
        if (_loaders.Find(hash) is not { } text) return;
        lock (_lock)
        {
            if (!_writtenLoaders.Add(hash)) return;
        }
        var target = Path.Combine(_path, hash + LoaderExtension);
        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            await File.WriteAllBytesAsync(temporary, text, cancellation);
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            TryDelete(temporary);
            lock (_lock) _writtenLoaders.Remove(hash);
            throw;
        }
    }

    /// <summary>Forgets a scope that the store no longer has.</summary>
    public void Remove(Scope scope) => Remove(FileName(scope));

    private void Remove(string name)
    {
        lock (_lock)
        {
            if (_files.Remove(name, out var file)) _total -= file.Bytes;
        }
        TryDelete(Path.Combine(_path, name));
    }

    private void Scan()
    {
        Directory.CreateDirectory(_path);
        var probe = Path.Combine(_path, $"{Guid.NewGuid():N}.tmp");
        File.WriteAllBytes(probe, []);
        File.Delete(probe);
        var loaders = new List<FileInfo>();
        foreach (var file in new DirectoryInfo(_path).EnumerateFiles())
        {
            if (file.Extension == ".tmp")
            {
                TryDelete(file.FullName); // an earlier process ended while it wrote
            }
            else if (file.Extension == Extension)
            {
                _files[file.Name] = (file.Length, file.LastWriteTimeUtc.Ticks);
                _total += file.Length;
            }
            else if (file.Extension == LoaderExtension)
            {
                loaders.Add(file);
            }
        }
        // The newest: a loader that no state names any more is one of a build of long ago.
        foreach (var (index, file) in loaders.OrderBy(file => file.LastWriteTimeUtc).Index()) ReadLoader(file, isKept: index >= loaders.Count - PublishedLoaders.Most);
        Evict();
        Events.DiskOpened(_logger, _files.Count, _total);
    }

    private void ReadLoader(FileInfo file, bool isKept)
    {
        if (isKept && file.Length is > 0 and <= PublishedLoaders.Longest)
        {
            var (bytes, hash) = (File.ReadAllBytes(file.FullName), Path.GetFileNameWithoutExtension(file.Name));
            if (SnapshotHash.Of(bytes).ToString() == hash)
            {
                _loaders.Add(bytes);
                _writtenLoaders.Add(hash);
                return;
            }
        }
        if (isKept) Events.DiskEntryDamaged(_logger, "a loader does not give its hash");
        TryDelete(file.FullName);
    }

    private void Touch(string name, long bytes)
    {
        var now = _time.GetUtcNow();
        lock (_lock)
        {
            if (_files.TryGetValue(name, out var file)) _total -= file.Bytes;
            _files[name] = (bytes, now.UtcTicks);
            _total += bytes;
        }
        try
        {
            File.SetLastWriteTimeUtc(Path.Combine(_path, name), now.UtcDateTime); // the order of eviction after a restart
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The order is a preference, not a promise.
        }
    }

    private void Evict()
    {
        var oldest = new List<string>();
        lock (_lock)
        {
            if (_total <= _limit) return;
            var excess = _total - _limit / 10 * 9; // some air, so that not every write sorts
            foreach (var (name, (bytes, _)) in _files.OrderBy(file => file.Value.UsedTicks))
            {
                if (excess <= 0) break;
                oldest.Add(name);
                excess -= bytes;
            }
        }
        foreach (var name in oldest) Remove(name);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A file that cannot be deleted is overwritten or found damaged later.
        }
    }

    private static string FileName(Scope scope) =>
        Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(scope.ToString()))) + Extension;

    private static byte[] Serialize(ScopeState state)
    {
        var etag = Encoding.UTF8.GetBytes(state.ETag ?? "");
        var manifest = state.Manifest.Bytes.Span;
        var bytes = new byte[HeaderLength + etag.Length + manifest.Length + TrailerLength];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), etag.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), manifest.Length);
        etag.CopyTo(bytes, HeaderLength);
        manifest.CopyTo(bytes.AsSpan(HeaderLength + etag.Length));
        var body = bytes.Length - TrailerLength;
        XxHash128.Hash(bytes.AsSpan(0, body), bytes.AsSpan(body));
        return bytes;
    }

    private bool TryParse(byte[] bytes, Scope scope, [NotNullWhen(true)] out ScopeState? state, [NotNullWhen(false)] out string? problem)
    {
        state = null;
        problem = "it is not a whole state";
        if (bytes.Length < HeaderLength + TrailerLength || !bytes.AsSpan().StartsWith(Magic)) return false;
        var body = bytes.AsSpan(0, bytes.Length - TrailerLength);
        if (!XxHash128.Hash(body).AsSpan().SequenceEqual(bytes.AsSpan(body.Length))) return false;
        // From here on the bytes are what some edge wrote.
        var etagLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8));
        var manifestLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
        if (etagLength < 0 || manifestLength < 0 || (long)HeaderLength + etagLength + manifestLength != body.Length) return false;
        var etag = Encoding.UTF8.GetString(body.Slice(HeaderLength, etagLength));
        var (accepted, wrong) = _loader.Accept(body[(HeaderLength + etagLength)..].ToArray(), etag.Length == 0 ? null : etag, scope, null);
        (state, problem) = (accepted, wrong);
        return accepted is not null;
    }
}
