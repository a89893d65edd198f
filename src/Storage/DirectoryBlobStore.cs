using System.Globalization;
using System.IO.Enumeration;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ConsentSnapshots.Storage;

/// <summary>
/// A folder with <c>public/</c>, <c>private/</c> and <c>history/</c>: the embedded default, for one machine. A blob is a file that is written beside
/// its place, flushed and renamed, so a reader sees the old or the new one whole; its ETag is a hash of its bytes. What depends on the file that is there is done under a lock file, so
/// that writers of several processes take turns; files that have nothing to do with each other seldom share one.
/// </summary>
public sealed class DirectoryBlobStore : IBlobStore, IDisposable
{
    private const string TemporarySuffix = ".tmp";
    internal const string LockFolder = ".locks";
    private const int Locks = 64;

    // So many calls wait for the disk at once.
    private const int ConcurrentCalls = 32;

    private readonly string _root;
    private readonly TimeProvider _time;
    private readonly DiskThreads _threads = new(ConcurrentCalls);
    private readonly DiskSync _disk;
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, Locks).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>A store in this folder; it is created when first written.</summary>
    public DirectoryBlobStore(string root, TimeProvider time)
    {
        _root = Path.GetFullPath(root);
        _time = time;
        _disk = new DiskSync(_root, _threads);
    }

    /// <inheritdoc/>
    public string Description => $"directory {Redaction.Show(_root)}";

    /// <inheritdoc/>
    public bool KeepsMetadata => false;

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        foreach (var container in Enum.GetValues<BlobContainer>()) _disk.Create(Root(container));
        foreach (var container in Enum.GetValues<BlobContainer>()) await _disk.EntriesAsync(Root(container));
        return true;
    });

    /// <inheritdoc/>
    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken) =>
        ReadGuardedAsync(container, name, async path =>
        {
            await using var stream = Open(path);
            if (stream.Length > maxBytes) return new BlobRead.TooLong(stream.Length);
            var bytes = new byte[(int)stream.Length];
            await stream.ReadExactlyAsync(bytes, cancellationToken);
            var etag = ETagOf(bytes);
            return etag == knownETag ? new BlobRead.Unchanged() : new BlobRead.Found(bytes, etag);
        });

    /// <inheritdoc/>
    /// <remarks>The ETag is made of the file's length and time, because the rest of the file is not read.</remarks>
    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        ReadGuardedAsync(container, name, async path =>
        {
            var file = new FileInfo(path);
            // Taken before the read: what is appended in between shows as a change of the ETag next time.
            var etag = string.Create(CultureInfo.InvariantCulture, $"\"{file.Length:x}-{file.LastWriteTimeUtc.Ticks:x}\"");
            if (etag == knownETag) return new BlobRead.Unchanged();
            await using var stream = Open(path);
            var bytes = new byte[(int)Math.Clamp(stream.Length - offset, 0, length)];
            var read = await RandomAccess.ReadAsync(stream.SafeFileHandle, bytes, offset, cancellationToken);
            return new BlobRead.Found(read == bytes.Length ? bytes : bytes[..read], etag);
        });

    /// <inheritdoc/>
    public Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        GuardAsync(async () => await PutAsync(PathOf(container, name), bytes, replace: false, cancellationToken) ? ETagOf(bytes.Span) : null);

    /// <inheritdoc/>
    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        InTurnAsync(container, name, async () =>
        {
            if (await ReadAsync(container, name, null, int.MaxValue, cancellationToken) is not BlobRead.Found current || current.ETag != etag) return null;
            await PutAsync(PathOf(container, name), bytes, replace: true, cancellationToken);
            return ETagOf(bytes.Span);
        }, cancellationToken);

    /// <inheritdoc/>
    public Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        GuardAsync(() => PutAsync(PathOf(container, name), bytes, replace: true, cancellationToken));

    /// <inheritdoc/>
    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        InTurnAsync(BlobContainer.Private, name, async () =>
        {
            var path = PathOf(BlobContainer.Private, name);
            var isNew = !File.Exists(path);
            var begun = _disk.Begin();
            using (var file = await _threads.RunAsync(() => Append(path, bytes.Span, maxLength), cancellationToken))
            {
                if (file is null) return false;
                await _disk.ContentAsync(file, begun);
            }
            if (isNew) await _disk.EntriesAsync(Path.GetDirectoryName(path)!);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var root = Root(container);
        // The part of the prefix up to its last slash is a folder; the rest is the beginning of names in it.
        var folder = Path.Combine(root, prefix[..(prefix.LastIndexOf('/') + 1)]);
        using var files = Guard(() => IsMissing(new DirectoryInfo(folder)) ? null : Files(root, folder, prefix));
        while (files is not null && Guard(files.MoveNext))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (files.Current is { } file) yield return file;
        }
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        InTurnAsync(container, name, async () =>
        {
            if (await ReadAsync(container, name, null, int.MaxValue, cancellationToken) is not BlobRead.Found current) return true;
            if (etag is not null && current.ETag != etag) return false;
            File.Delete(PathOf(container, name));
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _threads.Dispose();
        foreach (var turn in _turns) turn.Dispose();
    }

    /// <summary>The ETag of a file's bytes.</summary>
    public static string ETagOf(ReadOnlySpan<byte> bytes) => $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes))}\"";

    private string Root(BlobContainer container) => Path.Combine(_root, container switch
    {
        BlobContainer.Public => "public",
        BlobContainer.Private => "private",
        _ => "history",
    });

    private string PathOf(BlobContainer container, string name)
    {
        // Names come from BlobNames, which builds them from checked parts; this is the last line, not the first.
        foreach (var segment in name.Split('/'))
            if (segment is "" or "." or ".." || segment.Contains('\\', StringComparison.Ordinal)) throw new ArgumentException($"'{name}' is not a blob name.", nameof(name));
        return Path.Combine(Root(container), name);
    }

    private static FileStream Open(string path) =>
        new(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous });

    /// <summary>The files of a listing, read from the folders as they are asked for; null for one that is not of the listing.</summary>
    private static IEnumerator<ListedBlob?> Files(string root, string folder, string prefix) => new FileSystemEnumerable<ListedBlob?>(
        folder,
        (ref FileSystemEntry entry) =>
        {
            var name = Path.Join(entry.Directory[root.Length..].TrimStart(Path.DirectorySeparatorChar), entry.FileName).Replace(Path.DirectorySeparatorChar, '/');
            // A file that is gone since the folder was read has no time.
            return name.StartsWith(prefix, StringComparison.Ordinal) && entry.LastWriteTimeUtc is var time && time.Year > 1601 ? new ListedBlob(name, null, entry.Length, time, null) : null;
        },
        // What the system hides is here as well: a name may begin with a dot.
        new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false })
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && !entry.FileName.EndsWith(TemporarySuffix, StringComparison.Ordinal),
    }.GetEnumerator();

    /// <summary>Puts a file in its place, content and folder entry on disk; false where there is one already that is not to be replaced.</summary>
    /// <remarks>It is written beside its place, and gets its name once its content is on disk.</remarks>
    private async Task<bool> PutAsync(string path, ReadOnlyMemory<byte> bytes, bool replace, CancellationToken cancellationToken)
    {
        if (!replace && File.Exists(path)) return false;
        var temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            var begun = _disk.Begin();
            using (var file = await _threads.RunAsync(() => Write(temporary, bytes.Span), cancellationToken)) await _disk.ContentAsync(file, begun);
            // A rename may have to wait for the file system's journal.
            await _threads.RunAsync(() =>
            {
                File.Move(temporary, path, overwrite: replace);
                return true;
            }, default);
        }
        catch (IOException) when (!replace && File.Exists(path) && File.Exists(temporary))
        {
            // Somebody else was faster.
            File.Delete(temporary);
            return false;
        }
        catch
        {
            DeleteIfThere(temporary);
            throw;
        }
        await _disk.EntriesAsync(Path.GetDirectoryName(path)!);
        return true;
    }

    private SafeFileHandle Write(string path, ReadOnlySpan<byte> bytes)
    {
        var file = Create(path);
        try
        {
            RandomAccess.Write(file, bytes, 0);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private SafeFileHandle Create(string path)
    {
        for (var created = false; ; created = true)
        {
            try
            {
                // Its name is nobody else's, so no lock is asked for.
                return File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            }
            // Which of the two it is depends on whether somebody else created the folder a moment later.
            catch (Exception exception) when (!created && (exception is DirectoryNotFoundException or FileNotFoundException))
            {
                _disk.Create(Path.GetDirectoryName(path)!);
            }
        }
    }

    private static void DeleteIfThere(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // The folder could not be created, or is gone.
        }
    }

    /// <summary>Appends lines; null where the file would get too long.</summary>
    private SafeFileHandle? Append(string path, ReadOnlySpan<byte> lines, long maxLength)
    {
        _disk.Create(Path.GetDirectoryName(path)!);
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            var length = RandomAccess.GetLength(file);
            var whole = WholeLines(file, length);
            if (whole + lines.Length <= maxLength)
            {
                if (whole != length) RandomAccess.SetLength(file, whole);
                RandomAccess.Write(file, lines, whole);
                return file;
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
        file.Dispose();
        return null;
    }

    /// <summary>The length up to the last line that is whole: a crash can leave part of a line at the end, which is cut off.</summary>
    private static long WholeLines(SafeFileHandle file, long length)
    {
        Span<byte> end = stackalloc byte[1024];
        for (var from = length; from > 0;)
        {
            // Almost always the last byte ends a line.
            var some = end[..(int)Math.Min(from, from == length ? 1 : end.Length)];
            from -= some.Length;
            var read = RandomAccess.Read(file, some, from);
            if (some[..read].LastIndexOf((byte)'\n') is >= 0 and var last) return from + last + 1;
        }
        return 0;
    }

    private async Task<T> InTurnAsync<T>(BlobContainer container, string name, Func<Task<T>> action, CancellationToken cancellationToken)
    {
        var number = (int)(XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(name), (int)container) % Locks);
        await _turns[number].WaitAsync(cancellationToken);
        try
        {
            return await GuardAsync(async () =>
            {
                await using var theirs = await TakeLockFileAsync(number, cancellationToken);
                return await action();
            });
        }
        finally
        {
            _turns[number].Release();
        }
    }

    private async Task<FileStream> TakeLockFileAsync(int number, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_root, LockFolder, number.ToString("D2", CultureInfo.InvariantCulture));
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (Exception exception) when (attempt < 500 && (exception is DirectoryNotFoundException or FileNotFoundException))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            }
            catch (IOException) when (attempt < 500)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), _time, cancellationToken);
            }
        }
    }

    private async Task<BlobRead> ReadGuardedAsync(BlobContainer container, string name, Func<string, Task<BlobRead>> read) => await GuardAsync(async () =>
    {
        var path = PathOf(container, name);
        try
        {
            // Most of what a first publication looks for is missing, and an exception costs more than the look.
            if (!IsMissing(new FileInfo(path))) return await read(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // It was deleted meanwhile.
        }
        // A volume that is not mounted has no files either.
        return Directory.Exists(Root(container)) ? new BlobRead.Missing() : (BlobRead)new BlobRead.NoContainer();
    });

    /// <summary>Whether nothing has that name. Where the system does not say, for want of a right, it throws: <c>Exists</c> would call that missing.</summary>
    private static bool IsMissing(FileSystemInfo entry) => entry.Attributes == (FileAttributes)(-1);

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (DirectoryNotFoundException)
        {
            // A folder that was deleted while it was read.
            return default!;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(exception);
        }
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(exception);
        }
    }

    private StoreUnavailableException Unavailable(Exception exception) => new($"The store ({Description}) cannot be used: {exception.Message}", exception);
}
