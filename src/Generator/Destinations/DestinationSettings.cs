using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>A rule that a destination's settings break. Says the shape of the value, never the value.</summary>
/// <param name="Field">The setting under the name that the organization wrote, or empty for the object as a whole.</param>
/// <param name="Message">The rule, what there is instead, and what to do.</param>
public sealed record SettingProblem(string Field, string Message)
{
    /// <summary>A value that is not what it must be; <paramref name="part"/> names the place where the setting has several.</summary>
    internal static SettingProblem NotAs(string field, string rule, JsonElement value, string? part = null) =>
        new(field, $"'{part ?? field}' must be {rule}, and is {DestinationSettings.Shape(value)}.");
}

/// <summary>
/// Settings that kept every rule of their type, readable only through the type's public fields: a getter asked for a private or
/// undeclared field throws, so a type cannot leak one by mistake.
/// </summary>
public sealed class DestinationSettings
{
    /// <summary>The deepest nesting accepted in an object setting.</summary>
    public const int MaxDepth = 16;

    private readonly FrozenDictionary<string, SettingField> _fields;
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);
    private Dictionary<string, Uri>? _urls;
    private List<(string Name, string Written)>? _olderNames;

    private DestinationSettings(FrozenDictionary<string, SettingField> fields) => _fields = fields;

    /// <summary>Checks a settings object against the fields of a type; the settings are null when there is any problem.</summary>
    public static DestinationSettings? Read(FrozenDictionary<string, SettingField> fields, JsonElement settings, List<SettingProblem> problems)
    {
        if (settings.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null) settings = EmptyObject;
        if (settings.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new SettingProblem("", $"The settings are {Shape(settings)}; send a JSON object."));
            return null;
        }
        foreach (var property in settings.EnumerateObject())
        {
            if (JsonMarshal.GetRawUtf8PropertyName(property).IndexOf((byte)'\\') < 0 || TryGetName(property)) continue;
            // Every look for another key would throw on this one.
            problems.Add(new SettingProblem("", "The settings hold a key that is not valid Unicode (a surrogate stands alone)."));
            return null;
        }
        var before = problems.Count;
        var read = new DestinationSettings(fields);
        foreach (var field in fields.Values)
        {
            if (!field.TryFind(settings, out var written, out var value))
            {
                if (field.Required) problems.Add(new SettingProblem(written, $"'{written}' is required and missing: {field.Description}"));
                continue;
            }
            if (Problem(field, value, out var url) is { } problem) problems.Add(new SettingProblem(written, $"'{written}' {problem}"));
            else if (field.Visibility == SettingVisibility.Public)
            {
                read._values[field.Name] = value;
                if (url is not null) (read._urls ??= new(StringComparer.Ordinal))[field.Name] = url;
                if (written != field.Name) (read._olderNames ??= []).Add((field.Name, written));
            }
        }
        return problems.Count == before ? read : null;
    }

    /// <summary>The problem as the organization can find it in its settings: with the names that it wrote, where these are older ones.</summary>
    internal SettingProblem AsWritten(SettingProblem problem)
    {
        foreach (var (name, written) in _olderNames ?? [])
        {
            problem = new SettingProblem(
                problem.Field == name ? written : problem.Field,
                problem.Message.Replace($"'{name}'", $"'{written}'", StringComparison.Ordinal).Replace($"'{name}.", $"'{written}.", StringComparison.Ordinal));
        }
        return problem;
    }

    /// <summary>Whether a public field is set (and not null).</summary>
    public bool Has(string name) => Value(name) is not null;

    /// <summary>A text, URL or choice; null when not set.</summary>
    public string? Text(string name) => Value(name)?.GetString();

    /// <summary>A text that the type requires.</summary>
    public string RequiredText(string name) => Text(name) ?? throw new InvalidOperationException($"'{name}' is read as required but not declared so.");

    /// <summary>A boolean, or the default when not set.</summary>
    public bool Flag(string name, bool defaultValue) => Value(name)?.GetBoolean() ?? defaultValue;

    /// <summary>A boolean; null when not set.</summary>
    public bool? Flag(string name) => Value(name)?.GetBoolean();

    /// <summary>A number; null when not set.</summary>
    public double? Number(string name) => Value(name)?.GetDouble();

    /// <summary>The URL that was judged; null when not set, or a path of the site.</summary>
    public Uri? Url(string name) => Has(name) ? _urls?.GetValueOrDefault(name) : null;

    /// <summary>A URL that the type requires.</summary>
    public Uri RequiredUrl(string name) => Url(name) ?? throw new InvalidOperationException($"'{name}' is read as required but not declared so.");

    /// <summary>A URL to which paths are added, without the slash at its end; null when not set.</summary>
    public string? BaseUrl(string name) => Text(name)?.TrimEnd('/');

    /// <summary>A list of strings; empty when not set.</summary>
    public ImmutableArray<string> TextList(string name) =>
        Value(name) is { } list ? [.. list.EnumerateArray().Select(entry => entry.GetString()!)] : [];

    /// <summary>The JSON value of a field as it stands; null when not set.</summary>
    public JsonElement? Value(string name)
    {
        if (!_fields.TryGetValue(name, out var field)) throw new InvalidOperationException($"'{name}' is not a declared setting.");
        if (field.Visibility != SettingVisibility.Public) throw new InvalidOperationException($"'{name}' is private and must not reach a script.");
        return _values.TryGetValue(name, out var value) ? value : null;
    }

    private static string? Problem(SettingField field, JsonElement value, out Uri? url)
    {
        url = null;
        return field.Kind switch
        {
            SettingKind.Text => TextProblem(field, value),
            SettingKind.HttpsUrl => TextProblem(field, value) ?? UrlProblem(field, value, out url),
            SettingKind.UrlOrPath => TextProblem(field, value) ?? (value.GetString()![0] == '/' ? null : UrlProblem(field, value, out url)),
            SettingKind.Number => NumberProblem(field, value),
            SettingKind.Flag => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : $"must be true or false, and is {Shape(value)}.",
            SettingKind.TextList => ListProblem(field, value),
            SettingKind.JsonObject => value.ValueKind == JsonValueKind.Object ? JsonProblem(value) : $"must be an object, and is {Shape(value)}.",
            SettingKind.JsonValue => JsonProblem(value),
            _ => throw new InvalidOperationException($"No rule for {field.Kind}."),
        };
    }

    private static string? TextProblem(SettingField field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) return $"must be a string, and is {Shape(value)}.";
        if (!TryGetText(value, out var text)) return "is not valid Unicode (a surrogate stands alone).";
        if (field.Required && string.IsNullOrWhiteSpace(text)) return "is required and empty.";
        if (text.Length > field.MaxLength) return $"may have {field.MaxLength} characters, and has {text.Length}.";
        if (!field.OneOf.IsEmpty && !field.OneOf.Contains(text)) return $"must be one of {string.Join(", ", field.OneOf)}, and is {Shape(value)}.";
        if (field.Pattern is { } pattern && !pattern.IsMatch(text))
        {
            return field.OtherType is { } other && other.Pattern.IsMatch(text)
                ? $"is {other.What}; a destination of the type '{other.Type}' takes it."
                : $"must be {field.PatternInWords}, and is {Shape(value)}.";
        }
        return null;
    }

    private static string? UrlProblem(SettingField field, JsonElement value, out Uri? url)
    {
        var text = value.GetString()!;
        url = HttpsUrl.Judge(text, out var brokenRule);
        if (url is null) return $"{brokenRule}, and is {Shape(value)}.";
        return field.IsBaseUrl && text.AsSpan().ContainsAny('?', '#') ? $"must be a URL without ? and #, since paths are added to it, and is {Shape(value)}." : null;
    }

    private static string? NumberProblem(SettingField field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number) return $"must be a number, and is {Shape(value)}.";
        if (!value.TryGetDouble(out var number) || !double.IsFinite(number)) return "must be a number that a double can hold.";
        if (field.Minimum is { } minimum && number < minimum) return string.Create(CultureInfo.InvariantCulture, $"must be at least {minimum}, and is a smaller number.");
        if (field.Maximum is { } maximum && number > maximum) return string.Create(CultureInfo.InvariantCulture, $"must be at most {maximum}, and is a greater number.");
        return null;
    }

    private static string? ListProblem(SettingField field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array) return $"must be a list of strings, and is {Shape(value)}.";
        var index = 0;
        foreach (var entry in value.EnumerateArray())
        {
            if (index >= SettingField.MaxListEntries) return $"may have {SettingField.MaxListEntries} entries, and has more.";
            if (TextProblem(field with { Required = false }, entry) is { } problem) return $"entry {index} {problem}";
            index++;
        }
        return null;
    }

    private static string? JsonProblem(JsonElement value)
    {
        var bytes = JsonMarshal.GetRawUtf8Value(value).Length;
        if (bytes > SettingField.MaxObjectBytes)
            return $"may have {SettingField.MaxObjectBytes} bytes as JSON, and has {bytes}.";
        return TreeProblem(value, 0);
    }

    private static string? TreeProblem(JsonElement value, int depth)
    {
        if (depth > MaxDepth) return $"may be nested {MaxDepth} deep, and is deeper.";
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return TryGetText(value, out _) ? null : "holds a string that is not valid Unicode (a surrogate stands alone).";
            case JsonValueKind.Number:
                return value.TryGetDouble(out var number) && double.IsFinite(number) ? null : "holds a number that a double cannot hold.";
            case JsonValueKind.Array:
                foreach (var entry in value.EnumerateArray())
                    if (TreeProblem(entry, depth + 1) is { } problem) return problem;
                return null;
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    if (!TryGetName(property)) return "holds a key that is not valid Unicode (a surrogate stands alone).";
                    // A vendor that merges objects key by key would write to a prototype that the whole page shares.
                    if (property.Name is "__proto__" or "constructor" or "prototype") return $"holds the key '{property.Name}', which is not accepted.";
                    if (TreeProblem(property.Value, depth + 1) is { } problem) return problem;
                }
                return null;
            default:
                return null;
        }
    }

    private static bool TryGetText(JsonElement value, out string text)
    {
        try
        {
            text = value.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            // System.Text.Json reads the document and fails only here on "\ud800".
            text = "";
            return false;
        }
    }

    private static bool TryGetName(JsonProperty property)
    {
        try
        {
            return property.Name is not null;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>What a value is, without saying the value.</summary>
    internal static string Shape(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => TryGetText(value, out var text) ? $"a string of {text.Length} characters" : "a string that is not valid Unicode",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        JsonValueKind.Array => $"a list of {value.GetArrayLength()} entries",
        JsonValueKind.Object => "an object",
        JsonValueKind.Undefined => "missing",
        _ => "null",
    };

    private static readonly JsonElement EmptyObject = JsonElement.Parse("{}");
}
