using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A table of a document that a test writes with <c>UPDATE_GOLDEN=1</c>, and otherwise compares. It stands below a heading of the third level that has its name.</summary>
internal static class DocumentTable
{
    private static readonly SemaphoreSlim s_writing = new(1, 1);

    public static async Task CheckAsync(string document, string name, string table, CancellationToken cancellationToken)
    {
        await s_writing.WaitAsync(cancellationToken);
        try
        {
            var path = Path.Combine(RepositoryRoot.Path, document);
            var text = await File.ReadAllTextAsync(path, cancellationToken);
            var heading = text.IndexOf($"\n### {name}\n", StringComparison.OrdinalIgnoreCase);
            Assert.True(heading >= 0, $"{document} has no heading '### {name}'.");
            var begin = text.IndexOf("\n\n", heading + 1, StringComparison.Ordinal) + 2;
            var end = text.IndexOf("\n#", begin, StringComparison.Ordinal) is var next and >= 0 ? next : text.Length;
            if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1") await File.WriteAllTextAsync(path, string.Concat(text.AsSpan(0, begin), table, text.AsSpan(end)), cancellationToken);
            else Assert.Equal(table, text[begin..end]);
        }
        finally
        {
            s_writing.Release();
        }
    }
}
