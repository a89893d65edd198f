using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Worker.Database;

namespace ConsentSnapshots.Worker.Tests.Database;

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
        Assert.Equal(expected, string.Join('|', RequiredConsentColumn.Parse(json)));

    [Theory]
    [InlineData("[null]")]
    [InlineData("[[\"necessary\"]]")]
    [InlineData("{}")]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("\"\"")]
    [InlineData("\"{necessary}\"")]
    [InlineData("[\"necessary\",{}]")]
    public void Parse_NotUnderstood_CanBeGrantedByNobody(string json) =>
        Assert.NotNull(RequiredConsent.From(RequiredConsentColumn.Parse(json), ConsentCategory.Necessary).UnknownCategory);
}
