using System.Runtime.InteropServices;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Puts folder entries on disk. A file's content can be there after a power cut without its name; a rename is durable only once the folder is flushed
/// (<see href="https://man7.org/linux/man-pages/man2/fsync.2.html"/>). Where the system has no such call, the entry is left to the system.
/// </summary>
internal static partial class FolderSync
{
    private const int ReadOnly = 0;

    /// <summary>Creates a folder with all above it that are missing, each with its entry on disk.</summary>
    public static void Create(string folder)
    {
        if (Directory.Exists(folder)) return;
        var parent = Path.GetDirectoryName(folder);
        if (parent is not null) Create(parent);
        Directory.CreateDirectory(folder);
        if (parent is not null) Flush(parent);
    }

    /// <summary>Flushes the entries of a folder.</summary>
    /// <exception cref="IOException">They may not be on disk.</exception>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw new IOException($"The folder {Redaction.Show(folder)} cannot be opened to be flushed (error {Marshal.GetLastPInvokeError()}).");
        try
        {
            // A file system that cannot flush a folder says so with EINVAL; there is nothing more to do then.
            if (Flush(descriptor) != 0 && Marshal.GetLastPInvokeError() is var error && error != InvalidArgument)
                throw new IOException($"The folder {Redaction.Show(folder)} cannot be flushed (error {error}).");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private const int InvalidArgument = 22;

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
