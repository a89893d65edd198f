using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
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

    /// <summary>A text that is not what it must be.</summary>
    internal static SettingProblem NotAs(string field, string rule, string text) => new(field, $"'{field}' must be {rule}, and is a string of {text.Length} characters.");
}

/// <summary>
/// Settings that kept every rule of their type, readable only through the type's public fields: a getter asked for a private or
/// undeclared field throws, so a type cannot leak one by mistake.
/// </summary>
public sealed class DestinationSettings
{
    /// <summary>The deepest nesting accepted in an object setting.</summary>
    public const int MaxDepth = 16;

    /// <summary>The most settings that nothing reads which are named; more of them say nothing more.</summary>
    public const int MaxUnreadNames = 20;

    private readonly SettingFields _fields;
    private readonly Setting[] _settings;

    private DestinationSettings(SettingFields fields) => (_fields, _settings) = (fields, new Setting[fields.All.Length]);

    /// <summary>One public setting that is set.</summary>
    /// <param name="Value">The value as it stands in the settings.</param>
    /// <param name="Text">The text without the blanks around it, where it is one text.</param>
    /// <param name="Url">The URL, where it is one.</param>
    /// <param name="Texts">The texts, where it is a list of them.</param>
    /// <param name="Written">The name that the organization wrote; null for a setting that is not set.</param>
    private readonly record struct Setting(JsonElement Value, string? Text, PageUrl? Url, ImmutableArray<string> Texts, string? Written);

    /// <summary>A value that a settings object holds under one of a setting's names.</summary>
    private readonly record struct Found(int Field, int Rank, string Name, JsonElement Value);

