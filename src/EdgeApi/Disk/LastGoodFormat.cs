using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>A scope's copy on disk.</summary>
/// <param name="ETag">The ETag under which the manifest stood in the store, if it was known.</param>
/// <param name="Manifest">The manifest's bytes.</param>
internal sealed record LastGoodCopy(string? ETag, byte[] Manifest);

/// <summary>A loader's copy on disk.</summary>
/// <param name="Hash">Its hash, which manifests name it by.</param>
/// <param name="Text">Its text.</param>
internal sealed record LoaderCopy(string Hash, ReadOnlyMemory<byte> Text);

/// <summary>
/// The file of a scope's copy: <c>CSLG0002</c>, the lengths of ETag and manifest (int32, little endian), ETag, manifest, and then XxHash128 of all that. A file that was cut or changed
/// anywhere is not read.
/// </summary>
internal static class LastGoodFormat
{
    private const int HeaderLength = 16;
    private const int TrailerLength = 16;

    private static ReadOnlySpan<byte> Magic => "CSLG0002"u8;

    public static byte[] Write(LastGoodCopy copy)
    {
        var etag = Encoding.UTF8.GetBytes(copy.ETag ?? "");
        var bytes = new byte[HeaderLength + etag.Length + copy.Manifest.Length + TrailerLength];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), etag.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), copy.Manifest.Length);
        etag.CopyTo(bytes, HeaderLength);
        copy.Manifest.CopyTo(bytes.AsSpan(HeaderLength + etag.Length));
        var body = bytes.Length - TrailerLength;
        XxHash128.Hash(bytes.AsSpan(0, body), bytes.AsSpan(body));
        return bytes;
    }

    public static bool TryRead(byte[] bytes, [NotNullWhen(true)] out LastGoodCopy? copy)
    {
        copy = null;
        if (bytes.Length < HeaderLength + TrailerLength || !bytes.AsSpan().StartsWith(Magic)) return false;
        var body = bytes.AsSpan(0, bytes.Length - TrailerLength);
        if (!XxHash128.Hash(body).AsSpan().SequenceEqual(bytes.AsSpan(body.Length))) return false;
        // From here on the bytes are what some edge wrote.
        var etagLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8));
        var manifestLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
        if (etagLength < 0 || manifestLength < 0 || (long)HeaderLength + etagLength + manifestLength != body.Length) return false;
        var etag = Encoding.UTF8.GetString(body.Slice(HeaderLength, etagLength));
        copy = new LastGoodCopy(etag.Length == 0 ? null : etag, body[(HeaderLength + etagLength)..].ToArray());
        return true;
    }
}
