using System.Text.Json;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// The JSON Schema (draft 2020-12, <see href="https://json-schema.org/draft/2020-12/schema"/>) of a type's settings, for an admin UI's form
/// and a control plane's own validation. Private fields are marked <c>writeOnly</c>.
/// </summary>
/// <remarks>
/// What it accepts, <see cref="DestinationSettings"/> accepts, but for rules that a schema has no words for: those between settings, the size and depth of
/// free objects, lone surrogates, which host names are valid, names that disagree, the segments of a path. It is stricter with what is written carelessly and accepted all the same: null and "" for what is not set,
/// blanks around a text, a number for an id of digits, one text for a list.
/// </remarks>
public static class SettingsSchema
{
    /// <summary>Writes the schema of one type.</summary>
    public static void WriteTo(Utf8JsonWriter writer, DestinationType type)
    {
        writer.WriteStartObject();
        writer.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
        writer.WriteString("title", $"{type.Title} settings");
        writer.WriteString("type", "object");
        writer.WriteStartObject("properties");
        foreach (var field in type.AllFields)
        {
            foreach (var name in field.Keys) WriteField(writer, name, field);
        }
        writer.WriteEndObject();
        var required = type.Fields.Where(field => field.Required).ToList();
        if (required.Count > 0)
        {
            writer.WriteStartArray("allOf");
            foreach (var field in required)
            {
                // Any of a field's names will do.
                writer.WriteStartObject();
                writer.WriteStartArray("anyOf");
                foreach (var name in field.Keys)
                {
                    writer.WriteStartObject();
                    writer.WriteStartArray("required");
                    writer.WriteStringValue(name);
                    writer.WriteEndArray();
                    writer.WriteEndObject();
                }
                writer.WriteEndArray();
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        writer.WriteBoolean("additionalProperties", true);
        writer.WriteStartArray("examples");
        foreach (var example in (ReadOnlySpan<string>)[type.Examples.Least, type.Examples.Full])
            using (var settings = JsonDocument.Parse(example)) settings.RootElement.WriteTo(writer);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteField(Utf8JsonWriter writer, string name, SettingField field)
    {
        writer.WriteStartObject(name);
        writer.WriteString("description", name == field.Name ? field.Description : $"Another name of {field.Name}. {field.Description}");
        WriteKind(writer, field);
        if (field.Visibility == SettingVisibility.Private) writer.WriteBoolean("writeOnly", true);
        if (field.DefaultJson is { } defaultJson)
        {
            writer.WritePropertyName("default");
            writer.WriteRawValue(defaultJson);
        }
        writer.WriteEndObject();
    }

    private static void WriteKind(Utf8JsonWriter writer, SettingField field)
    {
        switch (field.Kind)
        {
            case SettingKind.Text:
            case SettingKind.HttpsUrl:
            case SettingKind.UrlOrPath:
                writer.WriteString("type", "string");
                WriteText(writer, field);
                break;
            case SettingKind.Number:
                writer.WriteString("type", "number");
                if (field.Minimum is { } minimum) writer.WriteNumber("minimum", minimum);
                if (field.Maximum is { } maximum) writer.WriteNumber("maximum", maximum);
                break;
            case SettingKind.Flag:
                writer.WriteString("type", "boolean");
                break;
            case SettingKind.TextList:
                writer.WriteString("type", "array");
                writer.WriteStartObject("items");
                writer.WriteString("type", "string");
                WriteText(writer, field with { Required = false });
                writer.WriteEndObject();
                if (field.Required) writer.WriteNumber("minItems", 1);
                writer.WriteNumber("maxItems", SettingField.MaxListEntries);
                break;
            case SettingKind.JsonObject:
                writer.WriteString("type", "object");
                break;
            case SettingKind.JsonValue:
                break;
        }
    }

    private static void WriteText(Utf8JsonWriter writer, SettingField field)
    {
        if (field.Required) writer.WriteNumber("minLength", 1);
        writer.WriteNumber("maxLength", field.MaxLength);
        if (field.Kind == SettingKind.HttpsUrl) writer.WriteString("format", "uri");
        if (field.Kind is SettingKind.HttpsUrl or SettingKind.UrlOrPath)
        {
            // A host without user name, and no control character, space or backslash anywhere. A path begins with one slash, and has no quotes and angle brackets either.
            var url = @"[Hh][Tt][Tt][Pp][Ss]://[^\u0000-\u0020\\/?#@]+" + (field.IsBaseUrl ? @"(/[^\u0000-\u0020\\?#]*)?" : @"([/?#][^\u0000-\u0020\\]*)?");
            var refused = @"\s\u0000-\u0020\\\u0022'<>`\u007f-\u00a0\ufeff" + (field.IsBaseUrl ? "?#" : "");
            var path = $"/([^/{refused}][^{refused}]*){(field.IsBaseUrl ? "" : "?")}";
            writer.WriteString("pattern", field.Kind == SettingKind.HttpsUrl ? $"^{url}$" : $"^({url}|{path})$");
        }
        // ECMA-262 has no \z; its $ is what .NET's \z is.
        else if (field.Pattern is { } pattern) writer.WriteString("pattern", pattern.ToString().Replace("\\z", "$", StringComparison.Ordinal));
        else if (field.Required) writer.WriteString("pattern", @"\S");
        if (field.OneOf.IsEmpty) return;
        writer.WriteStartArray("enum");
        foreach (var choice in field.OneOf) writer.WriteStringValue(choice);
        writer.WriteEndArray();
    }
}
