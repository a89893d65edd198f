using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>
/// Proves, before anything is published, that no combination carries a script of a destination whose required consent it lacks. It
/// works from the bytes that would be published and the rows as they stand, and shares no code with the generator's
/// decision: categories are compared by name, conditions are evaluated from their JSON. Only what a type declares, its default category for
/// the settings of a row that names none, is asked of the type by both.
/// </summary>
public static class ConsentProof
{
    /// <summary>Every violation found; empty means proved.</summary>
    /// <param name="manifest">The manifest that would be published.</param>
    /// <param name="snapshots">The bytes of each snapshot it names, by hash.</param>
    /// <param name="destinations">The rows the manifest was made of, with their settings in the clear.</param>
    /// <param name="owners">Which rows each script claims to serve, by script id.</param>
    /// <param name="catalogue">The types, for default categories.</param>
    public static ImmutableArray<string> Violations(
        Manifest manifest,
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> snapshots,
        IEnumerable<OpenedDestination> destinations,
        IReadOnlyDictionary<string, ImmutableArray<Guid>> owners,
        DestinationCatalogue catalogue)
    {
        var violations = ImmutableArray.CreateBuilder<string>();
        // Two active rows with one id cannot be told apart, so neither may have a script.
        var byId = destinations.Where(IsActive).GroupBy(destination => destination.Row.Id).Where(group => !group.Skip(1).Any()).ToDictionary(group => group.Key, group => group.Single());
        foreach (var group in manifest.Combinations.Select((combination, index) => (combination.Snapshot, Index: index)).GroupBy(entry => entry.Snapshot))
        {
            if (!snapshots.TryGetValue(group.Key, out var bytes) || SnapshotHash.Of(bytes.Span).ToString() != group.Key)
            {
                violations.Add($"Snapshot {group.Key} is not among the bytes to publish, or its bytes have another hash.");
                continue;
            }
            using var document = JsonDocument.Parse(bytes);
            var ids = new HashSet<string>(StringComparer.Ordinal);
            foreach (var script in document.RootElement.GetProperty("scripts").EnumerateArray())
            {
                var id = script.GetProperty("id").GetString()!;
                if (!ids.Add(id)) violations.Add($"Snapshot {group.Key} has script '{id}' twice.");
                var alternatives = Requirements(id, byId, owners, catalogue, violations);
                foreach (var (_, index) in group)
                    if (!alternatives.Any(needed => needed.All(category => Grants(index, category))))
                        violations.Add($"Script '{id}' is in combination {index}, which lacks the consent its destination requires.");
                // The client gates again by the script's own category: that must not let through more than the row allows either.
                for (var index = 0; index < ConsentSet.Count; index++)
                    if (Holds(script.GetProperty("category"), index) && !alternatives.Any(needed => needed.All(category => Grants(index, category))))
                        violations.Add($"Script '{id}' would run in combination {index}, which lacks the consent its destination requires.");
            }
        }
        return violations.ToImmutable();
    }

    /// <summary>The category lists of which one must be granted whole: the row's, or for a shared script those of each row that shares it.</summary>
    private static List<string[]> Requirements(
        string id, Dictionary<Guid, OpenedDestination> destinations, IReadOnlyDictionary<string, ImmutableArray<Guid>> owners, DestinationCatalogue catalogue,
        ImmutableArray<string>.Builder violations)
    {
        var name = id.Split(':')[0];
        var serving = owners.GetValueOrDefault(id, []).Select(owner => destinations.GetValueOrDefault(owner)).ToList();
        if (serving.Count == 0 || serving.Exists(destination => destination is null || !IsActive(destination) || !catalogue.TryGet(destination.Row.Type, out _)))
        {
            violations.Add($"Script '{id}' does not belong to active destinations of known types.");
            return [];
        }
        if (!serving.Exists(destination => catalogue.TryGet(destination!.Row.Type, out var type)
            && (type.Name == name || type.Bootstrap?.Id == name || (name == PageScripts.RuntimeId && type.PageScript is not null))))
            violations.Add($"Script '{id}' belongs to destinations of another type.");
        return [.. serving.Select(destination => Required(destination!, catalogue))];
    }

    private static bool IsActive(OpenedDestination destination) => destination is { Row: { Enabled: true, Deleted: false }, Problem: null };

    private static string[] Required(OpenedDestination destination, DestinationCatalogue catalogue) =>
        !destination.Row.RequiredConsent.IsDefaultOrEmpty ? [.. destination.Row.RequiredConsent]
        : catalogue.TryGet(destination.Row.Type, out var type) ? [type.DefaultCategoryFor(destination.Settings).Name()]
        : ["?"];

    private static bool Grants(int index, string category) => category switch
    {
        "necessary" => true,
        "functionality" => index % 2 >= 1,
        "experience" => index % 4 >= 2,
        "measurement" => index % 8 >= 4,
        "marketing" => index >= 8,
        _ => false,
    };

    private static bool Holds(JsonElement condition, int index)
    {
        if (condition.ValueKind == JsonValueKind.String) return Grants(index, condition.GetString()!);
        var (kind, operand) = condition.EnumerateObject().Select(property => (property.Name, property.Value)).Single();
        var operands = operand.ValueKind == JsonValueKind.Array ? operand.EnumerateArray().ToArray() : [operand];
        return kind switch
        {
            "and" => operands.All(part => Holds(part, index)),
            "or" => operands.Any(part => Holds(part, index)),
            "not" => !Holds(operands.Single(), index),
            _ => throw new FormatException($"A condition of kind '{kind}' is not one."),
        };
    }
}
