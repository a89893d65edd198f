using System.Runtime.CompilerServices;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Azure Blob Storage. The client retries by itself, so a conditional write may meet its own earlier success. An account that is too busy is sent less at once, and asked again later.
/// </summary>
public sealed class AzureBlobStore : IBlobStore
{
    // More than the connections of a busy worker: the account, not this number, is meant to be the limit.
    private const int MostRequests = 256;

    private readonly BlobContainerClient _public;
    private readonly BlobContainerClient _private;
    private readonly BlobContainerClient _history;

    /// <summary>A store in the three containers of the options.</summary>
    public AzureBlobStore(StorageOptions options, StoreRetries retries, TimeProvider? time = null)
        : this(options, retries, time ?? TimeProvider.System, transport: null)
    {
    }

    /// <summary>A store that is reached in another way than by the client's own connections.</summary>
    internal AzureBlobStore(StorageOptions options, StoreRetries retries, TimeProvider time, HttpPipelineTransport? transport)
    {
        var clientOptions = new BlobClientOptions
        {
            Retry =
            {
                Mode = RetryMode.Exponential,
                MaxRetries = retries.MaxRetries,
                Delay = retries.Delay,
                MaxDelay = retries.MaxDelay,
                NetworkTimeout = retries.NetworkTimeout,
            },
            // Its log lines carry addresses with their signatures.
            Diagnostics = { IsLoggingEnabled = false, IsDistributedTracingEnabled = false },
        };
        if (transport is not null) clientOptions.Transport = transport;
        clientOptions.AddPolicy(new LostConnectionPolicy(), HttpPipelinePosition.PerRetry);
        clientOptions.AddPolicy(new ThrottlePolicy(new RequestLimit(MostRequests, time), retries.ThrottlePatience, time), HttpPipelinePosition.PerRetry);
        var service = options.ServiceUri is { } uri
            ? new BlobServiceClient(uri, new DefaultAzureCredential(), clientOptions)
            : new BlobServiceClient(options.ConnectionString, clientOptions);
        _public = service.GetBlobContainerClient(options.Container);
        _private = service.GetBlobContainerClient(options.PrivateContainer);
        _history = service.GetBlobContainerClient(options.HistoryContainer);
    }

    /// <inheritdoc/>
    public string Description => $"azure {_public.AccountName} ({_public.Name}, {_private.Name}, {_history.Name})";

    /// <inheritdoc/>
    public bool KeepsMetadata => true;

