using System.Text;

namespace ConsentSnapshots.Generator.Tests;

/// <summary>
/// Files that fix a format byte for byte. To accept a change on purpose: run the tests with <c>UPDATE_GOLDEN=1</c>, look at the diff, commit it.
/// </summary>
internal static class Golden
{
    public static void Check(string name, string actual) => CheckFile(RepositoryFiles.At("tests", "Generator.Tests", "Golden", name), actual);

    /// <summary>The same for a file elsewhere in the checkout.</summary>
    public static void CheckFile(string path, string actual)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual, new UTF8Encoding(false));
            return;
        }
        Assert.True(File.Exists(path), $"There is no {Path.GetFileName(path)}; run with UPDATE_GOLDEN=1 and look at what it writes.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
