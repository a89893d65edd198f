using System.Globalization;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Tries whether this process may write in a directory store, and leaves nothing there. It takes none of the store's lock files: one that it made would belong to whoever runs it, and the
/// worker might not be allowed to open it.
/// </summary>
public static class DirectoryTrial
{
    /// <summary>Writes a file in a container's folder and removes it.</summary>
    /// <param name="root">The store's folder.</param>
    /// <param name="container">The container, which exists.</param>
    /// <returns>The file system's time of the write.</returns>
    /// <exception cref="StoreUnavailableException">It cannot be written, or a lock file cannot be opened.</exception>
    public static DateTimeOffset Write(string root, BlobContainer container)
    {
        ArgumentNullException.ThrowIfNull(root);
        // Listings pass over names that begin with a dot and end so.
        var path = Path.Combine(root, container.ToString().ToLowerInvariant(), string.Create(CultureInfo.InvariantCulture, $".doctor-{Guid.NewGuid():N}.tmp"));
        try
        {
            try
            {
                using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
                {
                    file.Write("{}"u8);
                    file.Flush(flushToDisk: true);
                }
                var written = new DateTimeOffset(File.GetLastWriteTimeUtc(path), TimeSpan.Zero);
                OpenLocks(root);
                return written;
            }
            finally
            {
                File.Delete(path);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"The store (directory {Redaction.Show(root)}) cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>A lock file of another user stands against every write that shares it.</summary>
    private static void OpenLocks(string root)
    {
        var folder = Path.Combine(root, DirectoryBlobStore.LockFolder);
        if (!Directory.Exists(folder)) return;
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder))
        {
            try
            {
                using var file = new FileStream(entry, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            }
            catch (IOException exception) when (exception is not FileNotFoundException)
            {
                // Somebody holds it at this moment, and may.
            }
        }
    }
}
