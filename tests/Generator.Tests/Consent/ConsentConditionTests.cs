using System.Text.Json;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Consent;

public sealed class ConsentConditionTests
{
    [Fact]
    public void AllOf_EverySubsetAndSet_IsMetExactlyWhenAllAreGranted()
    {
        foreach (var needed in ConsentSet.All)
            foreach (var granted in ConsentSet.All)
                Assert.Equal(needed.Optional.All(category => granted.Contains(category)), ConsentCondition.AllOf(needed).IsMetBy(granted));
    }

    [Fact]
    public void Operators_EveryPairOfConjunctions_AreLogical()
    {
        foreach (var left in ConsentSet.All)
            foreach (var right in ConsentSet.All)
                foreach (var granted in ConsentSet.All)
                {
                    var (a, b) = (ConsentCondition.AllOf(left), ConsentCondition.AllOf(right));
                    Assert.Equal(a.IsMetBy(granted) && b.IsMetBy(granted), (a & b).IsMetBy(granted));
                    Assert.Equal(a.IsMetBy(granted) || b.IsMetBy(granted), (a | b).IsMetBy(granted));
                }
    }

    [Fact]
    public void EveryCondition_MoreConsent_StaysMet()
    {
        foreach (var condition in EveryCondition())
            foreach (var set in ConsentSet.All.Where(condition.IsMetBy))
                Assert.All(ConsentCategories.Optional, category => Assert.True(condition.IsMetBy(set.With(category))));
    }

    [Fact]
    public void WriteTo_EveryCondition_MeansTheSameToTheClient()
    {
        var seen = 0;
        foreach (var condition in EveryCondition())
        {
            var json = JsonElement.Parse(Written(condition));
            foreach (var set in ConsentSet.All) Assert.Equal(condition.IsMetBy(set), ClientHas(json, set));
            seen++;
        }
        Assert.Equal(167, seen); // the monotone functions of four variables (Dedekind: 168), without "never"
    }

    [Theory]
    [InlineData("necessary", new[] { "" })]
    [InlineData("measurement", new[] { "measurement" })]
    [InlineData("measurement and marketing", new[] { "measurement,marketing" })]
    [InlineData("measurement or marketing", new[] { "measurement", "marketing" })]
    [InlineData("measurement", new[] { "measurement", "measurement,marketing" })]
    public void ToString_Conditions_IsTheShortestForm(string expected, string[] either) => Assert.Equal(expected, Any(either).ToString());

    [Theory]
    [InlineData("\"necessary\"", new[] { "" })]
    [InlineData("\"measurement\"", new[] { "measurement" })]
    [InlineData("{\"and\":[\"measurement\",\"marketing\"]}", new[] { "measurement,marketing" })]
    [InlineData("{\"or\":[\"measurement\",\"marketing\"]}", new[] { "measurement", "marketing" })]
    [InlineData("{\"or\":[\"functionality\",{\"and\":[\"measurement\",\"marketing\"]}]}", new[] { "measurement,marketing", "functionality" })]
    public void WriteTo_Conditions_AreInTheClientsShape(string expected, string[] either) => Assert.Equal(expected, Written(Any(either)));

    [Fact]
    public void WriteTo_Never_Throws()
    {
        Assert.True(ConsentCondition.Never.IsNever);
        Assert.Throws<InvalidOperationException>(() => Written(ConsentCondition.Never));
        Assert.Equal("never", ConsentCondition.Never.ToString());
    }

    private static ConsentCondition Any(string[] either) => either
        .Select(list => ConsentCondition.AllOf(list.Length == 0 ? default : ConsentQuery.ParseValue(list).Consent))
        .Aggregate(ConsentCondition.Never, (any, condition) => any | condition);

    /// <summary>Closes the conjunctions under "or": every condition there is.</summary>
    private static HashSet<ConsentCondition> EveryCondition()
    {
        var all = new HashSet<ConsentCondition>();
        foreach (var set in ConsentSet.All)
            foreach (var known in all.Append(ConsentCondition.Never).ToList())
                all.Add(known | ConsentCondition.AllOf(set));
        return all;
    }

    private static string Written(ConsentCondition condition)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) condition.WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>The c15t client's evaluation of a HasCondition.</summary>
    private static bool ClientHas(JsonElement condition, ConsentSet set) =>
        condition.ValueKind == JsonValueKind.String
            ? ConsentCategories.TryParse(condition.GetString(), out var category) && set.Contains(category)
            : condition.TryGetProperty("and", out var and)
                ? and.EnumerateArray().All(part => ClientHas(part, set))
                : condition.GetProperty("or").EnumerateArray().Any(part => ClientHas(part, set));
}
