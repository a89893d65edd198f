using Azure;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>The store as two containers of Azure Blob Storage.</summary>
internal sealed class AzureSnapshotStore : ISnapshotStore
{
    private readonly BlobContainerClient _public;
    private readonly BlobContainerClient _private;

    public AzureSnapshotStore(StorageOptions options, TimeSpan networkTimeout)
    {
        // One repeat and a short timeout: a request must not hang on the store, and whoever called tries again later anyway.
        var client = new BlobClientOptions
        {
            Retry =
            {
                Mode = RetryMode.Exponential, MaxRetries = 1, Delay = TimeSpan.FromMilliseconds(200), MaxDelay = TimeSpan.FromSeconds(1),
                NetworkTimeout = networkTimeout,
            },
            Diagnostics = { IsLoggingEnabled = false, IsDistributedTracingEnabled = false },
        };
        var service = options.ConnectionString is { } connection
            ? new BlobServiceClient(connection, client)
            : new BlobServiceClient(options.ServiceUri, new DefaultAzureCredential(), client);
        _public = service.GetBlobContainerClient(options.Container);
        _private = service.GetBlobContainerClient(options.PrivateContainer);
    }

    public Task<BlobRead> ReadCurrentAsync(Scope scope, string? knownETag, int maxBytes, CancellationToken cancellation) =>
        ReadAsync(_private, BlobNames.Current(scope), new BlobDownloadOptions { Conditions = Unless(knownETag) }, maxBytes, cancellation);

    public Task<BlobRead> ReadSnapshotAsync(Scope scope, SnapshotHash hash, int maxBytes, CancellationToken cancellation) =>
        ReadAsync(_public, BlobNames.Snapshot(scope, hash), new BlobDownloadOptions(), maxBytes, cancellation);

    public async Task<LogTail> FindTailAsync(CancellationToken cancellation)
    {
        var tail = new LogTail(0, 0);
        try
        {
            await foreach (var blob in _private.GetBlobsAsync(new GetBlobsOptions { Prefix = BlobNames.ChangesPrefix }, cancellation))
            {
                if (BlobNames.TryParseChangeSegment(blob.Name, out var number) && number > tail.Segment)
                    tail = new LogTail(number, blob.Properties.ContentLength ?? 0);
            }
            return tail;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            throw Unavailable(exception);
        }
    }

    public Task<BlobRead> ReadLogAsync(int segment, long offset, int maxBytes, string? knownETag, CancellationToken cancellation) =>
        ReadAsync(_private, BlobNames.ChangeSegment(segment),
            new BlobDownloadOptions { Range = new HttpRange(offset, maxBytes), Conditions = Unless(knownETag) }, maxBytes, cancellation);

    private static async Task<BlobRead> ReadAsync(
        BlobContainerClient container, string name, BlobDownloadOptions options, int maxBytes, CancellationToken cancellation)
    {
        try
        {
            var response = await container.GetBlobClient(name).DownloadStreamingAsync(options, cancellation);
            if (response.GetRawResponse().Status == 304) return new BlobRead.Unchanged();
            using var download = response.Value;
            // Of a ranged read this is the length of the range.
            var length = download.Details.ContentLength;
            if (length > maxBytes) return new BlobRead.TooLong(length);
            var bytes = new byte[(int)length];
            await download.Content.ReadExactlyAsync(bytes, cancellation);
            return new BlobRead.Found(bytes, download.Details.ETag.ToString("H"));
        }
        catch (RequestFailedException exception) when (exception.Status == 304)
        {
            return new BlobRead.Unchanged();
        }
        catch (RequestFailedException exception) when (exception.Status == 404 && exception.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return new BlobRead.Missing();
        }
        catch (RequestFailedException exception) when (exception.Status == 416)
        {
            // Nothing at the offset. The answer's ETag, where it has one, is left alone: no body came with it.
            return new BlobRead.Found([], "");
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            throw Unavailable(exception);
        }
    }

    private static BlobRequestConditions? Unless(string? etag) =>
        string.IsNullOrEmpty(etag) ? null : new BlobRequestConditions { IfNoneMatch = new ETag(etag) };

    /// <summary>Status and error code only: an SDK message can carry the request's address with its signature.</summary>
    private static StoreUnavailableException Unavailable(Exception exception)
    {
        var cause = exception is AggregateException aggregate ? aggregate.InnerExceptions[^1] : exception;
        return new StoreUnavailableException(
            cause is RequestFailedException { Status: > 0 } failed
                ? $"The store answered {failed.Status} {failed.ErrorCode}."
                : $"The store cannot be reached: {cause.GetType().Name}.",
            exception);
    }
}
