using System.Globalization;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>Every field of every type with every kind of wrong value: the message says which field, which rule and what shape the value has, and never the value.</summary>
public sealed class SettingErrorTests
{
    private const string Canary = CanarySettings.Canary;
    private const int CanaryNumber = 742_193;

    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Generate_WrongValue_SaysFieldRuleAndShapeAndNotTheValue(string name)
    {
        DestinationCatalogue.BuiltIn.TryGet(name, out var type);
        foreach (var field in type!.AllFields)
            foreach (var (value, words) in Wrong(field))
                foreach (var spelling in field.Keys)
                {
                    var settings = JsonNode.Parse(Samples.Settings[name].Least)!.AsObject();
                    foreach (var known in field.Keys) settings.Remove(known);
                    settings[spelling] = value.DeepClone();
                    var problems = Samples.Generate(Samples.Row(name, settings.ToJsonString())).Problems;
                    var problem = Assert.Single(problems, problem => problem.Field == spelling);
                    Assert.Equal(DestinationProblemKind.InvalidSettings, problem.Kind);
                    Assert.StartsWith($"'{spelling}' ", problem.Message, StringComparison.Ordinal);
                    foreach (var word in words) Assert.Contains(word, problem.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain(Canary, problem.ToString(), StringComparison.OrdinalIgnoreCase);
                    Assert.DoesNotContain(CanaryNumber.ToString(CultureInfo.InvariantCulture), problem.ToString(), StringComparison.Ordinal);
                }
    }

    /// <summary>Values a field may not have, and what its message must say of the rule and of the value.</summary>
    private static IEnumerable<(JsonNode Value, string[] Words)> Wrong(SettingField field) => field.Kind switch
    {
        SettingKind.Text =>
        [
            .. NotAString(), TooLong(field),
            .. field.OneOf.IsEmpty ? [] : new[] { Text(Canary, [.. field.OneOf, "a string of 6 characters"]) },
            .. field.Pattern is null ? [] : new[] { Text($"{Canary}!\n ?", field.PatternInWords!, "a string of 10 characters") },
        ],
        SettingKind.HttpsUrl =>
        [
            .. NotAString(), TooLong(field), Text($"http://{Canary}.example/", "https", "a string of 22 characters"), Text($"javascript:{Canary}", "https", "a string of 17 characters"),
            Text($"https://{Canary}@a.example/", "https", "user name"),
        ],
        SettingKind.UrlOrPath =>
        [
            .. NotAString(), TooLong(field), Text($"{Canary}!\n ?", "https", "a path of the site", "a string of 10 characters"), Text($"https://{Canary}..example/", "host", "a string of 24 characters"),
            Text($"//{Canary}.example/", "one slash"), Text($"/a/../{Canary}", "the segments . and .."),
        ],
        SettingKind.Flag => [Text(Canary, "true or false", "a string of 6 characters"), (CanaryNumber, ["true or false", "a number"]), (Object(), ["true or false", "an object"])],
        SettingKind.Number =>
        [
            Text(Canary, "a number", "a string of 6 characters"), (Object(), ["a number", "an object"]), (true, ["a number", "a boolean"]),
            .. field.Minimum is null ? [] : new (JsonNode, string[])[] { (-CanaryNumber, ["at least", "a smaller number"]) },
            .. field.Maximum is null ? [] : new (JsonNode, string[])[] { (field.Maximum.Value * 2 + CanaryNumber, ["at most", "a greater number"]) },
        ],
        SettingKind.TextList =>
        [
            .. field.OrText ? [] : new[] { Text(Canary, "a list of strings", "a string of 6 characters") }, (Object(), ["a list of strings", "an object"]),
            (new JsonArray(-CanaryNumber), ["entry 0", "a string", "a number"]),
            .. field.OneOf.IsEmpty && field.Pattern is null ? new (JsonNode, string[])[] { (new JsonArray([.. Enumerable.Repeat(Canary, SettingField.MaxListEntries + 1)]), ["256 entries"]) } : [],
        ],
        SettingKind.JsonObject => [Text(Canary, "an object", "a string of 6 characters"), (new JsonArray(Canary), ["an object", "a list of 1 entries"]), .. BadTrees()],
        SettingKind.JsonValue => BadTrees(),
        _ => throw new InvalidOperationException($"No wrong values for {field.Kind}."),
    };

    private static IEnumerable<(JsonNode Value, string[] Words)> NotAString() =>
    [
        (-CanaryNumber, ["a string", "a number"]), (Object(), ["a string", "an object"]), (new JsonArray(Canary, Canary), ["a string", "a list of 2 entries"]), (true, ["a string", "a boolean"]),
    ];

    private static IEnumerable<(JsonNode Value, string[] Words)> BadTrees()
    {
        JsonNode deep = Canary;
        for (var depth = 0; depth <= DestinationSettings.MaxDepth; depth++) deep = new JsonObject { [Canary] = deep };
        return
        [
            (new JsonObject { [Canary] = string.Concat(Enumerable.Repeat(Canary, SettingField.MaxObjectBytes / 6)) }, ["32768 bytes", "and has 32"]),
            (deep, ["16 deep"]),
            (new JsonObject { ["__proto__"] = Canary }, ["the key '__proto__'"]),
        ];
    }

    private static (JsonNode Value, string[] Words) TooLong(SettingField field) =>
        (new string('x', field.MaxLength) + Canary, [$"{field.MaxLength} characters", $"has {field.MaxLength + Canary.Length}"]);

    private static (JsonNode Value, string[] Words) Text(string value, params string[] words) => (value, words);

    private static JsonObject Object() => new() { [Canary] = Canary };
}
