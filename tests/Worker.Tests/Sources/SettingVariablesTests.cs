using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Tests.Sources;

/// <summary>Which environment variables a destinations file may put where: what reaches a browser takes only what its operator has declared public.</summary>
public sealed class SettingVariablesTests
{
    private const string Secret = "CANARY";

    private static readonly Scope Production = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    private static readonly string[] None = [];

    [Theory]
    [InlineData("posthog", """{"apiKey":"${PUBLIC_KEY}"}""", """{"apiKey":"value"}""")]
    [InlineData("posthog", """{"apiKey":"${LISTED}"}""", """{"apiKey":"value"}""")]
    [InlineData("posthog", """{"apiKey":"phc_${PUBLIC_A}_${PUBLIC_B}"}""", """{"apiKey":"phc_value_value"}""")]
    [InlineData("posthog", """{"apiKey":"k","initOptions":{"a":[{"b":"${PUBLIC_KEY}"}]}}""", """{"apiKey":"k","initOptions":{"a":[{"b":"value"}]}}""")]
    [InlineData("posthog", """{"personalApiKey":"${ANYTHING}"}""", """{"personalApiKey":"value"}""")]
    [InlineData("posthog", """{"nobodyReadsThis":{"x":"${ANYTHING}"}}""", """{"nobodyReadsThis":{"x":"value"}}""")]
    [InlineData("posthog", """{"encrypted":"${ANYTHING}","iv":"00","tag":"00"}""", """{"encrypted":"value","iv":"00","tag":"00"}""")]
    [InlineData("script", """{"src":"https://x.example/${PUBLIC_PATH}","attributes":{"data-key":"${LISTED}"}}""", """{"src":"https://x.example/value","attributes":{"data-key":"value"}}""")]
    public void Parse_VariableThatMayStandThere_IsPutIn(string type, string settings, string expected)
    {
        var (row, problem) = Parse(type, settings, ["LISTED"], _ => "value");

        Assert.Null(problem);
        Assert.Equal(expected, Compact(row.Settings));
    }

    [Theory]
    // A dollar sign too many stands for itself.
    [InlineData("$${NAME}", "${NAME}")]
    [InlineData("$$${NAME}", "$${NAME}")]
    [InlineData("$${", "${")]
    [InlineData("a$${b}c$${d", "a${b}c${d")]
    [InlineData("$NAME $ {NAME} }{ $$ $", "$NAME $ {NAME} }{ $$ $")]
    public void Parse_Escaped_IsTheCharactersThemselves(string text, string expected)
    {
        foreach (var (type, key) in new[] { ("posthog", "apiKey"), ("posthog", "personalApiKey"), ("script", "textContent"), ("script", "code") })
        {
            var (row, problem) = Parse(type, new JsonObject { [key] = text }.ToJsonString(), None, _ => Secret);

            Assert.Null(problem);
            Assert.Equal(expected, row.Settings.GetProperty(key).GetString());
        }
    }

    [Fact]
    public void Parse_ValueThatLooksLikeAVariable_IsNotLookedAtAgain()
    {
        var (row, problem) = Parse("posthog", """{"apiKey":"${PUBLIC_KEY}"}""", None, name => name == "PUBLIC_KEY" ? "${Encryption__Keys__0}" : Secret);

        Assert.Null(problem);
        Assert.Equal("${Encryption__Keys__0}", row.Settings.GetProperty("apiKey").GetString());
    }

    [Theory]
    [InlineData("posthog", """{"apiKey":"${POSTHOG_KEY}"}""", "apiKey", "POSTHOG_KEY")]
    [InlineData("posthog", """{"id":"${POSTHOG_KEY}"}""", "id", "POSTHOG_KEY")]
    [InlineData("posthog", """{"apiKey":"\u0024{POSTHOG_KEY}"}""", "apiKey", "POSTHOG_KEY")]
    [InlineData("posthog", """{"\u0061piKey":"${POSTHOG_KEY}"}""", "apiKey", "POSTHOG_KEY")]
    [InlineData("posthog", """{"apiKey":"${public_key}"}""", "apiKey", "public_key")]
    [InlineData("posthog", """{"apiKey":"k","initOptions":{"deep":[{"er":"${HOME}"}]}}""", "initOptions", "HOME")]
    [InlineData("script", """{"src":"https://x.example/?${HOME}"}""", "src", "HOME")]
    [InlineData("script", """{"url":"https://x.example/?${HOME}"}""", "url", "HOME")]
    [InlineData("script", """{"src":"https://x.example/","attributes":{"data-x":"${HOME}"}}""", "attributes", "HOME")]
    public void Parse_PrivateVariableInPublicSetting_SaysTheRuleAndWhatToWrite(string type, string settings, string field, string variable)
    {
        var (_, problem) = Parse(type, settings, ["ONE", "TWO"], _ => Secret);

        Assert.Equal(field, problem!.Field);
        Assert.Equal(
            $"'{field}' reaches browsers, so it takes only variables that begin with PUBLIC_ or stand in Source:Variables, and {variable} is neither. "
            + $"Write ${{PUBLIC_{variable}}} and name the variable so, or set Source__Variables=ONE,TWO,{variable}.",
            problem.Message);
    }

