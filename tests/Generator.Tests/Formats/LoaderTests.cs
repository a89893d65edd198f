using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

/// <summary>The loader as it is published. What it does on a page is tested in a browser.</summary>
public sealed partial class LoaderTests
{
    /// <summary>2 kB, in each coding that an edge or a CDN answers with.</summary>
    private const int Most = 2000;

    [Fact]
    public void Loader_Compressed_IsSmall()
    {
        Assert.InRange(Compressed(output => new BrotliStream(output, CompressionLevel.SmallestSize)), 1, Most);
        Assert.InRange(Compressed(output => new GZipStream(output, CompressionLevel.SmallestSize)), 1, Most);
    }

    /// <summary>A server may write the file into a page.</summary>
    [Fact]
    public void Loader_Text_EndsNoElementAndSaysNoPlace()
    {
        var text = Encoding.UTF8.GetString(Loader.Bytes.Span);

        Assert.DoesNotContain('<', text);
        Assert.DoesNotMatch(Places(), text);
        Assert.EndsWith("()", text, StringComparison.Ordinal);
    }

    private static long Compressed(Func<Stream, Stream> coding)
    {
        using var output = new MemoryStream();
        using (var coder = coding(output)) coder.Write(Loader.Bytes.Span);
        return output.ToArray().Length;
    }

    [GeneratedRegex("https?:|//")]
    private static partial Regex Places();
}
