using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Consent;

public sealed class ConsentSetTests
{
    [Fact]
    public void Of_EachCategory_HasTheContractsIndex()
    {
        Assert.Equal(0, ConsentSet.Of(ConsentCategory.Necessary).Index);
        Assert.Equal(1, ConsentSet.Of(ConsentCategory.Functionality).Index);
        Assert.Equal(2, ConsentSet.Of(ConsentCategory.Experience).Index);
        Assert.Equal(4, ConsentSet.Of(ConsentCategory.Measurement).Index);
        Assert.Equal(8, ConsentSet.Of(ConsentCategory.Marketing).Index);
        Assert.Equal(15, ConsentSet.Everything.Index);
        Assert.Equal(16, ConsentSet.All.Length);
    }

    [Fact]
    public void Contains_Necessary_AlwaysTrue() =>
        Assert.All(ConsentSet.All, set => Assert.True(set.Without(ConsentCategory.Necessary).Contains(ConsentCategory.Necessary)));

    [Theory]
    [InlineData(-1)]
    [InlineData(16)]
    public void FromIndex_OutOfRange_Throws(int index) => Assert.Throws<ArgumentOutOfRangeException>(() => ConsentSet.FromIndex(index));

    [Fact]
    public void ToString_EachSet_IsReadBackByTheQuery() =>
        Assert.All(ConsentSet.All, set => Assert.Equal(set, ConsentQuery.ParseValue(set.ToString()).Consent));

    [Fact]
    public void WithAndWithout_EachCategory_Undo()
    {
        foreach (var set in ConsentSet.All)
            foreach (var category in ConsentCategories.Optional)
            {
                Assert.True(set.With(category).Contains(category));
                Assert.False(set.Without(category).Contains(category));
                Assert.True(set.With(category).IsSupersetOf(set));
                Assert.Equal(set, set.Contains(category) ? set.Without(category).With(category) : set.With(category).Without(category));
            }
    }

    [Fact]
    public void TryParse_UnknownOrOtherCase_IsFalse()
    {
        Assert.All(["Measurement", "analytics", "", " marketing", "1"], name => Assert.False(ConsentCategories.TryParse(name, out _)));
        Assert.False(ConsentCategories.TryParse(null, out _));
    }
}
