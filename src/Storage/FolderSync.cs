using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Puts folder entries on disk. A file's content can be there after a power cut without its name; a rename is durable only once the folder is flushed
/// (<see href="https://man7.org/linux/man-pages/man2/fsync.2.html"/>). Where the system has no such call, the entry is left to the system.
/// </summary>
/// <remarks>
/// Several who write into one folder at a time share its flush: the last of them flushes, for all whose files are in place. Several who need the entry of a new folder share that of the
/// folder above.
/// </remarks>
internal sealed partial class FolderSync(DiskThreads threads)
{
    private const int ReadOnly = 0;
    private const int InvalidArgument = 22;

    // However many go on writing into a folder, so many do not wait any longer.
    private const int MostTogether = 64;

    private readonly ConcurrentDictionary<string, byte> _created = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Flushes> _flushes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Writers> _writers = new(StringComparer.Ordinal);

    /// <summary>The flush of a folder that is under way, and the one that begins when it ends.</summary>
    private sealed class Flushes
    {
        public required Task Running { get; set; }

        public Task? Next { get; set; }
    }

    /// <summary>Who writes into a folder now, and who waits for its flush.</summary>
    private sealed class Writers
    {
        public int Writing { get; set; }

        public int Waiting { get; set; }

        public TaskCompletionSource Flushed { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Creates a folder with all above it that are missing. Their entries are on disk once a flush of a folder in it has ended.</summary>
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

    /// <summary>Says that somebody is about to put a file into a folder; <see cref="End"/> follows in any case.</summary>
    public void Begin(string folder)
    {
        lock (_writers)
        {
            if (!_writers.TryGetValue(folder, out var writers)) _writers.Add(folder, writers = new Writers());
            writers.Writing++;
        }
    }

    /// <summary>Says that the file is in place, or that nothing came of it. The last one who wrote into the folder flushes it, in this call.</summary>
    /// <returns>Ends when the folder's entries, and that of every folder above it that was created a moment ago, are on disk.</returns>
    /// <exception cref="IOException">They may not be on disk.</exception>
    public Task End(string folder, bool written)
    {
        Writers writers;
        TaskCompletionSource flushed;
        bool isLast;
        lock (_writers)
        {
            writers = _writers[folder];
            flushed = writers.Flushed;
            writers.Writing--;
            if (written) writers.Waiting++;
            isLast = writers.Writing == 0 || writers.Waiting == MostTogether;
            if (isLast)
            {
                // Whoever comes from here on has a flush of its own.
                if (writers.Writing == 0) _writers.Remove(folder);
                isLast = writers.Waiting > 0;
                (writers.Waiting, writers.Flushed) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
        }
        if (isLast)
        {
            try
            {
                if (!OperatingSystem.IsWindows()) Flush(folder);
                flushed.SetResult();
            }
            catch (Exception exception)
            {
                // Each of them has to know.
                flushed.SetException(exception);
            }
        }
        return written ? WithCreatedAsync(folder, flushed.Task) : Task.CompletedTask;
    }

    /// <summary>Flushes the entries of a folder, and the entry of every folder above it that was created a moment ago, by whomever.</summary>
    /// <exception cref="IOException">They may not be on disk.</exception>
    public Task FlushAsync(string folder) => OperatingSystem.IsWindows() ? Task.CompletedTask : WithCreatedAsync(folder, ShareAsync(folder));

    private async Task WithCreatedAsync(string folder, Task own)
    {
        List<string>? created = null;
        if (!_created.IsEmpty && !OperatingSystem.IsWindows())
            for (string? above = folder; above is not null; above = Path.GetDirectoryName(above))
                if (_created.ContainsKey(above)) (created ??= []).Add(above);
        if (created is null)
        {
            await own;
            return;
        }
        await Task.WhenAll([own, .. created.Select(above => ShareAsync(Path.GetDirectoryName(above)!))]);
        // Not before it is certain: where the flush failed, the next one tries again.
        foreach (var above in created) _created.TryRemove(above, out _);
    }

    /// <summary>A flush that begins after this call: the next one, where one is under way.</summary>
    private Task ShareAsync(string folder)
    {
        lock (_flushes)
        {
            if (_flushes.TryGetValue(folder, out var flushes)) return flushes.Next ??= AfterAsync(flushes.Running, folder);
            // The folder stands in the table before its flush can end.
            var running = new Flushes { Running = Task.CompletedTask };
            _flushes.Add(folder, running);
            return running.Running = RunAsync(folder);
        }
    }

    private async Task AfterAsync(Task before, string folder)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // It has taken its place as the one that runs by now.
        await RunAsync(folder);
    }

    private async Task RunAsync(string folder)
    {
        try
        {
            await threads.RunAsync(() => Flush(folder), default);
        }
        finally
        {
            lock (_flushes)
            {
                var flushes = _flushes[folder];
                if (flushes.Next is { } next) (flushes.Running, flushes.Next) = (next, null);
                else _flushes.Remove(folder);
            }
        }
    }

    private static bool Flush(string folder)
    {
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw new IOException($"The folder {Redaction.Show(folder)} cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
        try
        {
            // A file system that cannot flush a folder says so with EINVAL; there is nothing more to do then.
            if (Flush(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error && error != InvalidArgument)
                throw new IOException($"The folder {Redaction.Show(folder)} cannot be flushed (error {error}).");
            return true;
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

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
