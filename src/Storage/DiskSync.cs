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
    private readonly Action? _syncEverything;
    private readonly ConcurrentDictionary<string, byte> _created = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private List<Request> _waiting = [];
    private int _alone;
    private bool _syncing;

    /// <summary>For the files below a folder.</summary>
    public DiskSync(string root, DiskThreads threads) : this(threads, IsReliable(root) ? () => SyncFileSystem(root) : null)
    {
    }

    /// <summary>With another way to put everything on disk; null for none.</summary>
    internal DiskSync(DiskThreads threads, Action? syncEverything) => (_threads, _syncEverything) = (threads, syncEverything);

    private sealed record Request(Func<bool> Flush, TaskCompletionSource Done);

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
    /// <exception cref="IOException">It may not be on disk.</exception>
    public Task ContentAsync(SafeFileHandle file) => RequestAsync(() =>
    {
        RandomAccess.FlushToDisk(file);
        return true;
    });

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
            await RequestAsync(() => Flush(folder));
            return;
        }
        await Task.WhenAll([RequestAsync(() => Flush(folder)), .. created.Select(above => RequestAsync(() => Flush(Path.GetDirectoryName(above)!)))]);
        // Not before it is certain: where the flush failed, the next one tries again.
        foreach (var above in created) _created.TryRemove(above, out _);
    }

    private Task RequestAsync(Func<bool> flush)
    {
        var begins = false;
        Request request;
        lock (_lock)
        {
            if (_syncEverything is null || (!_syncing && _alone < MostAlone))
            {
                _alone++;
                return AloneAsync(flush);
            }
            _waiting.Add(request = new Request(flush, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
            if (!_syncing) _syncing = begins = true;
        }
        if (begins) _ = _threads.RunAsync(SyncWhatWaits, default);
        return request.Done.Task;
    }

    private async Task AloneAsync(Func<bool> flush)
    {
        try
        {
            await _threads.RunAsync(flush, default);
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
                if (requests.Count == 1) requests[0].Flush();
                else _syncEverything!();
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

    private static void SyncFileSystem(string root) => WithFolder(root, descriptor =>
    {
        if (SyncFileSystem(descriptor) != 0) throw new IOException($"The file system of {Redaction.Show(root)} cannot be put on disk (error {Marshal.GetLastPInvokeError()}).");
    });

    private static bool Flush(string folder)
    {
        WithFolder(folder, descriptor =>
        {
            // A file system that cannot flush a folder says so with EINVAL; there is nothing more to do then.
            if (Flush(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error && error != InvalidArgument)
                throw new IOException($"The folder {Redaction.Show(folder)} cannot be flushed (error {error}).");
        });
        return true;
    }

    private static void WithFolder(string folder, Action<int> action)
    {
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw new IOException($"The folder {Redaction.Show(folder)} cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
        try
        {
            action(descriptor);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystem(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
