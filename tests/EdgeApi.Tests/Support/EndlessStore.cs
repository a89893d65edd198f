using System.Text;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A store in memory that has every scope that is asked for: all of them have the same one destination. Its log is empty.</summary>
internal sealed class EndlessStore : IBlobReader
{
    private readonly string _manifest;

    public EndlessStore(TestStore store) => _manifest = Encoding.UTF8.GetString(store.Prepare(TestStore.Acme, TestStore.Pixel("1")).Bytes.Span);

    public string Description => "endless";

    public bool KeepsMetadata => false;

    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken)
    {
        if (!BlobNames.TryParseCurrent(name, out var scope)) return Task.FromResult<BlobRead>(new BlobRead.Missing());
        // The scope stands in the envelope only, which nothing is hashed with.
        var manifest = _manifest
            .Replace($"\"organization\":\"{TestStore.Acme.Organization}\",\"environment\":\"production\"", $"\"organization\":\"{scope.Organization}\",\"environment\":\"{scope.ToString().Split('/')[1]}\"", StringComparison.Ordinal);
        return Task.FromResult<BlobRead>(new BlobRead.Found(Encoding.UTF8.GetBytes(manifest), "\"1\""));
    }

    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        Task.FromResult<BlobRead>(new BlobRead.Missing());

    public IAsyncEnumerable<ListedBlob> ListAsync(BlobContainer container, string prefix, CancellationToken cancellationToken) => AsyncEnumerable.Empty<ListedBlob>();
}
