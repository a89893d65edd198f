using System.Runtime.CompilerServices;

namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>A folder of whole files that never takes more than its limit on disk. Only <see cref="WriteAsync"/> throws for what a disk can do.</summary>
internal sealed class BoundedFolder(string path, long limit, TimeProvider time)
{
    private readonly FileIndex _files = new(limit);

    /// <summary>How many files there are that may go when room is needed.</summary>
    public int Count => _files.Count;

    /// <summary>What everything takes on disk, in bytes.</summary>
    public long OnDisk => _files.OnDisk;

    public bool Contains(string name) => _files.Contains(name);

    /// <summary>Whether a file of a length can be kept at all.</summary>
    public bool CanHold(long length) => FileIndex.Blocks(length) <= limit;

    /// <summary>Creates the folder, and finds out whether files can be written into it.</summary>
    /// <exception cref="IOException">They cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">They cannot.</exception>
    public void Probe()
    {
        Directory.CreateDirectory(path);
        var probe = Path.Combine(path, $"{Guid.NewGuid():N}{WholeFile.TemporaryExtension}");
        File.WriteAllBytes(probe, "probe"u8);
        File.Delete(probe);
    }

    /// <summary>Counts a file that was found at the start.</summary>
    public void Remember(FileInfo file)
    {
        var others = _files.TakeRoom(file.Name, file.Length);
        _files.Set(file.Name, file.Length, file.LastWriteTimeUtc.Ticks);
        foreach (var other in others) Remove(other);
    }

    /// <summary>Counts a file that does not go when room is needed.</summary>
    public void Pin(FileInfo file)
    {
        foreach (var other in _files.TakeRoom(file.Name, file.Length)) Remove(other);
    }

    /// <summary>Writes a file, in room that is taken for it before.</summary>
    /// <param name="name">The name.</param>
    /// <param name="bytes">The content.</param>
    /// <param name="isPinned">Whether it stays when room is needed.</param>
    /// <param name="cancellationToken">The process ends.</param>
    /// <exception cref="IOException">It could not be written; the file before it is still there.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public async Task WriteAsync(string name, ReadOnlyMemory<byte> bytes, bool isPinned, CancellationToken cancellationToken)
    {
        foreach (var other in _files.TakeRoom(name, bytes.Length)) Remove(other);
        try
        {
            await WholeFile.ReplaceAsync(Path.Combine(path, name), bytes, cancellationToken);
        }
        catch
        {
            _files.GiveBack(bytes.Length);
            throw;
        }
        if (!isPinned) _files.Set(name, bytes.Length, time.GetUtcNow().UtcTicks);
    }

    /// <summary>Reads a file; null where it is not there, or cannot be read at the moment.</summary>
    public async Task<byte[]?> TryReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllBytesAsync(Path.Combine(path, name), cancellationToken);
        }
        catch (FileNotFoundException)
        {
            _files.Remove(name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // That says nothing about what the file has.
        }
        return null;
    }

    /// <summary>Reads all files that may go when room is needed, those used last first.</summary>
    public async IAsyncEnumerable<byte[]> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var name in _files.Names)
            if (await TryReadAsync(name, cancellationToken) is { } bytes) yield return bytes;
    }

    /// <summary>Says that a file was used, also to the process that finds the folder after this one.</summary>
    public void Touch(string name)
    {
        var now = time.GetUtcNow();
        _files.Use(name, now.UtcTicks);
        try
        {
            File.SetLastWriteTimeUtc(Path.Combine(path, name), now.UtcDateTime);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The order is a preference, not a promise.
        }
    }

    public void Remove(string name)
    {
        _files.Remove(name);
        WholeFile.TryDelete(Path.Combine(path, name));
    }
}
