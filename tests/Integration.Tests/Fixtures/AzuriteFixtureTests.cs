using Azure;
using Azure.Core;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>The emulator's answers that the store and the edge rely on; a new version of it that answers otherwise fails here.</summary>
public sealed class AzuriteFixtureTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Upload_IfNoneMatchAnyOnExistingBlob_Conflict409()
    {
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = container.GetBlobClient("acme/production/a.json");
        var onlyNew = new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } };
        await blob.UploadAsync(BinaryData.FromString("{}"), onlyNew, Cancel);

        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => blob.UploadAsync(BinaryData.FromString("[]"), onlyNew, Cancel));

        Assert.Equal(409, failure.Status);
        Assert.Equal(BlobErrorCode.BlobAlreadyExists, failure.ErrorCode);
        Assert.Equal("{}", (await blob.DownloadContentAsync(Cancel)).Value.Content.ToString());
    }

    [Fact]
    public async Task Upload_StaleIfMatch_PreconditionFailed412()
    {
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = container.GetBlobClient("current/acme/production.json");
        var first = await blob.UploadAsync(BinaryData.FromString("1"), Cancel);
        await blob.UploadAsync(BinaryData.FromString("2"), overwrite: true, Cancel);
        var stale = new BlobUploadOptions { Conditions = new BlobRequestConditions { IfMatch = first.Value.ETag } };

        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => blob.UploadAsync(BinaryData.FromString("3"), stale, Cancel));

        Assert.Equal(412, failure.Status);
    }

    [Fact]
    public async Task Append_MaxSizeReached_PreconditionFailed412()
    {
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = container.GetAppendBlobClient("changes/1");
        await blob.CreateIfNotExistsAsync(cancellationToken: Cancel);
        var within = new AppendBlobAppendBlockOptions { Conditions = new AppendBlobRequestConditions { IfMaxSizeLessThanOrEqual = 10 } };
        await blob.AppendBlockAsync(Stream("12345\n"), within, Cancel);

        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => blob.AppendBlockAsync(Stream("67890\n"), within, Cancel));

        Assert.Equal(412, failure.Status);
        Assert.Equal("MaxBlobSizeConditionNotMet", failure.ErrorCode);
        Assert.Equal("12345\n", (await blob.DownloadContentAsync(Cancel)).Value.Content.ToString());
    }

    /// <summary>Azure answers 416 for a range that begins at the end; the emulator only for one that begins beyond it.</summary>
    [Fact]
    public async Task Download_RangeAtAndBeyondTheEnd_EmptyThenNotSatisfiable416()
    {
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = container.GetAppendBlobClient("changes/1");
        await blob.CreateAsync(cancellationToken: Cancel);
        await blob.AppendBlockAsync(Stream("12345\n"), cancellationToken: Cancel);

        var last = await blob.DownloadContentAsync(new BlobDownloadOptions { Range = new HttpRange(5) }, Cancel);
        var end = await blob.DownloadContentAsync(new BlobDownloadOptions { Range = new HttpRange(6) }, Cancel);
        var failure = await Assert.ThrowsAsync<RequestFailedException>(
            () => blob.DownloadContentAsync(new BlobDownloadOptions { Range = new HttpRange(7) }, Cancel));

        Assert.Equal((206, "\n"), (last.GetRawResponse().Status, last.Value.Content.ToString()));
        Assert.Equal((206, ""), (end.GetRawResponse().Status, end.Value.Content.ToString()));
        Assert.Equal(416, failure.Status);
    }

    [Fact]
    public async Task Download_IfNoneMatchOfPresentETag_NotModified304()
    {
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = container.GetBlobClient("x");
        var written = await blob.UploadAsync(BinaryData.FromString("12345"), Cancel);
        var unchanged = new BlobRequestConditions { IfNoneMatch = written.Value.ETag };

        var whole = await blob.DownloadContentAsync(new BlobDownloadOptions { Conditions = unchanged }, Cancel);
        var range = await blob.DownloadContentAsync(new BlobDownloadOptions { Conditions = unchanged, Range = new HttpRange(2) }, Cancel);
        var beyond = await blob.DownloadContentAsync(new BlobDownloadOptions { Conditions = unchanged, Range = new HttpRange(5) }, Cancel);

        Assert.Equal([304, 304, 304], new[] { whole, range, beyond }.Select(answer => answer.GetRawResponse().Status));
    }

    private static MemoryStream Stream(string text) => new(System.Text.Encoding.UTF8.GetBytes(text));
}

[Collection(Outages.Name)]
public sealed class AzuriteFixtureOutageTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StopAndStart_BlobWrittenBefore_IsStillThere()
    {
        var options = new BlobClientOptions { Retry = { MaxRetries = 0, Mode = RetryMode.Fixed } };
        var container = await azurite.CreateContainerAsync(Cancel);
        var blob = new BlobContainerClient(await azurite.ConnectionStringAsync(Cancel), container.Name, options).GetBlobClient("x");
        await blob.UploadAsync(BinaryData.FromString("kept"), Cancel);

        await azurite.StopAsync(Cancel);
        try
        {
            await Assert.ThrowsAsync<RequestFailedException>(() => blob.ExistsAsync(Cancel));
        }
        finally
        {
            await azurite.StartAsync(Cancel);
        }

        Assert.Equal("kept", (await blob.DownloadContentAsync(Cancel)).Value.Content.ToString());
    }
}
