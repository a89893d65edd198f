using System.Text;
using System.Text.Json;

namespace ConsentSnapshots.Generator.Consent;

/// <summary>How reading the consent of a request ended.</summary>
public enum ConsentQueryOutcome
{
    /// <summary>The consent was understood.</summary>
    Understood,

    /// <summary>The request says nothing about consent.</summary>
    Missing,

    /// <summary>The request says something that is not consent in one of the three forms.</summary>
    Malformed,
}

/// <summary>The consent a request states. Anything but <see cref="ConsentQueryOutcome.Understood"/> grants nothing optional.</summary>
/// <param name="Outcome">How reading it ended.</param>
/// <param name="Consent">What was granted.</param>
/// <param name="Problem">For a malformed query: what is wrong and what to send; never echoes the input.</param>
public readonly record struct ConsentQuery(ConsentQueryOutcome Outcome, ConsentSet Consent, string? Problem)
{
    /// <summary>The longest <c>consent</c> value that is read, in characters. All four categories as JSON take under 90.</summary>
    public const int MaxLength = 2048;

    private const string Forms =
        "Send a JSON object of booleans ({\"measurement\":true}), a list (measurement,marketing), or one parameter a category (measurement=true).";

    /// <summary>
    /// Reads consent from a decoded query string's pairs: a JSON object of booleans or a comma-separated list in <c>consent</c>, or one
    /// parameter a category. A category left out is not granted; names that are not categories are ignored; what is repeated, mixed
    /// or not a boolean is malformed.
    /// </summary>
    public static ConsentQuery Parse(IEnumerable<KeyValuePair<string, string?>> query)
    {
        string? consent = null;
        var consentSeen = false;
        var separate = ConsentSet.NecessaryOnly;
        var seen = 0; // a bit a category; necessary has the fifth
        foreach (var (key, value) in query)
        {
            if (key == "consent")
            {
                if (consentSeen) return Malformed("The consent parameter is repeated.");
                consentSeen = true;
                consent = value;
            }
            else if (ConsentCategories.TryParse(key, out var category))
            {
                var bit = category == ConsentCategory.Necessary ? 16 : (int)category;
                if ((seen & bit) != 0) return Malformed($"The parameter '{category.Name()}' is repeated.");
                seen |= bit;
                if (value == "true") separate = separate.With(category);
                else if (value != "false") return Malformed($"The parameter '{category.Name()}' is neither true nor false.");
            }
        }
        if (consentSeen && seen != 0) return Malformed("Consent is given in two forms at once.");
        if (seen != 0) return Understood(separate);
        return string.IsNullOrWhiteSpace(consent) ? new ConsentQuery(ConsentQueryOutcome.Missing, default, null) : ParseValue(consent);
    }

    /// <summary>Reads the value of a <c>consent</c> parameter, or of the command line's <c>--consent</c>.</summary>
    public static ConsentQuery ParseValue(string value)
    {
        if (value.Length > MaxLength) return Malformed($"The consent parameter is longer than {MaxLength} characters.");
        var trimmed = value.AsSpan().Trim();
        if (trimmed.IsEmpty) return new ConsentQuery(ConsentQueryOutcome.Missing, default, null);
        return trimmed[0] is '{' or '[' or '"' ? ParseJson(value) : ParseList(trimmed);
    }

    private static ConsentQuery ParseList(ReadOnlySpan<char> list)
    {
        var set = ConsentSet.NecessaryOnly;
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (var range in list.Split(','))
        {
            var name = list[range].Trim();
            if (name.IsEmpty || name.IndexOfAnyExcept(NameCharacters) >= 0 || !char.IsAsciiLetter(name[0]))
                return Malformed("The consent list has an entry that is not a category name.");
            if (name is "true" or "false" or "null") return Malformed("The consent parameter is a single JSON value, not an object.");
            var text = name.ToString();
            if (!seen.Add(text)) return Malformed("The consent list names a category twice.");
            if (ConsentCategories.TryParse(text, out var category)) set = set.With(category);
        }
        return Understood(set);
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    private static ConsentQuery ParseJson(string json)
    {
        var set = ConsentSet.NecessaryOnly;
        HashSet<string> seen = new(StringComparer.Ordinal);
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) return Malformed("The consent parameter is JSON but not an object.");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                if (!seen.Add(name)) return Malformed("The consent object has a key twice.");
                reader.Read();
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
                    return Malformed("The consent object has a value that is not a boolean.");
                if (reader.TokenType == JsonTokenType.True && ConsentCategories.TryParse(name, out var category)) set = set.With(category);
            }
            if (reader.Read()) return Malformed("The consent parameter is not valid JSON.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a key that is no valid Unicode string (a lone surrogate escape).
            return Malformed("The consent parameter is not valid JSON.");
        }
        return Understood(set);
    }

    private static ConsentQuery Understood(ConsentSet set) => new(ConsentQueryOutcome.Understood, set, null);

    private static ConsentQuery Malformed(string problem) => new(ConsentQueryOutcome.Malformed, default, $"{problem} {Forms}");
}
