using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Worker.Postgres;

namespace ConsentSnapshots.Worker.Tests.Postgres;

public sealed class RequiredConsentColumnTests
{
    [Theory]
    [InlineData(null, "")]
    [InlineData("null", "")]
    [InlineData("[]", "")]
    [InlineData("""["marketing","measurement"]""", "marketing|measurement")]
    [InlineData("""["necessary"]""", "necessary")]
    [InlineData("\"marketing\"", "marketing")]
    public void Parse_Understood_GivesTheCategories(string? json, string expected) =>
        Assert.Equal(expected, string.Join('|', RequiredConsentColumn.Parse(json is null ? null : Encoding.UTF8.GetBytes(json))));

    [Theory]
    [InlineData("[null]")]
    [InlineData("[[\"necessary\"]]")]
    [InlineData("{}")]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("\"\"")]
    [InlineData("\"{necessary}\"")]
    [InlineData("[\"necessary\",{}]")]
    [InlineData("")]
    [InlineData("[\"necessary\"")]
    [InlineData("[\"\\ud800\"]")]
    public void Parse_NotUnderstood_CanBeGrantedByNobody(string json) =>
        Assert.NotNull(RequiredConsent.From(RequiredConsentColumn.Parse(Encoding.UTF8.GetBytes(json)), ConsentCategory.Necessary).UnknownCategory);

    [Fact]
    public void Parse_NestedTooDeeplyOrNotUtf8_CanBeGrantedByNobody()
    {
        var deep = Encoding.UTF8.GetBytes($"{new string('[', 5000)}{new string(']', 5000)}");

        Assert.NotNull(RequiredConsent.From(RequiredConsentColumn.Parse(deep), ConsentCategory.Necessary).UnknownCategory);
        Assert.NotNull(RequiredConsent.From(RequiredConsentColumn.Parse([(byte)'"', 0xFF, (byte)'"']), ConsentCategory.Necessary).UnknownCategory);
    }
}
