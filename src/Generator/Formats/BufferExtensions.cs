using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;
using ConsentSnapshots.Generator.Destinations;

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

    /// <summary>Writes the properties that say which scope and version a document is of.</summary>
    public static void WriteIdentity(this IBufferWriter<byte> output, ManifestEnvelope envelope)
    {
        output.Write("\"schema\":"u8);
        output.WriteNumber(Manifest.Schema);
        output.Write(",\"organization\":"u8);
        output.WritePlain(envelope.Scope.Organization.Value);
        output.Write(",\"environment\":"u8);
        output.WritePlain(envelope.Scope.Environment.Name());
        output.Write(",\"version\":"u8);
        output.WriteNumber(envelope.Version);
        output.Write(",\"generatedAt\":"u8);
        output.WritePlain(WireTime.Format(envelope.GeneratedAt));
    }
}
