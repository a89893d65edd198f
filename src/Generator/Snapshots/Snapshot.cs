using System.Buffers;
using System.Security.Cryptography;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// The immutable JSON of one distinct script list. It is named when it is made, and its bytes are put together when they are first asked for: where nothing
/// changed, the name is all that anybody needs.
/// </summary>
public sealed class Snapshot
{
    private readonly byte[] _text;
    private readonly Slice[] _slices;
    private byte[]? _bytes;
    private string? _sha256;

    /// <summary>Names the document that slices of a text make.</summary>
    internal Snapshot(byte[] text, Slice[] slices, int destinationCount, int scriptCount)
    {
        (_text, _slices, DestinationCount, ScriptCount) = (text, slices, destinationCount, scriptCount);
        foreach (var slice in slices) Length += slice.Length;
        // Put together for its name only, in a buffer that goes back: most are never asked for their bytes.
        var joined = ArrayPool<byte>.Shared.Rent(Length);
        Join(joined);
        Hash = SnapshotHash.Of(joined.AsSpan(0, Length));
        ArrayPool<byte>.Shared.Return(joined);
    }

    /// <summary>How many bytes it has.</summary>
    public int Length { get; }

    /// <summary>The blob's content.</summary>
    public ReadOnlyMemory<byte> Bytes
    {
        get
        {
            if (_bytes is null)
            {
                var bytes = GC.AllocateUninitializedArray<byte>(Length);
                Join(bytes);
                _bytes = bytes;
            }
            return _bytes;
        }
    }

    /// <summary>The blob's name.</summary>
    public SnapshotHash Hash { get; }

    /// <summary>How many destinations gave at least one script.</summary>
    public int DestinationCount { get; }

    /// <summary>How many scripts there are.</summary>
    public int ScriptCount { get; }

    /// <summary>SHA-256 of the bytes, lowercase hex; computed when first asked for.</summary>
    public string Sha256 => _sha256 ??= Convert.ToHexStringLower(SHA256.HashData(Bytes.Span));

    /// <summary>The snapshot as a manifest lists it.</summary>
    public SnapshotEntry ToEntry() => new(Length, Sha256, DestinationCount, ScriptCount);

    private void Join(Span<byte> destination)
    {
        foreach (var slice in _slices)
        {
            _text.AsSpan(slice.Start, slice.Length).CopyTo(destination);
            destination = destination[slice.Length..];
        }
    }
}
