using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Hashing;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>The name of a snapshot: XxHash128 of its bytes, 32 lowercase hexadecimal digits.</summary>
public readonly record struct SnapshotHash : IComparable<SnapshotHash>
{
    private readonly UInt128 _value;

    private SnapshotHash(UInt128 value) => _value = value;

    /// <summary>The hash of a snapshot's bytes.</summary>
    public static SnapshotHash Of(ReadOnlySpan<byte> bytes) => new(XxHash128.HashToUInt128(bytes));

    /// <summary>Reads 32 lowercase hexadecimal digits; false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SnapshotHash hash)
    {
        hash = default;
        if (text is not { Length: 32 } || text.AsSpan().IndexOfAnyExcept(Digits) >= 0) return false;
        hash = new SnapshotHash(UInt128.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        return true;
    }

    private static readonly System.Buffers.SearchValues<char> Digits = System.Buffers.SearchValues.Create("0123456789abcdef");

    /// <inheritdoc/>
    public int CompareTo(SnapshotHash other) => _value.CompareTo(other._value);

    /// <summary>32 lowercase hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, _value);
        return Convert.ToHexStringLower(bytes);
    }
}
