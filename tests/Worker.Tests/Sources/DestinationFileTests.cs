using System.Text;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Sources.Files;

namespace ConsentSnapshots.Worker.Tests.Sources;

public sealed class DestinationFileTests
{
    private static readonly Scope Production = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    private static DestinationFile Parse(string text, params (string Name, string Value)[] variables) =>
        DestinationFile.Parse(
            Encoding.UTF8.GetBytes(text),
            new SettingVariables(DestinationCatalogue.BuiltIn, [], name => variables.FirstOrDefault(variable => variable.Name == name).Value));

    private static string File(string destinations) =>
        """{"organizations":[{"id":"acme","environments":{"production":{"destinations":[]}}}]}""".Replace("[]", $"[{destinations}]", StringComparison.Ordinal);

    [Fact]
    public void Parse_Destination_HasEveryField()
    {
        var row = Assert.Single(Parse(File(
            """{"type":"meta-pixel","name":"n","settings":{"pixelId":"1"},"requiredConsent":["marketing"],"enabled":false,"testMode":true}""")).Rows(Production));

        Assert.Equal(("meta-pixel", "n", false, true), (row.Type, row.Name, row.Enabled, row.TestMode));
        Assert.Equal(["marketing"], row.RequiredConsent);
        Assert.Equal("""{"pixelId":"1"}""", row.Settings.GetRawText());
    }

    [Fact]
    public void Parse_CommentsAndTrailingCommas_AreAccepted() =>
        Assert.Single(Parse("// why\n" + File("""{"type":"console",},""")).Rows(Production));

    [Fact]
    public void Parse_Order_IsTheFilesAndIdsAreStable()
    {
        var rows = Parse(File("""{"type":"a"},{"type":"b"}""")).Rows(Production);
        Assert.True(rows[0].CreatedAt < rows[1].CreatedAt);
        Assert.Equal(rows.Select(row => row.Id), Parse(File("""{"type":"a"},{"type":"b"}""")).Rows(Production).Select(row => row.Id));
    }

    [Fact]
    public void Parse_Variables_AreExpandedAtEveryDepth()
    {
        var row = Assert.Single(Parse(
            File("""{"type":"console","settings":{"a":"${ONE}","b":{"c":["<${TWO}>",1,true,null]},"d":"$ONE"}}"""), ("ONE", "eins"), ("TWO", "zw\"ei")).Rows(Production));
        Assert.Equal("eins", row.Settings.GetProperty("a").GetString());
        Assert.Equal("<zw\"ei>", row.Settings.GetProperty("b").GetProperty("c")[0].GetString());
        Assert.Equal("$ONE", row.Settings.GetProperty("d").GetString());
    }

    [Fact]
    public void Parse_VariableBesideCommentAndTrailingComma_IsExpanded() =>
        Assert.Equal("1", Assert.Single(Parse(File("""{"type":"console","settings":{/* why */"a":"${ONE}",}}"""), ("ONE", "1")).Rows(Production)).Settings.GetProperty("a").GetString());

    [Fact]
    public void Parse_VariableNotSet_LeavesThatDestinationOutAndNamesIt()
    {
        var file = Parse(File("""{"type":"console","settings":{"a":"${NOT_SET}"}},{"type":"y"}"""));
        var rows = file.Rows(Production);
        var (id, problem) = Assert.Single(file.LeftOut(Production));
        Assert.Equal((rows[0].Id, "a"), (id, problem.Field));
        Assert.Equal("'a' uses the environment variable NOT_SET, which is not set. Set it where the worker runs.", problem.Message);
        Assert.Empty(file.LeftOut(Production with { Environment = DeploymentEnvironment.Staging }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("${ONE}")]
    public void Parse_SettingsNestedTooDeeply_AreTheirDestinationsProblem(string value)
    {
        string Nested(int levels) =>
            $"{{\"type\":\"console\",\"name\":\"{levels}\",\"settings\":{{\"a\":{new string('[', levels - 1)}\"{value}\"{new string(']', levels - 1)}}}}}";

        var rows = Parse(File($"{Nested(128)},{Nested(129)},{Nested(20_000)}"), ("ONE", "1")).Rows(Production);

        Assert.Equal(["128", "129", "20000"], rows.Select(row => row.Name));
        Assert.Null(rows[0].Problem);
        Assert.All(rows.Skip(1), row => Assert.Equal((row.Id, DestinationProblemKind.InvalidSettings, "The settings are nested deeper than 128 levels"), (row.Problem!.DestinationId, row.Problem.Kind, row.Problem.Message[..46])));
    }

    [Fact]
    public void Parse_AnyBytes_AreAFileOrAreRefused()
    {
        var sample = Encoding.UTF8.GetBytes(File("""{"type":"meta-pixel","id":"00000000-0000-0000-0000-000000000001","name":"n","settings":{"pixelId":"${ONE}","a":[{"b":1.5e3}]},"requiredConsent":["marketing"],"enabled":false}"""));
        string[] parts = ["{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e999", "\\ud800", "${ONE}", "${", "\0", "//", "/*", "\u00e9", "production", "settings", "\"a\":1,"];
        var variables = new SettingVariables(DestinationCatalogue.BuiltIn, ["ONE"], _ => "1");
        var random = new Random(17);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = sample.ToList();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var place = random.Next(bytes.Count);
                if (random.Next(3) == 0) bytes.RemoveAt(place);
                else if (random.Next(2) == 0) bytes[place] = (byte)random.Next(256);
                else bytes.InsertRange(place, Encoding.UTF8.GetBytes(parts[random.Next(parts.Length)]));
            }
            try
            {
                DestinationFile.Parse(bytes.ToArray(), variables);
            }
            catch (DestinationFileException)
            {
                // Refused, with a reason.
            }
        }
    }

