using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>
/// A writer and the buffer it fills, for a thread to use again and again: generating a scope writes some dozens of small documents, and a new
/// writer and a growing buffer for each would be most of what it allocates.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "It lives as long as its thread, and its writer holds nothing but the buffer.")]
internal sealed class JsonScratch(JsonWriterOptions options)
{
    /// <summary>A buffer that one unusual scope has blown up is not kept.</summary>
    private const int MaxKept = 1024 * 1024;

    private ArrayBufferWriter<byte> _buffer = new(16 * 1024);
    private Utf8JsonWriter? _writer;

    /// <summary>What was written since <see cref="Begin"/>, up to the last <see cref="Flush"/>.</summary>
    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Empties the buffer and gives the writer in its first state, whatever became of the last document.</summary>
    public Utf8JsonWriter Begin()
    {
        if (_buffer.Capacity > MaxKept) _buffer = new ArrayBufferWriter<byte>(16 * 1024);
        else _buffer.ResetWrittenCount();
        if (_writer is null) _writer = new Utf8JsonWriter(_buffer, options);
        else _writer.Reset(_buffer);
        return _writer;
    }

    /// <summary>Ends a document, after which another may follow in the same buffer; how many bytes there are now.</summary>
    public int Flush()
    {
        _writer!.Flush();
        _writer.Reset();
        return _buffer.WrittenCount;
    }
}
