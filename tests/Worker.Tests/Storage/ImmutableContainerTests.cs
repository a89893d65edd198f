using System.Net;
using Azure.Core.Pipeline;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Tests.Storage;

/// <summary>A history container with an immutability policy refuses to replace what it has, by an answer of its own.</summary>
public sealed class ImmutableContainerTests
{
    private const string Version = "acme/production/00000007.json";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Another worker has committed this version: that is a lost race, not a store that is down.</summary>
    [Fact]
    public async Task Create_VersionThatExists_IsALostRace() =>
        Assert.Null(await Store().CreateAsync(BlobContainer.History, Version, "{}"u8.ToArray(), BlobProperties.PrivateJson, Cancel));

    [Fact]
    public async Task Write_VersionThatExists_SaysThatThePolicyRefusedIt()
    {
        var exception = await Assert.ThrowsAsync<StoreUnavailableException>(() => Store().WriteAsync(BlobContainer.History, Version, "{}"u8.ToArray(), BlobProperties.PrivateJson, Cancel));

        Assert.Contains("409 BlobImmutableDueToPolicy", exception.Message, StringComparison.Ordinal);
    }

    private static AzureBlobStore Store() => new(
        new StorageOptions
        {
            Provider = StorageProvider.Azure,
            ConnectionString = $"DefaultEndpointsProtocol=http;AccountName=local;AccountKey={Convert.ToBase64String(new byte[64])};BlobEndpoint=http://127.0.0.1:9/local",
        },
        new StoreRetries(0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(15)), TimeProvider.System, new HttpClientTransport(new RefusingHandler()));

    private sealed class RefusingHandler : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = new HttpResponseMessage(HttpStatusCode.Conflict) { Content = new ByteArrayContent([]) };
            response.Headers.Add("x-ms-error-code", "BlobImmutableDueToPolicy");
            return Task.FromResult(response);
        }
    }
}