    /// <summary>Checks a settings object against the fields of a type; the settings are null when there is any problem.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="settings">The settings object.</param>
    /// <param name="problems">Takes the rules that it breaks.</param>
    /// <param name="unread">Takes the keys of it that nothing reads.</param>
    public static DestinationSettings? Read(SettingFields fields, JsonElement settings, List<SettingProblem> problems, List<string>? unread = null)
    {
        if (settings.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null) settings = EmptyObject;
        if (settings.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new SettingProblem("", $"The settings are {Shape(settings)}; send a JSON object."));
            return null;
        }
        if (Find(fields, settings, unread) is not { } found)
        {
            // Every look for another key would throw on this one.
            problems.Add(new SettingProblem("", "The settings hold a key that is not valid Unicode (a surrogate stands alone)."));
            return null;
        }
        var before = problems.Count;
        var read = new DestinationSettings(fields);
        for (var place = 0; place < fields.All.Length; place++)
        {
            var field = fields.All[place];
            if (!Choose(field, place, found, problems, out var written, out var value))
            {
                if (field.Required) problems.Add(new SettingProblem(written ?? field.Name, $"'{written ?? field.Name}' is required and missing: {field.Description}"));
                continue;
            }
            if (Problem(field, value, out var text, out var url, out var texts) is { } problem) problems.Add(new SettingProblem(written!, $"'{written}' {problem}"));
            else if (field.Visibility == SettingVisibility.Public) read._settings[place] = new Setting(value, text, url, texts, written);
        }
        return problems.Count == before ? read : null;
    }

    /// <summary>The text of a setting as <see cref="Read"/> would take it, in a settings object that may break any rule; null where there is none.</summary>
    internal static string? TextOf(SettingFields fields, string name, JsonElement settings)
    {
        if (settings.ValueKind != JsonValueKind.Object || Find(fields, settings, null) is not { } found) return null;
        var place = fields.PlaceOf(name);
        return Choose(fields.All[place], place, found, [], out _, out var value) && Problem(fields.All[place], value, out var text, out _, out _) is null ? text : null;
    }

    /// <summary>What stands under the names of the fields; null where a key is not valid Unicode.</summary>
    private static List<Found>? Find(SettingFields fields, JsonElement settings, List<string>? unread)
    {
        var found = new List<Found>(settings.GetPropertyCount());
        Span<char> buffer = stackalloc char[SettingField.MaxNameLength];
        foreach (var property in settings.EnumerateObject())
        {
            var raw = JsonMarshal.GetRawUtf8PropertyName(property);
            scoped ReadOnlySpan<char> name = default;
            if (raw.Contains((byte)'\\'))
            {
                if (!TryGetName(property)) return null;
                name = property.Name;
            }
            else if (raw.Length <= buffer.Length)
            {
                var length = Encoding.UTF8.GetChars(raw, buffer);
                name = buffer[..length];
            }
            // No known name is longer than the buffer.
            if (name.Length > 0 && fields.TryFind(name, out var known)) Put(found, new Found(known.Field, known.Rank, fields.All[known.Field].NameOf(known.Rank), property.Value));
            else if (unread is { Count: < MaxUnreadNames }) unread.Add(property.Name);
        }
        foreach (var (container, names) in fields.Nested)
        {
            if (!Choose(fields.All[container], container, found, [], out var written, out var value)) continue;
            foreach (var nested in names)
                if (TryGetPart(value, nested.Key, out var part)) found.Add(new Found(nested.Field, nested.Rank, $"{written}.{nested.Key}", part));
        }
        return found;

        // The last one of two equal keys counts, as everywhere in JSON.
        static void Put(List<Found> found, Found next)
        {
            for (var place = 0; place < found.Count; place++)
            {
                if (found[place].Field != next.Field || found[place].Rank != next.Rank) continue;
                found[place] = next;
                return;
            }
            found.Add(next);
        }
    }

    /// <summary>
    /// The value of a field: the one under the first of its names that is set. False where none is, and then <paramref name="written"/> is the name that is there and blank. Two names
    /// that disagree are a problem, because it is not known which one is meant.
    /// </summary>
    private static bool Choose(SettingField field, int place, List<Found> found, List<SettingProblem> problems, out string? written, out JsonElement value)
    {
        (written, value) = (null, default);
        var (blank, first) = (-1, -1);
        for (var index = 0; index < found.Count; index++)
        {
            if (found[index].Field != place) continue;
            if (!IsSet(field, found[index].Value))
            {
                if (blank < 0 || found[index].Rank < found[blank].Rank) blank = index;
            }
            else if (first < 0 || found[index].Rank < found[first].Rank)
            {
                first = index;
            }
        }
        if (first < 0)
        {
            if (blank >= 0) written = found[blank].Name;
            return false;
        }
        (written, value) = (found[first].Name, found[first].Value);
        for (var index = 0; index < found.Count; index++)
            if (found[index].Field == place && index != first && field.Visibility == SettingVisibility.Public && IsSet(field, found[index].Value) && !SayTheSame(field, value, found[index].Value))
                problems.Add(new SettingProblem(written, $"'{written}' and '{found[index].Name}' are names of the same setting, and they differ. Keep one of them."));
        return true;
    }

    /// <summary>A form that was left blank saves null, an empty string or blanks: none of them sets anything.</summary>
    private static bool IsSet(SettingField field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String || !field.IsText) return value.ValueKind != JsonValueKind.Null;
        // Nearly every text begins with a character that is no blank, and then it need not be read.
        var quoted = JsonMarshal.GetRawUtf8Value(value);
        return quoted[1] is > (byte)' ' and < 0x7F and not (byte)'\\' and not (byte)'"' || !TryGetText(value, out var text) || Trimmed(field, text).Length > 0;
    }

    private static bool SayTheSame(SettingField field, JsonElement one, JsonElement other)
    {
        string? text = null, otherText = null;
        return !field.IsText || TextProblem(field, one, out text) is not null || TextProblem(field, other, out otherText) is not null
            ? AreEqual(one, other)
            : field.IsBaseUrl ? text!.TrimEnd('/') == otherText!.TrimEnd('/') : text == otherText;
    }

    /// <summary>The problem as the organization can find it in its settings: with the names that it wrote, where these are other ones.</summary>
    internal SettingProblem AsWritten(SettingProblem problem)
    {
        for (var place = 0; place < _settings.Length; place++)
        {
            var (name, written) = (_fields.All[place].Name, _settings[place].Written);
            if (written is null || written == name) continue;
            problem = new SettingProblem(
                problem.Field == name ? written : problem.Field,
                problem.Message.Replace($"'{name}'", $"'{written}'", StringComparison.Ordinal).Replace($"'{name}.", $"'{written}.", StringComparison.Ordinal));
        }
        return problem;
    }

    /// <summary>Whether the type has a field of this name.</summary>
    internal bool Knows(string name) => _fields.Knows(name);

    /// <summary>Whether a public field is set (and not null).</summary>
    public bool Has(string name) => Of(name).Written is not null;

    /// <summary>A text, URL or choice, without the blanks around it; null when not set.</summary>
    public string? Text(string name) => Of(name).Text;

    /// <summary>A text that the type requires.</summary>
    public string RequiredText(string name) => Text(name) ?? throw new InvalidOperationException($"'{name}' is read as required but not declared so.");

    /// <summary>A boolean, or the default when not set.</summary>
    public bool Flag(string name, bool defaultValue) => Flag(name) ?? defaultValue;

    /// <summary>A boolean; null when not set.</summary>
    public bool? Flag(string name) => Value(name)?.GetBoolean();

    /// <summary>A number; null when not set.</summary>
    public double? Number(string name) => Value(name)?.GetDouble();

    /// <summary>The URL, or path of the site; null when not set.</summary>
    public PageUrl? Url(string name) => Of(name).Url;

    /// <summary>A URL that the type requires.</summary>
    public PageUrl RequiredUrl(string name) => Url(name) ?? throw new InvalidOperationException($"'{name}' is read as required but not declared so.");

    /// <summary>A URL or path to which paths are added, as it is written, without the slash at its end; null when not set.</summary>
    public string? BaseUrl(string name) => Text(name)?.TrimEnd('/');

    /// <summary>A list of strings, without the blanks around them; empty when not set.</summary>
    public ImmutableArray<string> TextList(string name) =>
        Of(name).Texts is { IsDefault: false } texts ? texts : [];

    /// <summary>The JSON value of a field that is not one text, as it stands; null when not set.</summary>
    public JsonElement? Value(string name)
    {
        if (_fields[name].IsText) throw new InvalidOperationException($"'{name}' is a text, which is read without the blanks around it.");
        var setting = Of(name);
        return setting.Written is null ? null : setting.Value;
    }

    private Setting Of(string name)
    {
        var place = _fields.PlaceOf(name);
        if (_fields.All[place].Visibility != SettingVisibility.Public) throw new InvalidOperationException($"'{name}' is private and must not reach a script.");
        return _settings[place];
    }

    /// <summary>People copy ids and URLs together with blanks, line ends and characters of no width. Code stays as it is.</summary>
    private static ReadOnlySpan<char> Trimmed(SettingField field, string text) => field.IsCode ? text : Trimmed(text);

    private static ReadOnlySpan<char> Trimmed(ReadOnlySpan<char> text)
    {
        while (text.Length > 0 && IsBlank(text[0])) text = text[1..];
        while (text.Length > 0 && IsBlank(text[^1])) text = text[..^1];
        return text;

        static bool IsBlank(char character) => char.IsWhiteSpace(character) || character is '\u200B' or '\u200C' or '\u200D' or '\u2060' or '\uFEFF';
    }

    private static string? Problem(SettingField field, JsonElement value, out string? text, out PageUrl? url, out ImmutableArray<string> texts)
    {
        (text, url, texts) = (null, null, default);
        return field.Kind switch
        {
            SettingKind.Text => TextProblem(field, value, out text),
            SettingKind.HttpsUrl or SettingKind.UrlOrPath => TextProblem(field, value, out text) ?? UrlProblem(field, text!, out url),
            SettingKind.Number => NumberProblem(field, value),
            SettingKind.Flag => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : $"must be true or false, and is {Shape(value)}.",
            SettingKind.TextList => ListProblem(field, value, out texts),
            SettingKind.JsonObject => value.ValueKind == JsonValueKind.Object ? JsonProblem(value) : $"must be an object, and is {Shape(value)}.",
            SettingKind.JsonValue => JsonProblem(value),
            _ => throw new InvalidOperationException($"No rule for {field.Kind}."),
        };
    }

    private static string? TextProblem(SettingField field, JsonElement value, out string? text)
    {
        text = null;
        if (value.ValueKind == JsonValueKind.Number && DigitsOf(field, value) is { } digits)
        {
            text = digits;
            return null;
        }
        if (value.ValueKind != JsonValueKind.String) return $"must be a string, and is {Shape(value)}.";
        if (!TryGetText(value, out var written)) return "is not valid Unicode (a surrogate stands alone).";
        var trimmed = Trimmed(field, written);
        text = trimmed.Length == written.Length ? written : trimmed.ToString();
        if (field.Required && text.Length == 0) return "is required and empty.";
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

    /// <summary>An id of digits that was saved as a number; null for any other number, and where the field's pattern does not accept it.</summary>
    private static string? DigitsOf(SettingField field, JsonElement value) =>
        field.Kind == SettingKind.Text && field.Pattern is { } pattern && value.GetRawText() is var digits
        && !digits.AsSpan().ContainsAnyExceptInRange('0', '9') && digits.Length <= field.MaxLength && pattern.IsMatch(digits) ? digits : null;

    private static string? UrlProblem(SettingField field, string text, out PageUrl? url)
    {
        url = PageUrl.Judge(text, field.Kind == SettingKind.UrlOrPath, out var brokenRule);
        if (url is null) return $"{brokenRule}, and is a string of {text.Length} characters.";
        if (!field.IsBaseUrl) return null;
        if (text == "/") return "must name a path below the site's root, since paths are added to it.";
        return text.AsSpan().ContainsAny('?', '#') ? $"must be a URL without ? and #, since paths are added to it, and is a string of {text.Length} characters." : null;
    }

    private static string? NumberProblem(SettingField field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number) return $"must be a number, and is {Shape(value)}.";
        if (!value.TryGetDouble(out var number) || !double.IsFinite(number)) return "must be a number that a double can hold.";
        if (field.Minimum is { } minimum && number < minimum) return string.Create(CultureInfo.InvariantCulture, $"must be at least {minimum}, and is a smaller number.");
        if (field.Maximum is { } maximum && number > maximum) return string.Create(CultureInfo.InvariantCulture, $"must be at most {maximum}, and is a greater number.");
        return null;
    }

    private static string? ListProblem(SettingField field, JsonElement value, out ImmutableArray<string> texts)
    {
        texts = default;
        var entryRule = field with { Kind = SettingKind.Text, Required = false };
        var entries = ImmutableArray.CreateBuilder<string>();
        if (field.OrText && value.ValueKind == JsonValueKind.String)
        {
            if (!TryGetText(value, out var joined)) return "is not valid Unicode (a surrogate stands alone).";
            foreach (var part in joined.Split(',')) if (Trimmed(part) is { Length: > 0 } trimmed) entries.Add(trimmed.ToString());
            if (entries.Count > SettingField.MaxListEntries) return $"may have {SettingField.MaxListEntries} entries, and has more.";
            foreach (var entry in entries)
            {
                if (entry.Length > field.MaxLength) return $"may have {field.MaxLength} characters in an entry, and has {entry.Length}.";
                if (!field.OneOf.IsEmpty && !field.OneOf.Contains(entry)) return $"must be one of {string.Join(", ", field.OneOf)}, or several of them, and is {Shape(value)}.";
                if (field.Pattern is { } pattern && !pattern.IsMatch(entry)) return $"must be a list of which each entry is {field.PatternInWords}, and is {Shape(value)}.";
            }
            if (field.Required && entries.Count == 0) return "is required and empty.";
            texts = entries.DrainToImmutable();
            return null;
        }
        if (value.ValueKind != JsonValueKind.Array) return $"must be a list of strings{(field.OrText ? ", or one text with commas between them" : "")}, and is {Shape(value)}.";
        foreach (var element in value.EnumerateArray())
        {
            if (entries.Count >= SettingField.MaxListEntries) return $"may have {SettingField.MaxListEntries} entries, and has more.";
            if (TextProblem(entryRule, element, out var text) is { } problem) return $"entry {entries.Count} {problem}";
            if (text!.Length > 0) entries.Add(text);
        }
        if (field.Required && entries.Count == 0) return "is required and empty.";
        texts = entries.DrainToImmutable();
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

    /// <summary>A property of an object; false also where the object has a key that is not valid Unicode, on which every look fails and which is a problem of its own.</summary>
    private static bool TryGetPart(JsonElement value, string key, out JsonElement part)
    {
        part = default;
        try
        {
            return value.ValueKind == JsonValueKind.Object && value.TryGetProperty(key, out part);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Whether two values are the same; false also where one is not valid Unicode.</summary>
    private static bool AreEqual(JsonElement one, JsonElement other)
    {
        try
        {
            return JsonElement.DeepEquals(one, other);
        }
        catch (InvalidOperationException)
        {
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
