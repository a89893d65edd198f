using System.Runtime.CompilerServices;
using Azure;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace ConsentSnapshots.Worker.Storage;

/// <summary>Azure Blob Storage. The client retries by itself, so a conditional write may meet its own earlier success.</summary>
public sealed class AzureBlobStore : IBlobStore
{
    private readonly BlobContainerClient _public;
    private readonly BlobContainerClient _private;

    /// <summary>A store in the two containers of the options.</summary>
    public AzureBlobStore(StorageOptions options)
    {
        var clientOptions = new BlobClientOptions
        {
            Retry =
            {
                Mode = RetryMode.Exponential,
                MaxRetries = 4,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = TimeSpan.FromSeconds(5),
                NetworkTimeout = options.Timeout,
            },
        };
        var service = options.ServiceUri is { } uri
            ? new BlobServiceClient(uri, new DefaultAzureCredential(), clientOptions)
            : new BlobServiceClient(options.ConnectionString, clientOptions);
        _public = service.GetBlobContainerClient(options.Container);
        _private = service.GetBlobContainerClient(options.PrivateContainer);
    }

    /// <inheritdoc/>
    public string Description => $"azure {_public.AccountName} ({_public.Name}, {_private.Name})";

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        // No anonymous access is granted here: whether the CDN reads with an identity or the container is public is the operator's choice.
        await _public.CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellationToken);
        await _private.CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellationToken);
        return true;
    });

    /// <inheritdoc/>
    public Task<StoredBlob?> ReadAsync(BlobContainer container, string name, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        try
        {
            var response = await Client(container).GetBlobClient(name).DownloadContentAsync(cancellationToken);
            return new StoredBlob(response.Value.Content.ToArray(), response.Value.Details.ETag.ToString("H"));
        }
        catch (RequestFailedException exception) when (IsMissing(exception))
        {
            return (StoredBlob?)null;
        }
    });

    /// <inheritdoc/>
    public Task<string?> CreateAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        UploadAsync(container, name, bytes, properties, new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken);

    /// <inheritdoc/>
    public Task<string?> ReplaceAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, string etag, CancellationToken cancellationToken) =>
        UploadAsync(container, name, bytes, properties, new BlobRequestConditions { IfMatch = new ETag(etag) }, cancellationToken);

    /// <inheritdoc/>
    public Task WriteAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, CancellationToken cancellationToken) =>
        UploadAsync(container, name, bytes, properties, null, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var client = _private.GetAppendBlobClient(name);
        var options = new AppendBlobAppendBlockOptions
        {
            Conditions = new AppendBlobRequestConditions { IfMaxSizeLessThanOrEqual = maxLength },
        };
        for (var created = false; ; created = true)
        {
            try
            {
                using var stream = new MemoryStream(bytes.ToArray(), writable: false);
                await client.AppendBlockAsync(stream, options, cancellationToken);
                return true;
            }
            catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.MaxBlobSizeConditionNotMet)
            {
                return false;
            }
            catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.BlobNotFound && !created)
            {
                try
                {
                    await client.CreateAsync(
                        new AppendBlobCreateOptions
                        {
                            HttpHeaders = new BlobHttpHeaders { ContentType = "application/x-ndjson", CacheControl = "no-store" },
                            Conditions = new AppendBlobRequestConditions { IfNoneMatch = ETag.All },
                        },
                        cancellationToken);
                }
                catch (RequestFailedException raced) when (raced.Status is 409 or 412)
                {
                    // Another writer created it; append to theirs.
                }
            }
        }
    });

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListedBlob> ListAsync(
        BlobContainer container, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pages = Client(container).GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, prefix, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (pages)
        {
            while (await GuardAsync(async () => await MoveNextAsync(pages)))
            {
                var blob = pages.Current;
                yield return new ListedBlob(
                    blob.Name,
                    blob.Properties.ETag?.ToString("H"),
                    blob.Properties.ContentLength ?? 0,
                    blob.Properties.LastModified ?? DateTimeOffset.MinValue,
                    blob.Metadata is null ? new Dictionary<string, string>() : blob.Metadata.AsReadOnly());
            }
        }
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobContainer container, string name, string? etag, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        try
        {
            var conditions = etag is null ? null : new BlobRequestConditions { IfMatch = new ETag(etag) };
            await Client(container).GetBlobClient(name).DeleteAsync(DeleteSnapshotsOption.IncludeSnapshots, conditions, cancellationToken);
            return true;
        }
        catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return true;
        }
        catch (RequestFailedException exception) when (exception.Status == 412)
        {
            return false;
        }
    });

    // A store nobody has written to yet has no containers, and so no blobs.
    private static bool IsMissing(RequestFailedException exception) =>
        exception.ErrorCode == BlobErrorCode.BlobNotFound || exception.ErrorCode == BlobErrorCode.ContainerNotFound;

    private static async Task<bool> MoveNextAsync(IAsyncEnumerator<BlobItem> pages)
    {
        try
        {
            return await pages.MoveNextAsync();
        }
        catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            return false;
        }
    }

    private BlobContainerClient Client(BlobContainer container) => container == BlobContainer.Public ? _public : _private;

    private Task<string?> UploadAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, BlobRequestConditions? conditions,
        CancellationToken cancellationToken) => GuardAsync(async () =>
        {
            try
            {
                var response = await Client(container).GetBlobClient(name).UploadAsync(
                    BinaryData.FromBytes(bytes),
                    new BlobUploadOptions
                    {
                        HttpHeaders = new BlobHttpHeaders { ContentType = properties.ContentType, CacheControl = properties.CacheControl },
                        Metadata = properties.Metadata?.ToDictionary(StringComparer.Ordinal),
                        Conditions = conditions,
                    },
                    cancellationToken);
                return response.Value.ETag.ToString("H");
            }
            catch (RequestFailedException exception) when (
                conditions is not null && (exception.Status == 412 || exception.ErrorCode == BlobErrorCode.BlobAlreadyExists))
            {
                return null;
            }
            catch (RequestFailedException exception) when (conditions?.IfMatch is not null && exception.ErrorCode == BlobErrorCode.BlobNotFound)
            {
                return null;
            }
        });

    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (RequestFailedException exception)
        {
            // The message's first line says what happened; the rest lists headers.
            var summary = exception.Message.Split('\n', 2)[0].Trim();
            throw new StoreUnavailableException($"The store ({Description}) answered {exception.Status} {exception.ErrorCode}: {summary}", exception);
        }
        catch (AggregateException exception)
        {
            throw new StoreUnavailableException($"The store ({Description}) cannot be reached.", exception);
        }
        catch (AuthenticationFailedException exception)
        {
            throw new StoreUnavailableException($"The store ({Description}) cannot be used: no credential was accepted.", exception);
        }
        catch (TaskCanceledException exception) when (exception.InnerException is TimeoutException)
        {
            throw new StoreUnavailableException($"The store ({Description}) did not answer in time.", exception);
        }
    }
}
