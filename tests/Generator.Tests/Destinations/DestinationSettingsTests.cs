using System.Collections.Frozen;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

public sealed class DestinationSettingsTests
{
    private static readonly FrozenDictionary<string, SettingField> Fields = new SettingField[]
    {
        new("id", SettingKind.Text, "The id.") { Required = true, OlderNames = ["oldId", "olderId"], MaxLength = 10, Pattern = new Regex("^[a-z]+\\z"), PatternInWords = "lowercase letters" },
        new("mode", SettingKind.Text, "The mode.") { OneOf = ["fast", "slow"] },
        new("count", SettingKind.Number, "The count.") { Minimum = 1, Maximum = 10.5 },
        new("on", SettingKind.Flag, "On."),
        new("url", SettingKind.HttpsUrl, "The URL."),
        new("names", SettingKind.TextList, "The names."),
        new("options", SettingKind.JsonObject, "The options."),
        new("any", SettingKind.JsonValue, "Anything."),
        new("secret", SettingKind.Text, "The secret.") { Visibility = SettingVisibility.Private },
    }.ToFrozenDictionary(field => field.Name, StringComparer.Ordinal);

    [Theory]
    [InlineData("""{}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":null}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":""}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":"  "}""", "id", "'id' is required and empty.")]
    [InlineData("""{"id":7}""", "id", "'id' must be a string, and is a number.")]
    [InlineData("""{"id":["a"]}""", "id", "'id' must be a string, and is a list of 1 entries.")]
    [InlineData("""{"id":"abcdefghijk"}""", "id", "'id' may have 10 characters, and has 11.")]
    [InlineData("""{"id":"AB"}""", "id", "'id' must be lowercase letters, and is a string of 2 characters.")]
    [InlineData("""{"id":"ab\n"}""", "id", "'id' must be lowercase letters, and is a string of 3 characters.")]
    [InlineData("""{"id":"\ud800"}""", "id", "'id' is not valid Unicode (a surrogate stands alone).")]
    [InlineData("""{"oldId":7}""", "oldId", "'oldId' must be a string, and is a number.")]
    [InlineData("""{"id":null,"olderId":"AB"}""", "olderId", "'olderId' must be lowercase letters, and is a string of 2 characters.")]
    [InlineData("""{"oldId":""}""", "oldId", "'oldId' is required and missing: The id.")]
    [InlineData("""{"id":"","oldId":null}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":"a","url":"https://a..b/"}""", "url", "'url' must be an https URL whose host is a valid name (with unusual letters, in its xn-- form) and whose port, if any, is 0 to 65535, and is a string of 13 characters.")]
    [InlineData("""{"id":"a","url":"https://\u00ad/"}""", "url", "'url' must be an https URL whose host is a valid name (with unusual letters, in its xn-- form) and whose port, if any, is 0 to 65535, and is a string of 10 characters.")]
    [InlineData("""{"id":"a","mode":"other"}""", "mode", "'mode' must be one of fast, slow, and is a string of 5 characters.")]
    [InlineData("""{"id":"a","count":"1"}""", "count", "'count' must be a number, and is a string of 1 characters.")]
    [InlineData("""{"id":"a","count":0}""", "count", "'count' must be at least 1, and is a smaller number.")]
    [InlineData("""{"id":"a","count":10.6}""", "count", "'count' must be at most 10.5, and is a greater number.")]
    [InlineData("""{"id":"a","count":1e999}""", "count", "'count' must be a number that a double can hold.")]
    [InlineData("""{"id":"a","on":"true"}""", "on", "'on' must be true or false, and is a string of 4 characters.")]
    [InlineData("""{"id":"a","url":"http://x.example"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 16 characters.")]
    [InlineData("""{"id":"a","url":"//x.example/a.js"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 16 characters.")]
    [InlineData("""{"id":"a","url":"javascript:alert(1)"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 19 characters.")]
    [InlineData("""{"id":"a","url":"https://user@x.example"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 22 characters.")]
    [InlineData("""{"id":"a","url":"https://x.example/ a"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 20 characters.")]
    [InlineData("""{"id":"a","url":"https:\\x.example"}""", "url", "'url' must be an absolute https URL without user name or spaces, and is a string of 16 characters.")]
    [InlineData("""{"id":"a","names":"b"}""", "names", "'names' must be a list of strings, and is a string of 1 characters.")]
    [InlineData("""{"id":"a","names":["b",1]}""", "names", "'names' entry 1 must be a string, and is a number.")]
    [InlineData("""{"id":"a","options":[]}""", "options", "'options' must be an object, and is a list of 0 entries.")]
    [InlineData("""{"id":"a","options":{"a":{"__proto__":{}}}}""", "options", "'options' holds the key '__proto__', which is not accepted.")]
    [InlineData("""{"id":"a","options":{"constructor":{}}}""", "options", "'options' holds the key 'constructor', which is not accepted.")]
    [InlineData("""{"id":"a","options":{"a":"\udc00"}}""", "options", "'options' holds a string that is not valid Unicode (a surrogate stands alone).")]
    [InlineData("""{"id":"a","options":{"\udc00":1}}""", "options", "'options' holds a key that is not valid Unicode (a surrogate stands alone).")]
    [InlineData("""{"id":"a","any":[1e400]}""", "any", "'any' holds a number that a double cannot hold.")]
    [InlineData("""{"id":"a","secret":5}""", "secret", "'secret' must be a string, and is a number.")]
    [InlineData("""[]""", "", "The settings are a list of 0 entries; send a JSON object.")]
    [InlineData("\"x\"", "", "The settings are a string of 1 characters; send a JSON object.")]
    public void Read_RuleBroken_SaysFieldRuleAndShape(string settings, string field, string message)
    {
        var problems = new List<SettingProblem>();
        Assert.Null(DestinationSettings.Read(Fields, JsonElement.Parse(settings), problems));
        Assert.Equal(new SettingProblem(field, message), Assert.Single(problems));
    }

    [Fact]
    public void Read_SeveralRulesBroken_ReportsAll()
    {
        var problems = new List<SettingProblem>();
        Assert.Null(DestinationSettings.Read(Fields, JsonElement.Parse("""{"on":1,"url":"x"}"""), problems));
        Assert.Equal(["id", "on", "url"], problems.Select(problem => problem.Field).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Read_Limits_AreExact()
    {
        Assert.Null(Problem("{\"id\":\"a\",\"options\":{\"a\":\"" + new string('x', SettingField.MaxObjectBytes - 8) + "\"}}"));
        Assert.Equal("'options' may have 32768 bytes as JSON, and has 32769.",
            Problem("{\"id\":\"a\",\"options\":{\"a\":\"" + new string('x', SettingField.MaxObjectBytes - 7) + "\"}}"));
        Assert.Null(Problem($$"""{"id":"a","any":{{new string('[', 16)}}1{{new string(']', 16)}}}"""));
        Assert.Equal("'any' may be nested 16 deep, and is deeper.", Problem($$"""{"id":"a","any":{{new string('[', 17)}}1{{new string(']', 17)}}}"""));
        Assert.Equal("'names' may have 256 entries, and has more.",
            Problem($$"""{"id":"a","names":[{{string.Join(',', Enumerable.Repeat("\"x\"", 257))}}]}"""));
    }

    [Theory]
    [InlineData("""{"id":"new","oldId":"old"}""", "new")]
    [InlineData("""{"oldId":"old","olderId":"older"}""", "old")]
    [InlineData("""{"id":null,"olderId":"older"}""", "older")]
    [InlineData("""{"id":"","oldId":"old"}""", "old")]
    [InlineData("""{"id":"last","id":"wins"}""", "wins")]
    public void Read_OlderNames_FirstThatIsSetCounts(string settings, string expected) => Assert.Equal(expected, Read(settings).RequiredText("id"));

    [Fact]
    public void Read_UnknownSetting_IsAcceptedAndUnreadable()
    {
        var settings = Read("""{"id":"a","unknown":"x"}""");
        Assert.Throws<InvalidOperationException>(() => settings.Value("unknown"));
    }

    [Fact]
    public void Value_PrivateField_Throws()
    {
        var settings = Read("""{"id":"a","secret":"s"}""");
        Assert.Throws<InvalidOperationException>(() => settings.Text("secret"));
        Assert.Throws<InvalidOperationException>(() => settings.Has("secret"));
    }

    [Fact]
    public void Read_OptionalLeftBlank_IsNotSet()
    {
        var settings = Read("""{"id":"a","url":"","mode":"","on":null}""");
        Assert.Null(settings.Url("url"));
        Assert.Null(settings.Text("mode"));
        Assert.True(settings.Flag("on", true));
        Assert.Null(settings.Flag("on"));
    }

    [Fact]
    public void Read_Nothing_IsAnEmptyObject()
    {
        var problems = new List<SettingProblem>();
        Assert.NotNull(DestinationSettings.Read(FrozenDictionary<string, SettingField>.Empty, default, problems));
        Assert.Empty(problems);
    }

    private static string? Problem(string settings)
    {
        var problems = new List<SettingProblem>();
        DestinationSettings.Read(Fields, JsonElement.Parse(settings), problems);
        return problems.SingleOrDefault()?.Message;
    }

    private static DestinationSettings Read(string settings)
    {
        var problems = new List<SettingProblem>();
        return DestinationSettings.Read(Fields, JsonElement.Parse(settings), problems) ?? throw new InvalidOperationException(problems[0].Message);
    }
}
