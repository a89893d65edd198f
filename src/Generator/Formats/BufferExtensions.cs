using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;

namespace ConsentSnapshots.Generator.Formats;

/// <summary>What a document that is put together from finished parts writes between them.</summary>
internal static class BufferExtensions
{
    /// <summary>Writes a whole number in decimal.</summary>
    public static void WriteNumber(this IBufferWriter<byte> output, long number)
    {
        var space = output.GetSpan(20);
        Utf8Formatter.TryFormat(number, space, out var written);
        output.Advance(written);
    }

    /// <summary>Writes an array of whole numbers.</summary>
    public static void WriteNumbers(this IBufferWriter<byte> output, ImmutableArray<int> numbers)
    {
        output.Write("["u8);
        for (var place = 0; place < numbers.Length; place++)
        {
            if (place > 0) output.Write(","u8);
            output.WriteNumber(numbers[place]);
        }
        output.Write("]"u8);
    }

    /// <summary>Writes text that needs no escaping, in quotes: an id, a hash, a time.</summary>
    public static void WritePlain(this IBufferWriter<byte> output, string text)
    {
        output.Write("\""u8);
        Encoding.ASCII.GetBytes(text, output);
        output.Write("\""u8);
    }
}
