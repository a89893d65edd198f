using System.Globalization;
using System.IO.Hashing;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>
/// The store as a directory: <c>public</c> and <c>private</c> below one root. The worker replaces files by renaming and appends to the
/// change log in place. A file's ETag is the hash of its bytes; a log segment's is its length and time, so that a look costs no read.
/// </summary>
internal sealed class DirectorySnapshotStore(string root) : ISnapshotStore
{
    private readonly string _public = Path.Combine(root, "public");
    private readonly string _private = Path.Combine(root, "private");

    public Task<BlobRead> ReadCurrentAsync(Scope scope, string? knownETag, int maxBytes, CancellationToken cancellation) =>
        ReadAsync(_private, BlobNames.Current(scope), knownETag, maxBytes, cancellation);

    public Task<BlobRead> ReadSnapshotAsync(Scope scope, SnapshotHash hash, int maxBytes, CancellationToken cancellation) =>
        ReadAsync(_public, BlobNames.Snapshot(scope, hash), null, maxBytes, cancellation);

    /// <summary>Opens a snapshot to be streamed; null where it does not exist.</summary>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public FileStream? OpenSnapshot(Scope scope, SnapshotHash hash)
    {
        try
        {
            return Open(Path.Combine(_public, BlobNames.Snapshot(scope, hash)));
        }
        catch (Exception exception) when (IsAbsent(exception))
        {
            EnsureRoot(_public);
            return null;
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            throw Unavailable(exception);
        }
    }

    public Task<LogTail> FindTailAsync(CancellationToken cancellation)
    {
        EnsureRoot(_private);
        var tail = new LogTail(0, 0);
        try
        {
            var folder = new DirectoryInfo(Path.Combine(_private, BlobNames.ChangesPrefix));
            if (!folder.Exists) return Task.FromResult(tail);
            foreach (var file in folder.EnumerateFiles())
                if (BlobNames.TryParseChangeSegment(BlobNames.ChangesPrefix + file.Name, out var number) && number > tail.Segment)
                    tail = new LogTail(number, file.Length);
            return Task.FromResult(tail);
        }
        catch (Exception exception) when (IsTrouble(exception) || IsAbsent(exception))
        {
            return Task.FromException<LogTail>(Unavailable(exception));
        }
    }

    public async Task<BlobRead> ReadLogAsync(int segment, long offset, int maxBytes, string? knownETag, CancellationToken cancellation)
    {
        var path = Path.Combine(_private, BlobNames.ChangeSegment(segment));
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
            {
                EnsureRoot(_private);
                return new BlobRead.Missing();
            }
            // Taken before the read: what is appended in between shows as a change of the ETag next time.
            var etag = string.Create(CultureInfo.InvariantCulture, $"\"{file.Length:x}-{file.LastWriteTimeUtc.Ticks:x}\"");
            if (etag == knownETag) return new BlobRead.Unchanged();
            await using var stream = Open(path);
            var length = (int)Math.Clamp(stream.Length - offset, 0, maxBytes);
            var bytes = new byte[length];
            var read = await RandomAccess.ReadAsync(stream.SafeFileHandle, bytes, offset, cancellation);
            return new BlobRead.Found(read == length ? bytes : bytes[..read], etag);
        }
        catch (Exception exception) when (IsAbsent(exception))
        {
            EnsureRoot(_private);
            return new BlobRead.Missing();
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            throw Unavailable(exception);
        }
    }

    private static async Task<BlobRead> ReadAsync(string container, string name, string? knownETag, int maxBytes, CancellationToken cancellation)
    {
        try
        {
            await using var stream = Open(Path.Combine(container, name));
            if (stream.Length > maxBytes) return new BlobRead.TooLong(stream.Length);
            var bytes = new byte[(int)stream.Length];
            await stream.ReadExactlyAsync(bytes, cancellation);
            var etag = $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes))}\"";
            return etag == knownETag ? new BlobRead.Unchanged() : new BlobRead.Found(bytes, etag);
        }
        catch (Exception exception) when (IsAbsent(exception))
        {
            EnsureRoot(container);
            return new BlobRead.Missing();
        }
        catch (Exception exception) when (IsTrouble(exception))
        {
            throw Unavailable(exception);
        }
    }

    private static FileStream Open(string path) =>
        new(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous });

    /// <summary>A volume that is not mounted has no files either: without its root a container says nothing about any scope.</summary>
    private static void EnsureRoot(string container)
    {
        if (!Directory.Exists(container)) throw new StoreUnavailableException($"The store has no folder '{Path.GetFileName(container)}'.");
    }

    private static bool IsAbsent(Exception exception) => exception is FileNotFoundException or DirectoryNotFoundException;

    private static bool IsTrouble(Exception exception) => exception is IOException or UnauthorizedAccessException;

    private static StoreUnavailableException Unavailable(Exception exception) => new($"The store's directory cannot be read: {exception.GetType().Name}.", exception);
}