    [Theory]
    [InlineData("textContent", "PUBLIC_KEY")]
    [InlineData("code", "LISTED")]
    public void Parse_VariableInJavaScript_IsRefusedWhateverItIs(string key, string variable)
    {
        var (_, problem) = Parse("script", $$$"""{"{{{key}}}":"window.key = '${{{{variable}}}}'"}""", ["LISTED"], _ => Secret);

        Assert.Equal(
            $"'{key}' is JavaScript, which takes no variables, and has ${{{variable}}}. Write $${{{variable}}} for these characters themselves, or hand the value over in another setting.",
            problem!.Message);
    }

    [Theory]
    [InlineData("Encryption__Keys__0")]
    [InlineData("encryption__keys__0")]
    [InlineData("ENCRYPTION__KEYS__0")]
    [InlineData("Encryption:Keys:0")]
    [InlineData("encryption:Keys__0")]
    [InlineData("ConnectionStrings__Postgres")]
    [InlineData("CONNECTIONSTRINGS__POSTGRESLISTEN")]
    [InlineData("POSTGRESQLCONNSTR_Postgres")]
    [InlineData("customconnstr_Postgres")]
    [InlineData("Storage__ConnectionString")]
    [InlineData("Storage__ServiceUri")]
    [InlineData("Database__WorkerRole")]
    [InlineData("Source__Variables")]
    [InlineData("Edge__CacheDirectory")]
    [InlineData("Kestrel__Certificates__Default__Password")]
    [InlineData("AZURE_CLIENT_SECRET")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS")]
    [InlineData("ASPNETCORE_Kestrel__Certificates__Default__Password")]
    public void Parse_OwnSetting_IsRefusedEverywhereEvenWhenListed(string variable)
    {
        foreach (var (type, key) in new[] { ("posthog", "apiKey"), ("posthog", "personalApiKey"), ("posthog", "nobodyReadsThis"), ("script", "textContent") })
        {
            var (_, problem) = Parse(type, new JsonObject { [key] = $"${{{variable}}}" }.ToJsonString(), [variable], _ => Secret);

            Assert.Equal(
                $"'{key}' may not use {variable}, which is a setting of this program. Put what the destination needs into a variable of another name.", problem!.Message);
        }
    }

    [Fact]
    public void Parse_EverySettingOfTheWorker_IsItsOwn()
    {
        foreach (var (section, options) in new[]
                 {
                     (SourceOptions.Section, typeof(SourceOptions)), (StorageOptions.Section, typeof(StorageOptions)), (EncryptionOptions.Section, typeof(EncryptionOptions)),
                     (ScheduleOptions.Section, typeof(ScheduleOptions)), (PostgresOptions.Section, typeof(PostgresOptions)),
                 })
            foreach (var property in options.GetProperties())
            {
                var (_, problem) = Parse("posthog", $$$"""{"personalApiKey":"${{{{section}}}__{{{property.Name}}}}"}""", None, _ => Secret);

                Assert.Contains("is a setting of this program", problem!.Message, StringComparison.Ordinal);
            }
    }

    [Theory]
    [InlineData("${")]
    [InlineData("${}")]
    [InlineData("a${NAME")]
    [InlineData("${ NAME}")]
    [InlineData("${1ST}")]
    [InlineData("${NAME:-default}")]
    [InlineData("${${PUBLIC_NAME}}")]
    [InlineData("${NA\u001bME}")]
    public void Parse_NotAVariable_SaysHowToWriteOneAndHowToEscape(string text)
    {
        foreach (var key in new[] { "apiKey", "personalApiKey" })
        {
            var (_, problem) = Parse("posthog", new JsonObject { [key] = text }.ToJsonString(), None, _ => Secret);

            Assert.StartsWith(
                $"'{key}' has ${{ that does not begin a variable, ${{NAME}} with letters, digits and _. Write $${{ for the characters ${{ themselves.",
                problem!.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"apiKey":"k","initOptions":{"${PUBLIC_KEY}":1}}""", "initOptions")]
    [InlineData("""{"${PUBLIC_KEY}":1}""", "${PUBLIC_KEY}")]
    public void Parse_VariableInAKey_IsRefused(string settings, string field)
    {
        var (_, problem) = Parse("posthog", settings, None, _ => Secret);

        Assert.Equal($"'{field}' has ${{PUBLIC_KEY}} in a key; variables stand in values only. Write $${{PUBLIC_KEY}} for these characters themselves.", problem!.Message);
    }

    [Fact]
    public void Parse_SeveralMistakes_AreAllSaidOnce()
    {
        var (_, problem) = Parse("posthog", """{"apiKey":"${A}${A}","uiHost":"${PUBLIC_B}","initOptions":{"x":"${"}}""", None, name => name == "PUBLIC_B" ? null : Secret);

        Assert.Equal("apiKey", problem!.Field);
        Assert.Equal(1, Occurrences(problem.Message, "'apiKey' reaches browsers"));
        Assert.Equal(1, Occurrences(problem.Message, "'uiHost' uses the environment variable PUBLIC_B, which is not set."));
        Assert.Equal(1, Occurrences(problem.Message, "'initOptions' has ${ that"));
    }

    [Fact]
    public void Parse_OneDestinationWithAMistake_LeavesTheOthersAlone()
    {
        var file = DestinationFile.Parse(
            """
            {"organizations":[{"id":"acme","environments":{"production":{"destinations":[
                {"type":"posthog","settings":{"apiKey":"${POSTHOG_KEY}"}},{"type":"meta-pixel","settings":{"pixelId":"${PUBLIC_PIXEL}"}}]}}}]}
            """u8,
            Variables(None, _ => "42"));

        Assert.Equal(file.Rows(Production)[0].Id, Assert.Single(file.LeftOut(Production)).Key);
        Assert.Equal("42", file.Rows(Production)[1].Settings.GetProperty("pixelId").GetString());
    }

    /// <summary>A type that is not known now may be known to the next build.</summary>
    [Fact]
    public void Parse_TypeThatNobodyKnows_KeepsItsSettingsAsTheyStand()
    {
        var (row, problem) = Parse("nobody-knows", """{"apiKey":"${HOME}"}""", None, _ => Secret);

        Assert.Null(problem);
        Assert.Equal("${HOME}", row.Settings.GetProperty("apiKey").GetString());
    }

    /// <summary>Every key that any type reads, under each name of the type: a variable that is not public is refused in a public setting, and its value is in no snapshot.</summary>
    [Fact]
    public void Generate_SecretVariableInEverySettingOfEveryType_IsPublishedNowhere()
    {
        var generator = new SnapshotGenerator(DestinationCatalogue.BuiltIn);
        foreach (var type in DestinationCatalogue.BuiltIn.Types)
            foreach (var typeName in type.Aliases.Prepend(type.Name))
                foreach (var field in type.AllFields)
                    foreach (var key in field.Keys)
                    {
                        var settings = JsonNode.Parse(type.Examples.Least)!.AsObject();
                        settings[key] = field.Kind switch
                        {
                            SettingKind.TextList => new JsonArray("${SECRET}"),
                            SettingKind.JsonObject or SettingKind.JsonValue => new JsonObject { ["x"] = new JsonArray("${SECRET}") },
                            _ => "${SECRET}",
                        };
                        var (row, problem) = Parse(typeName, settings.ToJsonString(), None, _ => Secret);

                        Assert.True(problem is not null == (field.Visibility == SettingVisibility.Public), $"{typeName}.{key}: {problem?.Message}");
                        var opened = problem is null ? new OpenedDestination(row, row.Settings)
                            : new OpenedDestination(row, default, new DestinationProblem(row.Id, row.Type, row.Name, DestinationProblemKind.InvalidSettings, problem.Field, problem.Message));
                        var generated = generator.Generate(Production, [opened]);
                        Assert.All(ConsentSet.All, set => Assert.DoesNotContain(Secret, Encoding.UTF8.GetString(generated[set].Bytes.Span), StringComparison.Ordinal));
                        Assert.All(generated.Problems, told => Assert.DoesNotContain(Secret, told.Message, StringComparison.Ordinal));
                    }
    }

    [Theory]
    [InlineData("POSTHOG_KEY, ONE", null)]
    [InlineData("POSTHOG_KEY,not a name", "Source:Variables must be names of environment variables (letters, digits and _), separated by commas; it has 'not a name'.")]
    [InlineData("*", "Source:Variables must be names of environment variables (letters, digits and _), separated by commas; it has '*'.")]
    [InlineData("encryption__keys__0", "Source:Variables must not list settings of this program, which would be published; it lists 'encryption__keys__0'.")]
    public void Read_Variables_AreNamesOfOthersVariables(string variables, string? problem)
    {
        var settings = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Source:File"] = typeof(SettingVariablesTests).Assembly.Location,
            ["Source:Variables"] = variables,
        }).Build());

        SourceOptions.Read(settings);

        Assert.Equal(problem, settings.Problems.SingleOrDefault());
    }

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;

    private static SettingVariables Variables(string[] published, Func<string, string?> read) => new(DestinationCatalogue.BuiltIn, published, read);

    private static string Compact(JsonElement settings) => JsonNode.Parse(settings.GetRawText())!.ToJsonString();

    private static (Destination Row, SettingProblem? Problem) Parse(string type, string settings, string[] published, Func<string, string?> read)
    {
        var text = """{"organizations":[{"id":"acme","environments":{"production":{"destinations":[{"type":"TYPE","settings":SETTINGS}]}}}]}"""
            .Replace("TYPE", type, StringComparison.Ordinal).Replace("SETTINGS", settings, StringComparison.Ordinal);
        var file = DestinationFile.Parse(Encoding.UTF8.GetBytes(text), Variables(published, read));
        var row = Assert.Single(file.Rows(Production));
        return (row, file.LeftOut(Production).GetValueOrDefault(row.Id));
    }
}
