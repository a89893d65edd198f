using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>A text setting whose value says what a destination is for, and so under which consent it loads where its row names none.</summary>
/// <param name="Setting">The setting's name.</param>
/// <param name="Value">The values that say it.</param>
/// <param name="Category">The category they make the default.</param>
/// <param name="ValueInWords">The values in words, for a person who reads "where id is …".</param>
public sealed record CategoryRule(string Setting, Regex Value, ConsentCategory Category, string ValueInWords)
{
    /// <summary>Whether settings in the clear, which kept the rules of their type, have such a value in the field.</summary>
    internal bool AppliesTo(JsonElement settings, SettingFields fields) => DestinationSettings.TextOf(fields, Setting, settings) is { } text && Value.IsMatch(text);
}
