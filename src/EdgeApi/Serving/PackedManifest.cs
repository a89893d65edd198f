using System.IO.Compression;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// A manifest as it is held: its bytes, compressed. A typical one has 20 to 40 kB, of which a sixth is left. Reading it back takes a fraction of a millisecond, and is needed only to make
/// a body that is not held.
/// </summary>
internal sealed class PackedManifest
{
    private const int Quality = 5;
    private const int Window = 18;

    private readonly byte[] _packed;
    private readonly int _length;

    private PackedManifest(byte[] packed, int length) => (_packed, _length) = (packed, length);

    /// <summary>What it takes in memory.</summary>
    public int Size => _packed.Length;

    /// <summary>Compresses a manifest.</summary>
    public static PackedManifest Of(Manifest manifest) => new(ContentCodings.Brotli(manifest.Bytes.Span, Quality, Window), manifest.Bytes.Length);

    /// <summary>The manifest's bytes, as the store has them.</summary>
    public byte[] Bytes()
    {
        var bytes = new byte[_length];
        if (!BrotliDecoder.TryDecompress(_packed, bytes, out var written) || written != _length)
            throw new InvalidOperationException("What was compressed in memory cannot be read back.");
        return bytes;
    }

    /// <summary>The manifest, which was checked when it was compressed.</summary>
    public Manifest Read() => Manifest.Parse(Bytes());
}
