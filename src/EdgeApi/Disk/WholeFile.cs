namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>Writes files that are found whole or not at all: beside their place first, then renamed.</summary>
internal static class WholeFile
{
    /// <summary>How the name of a file ends that is being written. One that is found at the start was left by a process that ended meanwhile.</summary>
    public const string TemporaryExtension = ".tmp";

    /// <exception cref="IOException">It could not be written; the file before it is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static async Task ReplaceAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}{TemporaryExtension}";
        try
        {
            await File.WriteAllBytesAsync(temporary, bytes, cancellationToken);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Deletes a file. One that cannot be deleted is overwritten or found damaged later.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // See above.
        }
    }
}
