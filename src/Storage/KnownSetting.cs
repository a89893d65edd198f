using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Storage;

/// <summary>A setting that a program reads.</summary>
/// <param name="Key">Its name, with colons between the parts.</param>
/// <param name="Form">What it must be.</param>
/// <param name="Default">Its value where it is not set; null where it has none.</param>
/// <param name="Value">What it is set to; null where it is not set.</param>
/// <param name="Origin">Where it is set; null where it is not.</param>
/// <param name="IsSecret">Whether its value must not be shown.</param>
public sealed record KnownSetting(string Key, string Form, string? Default, string? Value, string? Origin, bool IsSecret)
{
    /// <summary>The environment variable that sets it.</summary>
    public string Variable => Key.Replace(":", "__", StringComparison.Ordinal);

    /// <summary>The value in force, for a person: a secret is masked, and so is what looks like one.</summary>
    public string Shown =>
        Value is null ? Default ?? "(not set)"
        : IsSecret ? "***"
        : Redaction.ShowAddress(Value) is ['\'', .. var text, '\''] ? text : $"({Redaction.ShowAddress(Value)})";

    /// <summary>Never shows a secret.</summary>
    public override string ToString() => $"{Key} = {Shown}";
}

/// <summary>Says where a setting was set, in the words of whoever set it.</summary>
internal static class SettingOrigin
{
    /// <summary>The place that wins.</summary>
    public static string Of(IConfiguration configuration, string key)
    {
        if (configuration is not IConfigurationRoot root) return "configuration";
        var provider = root.Providers.LastOrDefault(provider => provider.TryGet(key, out _));
        // Their packages are the programs', so they are known by name only.
        return provider?.GetType().Name switch
        {
            "EnvironmentVariablesConfigurationProvider" => "environment variable",
            "CommandLineConfigurationProvider" => "argument",
            "JsonConfigurationProvider" => provider.ToString()?.Split('\'') is [_, var file, ..] ? file : "file",
            _ => "configuration",
        };
    }
}

/// <summary>Writes the settings in force, where each is set, and nothing that is secret.</summary>
public static class SettingTable
{
    /// <summary>One JSON document, for a program.</summary>
    public static string ToJson(IEnumerable<KnownSetting> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartArray();
            foreach (var setting in settings)
            {
                writer.WriteStartObject();
                writer.WriteString("setting", setting.Key);
                writer.WriteString("variable", setting.Variable);
                writer.WriteString("value", setting.Shown);
                writer.WriteString("from", setting.Origin ?? (setting.Default is null ? "" : "default"));
                writer.WriteString("form", setting.Form);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>One line for each setting, as wide as it has to be, so that it can be searched.</summary>
    public static async Task WriteAsync(TextWriter output, IEnumerable<KnownSetting> settings)
    {
        ArgumentNullException.ThrowIfNull(output);
        var rows = settings.Select(setting => (setting.Key, Value: Redaction.Printable(setting.Shown), From: setting.Origin ?? (setting.Default is null ? "" : "default")))
            .Prepend((Key: "Setting", Value: "Value", From: "From")).ToList();
        var (key, value) = (rows.Max(row => row.Key.Length), rows.Max(row => row.Value.Length));
        foreach (var row in rows) await output.WriteLineAsync($"{row.Key.PadRight(key)}  {row.Value.PadRight(value)}  {row.From}".TrimEnd());
    }
}
