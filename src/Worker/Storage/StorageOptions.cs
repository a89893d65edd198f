using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Storage;

/// <summary>Which store there is.</summary>
public enum StorageProvider
{
    /// <summary>A local directory: the embedded default, for one machine.</summary>
    Directory,

    /// <summary>Azure Blob Storage.</summary>
    Azure,
}

/// <summary>The store, section <c>Storage</c>. The edge reads the same section.</summary>
public sealed class StorageOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Storage";

    /// <summary><c>directory</c> or <c>azure</c>. Default: directory.</summary>
    public StorageProvider Provider { get; set; } = StorageProvider.Directory;

    /// <summary>The folder that holds <c>public/</c> and <c>private/</c>. Required for <c>directory</c>.</summary>
    public string? Directory { get; set; }

    /// <summary>An Azure Storage connection string. One of this and <see cref="ServiceUri"/> is required for <c>azure</c>. A secret.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The blob service's URL, used with the process's managed identity: no secret to keep.</summary>
    public Uri? ServiceUri { get; set; }

    /// <summary>The public container, a CDN's origin. Default: <c>consent-snapshots</c>.</summary>
    public string Container { get; set; } = "consent-snapshots";

    /// <summary>The private container. Default: <c>consent-snapshots-private</c>.</summary>
    public string PrivateContainer { get; set; } = "consent-snapshots-private";

    /// <summary>How long one request to the store may take before it is tried again. Longer rides out a slow store, shorter notices a dead one.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// The public URL of the public container, for example the CDN's. Links and Content-Location use it; null where there is none.
    /// </summary>
    public Uri? PublicBaseUrl { get; set; }

    /// <summary>Every rule that is broken: key, rule, actual value (never a secret).</summary>
    public IEnumerable<string> Problems()
    {
        if (Provider == StorageProvider.Directory)
        {
            if (string.IsNullOrWhiteSpace(Directory)) yield return "Storage:Directory must name a folder when Storage:Provider is directory; it is empty.";
        }
        else
        {
            if (string.IsNullOrWhiteSpace(ConnectionString) == ServiceUri is null)
            {
                yield return "Storage:ConnectionString or Storage:ServiceUri must be set (one of them) when Storage:Provider is azure; "
                    + (ServiceUri is null ? "neither is." : "both are.");
            }
            else if (ServiceUri is null && !IsConnectionString(ConnectionString!))
            {
                yield return "Storage:ConnectionString must be an Azure Storage connection string (AccountName=…;AccountKey=…;… or BlobEndpoint=…); "
                    + $"it is text of {ConnectionString!.Length} characters that is none.";
            }
            // An identity's token is sent over https only, and with an identity there is no use for a signature.
            if (ServiceUri is { } uri && !IsPlainAddress(uri, "https"))
            {
                yield return "Storage:ServiceUri must be an absolute https URL without query, fragment or user information; "
                    + $"it is {Redaction.ShowAddress(uri.OriginalString)}. A shared access signature belongs into Storage:ConnectionString (BlobEndpoint=…;SharedAccessSignature=…).";
            }
            if (!IsContainerName(Container)) yield return $"Storage:Container must be {ContainerRule}; it is {Redaction.Show(Container)}.";
            if (!IsContainerName(PrivateContainer)) yield return $"Storage:PrivateContainer must be {ContainerRule}; it is {Redaction.Show(PrivateContainer)}.";
            if (Container == PrivateContainer) yield return $"Storage:Container and Storage:PrivateContainer must differ; both are {Redaction.Show(Container)}.";
        }
        if (Timeout < TimeSpan.FromMilliseconds(100) || Timeout > TimeSpan.FromMinutes(5))
            yield return $"Storage:Timeout must be 00:00:00.100 to 00:05:00; it is {Timeout}.";
        if (PublicBaseUrl is { } publicUrl && !IsPlainAddress(publicUrl, "https", "http"))
        {
            yield return "Storage:PublicBaseUrl must be an absolute http(s) URL without query, fragment or user information; "
                + $"it is {Redaction.ShowAddress(publicUrl.OriginalString)}.";
        }
    }

    private static bool IsPlainAddress(Uri address, params ReadOnlySpan<string> schemes) =>
        address.IsAbsoluteUri && schemes.Contains(address.Scheme) && address.Query.Length == 0 && address.Fragment.Length == 0 && address.UserInfo.Length == 0;

    private static bool IsConnectionString(string text)
    {
        try
        {
            _ = new Azure.Storage.Blobs.BlobServiceClient(text);
            return true;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    private const string ContainerRule = "3 to 63 lowercase letters, digits and single hyphens";

    // https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    private static bool IsContainerName(string? name) =>
        name is { Length: >= 3 and <= 63 }
        && name.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '-')
        && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1])
        && !name.Contains("--", StringComparison.Ordinal);
}
