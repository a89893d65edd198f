namespace ConsentSnapshots.Generator.Formats;

/// <summary>
/// Our loader of this build, for pages without a consent client: a JavaScript expression that makes <c>window.consentSnapshots</c> and gives a function that takes a gated list. It
/// stands alone as <c>_/loader.js</c>, and in every <c>tags.js</c>, which calls that function.
/// </summary>
public static class Loader
{
    /// <summary>The expression's text.</summary>
    public static ReadOnlyMemory<byte> Bytes { get; } = Read();

    /// <summary>XxHash128 of the text, 32 lowercase hexadecimal digits: a new loader is new content of every scope.</summary>
    public static string Hash { get; } = SnapshotHash.Of(Bytes.Span).ToString();

    private static byte[] Read()
    {
        using var stream = typeof(Loader).Assembly.GetManifestResourceStream("loader.js") ?? throw new InvalidOperationException("The build embedded no loader.js.");
        using var reader = new StreamReader(stream);
        return System.Text.Encoding.UTF8.GetBytes(reader.ReadToEnd().TrimEnd().TrimEnd(';'));
    }
}
