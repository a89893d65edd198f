using System.Text.RegularExpressions;
using Azure.Storage.Blobs;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Options;

/// <summary>Which store the edge reads.</summary>
public enum StorageProvider
{
    /// <summary>Azure Blob Storage.</summary>
    Azure,

    /// <summary>A local or mounted directory.</summary>
    Directory,
}

/// <summary>Where the worker's snapshots and manifests are: the settings under <c>Storage</c>, which worker and edge share.</summary>
public sealed partial record StorageOptions
{
    /// <summary>Storage:Provider. Default directory.</summary>
    public required StorageProvider Provider { get; init; }

    /// <summary>
    /// Storage:ConnectionString (azure). A secret. Either this or <see cref="ServiceUri"/>. A shared access signature with read and
    /// list rights on both containers is enough for an edge.
    /// </summary>
    public string? ConnectionString { get; init; }

    /// <summary>Storage:ServiceUri (azure): the account's blob address, opened with the process's managed identity: no secret to keep.</summary>
    public Uri? ServiceUri { get; init; }

    /// <summary>Storage:Container (azure): the public container. Default consent-snapshots.</summary>
    public string Container { get; init; } = "consent-snapshots";

    /// <summary>Storage:PrivateContainer (azure): manifests and change log. Default consent-snapshots-private.</summary>
    public string PrivateContainer { get; init; } = "consent-snapshots-private";

    /// <summary>Storage:Directory (directory): absolute path of the folder that has <c>public</c> and <c>private</c>.</summary>
    public string? Directory { get; init; }

    /// <summary>
    /// Storage:PublicBaseUrl: where browsers reach the public container, without a slash at the end. Needed in redirect mode;
    /// in inline mode it gives answers a Content-Location.
    /// </summary>
    public string? PublicBaseUrl { get; init; }

    internal static StorageOptions Read(SettingReader settings)
    {
        var provider = settings.OneOf("Storage:Provider", StorageProvider.Directory, ("azure", StorageProvider.Azure), ("directory", StorageProvider.Directory));
        var options = new StorageOptions
        {
            Provider = provider,
            ConnectionString = settings.Text("Storage:ConnectionString"),
            ServiceUri = settings.HttpAddress("Storage:ServiceUri"),
            Container = settings.Text("Storage:Container") ?? "consent-snapshots",
            PrivateContainer = settings.Text("Storage:PrivateContainer") ?? "consent-snapshots-private",
            Directory = settings.Text("Storage:Directory") is { } directory ? Path.GetFullPath(directory) : null,
            PublicBaseUrl = settings.HttpAddress("Storage:PublicBaseUrl")?.AbsoluteUri.TrimEnd('/'),
        };
        if (provider == StorageProvider.Azure) CheckAzure(options, settings);
        if (provider == StorageProvider.Directory && options.Directory is null)
            settings.Fail("Storage:Directory must be the path of the store while Storage:Provider is directory; it is not set.");
        return options;
    }

    private static void CheckAzure(StorageOptions options, SettingReader settings)
    {
        var uriGiven = settings.Text("Storage:ServiceUri") is not null;
        if (options.ConnectionString is null == !uriGiven)
            settings.Fail("Storage:ConnectionString or Storage:ServiceUri, exactly one of them, must be set while Storage:Provider is azure; "
                + (uriGiven ? "both are." : "neither is."));
        if (options.ConnectionString is { } connection && !IsConnectionString(connection))
            settings.Fail("Storage:ConnectionString must be a connection string of an Azure storage account; it cannot be read (its value is not shown).");
        CheckContainer("Storage:Container", options.Container);
        CheckContainer("Storage:PrivateContainer", options.PrivateContainer);
        if (options.Container == options.PrivateContainer)
            settings.Fail("Storage:Container and Storage:PrivateContainer must differ: one of them is public; both are "
                + $"{Redaction.Show(options.Container)}.");

        void CheckContainer(string key, string name)
        {
            if (!ContainerName().IsMatch(name))
                settings.Fail($"{key} must be 3 to 63 of a-z, 0-9 and single hyphens between them; it is {Redaction.Show(name)}.");
        }
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

    [GeneratedRegex("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ContainerName();
}
