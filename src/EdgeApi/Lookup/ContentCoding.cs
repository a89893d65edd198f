using System.IO.Compression;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>The codings an answer is prepared in.</summary>
internal enum ContentCoding
{
    /// <summary>As it is.</summary>
    Identity,

    /// <summary><c>gzip</c></summary>
    Gzip,

    /// <summary><c>br</c></summary>
    Brotli,
}

/// <summary>The encoders. Each gives the same bytes for the same input, so edges of one build agree on ETags.</summary>
internal static class ContentCodings
{
    /// <summary>How many codings there are.</summary>
    public const int Count = 3;

    // Measured on the bodies of this product (1 to 60 kB): quality 9 is within 3 % of 11's size at a twentieth of its time.
    private const int BrotliQuality = 9;
    private const int BrotliWindow = 18;

    /// <summary>The value of Content-Encoding; null for identity.</summary>
    public static string? Token(this ContentCoding coding) => coding switch
    {
        ContentCoding.Gzip => "gzip",
        ContentCoding.Brotli => "br",
        _ => null,
    };

    /// <summary>The bytes in a coding.</summary>
    public static byte[] Encode(this ContentCoding coding, byte[] identity) => coding switch
    {
        ContentCoding.Gzip => Gzip(identity),
        ContentCoding.Brotli => Brotli(identity),
        _ => identity,
    };

    private static byte[] Gzip(byte[] identity)
    {
        using var output = new MemoryStream(identity.Length / 2 + 64);
        using (var gzip = new GZipStream(output, CompressionLevel.SmallestSize, leaveOpen: true)) gzip.Write(identity);
        return output.ToArray();
    }

    private static byte[] Brotli(byte[] identity)
    {
        var output = new byte[BrotliEncoder.GetMaxCompressedLength(identity.Length)];
        if (!BrotliEncoder.TryCompress(identity, output, out var written, BrotliQuality, BrotliWindow))
            throw new InvalidOperationException("The Brotli encoder did not fit its own bound.");
        return output[..written];
    }
}
