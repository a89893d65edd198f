using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Text;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>
/// The last good manifest of each scope on local disk, so that an edge that restarts while the store is down still answers. There is one file for each scope, which is replaced by
/// renaming, so half of a copy is never found. The file's name is a hash, so no organization's id meets a file system's ideas of case or reserved names. The directory is bounded, and every
/// byte is checked when it is read. The few loaders that the manifests name are kept beside them, each once.
/// </summary>
internal sealed class LastGoodDirectory
{
    /// <summary>How many loaders are kept.</summary>
    public const int MostLoaders = 8;

    /// <summary>No loader is longer, in bytes.</summary>
    public const int LongestLoader = 64 << 10;

    private const string Extension = ".scope";
    private const string LoaderExtension = ".loader";

    private readonly string _path;
    private readonly long _limit;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly FileIndex _files;
    private readonly ConcurrentDictionary<string, byte> _writtenLoaders = new(StringComparer.Ordinal);
    private readonly List<LoaderCopy> _loaders = [];
    private bool _failing;

    private LastGoodDirectory(string path, long limit, TimeProvider time, ILogger logger) =>
        (_path, _limit, _time, _logger, _files) = (path, limit, time, logger, new FileIndex(limit));

    /// <summary>Opens the directory, creating it where needed.</summary>
    /// <exception cref="InvalidOptionsException">It cannot be created, listed or written.</exception>
    public static LastGoodDirectory Open(string path, long limit, TimeProvider time, ILogger<LastGoodDirectory> logger)
    {
        var directory = new LastGoodDirectory(path, limit, time, logger);
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

    /// <summary>The loaders that were found when the directory was opened.</summary>
    public IReadOnlyList<LoaderCopy> Loaders => _loaders;

    /// <summary>How many scopes have a copy.</summary>
    public int Count => _files.Count;

    /// <summary>Reads a scope's copy; null where there is none, or none that is whole (then it is removed).</summary>
    public async Task<LastGoodCopy?> TryReadAsync(Scope scope, CancellationToken cancellationToken)
    {
        var name = FileName(scope);
        // Random organizations never reach the disk.
        if (!_files.Contains(name)) return null;
        try
        {
            var bytes = await File.ReadAllBytesAsync(Path.Combine(_path, name), cancellationToken);
            if (LastGoodFormat.TryRead(bytes, out var copy))
            {
                Touch(name, bytes.Length);
                return copy;
            }
            RemoveDamaged(scope, "it is not a whole copy");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            RemoveDamaged(scope, exception.GetType().Name);
        }
        return null;
    }

    /// <summary>
    /// Replaces a scope's copy, and keeps the loader that its manifest names, for an edge of another build that starts here while the store is down. A disk that is full or gone is logged
    /// once and never thrown: the edge serves from memory.
    /// </summary>
    public async Task WriteAsync(Scope scope, LastGoodCopy copy, LoaderCopy? loader, CancellationToken cancellationToken)
    {
        var name = FileName(scope);
        var bytes = LastGoodFormat.Write(copy);
        if (bytes.Length > _limit) return;
        try
        {
            await WholeFile.ReplaceAsync(Path.Combine(_path, name), bytes, cancellationToken);
            Touch(name, bytes.Length);
            if (loader is not null) await WriteLoaderAsync(loader, cancellationToken);
            Evict();
            if (Interlocked.Exchange(ref _failing, false)) Events.DiskWriteRecovered(_logger);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!Interlocked.Exchange(ref _failing, true)) Events.DiskWriteFailed(_logger, exception.GetType().Name);
        }
    }

    private async Task WriteLoaderAsync(LoaderCopy loader, CancellationToken cancellationToken)
    {
        if (!_writtenLoaders.TryAdd(loader.Hash, 0)) return;
        try
        {
            await WholeFile.ReplaceAsync(Path.Combine(_path, loader.Hash + LoaderExtension), loader.Text, cancellationToken);
        }
        catch
        {
            _writtenLoaders.TryRemove(loader.Hash, out _);
            throw;
        }
    }

    /// <summary>Removes a copy that cannot be trusted, and says why.</summary>
    public void RemoveDamaged(Scope scope, string problem)
    {
        Events.DiskEntryDamaged(_logger, problem);
        Remove(scope);
    }

    /// <summary>Forgets a scope that the store no longer has.</summary>
    public void Remove(Scope scope) => Remove(FileName(scope));

    private void Remove(string name)
    {
        _files.Remove(name);
        WholeFile.TryDelete(Path.Combine(_path, name));
    }

    private void Scan()
    {
        Directory.CreateDirectory(_path);
        var probe = Path.Combine(_path, $"{Guid.NewGuid():N}{WholeFile.TemporaryExtension}");
        File.WriteAllBytes(probe, []);
        File.Delete(probe);
        var loaders = new List<FileInfo>();
        foreach (var file in new DirectoryInfo(_path).EnumerateFiles())
        {
            if (file.Extension == WholeFile.TemporaryExtension)
            {
                WholeFile.TryDelete(file.FullName); // an earlier process ended while it wrote
            }
            else if (file.Extension == Extension)
            {
                _files.Set(file.Name, file.Length, file.LastWriteTimeUtc.Ticks);
            }
            else if (file.Extension == LoaderExtension)
            {
                loaders.Add(file);
            }
        }
        // The newest: a loader that no state names any more is one of a build of long ago.
        foreach (var (index, file) in loaders.OrderBy(file => file.LastWriteTimeUtc).Index()) ReadLoader(file, isKept: index >= loaders.Count - MostLoaders);
        Evict();
        Events.DiskOpened(_logger, _files.Count, _files.Bytes);
    }

    private void ReadLoader(FileInfo file, bool isKept)
    {
        if (isKept && file.Length is > 0 and <= LongestLoader)
        {
            var (bytes, hash) = (File.ReadAllBytes(file.FullName), Path.GetFileNameWithoutExtension(file.Name));
            if (SnapshotHash.Of(bytes).ToString() == hash)
            {
                _loaders.Add(new LoaderCopy(hash, bytes));
                _writtenLoaders.TryAdd(hash, 0);
                return;
            }
        }
        if (isKept) Events.DiskEntryDamaged(_logger, "a loader does not give its hash");
        WholeFile.TryDelete(file.FullName);
    }

    private void Touch(string name, long bytes)
    {
        var now = _time.GetUtcNow();
        _files.Set(name, bytes, now.UtcTicks);
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
        foreach (var name in _files.Excess()) Remove(name);
    }

    private static string FileName(Scope scope) =>
        Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(scope.ToString()))) + Extension;
}
