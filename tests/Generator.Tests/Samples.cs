using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests;

/// <summary>
/// Rows with the settings that the types of the catalogue give as their examples: the least a type needs, and everything it takes. So a new type is covered
/// by every test that walks the catalogue.
/// </summary>
internal static class Samples
{
    /// <summary>The examples of every type of the catalogue, by name.</summary>
    public static readonly ImmutableSortedDictionary<string, SettingsExamples> Settings =
        DestinationCatalogue.BuiltIn.Types.ToImmutableSortedDictionary(type => type.Name, type => type.Examples, StringComparer.Ordinal);

    /// <summary>The names of the catalogue's types, as rows of a theory.</summary>
    public static TheoryData<string> TypeNames => [.. DestinationCatalogue.BuiltIn.Types.Select(type => type.Name)];

    public static readonly Scope Scope = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    public static readonly SnapshotGenerator Generator = new(DestinationCatalogue.BuiltIn);

    /// <summary>A row; rows made with a greater <paramref name="place"/> were created later.</summary>
    public static OpenedDestination Row(string type, string settings, int place = 1, params string[] required) => new(
        new Destination
        {
            Id = new Guid(place, 0x5eed, 0x4000, [0x80, 0, 0, 0, 0, 0, 0, (byte)place]),
            Type = type,
            Name = $"{type} {place}",
            RequiredConsent = [.. required],
            CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(place),
        },
        JsonElement.Parse(settings));

    public static OpenedDestination Least(string type, int place = 1, params string[] required) => Row(type, Settings[type].Least, place, required);

    public static OpenedDestination Full(string type, int place = 1, params string[] required) => Row(type, Settings[type].Full, place, required);

    public static OpenedDestination With(this OpenedDestination opened, Func<Destination, Destination> change) => opened with { Row = change(opened.Row) };

    /// <summary>Every type, twice: with the least settings and with all.</summary>
    public static IEnumerable<OpenedDestination> Everything(params string[] required) =>
        Settings.Keys.SelectMany((type, index) => (OpenedDestination[])[Least(type, 2 * index + 1, required), Full(type, 2 * index + 2, required)]);

    /// <summary>Whether test mode changes what a destination of the type becomes.</summary>
    public static bool HasDebugMode(DestinationType type)
    {
        string Scripts(bool testMode) => Generate(Least(type.Name).With(row => row with { TestMode = testMode })).Scripts(ConsentSet.Everything).ToJsonString();
        return Scripts(testMode: true) != Scripts(testMode: false);
    }

    /// <summary>Generates the scope; a failure of our own code, which the generator makes a problem of its destination, fails the test.</summary>
    public static GeneratedScope Generate(params IEnumerable<OpenedDestination> destinations)
    {
        var generated = Generator.Generate(Scope, destinations);
        Assert.DoesNotContain(generated.Problems, problem => problem.Kind == DestinationProblemKind.GenerationFailed);
        return generated;
    }

    public static JsonArray Scripts(this GeneratedScope generated, ConsentSet set) => JsonNode.Parse(generated[set].Bytes.Span)!["scripts"]!.AsArray();

    /// <summary>What the page script with this id reads from its attribute.</summary>
    public static JsonObject Config(this JsonArray scripts, string id) =>
        JsonNode.Parse((string)scripts.Single(script => (string)script!["id"]! == id)!["attributes"]!["data-config"]!)!.AsObject();

    /// <summary>The site that paths of libraries are of.</summary>
    public static readonly Uri Site = new("https://site.example");

    /// <summary>Where all libraries of a list come from: those that are entries, and those that the runtime inserts.</summary>
    public static IEnumerable<Uri> Sources(this JsonArray scripts)
    {
        foreach (var script in scripts)
            if ((string?)script!["src"] is { } source) yield return new Uri(Site, source);
            else if ((string)script["id"]! != "script" && (string?)script["attributes"]?["data-config"] is { } config
                && (string?)(JsonNode.Parse(config) as JsonObject)?["load"]?["src"] is { } library) yield return new Uri(Site, library);
    }

    public static string[] Ids(this GeneratedScope generated, ConsentSet set) => [.. generated.Scripts(set).Select(script => (string)script!["id"]!)];

    public static ConsentSet Set(string list) => ConsentQuery.ParseValue(list).Consent;
}