    [Fact]
    public void Parse_OrganizationWithoutDestinations_HasThreeEmptyScopes()
    {
        var file = Parse("""{"organizations":[{"id":"acme"}]}""");
        Assert.Equal("acme", Assert.Single(file.Organizations).Value);
        Assert.Empty(file.Rows(Production));
    }

    [Theory]
    [InlineData("", "It is not valid JSON at line 1, byte 1:")]
    [InlineData("{\n  \"organizations\": x", "It is not valid JSON at line 2, byte 20:")]
    [InlineData("{} {}", "It is not valid JSON at line 1, byte 4:")]
    [InlineData("[]", "$ must be an object.")]
    [InlineData("{\"organizations\":[{\"id\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]}", "$.organizations[0].id is not a safe name.")]
    [InlineData("{}", "$.organizations is missing: a list of organizations.")]
    [InlineData("""{"organizations":{}}""", "$.organizations must be a list.")]
    [InlineData("""{"organizations":[],"destinatoins":1}""", "$.destinatoins is not known here; known are organizations, $schema.")]
    [InlineData("""{"organizations":[{"id":"../etc"}]}""", "$.organizations[0].id is not a safe name. An organization id has 1 to 128 characters")]
    [InlineData("""{"organizations":[{"id":"a."}]}""", "$.organizations[0].id is not a safe name.")]
    [InlineData("""{"organizations":[{"id":"a"},{"id":"a"}]}""", "$.organizations[1].id is 'a' a second time.")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"prod":{}}}]}""", "$.organizations[0].environments.prod is none of development, staging, production.")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"settings":[]}]}}}]}""",
        "$.organizations[0].environments.staging.destinations[0].type is missing: a string.")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"type":"x","requiredConsent":"marketing"}]}}}]}""",
        "$.organizations[0].environments.staging.destinations[0].requiredConsent must be a list.")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"type":"x","enabled":"yes"}]}}}]}""",
        "$.organizations[0].environments.staging.destinations[0].enabled must be true or false.")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"type":"console","settings":{"a":"${X}","a":1}}]}}}]}""",
        "$.organizations[0].environments.staging.destinations[0].settings has a key twice")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"type":"x","name":"\ud800"}]}}}]}""", "not valid Unicode")]
    [InlineData("""{"organizations":[{"id":"a","environments":{"staging":{"destinations":[{"type":"x","id":"00000000-0000-0000-0000-000000000001"},{"type":"y","id":"00000000-0000-0000-0000-000000000001"}]}}}]}""",
        "destinations[1].id is '00000000-0000-0000-0000-000000000001' a second time in this environment.")]
    public void Parse_Mistake_IsNamedWithItsPlace(string text, string message)
    {
        var exception = Assert.Throws<DestinationFileException>(() => Parse(text));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SeveralMistakes_AreAllListed()
    {
        var exception = Assert.Throws<DestinationFileException>(() => Parse(
            """{"organizations":[{"id":"a b"},{"id":"ok","environments":{"prod":{},"staging":{"destinations":[{"typo":1}]}}}]}"""));
        Assert.Equal(4, exception.Message.Split(Environment.NewLine).Length);
    }
}
