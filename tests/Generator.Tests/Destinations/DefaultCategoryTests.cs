using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Destinations;

/// <summary>The consent of a row that names none, where the settings say what the destination is for.</summary>
public sealed class DefaultCategoryTests
{
    [Theory]
    [InlineData("""{"id":"G-1"}""", "measurement")]
    [InlineData("""{"id":"g-1"}""", "measurement")]
    [InlineData("""{"id":"UA-1-1"}""", "measurement")]
    [InlineData("""{"id":"AW-1"}""", "marketing")]
    [InlineData("""{"id":"aw-1"}""", "marketing")]
    [InlineData("""{"id":"DC-1"}""", "marketing")]
    [InlineData("""{"measurementId":"AW-1"}""", "marketing")]
    [InlineData("""{"id":"","measurementId":"AW-1"}""", "marketing")]
    // A Google tag of no single product, and what is not known, may be advertising.
    [InlineData("""{"id":"GT-1"}""", "marketing")]
    [InlineData("""{"id":"XX-1"}""", "marketing")]
    // The category that c15t's own function takes can ask for more consent, never for less.
    [InlineData("""{"id":"G-1","category":"marketing"}""", "marketing")]
    [InlineData("""{"id":"G-1","category":"necessary"}""", "measurement")]
    [InlineData("""{"id":"G-1","category":"functionality"}""", "measurement")]
    [InlineData("""{"id":"AW-1","category":"measurement"}""", "marketing")]
    [InlineData("""{"id":"AW-1","category":"necessary"}""", "marketing")]
    public void Generate_GoogleTagThatRequiresNothing_LoadsOnItsPurpose(string settings, string category)
    {
        var row = Samples.Row("google-analytics", settings);

        var generated = Samples.Generate(row);

        Assert.Empty(generated.Problems);
        Assert.Equal(
            ConsentSet.All.Where(set => set.IsSupersetOf(Samples.Set(category))),
            ConsentSet.All.Where(set => generated.Ids(set).Contains("google-analytics")));
        Assert.Empty(generated.ConsentViolations([row]));
    }

    [Fact]
    public void Generate_TagsOfTwoPurposes_EachLoadsOnItsOwn()
    {
        var rows = new[] { Samples.Row("google-analytics", """{"id":"G-1"}"""), Samples.Row("google-analytics", """{"id":"AW-1"}""", 2) };

        var generated = Samples.Generate(rows);

        Assert.Equal(["google-analytics"], generated.Ids(Samples.Set("measurement")).Where(id => id.StartsWith("google-analytics", StringComparison.Ordinal)));
        Assert.Equal(["google-analytics:00000002"], generated.Ids(Samples.Set("marketing")).Where(id => id.StartsWith("google-analytics", StringComparison.Ordinal)));
        Assert.Equal([ConsentCategory.Measurement, ConsentCategory.Marketing], generated.RequiredCategories);
        Assert.Empty(generated.ConsentViolations(rows));
    }

    [Theory]
    [InlineData("AW-1", "measurement")]
    [InlineData("AW-1", "necessary")]
    [InlineData("G-1", "marketing")]
    public void Generate_GoogleTagThatRequiresSomething_LoadsOnThat(string id, string required)
    {
        var row = Samples.Row("google-analytics", $$"""{"id":"{{id}}"}""", 1, required);

        var generated = Samples.Generate(row);

        Assert.Equal(
            ConsentSet.All.Where(set => set.IsSupersetOf(Samples.Set(required))),
            ConsentSet.All.Where(set => generated.Ids(set).Contains("google-analytics")));
        Assert.Empty(generated.ConsentViolations([row]));
    }
}
