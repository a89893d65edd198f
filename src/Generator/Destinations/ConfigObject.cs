using System.Text.Json;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// An options object for a vendor: what the organization wrote freely, and on top of it the values that settings of their own decide. A
/// key is written once.
/// </summary>
internal sealed class ConfigObject
{
    private readonly List<KeyValuePair<string, object>> _entries = [];

    /// <summary>Begins with a copy of an object setting, where there is one.</summary>
    public ConfigObject(JsonElement? free = null) => Merge(free);

    /// <summary>Whether there is nothing in it.</summary>
    public bool IsEmpty => _entries.Count == 0;

    /// <summary>Whether a property is this text.</summary>
    public bool Has(string name, string text) => _entries.Exists(entry => entry.Key == name
        && (entry.Value is string value ? value == text : entry.Value is JsonElement { ValueKind: JsonValueKind.String } element && element.ValueEquals(text)));

    /// <summary>Takes over an object setting's properties; they replace those of the same name.</summary>
    public void Merge(JsonElement? free)
    {
        if (free is not { } element) return;
        foreach (var property in element.EnumerateObject()) Put(property.Name, property.Value);
    }

    /// <summary>Sets a value; null leaves what is there.</summary>
    public void Set(string name, string? value) => Put(name, value);

    /// <summary>Sets a value; null leaves what is there.</summary>
    public void Set(string name, bool? value) => Put(name, value);

    /// <summary>Sets a value; null leaves what is there.</summary>
    public void Set(string name, double? value) => Put(name, value);

    /// <summary>Sets a value as it stands in the settings; null leaves what is there.</summary>
    public void Set(string name, JsonElement? value) => Put(name, value);

    /// <summary>Sets an object.</summary>
    public void Set(string name, ConfigObject value) => Put(name, value);

    /// <summary>Writes the object as a property.</summary>
    public void WriteTo(Utf8JsonWriter writer, string name)
    {
        writer.WritePropertyName(name);
        WriteValue(writer);
    }

    private void WriteValue(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var (key, value) in _entries)
        {
            writer.WritePropertyName(key);
            switch (value)
            {
                case string text: writer.WriteStringValue(text); break;
                case bool flag: writer.WriteBooleanValue(flag); break;
                case double number: writer.WriteNumberValue(number); break;
                case JsonElement element: element.WriteTo(writer); break;
                case ConfigObject nested: nested.WriteValue(writer); break;
                default: throw new InvalidOperationException($"No way to write a {value.GetType()}.");
            }
        }
        writer.WriteEndObject();
    }

    private void Put(string name, object? value)
    {
        if (value is null) return;
        var index = _entries.FindIndex(entry => entry.Key == name);
        if (index < 0) _entries.Add(new(name, value));
        else _entries[index] = new(name, value);
    }
}

/// <summary>How settings are written into a configuration.</summary>
internal static class ConfigWriting
{
    /// <summary>An https URL or path of the site that an object setting holds under a name; null where there is none.</summary>
    public static PageUrl? UrlOf(this JsonElement? value, string name) => value.TextOf(name) is { } text ? PageUrl.FromUrlOrPath(text.Trim()) : null;

    /// <summary>A text that an object setting holds under a name; null where there is none.</summary>
    public static string? TextOf(this JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;

    /// <summary>Writes a setting's JSON value as it stands.</summary>
    public static void WriteSetting(this Utf8JsonWriter writer, string name, JsonElement value)
    {
        writer.WritePropertyName(name);
        value.WriteTo(writer);
    }
}
