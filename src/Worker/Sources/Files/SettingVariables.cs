using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Sources.Files;

/// <summary>
/// Puts environment variables into a destination's settings: <c>${NAME}</c> in a value; <c>$${</c> stands for the characters <c>${</c>. What a variable may
/// be depends on the setting of the type that the value is in, at whatever depth.
/// </summary>
/// <remarks>
/// A public setting reaches browsers, so it takes only variables that begin with <c>PUBLIC_</c> or that the operator listed. A private setting, and one that
/// the type does not know, is never published; it takes any variable but this product's own settings. A setting that is JavaScript takes none.
/// </remarks>
/// <param name="catalogue">The types, which say what is public.</param>
/// <param name="published">The operator's list: <c>Source:Variables</c>.</param>
/// <param name="read">Reads an environment variable; null where it is not set.</param>
public sealed partial class SettingVariables(DestinationCatalogue catalogue, IReadOnlyCollection<string> published, Func<string, string?> read)
{
    /// <summary>What the names of variables that any public setting may use begin with.</summary>
    public const string PublicPrefix = "PUBLIC_";

    /// <summary>
    /// A copy of the settings with every variable's value in its place. Settings of a type that this build does not know stay as they are: nothing is
    /// generated of them.
    /// </summary>
    /// <param name="typeName">The destination's type, or an alias.</param>
    /// <param name="settings">The settings object.</param>
    /// <param name="problems">Takes every variable that cannot be used; its setting then keeps what it had.</param>
    /// <exception cref="ArgumentException">A key stands twice in an object.</exception>
    /// <exception cref="InvalidOperationException">A string is not valid Unicode.</exception>
    public JsonElement Expand(string typeName, JsonElement settings, List<SettingProblem> problems)
    {
        var text = settings.GetRawText();
        // In JSON a dollar sign may also be written \u0024.
        if (!text.Contains('$') && !text.Contains("\\u00", StringComparison.Ordinal) || !catalogue.TryGet(typeName, out var type)) return settings;
        using var expanded = new MemoryStream();
        using (var writer = new Utf8JsonWriter(expanded))
        {
            var setting = new Setting(this, problems);
            setting.WriteObject(writer, settings, key => setting.Enter(key, type.FieldsOf(key)));
        }
        return JsonElement.Parse(expanded.ToArray(), new JsonDocumentOptions { MaxDepth = SettingsJson.MaxDepth });
    }

    /// <summary>Writes the value of one setting after another.</summary>
    private sealed class Setting(SettingVariables variables, List<SettingProblem> problems)
    {
        private string _key = "";
        private bool _public;
        private bool _code;

        /// <summary>From here on values belong to this setting.</summary>
        public void Enter(string key, IReadOnlyCollection<SettingField> fields)
        {
            _key = key;
            _public = fields.Any(field => field.Visibility == SettingVisibility.Public);
            _code = fields.Any(field => field.IsCode);
        }

        public void WriteObject(Utf8JsonWriter writer, JsonElement value, Action<string>? entering = null)
        {
            var keys = new HashSet<string>(StringComparer.Ordinal);
            writer.WriteStartObject();
            foreach (var property in value.EnumerateObject())
            {
                if (!keys.Add(property.Name)) throw new ArgumentException("A key stands twice.");
                entering?.Invoke(property.Name);
                writer.WritePropertyName(Text(property.Name, isKey: true));
                Write(writer, property.Value);
            }
            writer.WriteEndObject();
        }

        private void Write(Utf8JsonWriter writer, JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    WriteObject(writer, value);
                    break;
                case JsonValueKind.Array:
                    writer.WriteStartArray();
                    foreach (var entry in value.EnumerateArray()) Write(writer, entry);
                    writer.WriteEndArray();
                    break;
                case JsonValueKind.String:
                    writer.WriteStringValue(Text(value.GetString()!, isKey: false));
                    break;
                default:
                    value.WriteTo(writer);
                    break;
            }
        }

        /// <summary>One pass: what a variable's value contains is never looked at again.</summary>
        private string Text(string text, bool isKey) => Reference().Replace(text, reference =>
        {
            if (reference.Value == "$${") return "${";
            var name = reference.Groups["name"].Value;
            if (Refusal(name, isKey) is { } refusal) problems.Add(new SettingProblem(_key, refusal));
            else if (variables.Value(name) is { } value) return value;
            else problems.Add(new SettingProblem(_key, $"'{_key}' uses the environment variable {name}, which is not set. Set it where the worker runs."));
            return reference.Value;
        });

        private string? Refusal(string name, bool isKey)
        {
            if (OwnSettings.Contains(name) && PrintableName().IsMatch(name))
                return $"'{_key}' may not use {name}, which is a setting of this program. Put what the destination needs into a variable of another name.";
            if (!OwnSettings.IsName(name))
                return $"'{_key}' has ${{ that does not begin a variable, ${{NAME}} with letters, digits and _. Write $${{ for the characters ${{ themselves.";
            if (isKey)
                return $"'{_key}' has ${{{name}}} in a key; variables stand in values only. Write $${{{name}}} for these characters themselves.";
            if (_code)
                return $"'{_key}' is JavaScript, which takes no variables, and has ${{{name}}}. Write $${{{name}}} for these characters themselves, "
                    + "or hand the value over in another setting.";
            if (_public && !name.StartsWith(PublicPrefix, StringComparison.Ordinal) && !variables.Published(name))
                return $"'{_key}' reaches browsers, so it takes only variables that begin with {PublicPrefix} or stand in Source:Variables, and {name} is neither. "
                    + $"Write ${{{PublicPrefix}{name}}} and name the variable so, or set Source__Variables={variables.ListWith(name)}.";
            return null;
        }
    }

    private string? Value(string name) => read(name);

    private bool Published(string name) => published.Contains(name);

    private string ListWith(string name) => string.Join(',', published.Append(name));

    [GeneratedRegex(@"\$\$\{|\$\{(?<name>[^{}]*)\}|\$\{", RegexOptions.CultureInvariant)]
    private static partial Regex Reference();

    [GeneratedRegex(@"\A[A-Za-z0-9_:]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex PrintableName();
}
