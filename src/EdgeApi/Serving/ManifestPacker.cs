using System.Buffers;
using System.IO.Compression;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// Compresses manifests. Most of a manifest is text of the vendors that it has, which is the same in all manifests of a build, so it is compressed as the continuation of a sample of
/// manifests that were read before: only what is its own is left. A manifest that is unlike the sample is added to it, until the sample is as long as it may be.
/// </summary>
/// <remarks>Brotli has no dictionaries of its own in .NET. A stream that is flushed after the sample is one: its beginning is always the same, so it is kept once.</remarks>
internal sealed class ManifestPacker
{
    // Measured with manifests of 27 kB: 9.2 kB are left of one alone at quality 1, 7.7 kB from 5 on; 9 takes 80 times as long for nothing.
    private const int Quality = 5;

    // It has to reach back from the end of a manifest to the beginning of the sample.
    private const int Window = 18;

    private const int LongestSample = 96 << 10;
    private const int LongestWithSample = 128 << 10;
    private const int ShortestAddition = 4 << 10;

    private readonly Lock _lock = new();
    private volatile Sample? _sample;

    /// <summary>Compresses a manifest's bytes.</summary>
    public PackedManifest Pack(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > LongestWithSample) return new PackedManifest(ContentCodings.Brotli(bytes, Quality), bytes.Length, null);
        var sample = _sample;
        var packed = TryPack(bytes, sample) ?? new PackedManifest(ContentCodings.Brotli(bytes, Quality), bytes.Length, null);
        // A sample that has the manifest's vendors leaves a tenth of it or less, and one that lacks them a quarter.
        if (packed.Size > bytes.Length / 6 && bytes.Length >= ShortestAddition) Extend(sample, bytes);
        return packed;
    }

    private static PackedManifest? TryPack(ReadOnlySpan<byte> bytes, Sample? sample)
    {
        if (sample is null) return null;
        var output = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(sample.Text.Length) + BrotliEncoder.GetMaxCompressedLength(bytes.Length));
        var encoder = new BrotliEncoder(Quality, Window);
        try
        {
            var start = Begin(ref encoder, sample.Text, output);
            if (!output.AsSpan(0, start).SequenceEqual(sample.Packed)
                || encoder.Compress(bytes, output.AsSpan(start), out var consumed, out var written, isFinalBlock: true) != OperationStatus.Done || consumed != bytes.Length) return null;
            var packed = new PackedManifest(output.AsSpan(start, written).ToArray(), bytes.Length, sample);
            // Nothing is held that cannot be read back.
            return packed.Bytes().AsSpan().SequenceEqual(bytes) ? packed : null;
        }
        finally
        {
            encoder.Dispose();
            ArrayPool<byte>.Shared.Return(output);
        }
    }

    private void Extend(Sample? sample, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            // Another thread has extended it meanwhile; the next manifest will tell whether that was enough.
            if (!ReferenceEquals(sample, _sample) || (sample?.Text.Length ?? 0) + bytes.Length > LongestSample) return;
            byte[] text = [.. sample?.Text ?? [], .. bytes];
            var output = new byte[BrotliEncoder.GetMaxCompressedLength(text.Length)];
            var encoder = new BrotliEncoder(Quality, Window);
            try
            {
                _sample = new Sample(text, output[..Begin(ref encoder, text, output)]);
            }
            finally
            {
                encoder.Dispose();
            }
        }
    }

    /// <summary>Compresses the sample to a place where another text can follow.</summary>
    private static int Begin(ref BrotliEncoder encoder, ReadOnlySpan<byte> text, Span<byte> output)
    {
        if (encoder.Compress(text, output, out var consumed, out var written, isFinalBlock: false) != OperationStatus.Done || consumed != text.Length
            || encoder.Flush(output[written..], out var flushed) != OperationStatus.Done) throw new InvalidOperationException("The Brotli encoder did not fit its own bound.");
        return written + flushed;
    }

    /// <summary>What manifests are compressed as the continuation of. It stays in memory as long as one of them does; there are few.</summary>
    internal sealed record Sample(byte[] Text, byte[] Packed);
}
