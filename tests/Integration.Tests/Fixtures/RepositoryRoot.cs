namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>The directory of the solution the tests were built from.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(directory.FullName, "Consent.Snapshots.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No Consent.Snapshots.sln above {AppContext.BaseDirectory}.");
    }
}
