using System.Collections.Frozen;
using System.Collections.Immutable;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>The settings that a type knows, found by any of their names.</summary>
public sealed class SettingFields
{
    private readonly FrozenDictionary<string, int> _places;
    private readonly FrozenDictionary<string, (int Field, int Rank)>.AlternateLookup<ReadOnlySpan<char>> _names;

    /// <summary>The settings of a type.</summary>
    /// <exception cref="ArgumentException">Two of them have a name in common, or a name stands for a part of a setting that is no object of the type.</exception>
    public SettingFields(ImmutableArray<SettingField> fields)
    {
        All = fields;
        _places = fields.Select((field, place) => KeyValuePair.Create(field.Name, place)).ToDictionary(StringComparer.Ordinal).ToFrozenDictionary(StringComparer.Ordinal);
        var nested = new List<(int Container, NestedName Name)>();
        var names = new Dictionary<string, (int, int)>(StringComparer.Ordinal);
        for (var field = 0; field < fields.Length; field++)
        {
            foreach (var (rank, name) in fields[field].Names.Index())
            {
                var dot = name.IndexOf('.', StringComparison.Ordinal);
                if (dot < 0) names.Add(name, (field, rank));
                else if (_places.TryGetValue(name[..dot], out var container) && fields[container].Kind is SettingKind.JsonObject or SettingKind.JsonValue)
                    nested.Add((container, new NestedName(field, rank, name[(dot + 1)..])));
                else throw new ArgumentException($"'{name}' names a part of what is no object.", nameof(fields));
            }
        }
        Nested = [.. nested.GroupBy(static entry => entry.Container, static entry => entry.Name).Select(static names => (names.Key, names.ToImmutableArray()))];
        TopLevelNames = [.. names.Keys.Order(StringComparer.Ordinal)];
        _names = names.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The settings, in their order.</summary>
    public ImmutableArray<SettingField> All { get; }

    /// <summary>The keys of a settings object that are read, in alphabetical order.</summary>
    public ImmutableArray<string> TopLevelNames { get; }

    /// <summary>The object settings of which some part has a name here, each with these names.</summary>
    internal ImmutableArray<(int Container, ImmutableArray<NestedName> Names)> Nested { get; }

    /// <summary>The setting of this name.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public SettingField this[string name] => All[PlaceOf(name)];

    /// <summary>Whether there is a setting of this name.</summary>
    internal bool Knows(string name) => _places.ContainsKey(name);

    /// <summary>The place of a setting among all.</summary>
    internal int PlaceOf(string name) => _places.TryGetValue(name, out var place) ? place : throw new InvalidOperationException($"'{name}' is not a declared setting.");

    /// <summary>Which setting a key of a settings object stands for, and which of the setting's names it is.</summary>
    internal bool TryFind(ReadOnlySpan<char> key, out (int Field, int Rank) found) => _names.TryGetValue(key, out found);

    /// <summary>The key that is read and that somebody who wrote <paramref name="key"/> most likely meant; null where none is near.</summary>
    public string? Nearest(string key)
    {
        if (key.Length > SettingField.MaxNameLength) return null;
        var written = Simplified(key);
        string? nearest = null;
        var least = Math.Min(3, Math.Max(1, written.Length / 3)) + 1;
        foreach (var name in TopLevelNames)
        {
            var distance = Distance(written, Simplified(name), least);
            if (distance < least) (nearest, least) = (name, distance);
        }
        return nearest;
    }

    /// <summary>People mix up the ways of writing a name more often than its letters.</summary>
    private static string Simplified(string name) =>
        name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>How many letters have to be added, left out, replaced, or swapped with their neighbour.</summary>
    private static int Distance(string from, string to, int most)
    {
        if (Math.Abs(from.Length - to.Length) >= most) return most;
        var rows = new int[from.Length + 1, to.Length + 1];
        for (var row = 0; row <= from.Length; row++)
        {
            for (var column = 0; column <= to.Length; column++)
            {
                if (row == 0 || column == 0)
                {
                    rows[row, column] = row + column;
                    continue;
                }
                var best = Math.Min(rows[row - 1, column] + 1, rows[row, column - 1] + 1);
                best = Math.Min(best, rows[row - 1, column - 1] + (from[row - 1] == to[column - 1] ? 0 : 1));
                if (row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1]) best = Math.Min(best, rows[row - 2, column - 2] + 1);
                rows[row, column] = best;
            }
        }
        return rows[from.Length, to.Length];
    }

    /// <summary>A name that stands for a property of an object setting.</summary>
    /// <param name="Field">The setting that it names.</param>
    /// <param name="Rank">Which of the setting's names it is.</param>
    /// <param name="Key">The property.</param>
    internal readonly record struct NestedName(int Field, int Rank, string Key);
}
