using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Consent;

public sealed class ConsentQueryTests
{
    [Theory]
    [InlineData("""{"measurement":true}""", "measurement")]
    [InlineData("""{"measurement":true,"marketing":false}""", "measurement")]
    [InlineData("""{"necessary":false,"marketing":true}""", "marketing")]
    [InlineData("""{}""", "necessary")]
    [InlineData(""" { "experience" : true } """, "experience")]
    [InlineData("""{"unknown":true,"functionality":true}""", "functionality")]
    [InlineData("""{"\u006deasurement":true}""", "measurement")]
    [InlineData("measurement", "measurement")]
    [InlineData("marketing,measurement", "measurement,marketing")]
    [InlineData(" marketing , measurement ", "measurement,marketing")]
    [InlineData("necessary", "necessary")]
    [InlineData("something-new,measurement", "measurement")]
    public void ParseValue_Understood_GrantsExactlyThat(string value, string expected)
    {
        var query = ConsentQuery.ParseValue(value);
        Assert.Equal(ConsentQueryOutcome.Understood, query.Outcome);
        Assert.Equal(expected, query.Consent.ToString());
        Assert.Null(query.Problem);
    }

    [Theory]
    [InlineData("""{"measurement":true,"measurement":false}""", "The consent object has a key twice.")]
    [InlineData("""{"x":true,"x":true}""", "The consent object has a key twice.")]
    [InlineData("""{"measurement":1}""", "The consent object has a value that is not a boolean.")]
    [InlineData("""{"measurement":"true"}""", "The consent object has a value that is not a boolean.")]
    [InlineData("""{"unknown":null}""", "The consent object has a value that is not a boolean.")]
    [InlineData("""{"measurement":{"a":true}}""", "The consent object has a value that is not a boolean.")]
    [InlineData("""{"measurement":true""", "The consent parameter is not valid JSON.")]
    [InlineData("""{"measurement":true}x""", "The consent parameter is not valid JSON.")]
    [InlineData("""{"measurement":true}{}""", "The consent parameter is not valid JSON.")]
    [InlineData("""{"\ud800":true}""", "The consent parameter is not valid JSON.")]
    [InlineData("{'measurement':true}", "The consent parameter is not valid JSON.")]
    [InlineData("""["measurement"]""", "The consent parameter is JSON but not an object.")]
    [InlineData("\"measurement\"", "The consent parameter is JSON but not an object.")]
    [InlineData("true", "The consent parameter is a single JSON value, not an object.")]
    [InlineData("null", "The consent parameter is a single JSON value, not an object.")]
    [InlineData("1", "The consent list has an entry that is not a category name.")]
    [InlineData("measurement,,marketing", "The consent list has an entry that is not a category name.")]
    [InlineData("measurement,", "The consent list has an entry that is not a category name.")]
    [InlineData("measurement;marketing", "The consent list has an entry that is not a category name.")]
    [InlineData("mеasurement", "The consent list has an entry that is not a category name.")] // a Cyrillic е
    [InlineData("measurement,measurement", "The consent list names a category twice.")]
    public void ParseValue_Malformed_SaysWhyAndGrantsNothing(string value, string problem)
    {
        var query = ConsentQuery.ParseValue(value);
        Assert.Equal(ConsentQueryOutcome.Malformed, query.Outcome);
        Assert.Equal(ConsentSet.NecessaryOnly, query.Consent);
        Assert.StartsWith(problem, query.Problem, StringComparison.Ordinal);
        Assert.Contains("Send a JSON object of booleans", query.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public void ParseValue_Blank_IsMissing(string value) => Assert.Equal(ConsentQueryOutcome.Missing, ConsentQuery.ParseValue(value).Outcome);

    [Fact]
    public void ParseValue_TooLong_IsMalformedUnread()
    {
        var query = ConsentQuery.ParseValue("{" + new string(' ', ConsentQuery.MaxLength) + "}");
        Assert.Equal(ConsentQueryOutcome.Malformed, query.Outcome);
        Assert.StartsWith("The consent parameter is longer than 2048 characters.", query.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void ParseValue_DeeplyNested_IsMalformed() =>
        Assert.Equal(ConsentQueryOutcome.Malformed, ConsentQuery.ParseValue("{\"a\":" + new string('[', 500)).Outcome);

    [Fact]
    public void Parse_AllThreeForms_EverySetAgrees()
    {
        foreach (var set in ConsentSet.All)
        {
            var pairs = ConsentCategories.Optional.Select(category => (Name: category.Name(), Value: set.Contains(category) ? "true" : "false")).ToList();
            var json = "{" + string.Join(',', pairs.Select(pair => $"\"{pair.Name}\":{pair.Value}")) + "}";
            Assert.Equal(set, Parse([.. pairs]).Consent);
            Assert.Equal(set, Parse(("consent", json)).Consent);
            Assert.Equal(set, Parse(("consent", set.ToString())).Consent);
        }
    }

    [Fact]
    public void Parse_NothingAboutConsent_IsMissing()
    {
        Assert.Equal(ConsentQueryOutcome.Missing, Parse().Outcome);
        Assert.Equal(ConsentQueryOutcome.Missing, Parse(("organizationId", "acme"), ("Measurement", "true")).Outcome);
        Assert.Equal(ConsentQueryOutcome.Missing, Parse(("consent", "")).Outcome);
        Assert.Equal(ConsentQueryOutcome.Missing, Parse(("consent", null)).Outcome);
    }

    [Theory]
    [InlineData("The consent parameter is repeated.", "consent=marketing", "consent=marketing")]
    [InlineData("The parameter 'measurement' is repeated.", "measurement=true", "measurement=true")]
    [InlineData("The parameter 'necessary' is repeated.", "necessary=true", "necessary=true")]
    [InlineData("The parameter 'measurement' is neither true nor false.", "measurement=1")]
    [InlineData("The parameter 'measurement' is neither true nor false.", "measurement=TRUE")]
    [InlineData("The parameter 'measurement' is neither true nor false.", "measurement")]
    [InlineData("Consent is given in two forms at once.", "consent=marketing", "measurement=true")]
    [InlineData("Consent is given in two forms at once.", "consent=", "measurement=true")]
    public void Parse_RepeatedOrMixed_IsMalformed(string problem, params string[] query)
    {
        var parsed = Parse([.. query.Select(pair => pair.Split('=', 2)).Select(pair => (pair[0], pair.Length > 1 ? pair[1] : null))]);
        Assert.Equal(ConsentQueryOutcome.Malformed, parsed.Outcome);
        Assert.Equal(ConsentSet.NecessaryOnly, parsed.Consent);
        Assert.StartsWith(problem, parsed.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Malformed_NeverEchoesTheInput() =>
        Assert.DoesNotContain("<script>", ConsentQuery.ParseValue("<script>alert(1)</script>").Problem, StringComparison.Ordinal);

    [Fact]
    public void Parse_OnlyNecessary_IsUnderstood() => Assert.Equal(ConsentQueryOutcome.Understood, Parse(("necessary", "true")).Outcome);

    private static ConsentQuery Parse(params (string Key, string? Value)[] pairs) =>
        ConsentQuery.Parse(pairs.Select(pair => KeyValuePair.Create(pair.Key, pair.Value)));
}
