namespace ConsentSnapshots.Generator.Formats;

/// <summary>Reads a published <c>tags.js</c>: one line of comment, the loader, and the list as one string.</summary>
public static class TagsFile
{
    /// <summary>What stands between the loader and the list. The list is one string without line breaks, so nothing in it looks the same.</summary>
    internal static ReadOnlySpan<byte> BetweenLoaderAndList => "\n(JSON.parse(\""u8;

    /// <summary>The loader's text; empty where the bytes are no <c>tags.js</c>. The loader's hash says whether it is the one that was wanted.</summary>
    public static ReadOnlySpan<byte> LoaderOf(ReadOnlySpan<byte> tags)
    {
        var (line, end) = (tags.IndexOf((byte)'\n'), tags.LastIndexOf(BetweenLoaderAndList));
        return line >= 0 && end > line ? tags[(line + 1)..end] : [];
    }
}
