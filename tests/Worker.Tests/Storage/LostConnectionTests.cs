using System.Net;
using System.Net.Sockets;
using Azure.Core.Pipeline;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>A connection that is lost while it is being made ends in an exception of the socket, which .NET does not wrap. It was seen to end a worker that was starting.</summary>
public sealed class LostConnectionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_ConnectionLostOnce_IsTriedAgain()
    {
        var store = Store(failures: 1);

        Assert.IsType<BlobRead.Missing>(await store.ReadAsync(BlobContainer.Private, "current/acme/production.json", null, 100, Cancel));
    }

    [Fact]
    public async Task ReadAndList_ConnectionLostAgainAndAgain_IsAnOutageOfTheStore()
    {
        var store = Store(failures: int.MaxValue);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync(BlobContainer.Private, "current/acme/production.json", null, 100, Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            await foreach (var _ in store.ListAsync(BlobContainer.Private, "", Cancel)) { }
        });
    }

    private static AzureBlobStore Store(int failures) => new(
        new StorageOptions
        {
            Provider = StorageProvider.Azure,
            ConnectionString = $"DefaultEndpointsProtocol=http;AccountName=local;AccountKey={Convert.ToBase64String(new byte[64])};BlobEndpoint=http://127.0.0.1:9/local",
        },
        new StoreRetries(1, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(15)), TimeProvider.System, new HttpClientTransport(new LosingHandler(failures)));

    /// <summary>Loses so many connections; then the store has nothing.</summary>
    private sealed class LosingHandler(int failures) : HttpMessageHandler
    {
        private int _requests;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _requests) <= failures) throw new SocketException((int)SocketError.NotConnected);
            var response = new HttpResponseMessage(HttpStatusCode.NotFound) { Content = new ByteArrayContent([]) };
            response.Headers.Add("x-ms-error-code", "BlobNotFound");
            return Task.FromResult(response);
        }
    }
}
