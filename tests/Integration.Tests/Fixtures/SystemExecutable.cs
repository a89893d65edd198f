namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>A program that eng/setup-tests.sh installs from the distribution.</summary>
internal static class SystemExecutable
{
    // Debian's packages put servers where only root's PATH leads.
    public static string Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Concat(["/usr/sbin", "/usr/local/sbin"])
        .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"There is no {name} on this machine. eng/setup-tests.sh installs it.");
}
