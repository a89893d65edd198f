using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;
using ConsentSnapshots.EdgeApi.Diagnostics;
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
    private readonly BoundedFolder _folder;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, byte> _writtenLoaders = new(StringComparer.Ordinal);
    private readonly List<LoaderCopy> _loaders = [];
    private bool _failing;

    private LastGoodDirectory(string path, long limit, TimeProvider time, ILogger logger) => (_path, _folder, _logger) = (path, new BoundedFolder(path, limit, time), logger);

    /// <summary>The loaders that were found when the directory was opened.</summary>
    public IReadOnlyList<LoaderCopy> Loaders => _loaders;

    /// <summary>How many scopes have a copy.</summary>
    public int Count => _folder.Count;

    /// <summary>Opens the directory, creating it where needed. One that cannot be used is logged and never thrown.</summary>
    public static LastGoodDirectory Open(string path, long limit, TimeProvider time, ILogger<LastGoodDirectory> logger)
    {
        var directory = new LastGoodDirectory(path, limit, time, logger);
        directory.TryAtStart(directory._folder.Probe);
        directory.TryAtStart(directory.Scan);
        return directory;
    }

    /// <summary>Reads a scope's copy; null where there is none, or none that is whole (then it is removed).</summary>
    public async Task<LastGoodCopy?> TryReadAsync(Scope scope, CancellationToken cancellationToken)
    {
        var name = FileName(scope);
        // Random organizations never reach the disk.
        if (!_folder.Contains(name) || await _folder.TryReadAsync(name, cancellationToken) is not { } bytes) return null;
        if (LastGoodFormat.TryRead(bytes, out var copy)) _folder.Touch(name);
        else RemoveDamaged(scope, "it is not a whole copy");
        return copy;
    }

    /// <summary>Reads every copy that is whole, those used last first.</summary>
    public async IAsyncEnumerable<LastGoodCopy> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var bytes in _folder.ReadAllAsync(cancellationToken))
            if (LastGoodFormat.TryRead(bytes, out var copy)) yield return copy;
    }

    /// <summary>
    /// Replaces a scope's copy, and keeps the loader that its manifest names, for an edge of another build that starts here while the store is down. A disk that is full or gone is logged
    /// once and never thrown: the edge serves from memory.
    /// </summary>
    public async Task WriteAsync(Scope scope, LastGoodCopy copy, LoaderCopy? loader, CancellationToken cancellationToken)
    {
        var (name, bytes) = (FileName(scope), LastGoodFormat.Write(copy));
        if (!_folder.CanHold(bytes.Length))
        {
            Remove(scope); // rather than an older version that would never be replaced
            return;
        }
        try
        {
            await _folder.WriteAsync(name, bytes, isPinned: false, cancellationToken);
            if (loader is not null) await WriteLoaderAsync(loader, cancellationToken);
            if (Interlocked.Exchange(ref _failing, false)) EdgeLog.DiskWriteRecovered(_logger);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!Interlocked.Exchange(ref _failing, true)) EdgeLog.DiskWriteFailed(_logger, exception.GetType().Name);
        }
    }

    /// <summary>Removes a copy that cannot be trusted, and says why.</summary>
    public void RemoveDamaged(Scope scope, string problem)
    {
        EdgeLog.DiskEntryDamaged(_logger, problem);
        Remove(scope);
    }

    /// <summary>Forgets a scope that the store no longer has.</summary>
    public void Remove(Scope scope) => _folder.Remove(FileName(scope));

    private async Task WriteLoaderAsync(LoaderCopy loader, CancellationToken cancellationToken)
    {
        if (!_writtenLoaders.TryAdd(loader.Hash, 0)) return;
        try
        {
            await _folder.WriteAsync(loader.Hash + LoaderExtension, loader.Text, isPinned: true, cancellationToken);
        }
        catch
        {
            _writtenLoaders.TryRemove(loader.Hash, out _);
            throw;
        }
    }

    private void TryAtStart(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!Interlocked.Exchange(ref _failing, true)) EdgeLog.DiskUnusable(_logger, Redaction.Show(_path), exception.GetType().Name);
        }
    }

    private void Scan()
    {
        var loaders = new List<FileInfo>();
        foreach (var file in new DirectoryInfo(_path).EnumerateFiles())
        {
            if (file.Extension == WholeFile.TemporaryExtension) WholeFile.TryDelete(file.FullName); // an earlier process ended while it wrote
            else if (file.Extension == Extension) _folder.Remember(file);
            else if (file.Extension == LoaderExtension) loaders.Add(file);
        }
        // The newest: a loader that no manifest names any more is one of a build of long ago.
        foreach (var (index, file) in loaders.OrderBy(file => file.LastWriteTimeUtc).Index()) ReadLoader(file, isKept: index >= loaders.Count - MostLoaders);
        EdgeLog.DiskOpened(_logger, _folder.Count, _folder.OnDisk);
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
                _folder.Pin(file);
                return;
            }
        }
        if (isKept) EdgeLog.DiskEntryDamaged(_logger, "a loader does not give its hash");
        WholeFile.TryDelete(file.FullName);
    }

    private static string FileName(Scope scope) =>
        Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(scope.ToString()))) + Extension;
}
