using System.Text.Json;
using System.Text.Unicode;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>Reads the JSON text of a row's settings, wherever it comes from: a column, an envelope that was opened, a file.</summary>
public static class SettingsJson
{
    /// <summary>The deepest nesting that is read. What is handed to a vendor has a limit of its own, <see cref="DestinationSettings.MaxDepth"/>.</summary>
    public const int MaxDepth = 128;

    /// <summary>What is said of settings that are nested too deeply.</summary>
    public static string TooDeep { get; } = $"The settings are nested deeper than {MaxDepth} levels, which no vendor needs. Save them without what is nested so deeply.";

    /// <summary>The settings; null where the text cannot be read, and then what is wrong with it. The text is told by nothing but its fault.</summary>
    public static JsonElement? Parse(ReadOnlySpan<byte> utf8, out string? problem)
    {
        problem = null;
        try
        {
            if (Utf8.IsValid(utf8)) return JsonElement.Parse(utf8, new JsonDocumentOptions { MaxDepth = MaxDepth });
            problem = "The settings are not UTF-8: they hold a byte that belongs to no character.";
        }
        catch (JsonException)
        {
            problem = IsDeeper(utf8) ? TooDeep : "The settings are not JSON.";
        }
        return null;
    }

    /// <summary>Whether a JSON text is nested deeper than settings may be; comments and trailing commas are let pass. Not so for a text that is no JSON.</summary>
    public static bool IsDeeper(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(
            utf8, new JsonReaderOptions { MaxDepth = int.MaxValue, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var deeper = false;
        try
        {
            // What begins an object or a list does not count itself.
            while (reader.Read())
                deeper |= reader.CurrentDepth + (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? 1 : 0) > MaxDepth;
        }
        catch (JsonException)
        {
            return false;
        }
        return deeper;
    }
}
