using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

public sealed class DestinationSettingsTests
{
    private static readonly SettingFields Fields = new(
    [
        new("id", SettingKind.Text, "The id.") { Required = true, OtherNames = ["oldId", "olderId"], MaxLength = 10, Pattern = new Regex("^[a-z]+\\z"), PatternInWords = "lowercase letters" },
        new("mode", SettingKind.Text, "The mode.") { OneOf = ["fast", "slow"] },
        new("count", SettingKind.Number, "The count.") { Minimum = 1, Maximum = 10.5 },
        new("on", SettingKind.Flag, "On."),
        new("url", SettingKind.HttpsUrl, "The URL."),
        new("names", SettingKind.TextList, "The names."),
        new("options", SettingKind.JsonObject, "The options."),
        new("any", SettingKind.JsonValue, "Anything."),
        new("secret", SettingKind.Text, "The secret.") { Visibility = SettingVisibility.Private },
        new("number", SettingKind.Text, "Digits.") { Pattern = new Regex("^[1-9][0-9]{0,7}\\z"), PatternInWords = "digits" },
        new("host", SettingKind.UrlOrPath, "The host.") { IsBaseUrl = true, OtherNames = ["api_host", "options.host"] },
        new("tags", SettingKind.TextList, "The tags.") { OrText = true, Pattern = new Regex("^[a-z ]+\\z"), PatternInWords = "lowercase letters" },
        new("code", SettingKind.Text, "The code.") { IsCode = true },
    ]);

    [Theory]
    [InlineData("""{}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":null}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":""}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":" \u00a0\n"}""", "id", "'id' is required and missing: The id.")]
    [InlineData("""{"id":7}""", "id", "'id' must be a string, and is a number.")]
    [InlineData("""{"id":["a"]}""", "id", "'id' must be a string, and is a list of 1 entries.")]
    [InlineData("""{"id":"abcdefghijk"}""", "id", "'id' may have 10 characters, and has 11.")]
    [InlineData("""{"id":"AB"}""", "id", "'id' must be lowercase letters, and is a string of 2 characters.")]
    [InlineData("""{"id":"a b"}""", "id", "'id' must be lowercase letters, and is a string of 3 characters.")]
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
    [InlineData("""{"id":"a","number":1.5}""", "number", "'number' must be a string, and is a number.")]
    [InlineData("""{"id":"a","number":-5}""", "number", "'number' must be a string, and is a number.")]
    [InlineData("""{"id":"a","number":1e3}""", "number", "'number' must be a string, and is a number.")]
    [InlineData("""{"id":"a","number":123456789}""", "number", "'number' must be a string, and is a number.")]
    [InlineData("""{"id":"a","host":"/"}""", "host", "'host' must name a path below the site's root, since paths are added to it.")]
    [InlineData("""{"id":"a","api_host":"/a?b"}""", "api_host", "'api_host' must be a URL without ? and #, since paths are added to it, and is a string of 4 characters.")]
    [InlineData("""{"id":"a","options":{"host":"http://x.example"}}""", "options.host", "'options.host' must be an absolute https URL without user name or spaces, or a path of the site that begins with a slash, and is a string of 16 characters.")]
    [InlineData("""{"id":"a","tags":"b, C"}""", "tags", "'tags' must be a list of which each entry is lowercase letters, and is a string of 4 characters.")]
    [InlineData("""{"id":"a","tags":5}""", "tags", "'tags' must be a list of strings, or one text with commas between them, and is a number.")]
    [InlineData("""{"id":"new","oldId":"old"}""", "id", "'id' and 'oldId' are names of the same setting, and they differ. Keep one of them.")]
    [InlineData("""{"oldId":"old","olderId":"older"}""", "oldId", "'oldId' and 'olderId' are names of the same setting, and they differ. Keep one of them.")]
    [InlineData("""{"id":"a","host":"/a","options":{"host":"/b"}}""", "host", "'host' and 'options.host' are names of the same setting, and they differ. Keep one of them.")]
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
    [InlineData("""{"id":"same","oldId":" same "}""", "same")]
    [InlineData("""{"id":null,"olderId":"older"}""", "older")]
    [InlineData("""{"id":" ","oldId":"old"}""", "old")]
    [InlineData("""{"id":"last","id":"wins"}""", "wins")]
    [InlineData("""{"\u0069d":"escaped"}""", "escaped")]
    public void Read_OtherNames_AreReadWhereTheyDoNotDisagree(string settings, string expected) => Assert.Equal(expected, Read(settings).RequiredText("id"));

    [Fact]
    public void Read_BlanksAround_DoNotCount()
    {
        var settings = Read("""{"id":" ab\n","mode":"\tfast\u200b","url":"\ufeffhttps://x.example/ ","names":[" b ","c\u00a0"," "],"tags":" d ,e e,, ","code":" f() "}""");

        Assert.Equal("ab", settings.Text("id"));
        Assert.Equal("fast", settings.Text("mode"));
        Assert.Equal("https://x.example/", settings.Url("url")!.Text);
        Assert.Equal(["b", "c"], settings.TextList("names"));
        Assert.Equal(["d", "e e"], settings.TextList("tags"));
        Assert.Equal(" f() ", settings.Text("code"));
    }

    [Theory]
    [InlineData("""{"id":"a","number":12345678}""")]
    [InlineData("""{"id":"a","number":" 12345678 "}""")]
    public void Read_IdOfDigits_MayBeANumber(string settings) => Assert.Equal("12345678", Read(settings).Text("number"));

    [Theory]
    [InlineData("""{"id":"a","host":"/in/","options":{"host":"/in"}}""")]
    [InlineData("""{"id":"a","options":{"host":"/in"}}""")]
    [InlineData("""{"id":"a","host":"","api_host":" /in "}""")]
    public void Read_PartOfAnObject_IsANameOfItsSetting(string settings) => Assert.Equal("/in", Read(settings).BaseUrl("host"));

    [Fact]
    public void Read_SettingThatNothingReads_IsNamed()
    {
        var unread = new List<string>();

        DestinationSettings.Read(Fields, JsonElement.Parse("""{"id":"a","ID":"b","oldid":"c","options":{"free":1},"secret":"d","\u006dodes":"e"}"""), [], unread);

        Assert.Equal(["ID", "oldid", "modes"], unread);
    }

    [Theory]
    [InlineData("ID", "id")]
    [InlineData("old_id", "oldId")]
    [InlineData("apiHost", "api_host")]
    [InlineData("optoins", "options")]
    [InlineData("mdoe", "mode")]
    [InlineData("somethingElse", null)]
    [InlineData("", null)]
    public void Nearest_Name_IsWhatSomebodyMeant(string written, string? expected) => Assert.Equal(expected, Fields.Nearest(written));

    [Fact]
    public void Value_Text_Throws() => Assert.Throws<InvalidOperationException>(() => Read("""{"id":" a"}""").Value("id"));

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
        Assert.NotNull(DestinationSettings.Read(new SettingFields([]), default, problems));
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
