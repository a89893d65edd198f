namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Checkout
{
    /// <summary>A file or folder of it.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Root { get; } = Find();

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "Consent.Snapshots.sln"))) return directory.FullName;
        throw new DirectoryNotFoundException("The tests run outside a checkout.");
    }
}
