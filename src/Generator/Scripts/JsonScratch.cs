using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// A writer and the buffer it fills, for a thread to use again and again: generating a scope writes some dozens of small documents, and a new
/// writer and a growing buffer for each would be most of what it allocates.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "It lives as long as its thread, and its writer holds nothing but the buffer.")]
internal sealed class JsonScratch
{
    /// <summary>A buffer that one unusual scope has blown up is not kept.</summary>
    private const int MaxKept = 1024 * 1024;

    private ArrayBufferWriter<byte> _buffer = new(16 * 1024);

    public JsonScratch(JsonWriterOptions options) => Writer = new Utf8JsonWriter(_buffer, options);

    /// <summary>Writes at the end of the buffer; what it wrote is there after <see cref="Flush"/>.</summary>
    public Utf8JsonWriter Writer { get; }

    /// <summary>What was written since <see cref="Begin"/>, up to the last <see cref="Flush"/>.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Empties the buffer and gives the writer in its first state, whatever became of the last document.</summary>
    public Utf8JsonWriter Begin()
    {
        if (_buffer.Capacity > MaxKept) _buffer = new ArrayBufferWriter<byte>(16 * 1024);
        else _buffer.ResetWrittenCount();
        Writer.Reset(_buffer);
        return Writer;
    }

    /// <summary>Ends a document, after which another may follow in the same buffer; how many bytes there are now.</summary>
    public int Flush()
    {
        Writer.Flush();
        Writer.Reset();
        return _buffer.WrittenCount;
    }

    /// <summary>Adds text that needs no escaping between documents.</summary>
    public void AppendPlain(string text) => Encoding.ASCII.GetBytes(text, _buffer);

    /// <summary>Adds bytes between documents; where they stand.</summary>
    public Slice Append(ReadOnlySpan<byte> bytes)
    {
        var slice = new Slice(_buffer.WrittenCount, bytes.Length);
        _buffer.Write(bytes);
        return slice;
    }
}
