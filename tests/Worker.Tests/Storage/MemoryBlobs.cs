using System.Globalization;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>What is in a store, in memory: each operation is one step that nothing comes between.</summary>
internal sealed class MemoryBlobs
{
    private readonly Dictionary<(BlobContainer Container, string Name), (byte[] Bytes, string ETag)> _blobs = [];
    private int _etags;

    public byte[]? Bytes(BlobContainer container, string name) => _blobs.TryGetValue((container, name), out var blob) ? blob.Bytes : null;

    public IReadOnlyList<ListedBlob> List(BlobContainer container, string prefix) =>
    [
        .. _blobs.Where(blob => blob.Key.Container == container && blob.Key.Name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(blob => new ListedBlob(blob.Key.Name, blob.Value.ETag, blob.Value.Bytes.Length, DateTimeOffset.UnixEpoch, null)),
    ];

    public BlobRead Read(BlobContainer container, string name, string? knownETag, int maxBytes) =>
        !_blobs.TryGetValue((container, name), out var blob) ? new BlobRead.Missing()
        : blob.ETag == knownETag ? new BlobRead.Unchanged()
        : blob.Bytes.Length > maxBytes ? new BlobRead.TooLong(blob.Bytes.Length)
        : new BlobRead.Found(blob.Bytes, blob.ETag);

    public BlobRead ReadRange(BlobContainer container, string name, long offset, int length, string? knownETag) =>
        Read(container, name, knownETag, int.MaxValue) is BlobRead.Found found
            ? new BlobRead.Found([.. found.Bytes.Skip((int)offset).Take(length)], found.ETag)
            : Read(container, name, knownETag, int.MaxValue);

    public string? Create(BlobContainer container, string name, byte[] bytes) => _blobs.ContainsKey((container, name)) ? null : Write(container, name, bytes);

    public string? Replace(BlobContainer container, string name, byte[] bytes, string etag) =>
        _blobs.TryGetValue((container, name), out var blob) && blob.ETag == etag ? Write(container, name, bytes) : null;

    public string Write(BlobContainer container, string name, byte[] bytes)
    {
        var etag = (++_etags).ToString(CultureInfo.InvariantCulture);
        _blobs[(container, name)] = (bytes, etag);
        return etag;
    }

    public bool Append(string name, byte[] bytes, long maxLength)
    {
        var before = Bytes(BlobContainer.Private, name) ?? [];
        if (before.Length + bytes.Length > maxLength) return false;
        Write(BlobContainer.Private, name, [.. before, .. bytes]);
        return true;
    }

    public bool Delete(BlobContainer container, string name, string? etag)
    {
        if (!_blobs.TryGetValue((container, name), out var blob)) return true;
        return (etag is null || blob.ETag == etag) && _blobs.Remove((container, name));
    }
}
