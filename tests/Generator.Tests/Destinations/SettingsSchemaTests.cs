using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;
using NJsonSchema;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>The JSON Schema of a type's settings and the validation that decides agree; NJsonSchema, which knows nothing of us, reads the schema.</summary>
public sealed class SettingsSchemaTests
{
    private const int ObjectsPerType = 300;
    private const string Canary = "kanarie";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Theory]
    [MemberData(nameof(TypeNames))]
    public async Task Schema_GeneratedSettings_AgreesWithTheValidation(string name)
    {
        var type = Type(name);
        var schema = await JsonSchema.FromJsonAsync(SchemaOf(type), Cancel);
        var random = new Random(name.Length * 7919 + name[0]);
        var (valid, invalid) = (0, 0);
        for (var round = 0; round < ObjectsPerType; round++)
        {
            var settings = Generated(type, random).ToJsonString();
            var problems = new List<SettingProblem>();
            DestinationSettings.Read(type.KnownFields, JsonElement.Parse(settings), problems);
            var errors = schema.Validate(settings);
            // What is written carelessly is accepted all the same, and no schema says so.
            var isCareless = problems.Count == 0 && type.AllFields.Any(field => field.Keys.Any(key => JsonNode.Parse(settings)![key]?.GetValueKind() is { } kind
                && ((field.Kind == SettingKind.Text && kind == JsonValueKind.Number) || (kind == JsonValueKind.String && (field.OrText || IsBlank(settings, key))))));
            Assert.True(errors.Count == 0 ? problems.Count == 0 : problems.Count > 0 || isCareless,
                $"{settings}\nschema: {string.Join("; ", errors)}\nvalidation: {string.Join("; ", problems.Select(problem => problem.Message))}");
            if (problems.Count == 0) valid++;
            else invalid++;
        }
        Assert.True(valid > ObjectsPerType / 20 && invalid > ObjectsPerType / 20, $"{valid} valid and {invalid} invalid objects say little.");
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public async Task Schema_Samples_AreValid(string name)
    {
        var schema = await JsonSchema.FromJsonAsync(SchemaOf(Type(name)), Cancel);
        var (least, full) = Samples.Settings[name];
        Assert.Empty(schema.Validate(least));
        Assert.Empty(schema.Validate(full));
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Validation_Problems_NameFieldRuleAndShapeButNeverTheValue(string name)
    {
        var type = Type(name);
        var random = new Random(17);
        foreach (var field in type.AllFields)
            foreach (var value in Wrong(field))
            {
                // On top of sound settings, so that the field is the only thing that can be wrong.
                var settings = JsonNode.Parse(Samples.Settings[name].Least)!.AsObject();
                foreach (var other in field.Keys) settings.Remove(other);
                var written = field.Keys.ElementAt(random.Next(field.Keys.Count()));
                settings[written] = value;
                var problems = new List<SettingProblem>();
                Assert.Null(DestinationSettings.Read(type.KnownFields, JsonElement.Parse(settings.ToJsonString()), problems));
                var problem = Assert.Single(problems);
                Assert.Equal(written, problem.Field);
                Assert.StartsWith($"'{written}' ", problem.Message, StringComparison.Ordinal);
                Assert.EndsWith(".", problem.Message, StringComparison.Ordinal);
                Assert.Matches("must be|may have|holds", problem.Message);
                Assert.DoesNotContain(Canary, problem.Message, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain("47", problem.Message, StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Validation_MissingRequired_NamesField()
    {
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
        {
            var problems = new List<SettingProblem>();
            DestinationSettings.Read(type.KnownFields, JsonElement.Parse("{}"), problems);
            Assert.Equal(type.Fields.Where(field => field.Required).Select(field => field.Name).Order(), problems.Select(problem => problem.Field).Order());
            Assert.All(problems, problem => Assert.Contains("is required and missing", problem.Message, StringComparison.Ordinal));
        }
    }

    private static bool IsBlank(string settings, string key) => (string?)JsonNode.Parse(settings)![key] is { } text && text != text.Trim();

    /// <summary>Values that break a field's rules, each with something in it that a message must not repeat.</summary>
    private static IEnumerable<JsonNode> Wrong(SettingField field)
    {
        if (field.Kind is not SettingKind.JsonValue)
        {
            if (field.Kind is not SettingKind.Number) yield return -47.11;
            if (field.Kind is not (SettingKind.Text or SettingKind.HttpsUrl or SettingKind.UrlOrPath) && !field.OrText) yield return $"{Canary} text";
            if (field.Kind is not SettingKind.TextList) yield return new JsonArray(Canary);
            if (field.Kind is not SettingKind.JsonObject) yield return new JsonObject { [Canary] = Canary };
        }
        switch (field.Kind)
        {
            case SettingKind.Text:
            case SettingKind.UrlOrPath:
                yield return Canary + new string('x', field.MaxLength);
                if (field.Pattern is not null || !field.OneOf.IsEmpty) yield return $"{Canary} <>\"";
                break;
            case SettingKind.HttpsUrl:
                yield return $"http://{Canary}.example/";
                yield return $"https://user:{Canary}@a.example/";
                yield return $"https://a.example/{Canary} x";
                yield return $"javascript:{Canary}()";
                break;
            case SettingKind.Number when field.Maximum is { } maximum:
                yield return maximum + 4711;
                break;
            case SettingKind.TextList:
                yield return new JsonArray(Canary, -47.11);
                break;
            case SettingKind.JsonObject:
                yield return new JsonObject { ["__proto__"] = Canary };
                yield return new JsonObject { ["a"] = new string('x', SettingField.MaxObjectBytes) + Canary };
                break;
        }
    }

    /// <summary>Settings with some fields left out, most of the others sound, a few wrong in some way. Blank values are left to the type's own tests.</summary>
    private static JsonObject Generated(DestinationType type, Random random)
    {
        var samples = new[] { Samples.Settings[type.Name].Least, Samples.Settings[type.Name].Full }.Select(sample => JsonNode.Parse(sample)!.AsObject()).ToArray();
        var (reckless, settings) = (random.Next(2) == 0, new JsonObject());
        foreach (var field in type.AllFields)
        {
            if (random.Next(10) < (field.Required ? 1 : 4)) continue;
            string[] names = [.. field.Keys];
            var known = samples.SelectMany(sample => names.Select(name => sample[name])).OfType<JsonNode>().ToList();
            var name = names[random.Next(names.Length)];
            if (known.Count > 0 && (!reckless || random.Next(3) > 0)) settings[name] = known[random.Next(known.Count)].DeepClone();
            else if (reckless) settings[name] = Anything(field, random);
        }
        settings["unknown"] = "stays behind";
        return settings;
    }

    private static JsonNode Anything(SettingField field, Random random) => random.Next(12) switch
    {
        0 => random.Next(-5, 200),
        1 => random.NextDouble() * 1000,
        2 => random.Next(2) == 0,
        3 => new JsonArray(Word(random), Word(random)),
        4 => new JsonArray([.. Enumerable.Range(0, random.Next(250, 260)).Select(_ => (JsonNode)"x")]),
        5 => new JsonObject { [Word(random)] = Word(random), ["n"] = new JsonArray(1, true, null) },
        6 => new string('7', Math.Max(1, field.MaxLength + random.Next(-1, 2))),
        7 => $"https://{new string([.. Word(random).Where(char.IsAsciiLetterOrDigit).DefaultIfEmpty('a')])}.example/{Word(random)}",
        8 => $"{new[] { "http://", "HTTPS://", "https:/", "https:", "//", "https://a@", "https://a.example\\", "https://a.example/ " }[random.Next(8)]}b.example",
        9 when !field.OneOf.IsEmpty => field.OneOf[random.Next(field.OneOf.Length)],
        10 => random.Next(0, 1_000_000).ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => Word(random),
    };

    private static string Word(Random random)
    {
        const string Characters = "abcXYZ0189-_.+/ \"<>'é字";
        return string.Create(random.Next(1, 24), random, static (word, random) =>
        {
            foreach (ref var character in word) character = Characters[random.Next(Characters.Length)];
        });
    }

    private static string SchemaOf(DestinationType type)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) SettingsSchema.WriteTo(writer, type);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static DestinationType Type(string name) =>
        DestinationCatalogue.BuiltIn.TryGet(name, out var type) ? type : throw new ArgumentException(name, nameof(name));
}
