using System.Globalization;
using System.IO.Hashing;
using System.Runtime.CompilerServices;

namespace ConsentSnapshots.Storage;

/// <summary>
/// A folder with <c>public/</c>, <c>private/</c> and <c>history/</c>: the embedded default, for one machine. A blob is a file that is written beside
/// its place, flushed and renamed, so a reader sees the old or the new one whole; its ETag is a hash of its bytes. What depends on the file that is there is done under a lock file, so
/// that writers of several processes take turns.
/// </summary>
public sealed class DirectoryBlobStore : IBlobStore, IDisposable
{
    private const string TemporarySuffix = ".tmp";
    private readonly string _root;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>A store in this folder; it is created when first written.</summary>
    public DirectoryBlobStore(string root, TimeProvider time)
    {
        _root = Path.GetFullPath(root);
        _time = time;
    }

    /// <inheritdoc/>
    public string Description => $"directory {Redaction.Show(_root)}";

    /// <inheritdoc/>
    public bool KeepsMetadata => false;

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => GuardAsync(() =>
    {
        foreach (var container in Enum.GetValues<BlobContainer>()) FolderSync.Create(Root(container));
        return Task.FromResult(true);
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
            if (!file.Exists) throw new FileNotFoundException();
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
        InTurnAsync(async () =>
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
        InTurnAsync(async () =>
        {
            var path = PathOf(BlobContainer.Private, name);
            FolderSync.Create(Path.GetDirectoryName(path)!);
            var isNew = !File.Exists(path);
            await using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            // A crash can leave part of a record at the end; records have one length, so what does not divide is cut off.
            var whole = file.Length - file.Length % bytes.Length;
            if (whole + bytes.Length > maxLength) return false;
            if (whole != file.Length) file.SetLength(whole);
            file.Position = whole;
            await file.WriteAsync(bytes, cancellationToken);
            file.Flush(flushToDisk: true);
            if (isNew) FolderSync.Flush(Path.GetDirectoryName(path)!);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var root = Root(container);
        // The part of the prefix up to its last slash is a folder; the rest is the beginning of names in it.
        var folder = Path.Combine(root, prefix[..(prefix.LastIndexOf('/') + 1)]);
        var files = await GuardAsync(() => Task.Run(
            () => Directory.Exists(folder) ? new DirectoryInfo(folder).GetFiles("*", SearchOption.AllDirectories) : [], cancellationToken));
        foreach (var file in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = Path.GetRelativePath(root, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (!name.StartsWith(prefix, StringComparison.Ordinal) || name.EndsWith(TemporarySuffix, StringComparison.Ordinal)) continue;
            file.Refresh();
            if (file.Exists) yield return new ListedBlob(name, null, file.Length, file.LastWriteTimeUtc, null);
        }
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            if (await ReadAsync(container, name, null, int.MaxValue, cancellationToken) is not BlobRead.Found current) return true;
            if (etag is not null && current.ETag != etag) return false;
            File.Delete(PathOf(container, name));
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

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

    /// <summary>Puts a file in its place, content and folder entry on disk; false where there is one already that is not to be replaced.</summary>
    private static async Task<bool> PutAsync(string path, ReadOnlyMemory<byte> bytes, bool replace, CancellationToken cancellationToken)
    {
        if (!replace && File.Exists(path)) return false;
        var folder = Path.GetDirectoryName(path)!;
        FolderSync.Create(folder);
        var temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await file.WriteAsync(bytes, cancellationToken);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: replace);
            FolderSync.Flush(folder);
            return true;
        }
        catch (IOException) when (!replace && File.Exists(path) && File.Exists(temporary))
        {
            // Somebody else was faster.
            File.Delete(temporary);
            return false;
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private async Task<T> InTurnAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            return await GuardAsync(async () =>
            {
                await using var theirs = await TakeLockFileAsync(cancellationToken);
                return await action();
            });
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<FileStream> TakeLockFileAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_root);
        var path = Path.Combine(_root, ".lock");
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 500)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10), _time, cancellationToken);
            }
        }
    }

    private async Task<BlobRead> ReadGuardedAsync(BlobContainer container, string name, Func<string, Task<BlobRead>> read) => await GuardAsync(async () =>
    {
        try
        {
            return await read(PathOf(container, name));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // A volume that is not mounted has no files either.
            return Directory.Exists(Root(container)) ? new BlobRead.Missing() : (BlobRead)new BlobRead.NoContainer();
        }
    });

    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException($"The store ({Description}) cannot be used: {exception.Message}", exception);
        }
    }
}
