namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>
/// The images' names, read from <c>eng/images/tags.env</c> (embedded): what the tests start is what the set-up pulled or built.
/// </summary>
internal static class TestImages
{
    private static readonly Dictionary<string, string> s_tags = Read();

    public static string Postgres => s_tags["POSTGRES_IMAGE"];

    public static string Azurite => s_tags["AZURITE_IMAGE"];

    private static Dictionary<string, string> Read()
    {
        using var stream = typeof(TestImages).Assembly.GetManifestResourceStream("tags.env")
            ?? throw new InvalidOperationException("eng/images/tags.env is not embedded in the test assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
    }
}
