using System.IO.Hashing;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Storage;

/// <summary>
/// A folder with <c>public/</c> and <c>private/</c>: the embedded default, for one machine. A blob is a file that is written beside
/// its place, flushed and renamed, so a reader sees the old or the new one whole; its ETag is a hash of its bytes. Writers of several
/// processes take turns on a lock file.
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
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => GuardAsync(() =>
    {
        Directory.CreateDirectory(Path.Combine(_root, Folder(BlobContainer.Public)));
        Directory.CreateDirectory(Path.Combine(_root, Folder(BlobContainer.Private)));
        return Task.FromResult(true);
    });

    /// <inheritdoc/>
    public Task<StoredBlob?> ReadAsync(BlobContainer container, string name, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        try
        {
            var bytes = await File.ReadAllBytesAsync(PathOf(container, name), cancellationToken);
            return new StoredBlob(bytes, ETagOf(bytes));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    });

    /// <inheritdoc/>
    public Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            var path = PathOf(container, name);
            if (File.Exists(path)) return null;
            await PutAsync(path, bytes, cancellationToken);
            return ETagOf(bytes.Span);
        }, cancellationToken);

    /// <inheritdoc/>
    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            var current = await ReadAsync(container, name, cancellationToken);
            if (current?.ETag != etag) return null;
            await PutAsync(PathOf(container, name), bytes, cancellationToken);
            return ETagOf(bytes.Span);
        }, cancellationToken);

    /// <inheritdoc/>
    public Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            await PutAsync(PathOf(container, name), bytes, cancellationToken);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            var path = PathOf(BlobContainer.Private, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            // A crash can leave part of a record at the end; records have one length, so what does not divide is cut off.
            var whole = file.Length - file.Length % bytes.Length;
            if (whole + bytes.Length > maxLength) return false;
            if (whole != file.Length) file.SetLength(whole);
            file.Position = whole;
            await file.WriteAsync(bytes, cancellationToken);
            file.Flush(flushToDisk: true);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var root = Path.Combine(_root, Folder(container));
        // The part of the prefix up to its last slash is a folder; the rest is the beginning of names in it.
        var folder = Path.Combine(root, prefix[..(prefix.LastIndexOf('/') + 1)]);
        var files = await GuardAsync(() => Task.Run(
            () => Directory.Exists(folder) ? Directory.GetFiles(folder, "*", SearchOption.AllDirectories) : [], cancellationToken));
        foreach (var path in files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = Path.GetRelativePath(root, path).Replace(Path.DirectorySeparatorChar, '/');
            if (!name.StartsWith(prefix, StringComparison.Ordinal) || name.EndsWith(TemporarySuffix, StringComparison.Ordinal)) continue;
            var file = new FileInfo(path);
            if (file.Exists) yield return new ListedBlob(name, null, file.Length, file.LastWriteTimeUtc, null);
        }
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) =>
        InTurnAsync(async () =>
        {
            if (await ReadAsync(container, name, cancellationToken) is not { } current) return true;
            if (etag is not null && current.ETag != etag) return false;
            File.Delete(PathOf(container, name));
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    /// <summary>The ETag of a file's bytes; the edge computes the same.</summary>
    public static string ETagOf(ReadOnlySpan<byte> bytes) => $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes))}\"";

    private static string Folder(BlobContainer container) => container == BlobContainer.Public ? "public" : "private";

    private string PathOf(BlobContainer container, string name)
    {
        // Names come from BlobNames, which builds them from checked parts; this is the last line, not the first.
        foreach (var segment in name.Split('/'))
            if (segment is "" or "." or ".." || segment.Contains('\\', StringComparison.Ordinal)) throw new ArgumentException($"'{name}' is not a blob name.", nameof(name));
        return Path.Combine(_root, Folder(container), name);
    }

    private static async Task PutAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await file.WriteAsync(bytes, cancellationToken);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
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
