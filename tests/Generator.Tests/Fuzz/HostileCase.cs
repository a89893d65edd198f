using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using CsCheck;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>One destination with hostile settings: a type, its settings as JSON text, and what else of a row changes what is made of it.</summary>
internal sealed record HostileCase(string Type, string Settings, ConsentSet? Required, bool TestMode, bool Twice)
{
    /// <summary>A case of any type: its least or full settings, and one to four fields of it (by any name), or unknown ones, overwritten.</summary>
    public static Gen<HostileCase> Any { get; } = Gen.OneOf([.. DestinationCatalogue.BuiltIn.Types.Select(Of)]);

    /// <summary>
    /// Every field of every type with every hostile value there is: each alone on top of what the type needs least. A field's other names, which are read in the same place, get every eighth value.
    /// </summary>
    public static IEnumerable<HostileCase> EachFieldWithEachValue()
    {
        string[] values =
        [
            .. Hostile.Fragments.Select(fragment => $"\"{fragment}\""), .. Hostile.Urls.Select(url => $"\"{url}\""), .. Hostile.Values, .. Hostile.Huge,
        ];
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var (name, field) in Names(type))
            {
                // A field's other names would win over the one under attack.
                var others = Least(type).RemoveAll(member => member.Name == field.Name || field.OtherNames.Contains(member.Name));
                foreach (var (place, value) in values.Index())
                    if (name == field.Name || (place + name.Length) % 8 == 0)
                        yield return new HostileCase(type.Name, With(others, [(name, value)]), ConsentSet.NecessaryOnly, false, false);
            }
    }

    /// <summary>The rows of the case, the hostile one first; <paramref name="place"/> is the first one's place in the scope.</summary>
    public ImmutableArray<OpenedDestination> Rows(int place)
    {
        string[] required = Required is { } set ? [.. set.Optional.Select(category => category.Name()).Prepend("necessary")] : [];
        var first = Samples.Row(Type, Settings, place, required).With(row => row with { TestMode = TestMode });
        return Twice ? [first, Samples.Full(Type, place + 1)] : [first];
    }

    public override string ToString() => $"{Type} {(Settings.Length > 2000 ? Settings[..2000] : Settings)} required {Required?.ToString() ?? "-"}{(TestMode ? " test mode" : "")}{(Twice ? " twice" : "")}";

    private static Gen<HostileCase> Of(DestinationType type)
    {
        var least = Hostile.Pick(Least(type), Members(Samples.Settings[type.Name].Full));
        var fields = Gen.OneOf([.. Names(type).Select(entry => Hostile.For(entry.Field).Select(value => (entry.Name, value)))]).Array[1, 4];
        return Gen.Select(least, fields, Gen.Int[-1, 15], Gen.Int[0, 7], (settings, overwritten, required, bits) =>
            new HostileCase(type.Name, With(settings, overwritten), required < 0 ? null : ConsentSet.FromIndex(required), (bits & 1) == 1, (bits & 6) == 6));
    }

    private static IEnumerable<(string Name, SettingField Field)> Names(DestinationType type) =>
    [
        .. type.AllFields.SelectMany(field => field.Keys.Select(name => (name, field))),
        ("undeclared", new SettingField("undeclared", SettingKind.JsonValue, ".")),
        ("\\uD800undeclared", new SettingField("undeclared", SettingKind.Text, ".")),
        ("__proto__", new SettingField("undeclared", SettingKind.JsonObject, ".")),
    ];

    private static ImmutableArray<(string Name, string Value)> Least(DestinationType type) => Members(Samples.Settings[type.Name].Least);

    private static ImmutableArray<(string Name, string Value)> Members(string json) =>
        [.. JsonElement.Parse(json).EnumerateObject().Select(member => (member.Name, member.Value.GetRawText()))];

    private static string With(ImmutableArray<(string Name, string Value)> settings, IEnumerable<(string Name, string Value)> overwritten)
    {
        var names = overwritten.Select(member => member.Name).ToHashSet(StringComparer.Ordinal);
        return $"{{{string.Join(',', settings.Where(member => !names.Contains(member.Name)).Concat(overwritten).Select(member => $"\"{member.Name}\":{member.Value}"))}}}";
    }
}
