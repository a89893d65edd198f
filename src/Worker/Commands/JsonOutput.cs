using System.Buffers;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>One JSON document for a program. What is passed on with <see cref="PassOnAsync"/> takes no more memory, so the document may have any length.</summary>
internal sealed class JsonOutput : IDisposable
{
    private readonly TextWriter _output;
    private readonly ArrayBufferWriter<byte> _buffer = new();

    public JsonOutput(TextWriter output)
    {
        _output = output;
        Writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Indented = true, Encoder = ScriptJson.Encoder });
    }

    public Utf8JsonWriter Writer { get; }

    /// <summary>Passes on what has been written since the last time.</summary>
    public async Task PassOnAsync()
    {
        await Writer.FlushAsync();
        await _output.WriteAsync(Encoding.UTF8.GetString(_buffer.WrittenSpan));
        _buffer.ResetWrittenCount();
    }

    /// <summary>Passes on the rest and ends the document's last line.</summary>
    public async Task CompleteAsync()
    {
        await PassOnAsync();
        await _output.WriteLineAsync();
    }

    public void Dispose() => Writer.Dispose();
}
