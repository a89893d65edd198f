using System.Text.RegularExpressions;
using Azure.Storage.Blobs;

namespace ConsentSnapshots.Storage;

/// <summary>Which store there is.</summary>
public enum StorageProvider
{
    /// <summary>A local or mounted directory: the embedded default, for one machine.</summary>
    Directory,

    /// <summary>Azure Blob Storage.</summary>
    Azure,
}

/// <summary>The store: the settings under <c>Storage</c>, which worker and edge share.</summary>
public sealed partial record StorageOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Storage";

    private const string ContainerRule = "3 to 63 of a-z, 0-9 and single hyphens between them";

    /// <summary>Storage:Provider: <c>directory</c> or <c>azure</c>. Default directory.</summary>
    public StorageProvider Provider { get; init; }

    /// <summary>Storage:Directory (directory): absolute path of the folder that has <c>public</c>, <c>private</c> and <c>history</c>.</summary>
    public string? Directory { get; init; }

    /// <summary>
    /// Storage:ConnectionString (azure). A secret. Either this or <see cref="ServiceUri"/>. A shared access signature with read and list rights on the public and private
    /// containers is enough for an edge.
    /// </summary>
    public string? ConnectionString { get; init; }

    /// <summary>Storage:ServiceUri (azure): the account's blob address, opened with the process's managed identity: no secret to keep.</summary>
    public Uri? ServiceUri { get; init; }

    /// <summary>Storage:Container (azure): the public container, a CDN's origin. Default consent-snapshots.</summary>
    public string Container { get; init; } = "consent-snapshots";

    /// <summary>Storage:PrivateContainer (azure): manifests and change log. Default consent-snapshots-private.</summary>
    public string PrivateContainer { get; init; } = "consent-snapshots-private";

    /// <summary>Storage:HistoryContainer (azure): every version of every manifest. An edge does not need it. Default consent-snapshots-history.</summary>
    public string HistoryContainer { get; init; } = "consent-snapshots-history";

    /// <summary>
    /// Storage:Timeout: how long the worker lets one request to the store take before it is tried again. Longer rides out a slow store, shorter notices a dead one. Default 15 seconds.
    /// </summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Storage:PublicBaseUrl: where browsers reach the public container, without a slash at the end. Needed in the edge's redirect mode;
    /// in inline mode it gives the list a Content-Location.
    /// </summary>
    public string? PublicBaseUrl { get; init; }

    /// <summary>Reads the section and reports every rule that is broken to the reader.</summary>
    public static StorageOptions Read(SettingReader settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var options = new StorageOptions
        {
            Provider = settings.OneOf("Storage:Provider", StorageProvider.Directory, ("azure", StorageProvider.Azure), ("directory", StorageProvider.Directory)),
            Directory = settings.Text("Storage:Directory", "the path of a folder") is { } directory ? Path.GetFullPath(directory) : null,
            ConnectionString = settings.Secret("Storage:ConnectionString", "an Azure Storage connection string"),
            ServiceUri = settings.HttpAddress("Storage:ServiceUri"),
            Container = settings.Text("Storage:Container", ContainerRule, "consent-snapshots"),
            PrivateContainer = settings.Text("Storage:PrivateContainer", ContainerRule, "consent-snapshots-private"),
            HistoryContainer = settings.Text("Storage:HistoryContainer", ContainerRule, "consent-snapshots-history"),
            Timeout = settings.Duration("Storage:Timeout", TimeSpan.FromSeconds(15), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
            PublicBaseUrl = settings.HttpAddress("Storage:PublicBaseUrl")?.AbsoluteUri.TrimEnd('/'),
        };
        if (options.Provider == StorageProvider.Azure) CheckAzure(options, settings);
        else if (options.Directory is null) settings.Fail("Storage:Directory must be the path of the store while Storage:Provider is directory; it is not set.");
        settings.RefuseUnknown("Storage");
        return options;
    }

    private static void CheckAzure(StorageOptions options, SettingReader settings)
    {
        var uriGiven = settings.Text("Storage:ServiceUri") is not null;
        if (options.ConnectionString is null == !uriGiven)
            settings.Fail("Storage:ConnectionString or Storage:ServiceUri, exactly one of them, must be set while Storage:Provider is azure; "
                + (uriGiven ? "both are." : "neither is."));
        if (options.ConnectionString is { } connection && !IsConnectionString(connection))
            settings.Fail("Storage:ConnectionString must be an Azure Storage connection string (AccountName=…;AccountKey=…;… or BlobEndpoint=…); "
                + "it cannot be read (its value is not shown).");
        // An identity's token is sent over https only, and with an identity there is no use for a signature.
        if (options.ServiceUri is { } uri && uri.Scheme != Uri.UriSchemeHttps)
            settings.Fail($"Storage:ServiceUri must be an https address; it is {Redaction.ShowAddress(uri.OriginalString)}. "
                + "A shared access signature belongs into Storage:ConnectionString (BlobEndpoint=…;SharedAccessSignature=…).");
        (string Key, string Name)[] containers =
            [("Storage:Container", options.Container), ("Storage:PrivateContainer", options.PrivateContainer), ("Storage:HistoryContainer", options.HistoryContainer)];
        foreach (var (key, name) in containers)
            if (!ContainerName().IsMatch(name)) settings.Fail($"{key} must be {ContainerRule}; it is {Redaction.Show(name)}.");
        for (var left = 0; left < containers.Length; left++)
            for (var right = left + 1; right < containers.Length; right++)
                if (containers[left].Name == containers[right].Name)
                    settings.Fail($"{containers[left].Key} and {containers[right].Key} must differ; both are {Redaction.Show(containers[left].Name)}.");
    }

    private static bool IsConnectionString(string value)
    {
        try
        {
            _ = new BlobServiceClient(value);
            return true;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Never shows the connection string, nor one that was taken for a folder.</summary>
    public override string ToString() => $"{Provider} {ServiceUri?.Host ?? Redaction.Show(Directory)}";

    // https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    [GeneratedRegex("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerName();
}
