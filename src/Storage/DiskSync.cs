using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Puts what was written on disk: the content of files, and the entries of folders. A file's content can be there after a power cut without its name; a rename is durable only once the
/// folder is flushed (<see href="https://man7.org/linux/man-pages/man2/fsync.2.html"/>).
/// </summary>
/// <remarks>
/// A few requests at a time are flushed one by one. What comes beyond them waits for one call that puts the whole file system on disk
/// (<see href="https://man7.org/linux/man-pages/man2/syncfs.2.html"/>): a journaling file system commits its journal for each flush, so hundreds of flushes of small files cost
/// hundreds of commits, and one call costs one. Where that call is not known to be reliable, every request is flushed by itself.
/// The call reports what could not be written since its descriptor was opened. Only the descriptor of the file that was opened first tells of every file, so that one is used.
/// </remarks>
internal sealed partial class DiskSync
{
    // One edit is done soonest when its files are flushed by themselves; this many flushes at once are no bulk.
    private const int MostAlone = 4;
    private const int ReadOnly = 0;
    private const int InvalidArgument = 22;

    // Their syncfs writes everything and waits for it; a network's or a user's own file system may not.
    private static readonly HashSet<string> s_fileSystems = new(StringComparer.OrdinalIgnoreCase) { "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "overlay", "overlayfs", "tmpfs" };

    // Since then the call reports what could not be written.
    private static readonly Version s_firstReliable = new(5, 8);

    private readonly DiskThreads _threads;
    private readonly Lazy<bool> _syncsEverything;
    private readonly Action<SafeHandle> _syncFileSystem;
    private readonly ConcurrentDictionary<string, byte> _created = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private List<Request> _waiting = [];
    private long _begun;
    private int _alone;
    private bool _syncing;

    /// <summary>For the files below a folder.</summary>
    public DiskSync(string root, DiskThreads threads) => (_threads, _syncsEverything, _syncFileSystem) = (threads, new Lazy<bool>(() => IsReliable(root)), SyncFileSystem);

    /// <summary>With another way to put a descriptor's whole file system on disk; null for none.</summary>
    internal DiskSync(DiskThreads threads, Action<SafeHandle>? syncFileSystem) =>
        (_threads, _syncsEverything, _syncFileSystem) = (threads, new Lazy<bool>(() => syncFileSystem is not null), syncFileSystem ?? SyncFileSystem);

    /// <summary>What has to be on disk: the content of a file, or, without one, the entries of a folder.</summary>
    private sealed record Request(SafeFileHandle? File, long Begun, string Folder, TaskCompletionSource Done);

    /// <summary>Says that a file is about to be opened to be written.</summary>
    /// <returns>What <see cref="ContentAsync"/> is given: the order in which files were opened.</returns>
    public long Begin() => Interlocked.Increment(ref _begun);

    /// <summary>Creates a folder with all above it that are missing. Their entries are on disk once <see cref="EntriesAsync"/> has ended for a folder in it.</summary>
    public void Create(string folder)
    {
        if (Directory.Exists(folder)) return;
        if (Path.GetDirectoryName(folder) is { } parent)
        {
            Create(parent);
            // Before it is there, so that nobody takes it for one whose entry is on disk.
            _created.TryAdd(folder, 0);
        }
        Directory.CreateDirectory(folder);
    }

    /// <summary>Puts the content of a file on disk.</summary>
    /// <param name="file">The file.</param>
    /// <param name="begun">What <see cref="Begin"/> gave before the file was opened.</param>
    /// <exception cref="IOException">It may not be on disk.</exception>
    public Task ContentAsync(SafeFileHandle file, long begun) => RequestAsync(file, begun, "");

    /// <summary>Puts the entries of a folder on disk, and the entry of every folder above it that was created a moment ago, by whomever.</summary>
    /// <exception cref="IOException">They may not be on disk.</exception>
    public async Task EntriesAsync(string folder)
    {
        if (OperatingSystem.IsWindows()) return; // which has no such call, and keeps its entries in a journal
        List<string>? created = null;
        if (!_created.IsEmpty)
            for (string? above = folder; above is not null; above = Path.GetDirectoryName(above))
                if (_created.ContainsKey(above)) (created ??= []).Add(above);
        if (created is null)
        {
            await RequestAsync(null, 0, folder);
            return;
        }
        await Task.WhenAll([RequestAsync(null, 0, folder), .. created.Select(above => RequestAsync(null, 0, Path.GetDirectoryName(above)!))]);
        // Not before it is certain: where the flush failed, the next one tries again.
        foreach (var above in created) _created.TryRemove(above, out _);
    }

    private Task RequestAsync(SafeFileHandle? file, long begun, string folder)
    {
        var request = new Request(file, begun, folder, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var begins = false;
        lock (_lock)
        {
            if (!_syncsEverything.Value || (!_syncing && _alone < MostAlone))
            {
                _alone++;
                return AloneAsync(request);
            }
            _waiting.Add(request);
            if (!_syncing) _syncing = begins = true;
        }
        if (begins) StartSync();
        return request.Done.Task;
    }

    private void StartSync()
    {
        try
        {
            _ = _threads.RunAsync(SyncWhatWaits, default);
        }
        catch (TaskSchedulerException exception)
        {
            // The store was disposed of. Nobody may go on waiting for a call that never comes.
            List<Request> requests;
            lock (_lock) (requests, _waiting, _syncing) = (_waiting, [], false);
            foreach (var request in requests) request.Done.SetException(exception.InnerException ?? exception);
        }
    }

    private async Task AloneAsync(Request request)
    {
        try
        {
            await _threads.RunAsync(() => Flush(request), default);
        }
        finally
        {
            lock (_lock) _alone--;
        }
    }

    /// <summary>As long as anything waits: one call for all that had waited when it began.</summary>
    private bool SyncWhatWaits()
    {
        while (true)
        {
            List<Request> requests;
            lock (_lock)
            {
                (requests, _waiting) = (_waiting, []);
                if (requests.Count == 0)
                {
                    _syncing = false;
                    return true;
                }
            }
            try
            {
                if (requests.Count == 1) Flush(requests[0]);
                else SyncTogether(requests);
            }
            catch (Exception exception)
            {
                // Each of them has to know.
                foreach (var request in requests) request.Done.SetException(exception);
                continue;
            }
            foreach (var request in requests) request.Done.SetResult();
        }
    }

    private static bool IsReliable(string root)
    {
        if (!OperatingSystem.IsLinux() || Environment.OSVersion.Version < s_firstReliable) return false;
        try
        {
            // The folder itself may not be there yet.
            var existing = root;
            while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent) existing = parent;
            return s_fileSystems.Contains(new DriveInfo(existing).DriveFormat);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    private void SyncTogether(List<Request> requests)
    {
        if (requests.Where(request => request.File is not null).MinBy(request => request.Begun)?.File is { } first)
        {
            _syncFileSystem(first);
            return;
        }
        using var folder = OpenFolder(requests[0].Folder);
        _syncFileSystem(folder);
    }

    private static bool Flush(Request request)
    {
        if (request.File is { } file)
        {
            RandomAccess.FlushToDisk(file);
            return true;
        }
        using var folder = OpenFolder(request.Folder);
        // A file system that cannot flush a folder says so with EINVAL; there is nothing more to do then.
        if (Flush(folder) != 0 && Marshal.GetLastPInvokeError() is var error && error != InvalidArgument)
            throw new IOException($"The folder {Redaction.Show(request.Folder)} cannot be flushed (error {error}).");
        return true;
    }

    private static void SyncFileSystem(SafeHandle descriptor)
    {
        if (SyncAll(descriptor) != 0) throw new IOException($"The file system of the store cannot be put on disk (error {Marshal.GetLastPInvokeError()}).");
    }

    private static SafeFileHandle OpenFolder(string folder)
    {
        var descriptor = Open(folder, ReadOnly);
        return !descriptor.IsInvalid ? descriptor : throw new IOException($"The folder {Redaction.Show(folder)} cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(SafeHandle descriptor);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncAll(SafeHandle descriptor);
}
