using System.Text.Encodings.Web;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Scripts;

/// <summary>How snapshots and what they embed are encoded.</summary>
public static class ScriptJson
{
    /// <summary>
    /// The encoder of the documents themselves. They are served as <c>application/json</c> with <c>nosniff</c>, so markup needs no
    /// escape here, and constant JavaScript stays readable.
    /// </summary>
    public static JavaScriptEncoder Encoder { get; } = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>
    /// The encoder of <c>data-config</c>, which carries settings: everything that markup or JavaScript could take for its own is
    /// escaped, so even a page that writes the attribute into HTML by hand is not opened by a setting.
    /// </summary>
    public static JavaScriptEncoder ConfigEncoder { get; } = JavaScriptEncoder.Default;

    internal static JsonWriterOptions WriterOptions { get; } = new() { Encoder = Encoder, SkipValidation = true };

    internal static JsonWriterOptions ConfigWriterOptions { get; } = new() { Encoder = ConfigEncoder };
}
