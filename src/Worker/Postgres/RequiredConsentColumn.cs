using System.Collections.Immutable;
using System.Text.Json;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Reads <c>required_consent</c> as <c>to_jsonb</c> gives it, whatever the column is: text[], jsonb, or null. What is not understood becomes a
/// category that does not exist, which nobody can grant; it never becomes "nothing required".
/// </summary>
internal static class RequiredConsentColumn
{
    private const string NotUnderstood = "?";

    /// <summary>Reads the JSON; null (of SQL or of JSON) and an empty list mean the type's default category.</summary>
    public static ImmutableArray<string> Parse(byte[]? json)
    {
        if (json is null) return [];
        try
        {
            var value = JsonElement.Parse(json);
            return value.ValueKind switch
            {
                JsonValueKind.Null => [],
                JsonValueKind.Array => [.. value.EnumerateArray().Select(Category)],
                _ => [Category(value)],
            };
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Nested too deeply, or a text that is no Unicode.
            return [NotUnderstood];
        }
    }

    private static string Category(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString()! : element.GetRawText();
}