    /// <inheritdoc/>
    public Task EnsureContainersAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        foreach (var container in (BlobContainerClient[])[_public, _private, _history])
        {
            try
            {
                await CreateContainerAsync(container, cancellationToken);
            }
            catch (RequestFailedException exception) when (exception.Status == 403)
            {
                // An identity that may use containers need not be one that may create them. Where the container is missing, its first use says so.
            }
        }
        return true;
    });

    /// <inheritdoc/>
    public Task<BlobRead> ReadAsync(BlobContainer container, string name, string? knownETag, int maxBytes, CancellationToken cancellationToken) =>
        DownloadAsync(container, name, new BlobDownloadOptions { Conditions = Unless(knownETag) }, maxBytes, cancellationToken);

    /// <inheritdoc/>
    public Task<BlobRead> ReadRangeAsync(BlobContainer container, string name, long offset, int length, string? knownETag, CancellationToken cancellationToken) =>
        DownloadAsync(container, name, new BlobDownloadOptions { Range = new HttpRange(offset, length), Conditions = Unless(knownETag) }, length, cancellationToken);

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
    public Task<bool> AppendAsync(string name, ReadOnlyMemory<byte> bytes, long maxLength, CancellationToken cancellationToken) =>
        WriteAsync(_private, name, async () =>
        {
            var client = _private.GetAppendBlobClient(name);
            var options = new AppendBlobAppendBlockOptions { Conditions = new AppendBlobRequestConditions { IfMaxSizeLessThanOrEqual = maxLength } };
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
                    await CreateLogAsync(client, cancellationToken);
                }
            }
        }, cancellationToken);

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
        catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.BlobNotFound || exception.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            return true;
        }
        catch (RequestFailedException exception) when (IsLeased(exception))
        {
            throw Leased(name, exception);
        }
        catch (RequestFailedException exception) when (exception.Status == 412)
        {
            return false;
        }
    });

    private static BlobRequestConditions? Unless(string? etag) =>
        string.IsNullOrEmpty(etag) ? null : new BlobRequestConditions { IfNoneMatch = new ETag(etag) };

    private Task<BlobRead> DownloadAsync(BlobContainer container, string name, BlobDownloadOptions options, int maxBytes, CancellationToken cancellationToken) =>
        GuardAsync<BlobRead>(async () =>
        {
            try
            {
                var response = await Client(container).GetBlobClient(name).DownloadStreamingAsync(options, cancellationToken);
                if (response.GetRawResponse().Status == 304) return new BlobRead.Unchanged();
                using var download = response.Value;
                // Of a ranged read this is the length of the range.
                var length = download.Details.ContentLength;
                if (length > maxBytes) return new BlobRead.TooLong(length);
                var bytes = new byte[(int)length];
                await download.Content.ReadExactlyAsync(bytes, cancellationToken);
                return new BlobRead.Found(bytes, download.Details.ETag.ToString("H"));
            }
            catch (RequestFailedException exception) when (exception.Status == 304)
            {
                return new BlobRead.Unchanged();
            }
            catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.BlobNotFound)
            {
                return new BlobRead.Missing();
            }
            catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                return new BlobRead.NoContainer();
            }
            catch (RequestFailedException exception) when (exception.Status == 416)
            {
                // Nothing at the offset. The answer's ETag, where it has one, is left alone: no body came with it.
                return new BlobRead.Found([], "");
            }
        });

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

    private static async Task CreateLogAsync(AppendBlobClient client, CancellationToken cancellationToken)
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
        catch (RequestFailedException raced) when (raced.ErrorCode == BlobErrorCode.BlobAlreadyExists || (raced.Status == 412 && !IsLeased(raced)))
        {
            // Another writer created it; append to theirs.
        }
    }

    private BlobContainerClient Client(BlobContainer container) => container switch
    {
        BlobContainer.Public => _public,
        BlobContainer.Private => _private,
        _ => _history,
    };

    private Task<string?> UploadAsync(
        BlobContainer container, string name, ReadOnlyMemory<byte> bytes, BlobProperties properties, BlobRequestConditions? conditions,
        CancellationToken cancellationToken) => WriteAsync(Client(container), name, async () =>
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
                conditions is not null && !IsLeased(exception) && (exception.Status == 412 || exception.ErrorCode == BlobErrorCode.BlobAlreadyExists))
            {
                return null;
            }
            catch (RequestFailedException exception) when (conditions?.IfNoneMatch is not null && exception.ErrorCode == BlobErrorCode.BlobImmutableDueToPolicy)
            {
                // What is to be created is there already, in a container with an immutability policy: the service may look at the policy before it looks at the condition.
                return null;
            }
            catch (RequestFailedException exception) when (conditions?.IfMatch is not null && exception.ErrorCode == BlobErrorCode.BlobNotFound)
            {
                return null;
            }
        }, cancellationToken);

    /// <summary>Runs a write, and once more where its container was missing and could be created.</summary>
    private Task<T> WriteAsync<T>(BlobContainerClient container, string name, Func<Task<T>> write, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        try
        {
            try
            {
                return await write();
            }
            catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                await CreateMissingContainerAsync(container, cancellationToken);
                return await write();
            }
        }
        catch (RequestFailedException exception) when (IsLeased(exception))
        {
            throw Leased(name, exception);
        }
    });

    private async Task CreateMissingContainerAsync(BlobContainerClient container, CancellationToken cancellationToken)
    {
        try
        {
            await CreateContainerAsync(container, cancellationToken);
        }
        catch (RequestFailedException exception) when (exception.Status == 403)
        {
            throw new StoreUnavailableException(
                $"The store ({Description}) has no container '{container.Name}', and this identity may not create one. Create it, or let the identity do so.", exception);
        }
    }

    // No anonymous access is granted here: whether the CDN reads with an identity or the container is public is the operator's choice.
    private static async Task CreateContainerAsync(BlobContainerClient container, CancellationToken cancellationToken) =>
        await container.CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellationToken);

    /// <summary>A lease is refused with the status of a lost race, and is none: whoever waits for the race to be over waits for ever.</summary>
    private static bool IsLeased(RequestFailedException exception) =>
        exception.ErrorCode == BlobErrorCode.LeaseIdMissing || exception.ErrorCode == BlobErrorCode.LeaseIdMismatchWithBlobOperation
        || exception.ErrorCode == BlobErrorCode.LeaseLost;

    private StoreUnavailableException Leased(string name, RequestFailedException exception) =>
        new($"The store ({Description}) does not let '{name}' be written, because somebody holds a lease on it. Break the lease.", exception);

    /// <summary>Says what happened by status and error code only: a message of the client can carry the request's address with its signature.</summary>
    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (RequestFailedException exception)
        {
            throw new StoreUnavailableException(
                exception.Status > 0 ? $"The store ({Description}) answered {exception.Status} {exception.ErrorCode}." : $"The store ({Description}) cannot be reached: {Cause(exception)}.",
                exception)
            { IsWrongKey = IsWrongKey(exception) };
        }
        catch (AggregateException exception)
        {
            throw new StoreUnavailableException($"The store ({Description}) cannot be reached: {Cause(exception.InnerExceptions[^1])}.", exception);
        }
        catch (AuthenticationFailedException exception)
        {
            throw new StoreUnavailableException($"The store ({Description}) cannot be used: no credential was accepted.", exception);
        }
        catch (TaskCanceledException exception) when (exception.InnerException is TimeoutException)
        {
            throw new StoreUnavailableException($"The store ({Description}) did not answer in time.", exception);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            // A body that ends before its time.
            throw new StoreUnavailableException($"The store ({Description}) cannot be reached: {Cause(exception)}.", exception);
        }
    }

    private static string Cause(Exception exception) => (exception.InnerException ?? exception).GetType().Name;

    /// <summary>Whether the signature is not that of the account's key. Azurite gives the code of a request that a network rule forbids, with the text of one that is signed wrongly.</summary>
    private static bool IsWrongKey(RequestFailedException exception) => exception.Status == 403
        && (exception.ErrorCode == BlobErrorCode.AuthenticationFailed
            || (exception.ErrorCode == BlobErrorCode.AuthorizationFailure && exception.Message.Contains("failed to authenticate", StringComparison.Ordinal)));
}
