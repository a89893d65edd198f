using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations.Types;

namespace ConsentSnapshots.Generator.Tests.Destinations.Types;

public sealed class CustomScriptTests
{
    [Theory]
    [InlineData("{}", "Exactly one of 'src' and 'textContent' is needed.")]
    [InlineData("""{"src":"https://a.example/a.js","textContent":"x"}""", "Exactly one of 'src' and 'textContent' is needed.")]
    [InlineData("""{"src":"data:text/javascript,alert(1)"}""", "'src' must be an absolute https URL without user name or spaces, or a path of the site that begins with a slash, and is a string of 29 characters.")]
    [InlineData("""{"url":"https://a.example/a.js","code":"x"}""", "Exactly one of 'url' and 'code' is needed.")]
    [InlineData("""{"code":"x","attributes":{"onload":1}}""", "'attributes' has a name that is not accepted; use data-… (lowercase letters, digits, hyphens), crossorigin, integrity, referrerpolicy, charset, nomodule, blocking, type, id.")]
    [InlineData("""{"textContent":"x","target":"html"}""", "'target' must be one of head, body, and is a string of 4 characters.")]
    public void Check_SourceAndTarget_SayTheRule(string settings, string message) => Assert.Contains(message, Problems(settings));

    [Theory]
    [InlineData("onload")]
    [InlineData("onerror")]
    [InlineData("src")]
    [InlineData("nonce")]
    [InlineData("style")]
    [InlineData("async")]
    [InlineData("DATA-X")]
    [InlineData("data-")]
    [InlineData("data-x y")]
    [InlineData("data-x>")]
    [InlineData("crossOrigin")]
    public void Check_AttributeName_OutsideTheListIsRefused(string name) =>
        Assert.StartsWith("'attributes' has a name that is not accepted; use data-…", Assert.Single(Problems(Attributes(name, "x"))), StringComparison.Ordinal);

    [Theory]
    [InlineData("type", "text/template")]
    [InlineData("type", "importmap")]
    [InlineData("type", "")]
    public void Check_AttributeType_OnlyScripts(string name, string value) =>
        Assert.Equal($"'attributes.type' must be module or text/javascript, and is a string of {value.Length} characters.", Assert.Single(Problems(Attributes(name, value))));

    [Theory]
    [InlineData("cookieyes", null)]
    [InlineData("hs-script-loader", null)]
    [InlineData("c15t-script-1", "refused")]
    [InlineData("consent-snapshots-client", "refused")]
    [InlineData("a b", "refused")]
    [InlineData("", "refused")]
    public void Check_AttributeId_IsTheVendorsNotAClients(string id, string? problem)
    {
        var problems = Problems(Attributes("id", id));

        if (problem is null) Assert.Empty(problems);
        else Assert.StartsWith("'attributes.id' must be 1 to 64 letters", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_AttributeIdOfAnElementThatStays_IsRefused() =>
        Assert.StartsWith("'attributes.id' and 'persistAfterConsentRevoked' exclude each other",
            Assert.Single(Problems("""{"textContent":"x","attributes":{"id":"a"},"persistAfterConsentRevoked":true}""")), StringComparison.Ordinal);

    [Fact]
    public void Check_AttributeValue_HasLimits()
    {
        Assert.Equal("'attributes.data-x' may have 2048 characters, and is a string of 2049 characters.", Assert.Single(Problems(Attributes("data-x", new string('x', 2049)))));
        Assert.Empty(Problems(Attributes("data-x", new string('x', 2048))));
        Assert.Equal("'attributes.data-x' must be a string, or true for an attribute without value, and is an object.",
            Assert.Single(Problems("""{"textContent":"x","attributes":{"data-x":{"a":1}}}""")));
        Assert.Equal("'attributes.data-x' is there twice.", Assert.Single(Problems("""{"textContent":"x","attributes":{"data-x":"1","data-x":"2"}}""")));
        var many = new JsonObject(Enumerable.Range(0, 33).Select(index => KeyValuePair.Create($"data-{index}", (JsonNode?)"x")));
        Assert.Equal("'attributes' may have 32 entries, and has more.", Assert.Single(Problems(new JsonObject { ["textContent"] = "x", ["attributes"] = many }.ToJsonString())));
    }

    [Fact]
    public void Check_Text_HasALimit()
    {
        Assert.Empty(Problems(new JsonObject { ["textContent"] = new string('x', CustomScriptType.MaxTextLength) }.ToJsonString()));
        Assert.Equal("'textContent' may have 65536 characters, and has 65537.",
            Assert.Single(Problems(new JsonObject { ["textContent"] = new string('x', CustomScriptType.MaxTextLength + 1) }.ToJsonString())));
    }

    [Theory]
    [InlineData("""{"integrity":"sha384-abc"}""", """{"integrity":"sha384-abc","crossorigin":"anonymous"}""")]
    [InlineData("""{"integrity":"sha384-abc","crossorigin":"use-credentials"}""", """{"integrity":"sha384-abc","crossorigin":"use-credentials"}""")]
    [InlineData("""{"crossorigin":true,"integrity":"sha384-abc"}""", """{"crossorigin":"","integrity":"sha384-abc"}""")]
    [InlineData("""{"integrity":" "}""", """{"integrity":" "}""")]
    [InlineData("""{"data-x":"1"}""", """{"data-x":"1"}""")]
    public void Compose_IntegrityWithoutCrossorigin_GetsItSoThatItLoads(string attributes, string expected)
    {
        var generated = Samples.Generate(Samples.Row("script", $$"""{"src":"https://cdn.example/a.js","attributes":{{attributes}}}"""));

        Assert.Empty(generated.Problems);
        Assert.Equal(expected, Assert.Single(generated.Scripts(ConsentSet.Everything))!["attributes"]!.ToJsonString());
    }

    private static string Attributes(string name, string value) =>
        new JsonObject { ["textContent"] = "x", ["attributes"] = new JsonObject { [name] = value } }.ToJsonString();

    private static List<string> Problems(string settings) => [.. Samples.Generate(Samples.Row("script", settings)).Problems.Select(problem => problem.Message)];
}
