using System.Text.Encodings.Web;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>How snapshots and what they embed are encoded.</summary>
public static class ScriptJson
{
    /// <summary>
    /// The encoder of everything that is published: only <c>&lt;</c> is escaped beyond what JSON asks for, and the line ends that JavaScript has and JSON does not (U+2028, U+2029). So
    /// constant JavaScript stays readable, and a page that writes a document into a script element is not ended by what stands in it.
    /// </summary>
    public static JavaScriptEncoder Encoder { get; } = new PublishedJsonEncoder();

    /// <summary>
    /// The encoder of <c>data-config</c>, which carries settings: everything that markup or JavaScript could take for its own is
    /// escaped, so even a page that writes the attribute into HTML by hand is not opened by a setting.
    /// </summary>
    public static JavaScriptEncoder ConfigEncoder { get; } = JavaScriptEncoder.Default;

    internal static JsonWriterOptions WriterOptions { get; } = new() { Encoder = Encoder, SkipValidation = true };

    internal static JsonWriterOptions ConfigWriterOptions { get; } = new() { Encoder = ConfigEncoder };
}
