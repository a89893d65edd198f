using System.Buffers;
using System.IO.Compression;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// A manifest as it is held: its bytes, compressed by <see cref="ManifestPacker"/>. Reading it back takes a fraction of a millisecond, and is needed only to make a body that is not held.
/// </summary>
/// <param name="packed">What is left of it.</param>
/// <param name="length">How long it is.</param>
/// <param name="sample">What it is the continuation of; null where it stands alone.</param>
internal sealed class PackedManifest(byte[] packed, int length, ManifestPacker.Sample? sample)
{
    /// <summary>What it takes in memory.</summary>
    public int Size => packed.Length;

    /// <summary>The manifest's bytes, as the store has them.</summary>
    public byte[] Bytes()
    {
        var bytes = new byte[length];
        var decoder = new BrotliDecoder();
        try
        {
            if (sample is not null) Skip(ref decoder, sample);
            if (decoder.Decompress(packed, bytes, out _, out var written) != OperationStatus.Done || written != length)
                throw new InvalidOperationException("What was compressed in memory cannot be read back.");
            return bytes;
        }
        finally
        {
            decoder.Dispose();
        }
    }

    /// <summary>The manifest, which was checked when it was compressed.</summary>
    public Manifest Read() => Manifest.Parse(Bytes());

    private static void Skip(ref BrotliDecoder decoder, ManifestPacker.Sample sample)
    {
        var text = ArrayPool<byte>.Shared.Rent(sample.Text.Length);
        try
        {
            decoder.Decompress(sample.Packed, text, out var consumed, out var written);
            if (consumed != sample.Packed.Length || written != sample.Text.Length) throw new InvalidOperationException("The sample of manifests cannot be read back.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(text);
        }
    }
}
