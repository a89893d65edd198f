using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.Generator.Tests.Consent;

public sealed class RequiredConsentTests
{
    [Fact]
    public void From_EmptyRow_IsTheTypesDefaultNeverNothing()
    {
        foreach (var category in ConsentCategories.Optional)
        {
            Assert.Equal(ConsentCondition.Of(category), RequiredConsent.From([], category).Condition);
            Assert.Equal(ConsentCondition.Of(category), RequiredConsent.From(default, category).Condition);
        }
    }

    [Fact]
    public void From_Necessary_AlwaysLoads() =>
        Assert.Equal(ConsentCondition.Always, RequiredConsent.From(["necessary"], ConsentCategory.Marketing).Condition);

    [Theory]
    [InlineData("analytics")]
    [InlineData("Marketing")]
    [InlineData("")]
    public void From_UnknownCategory_IsNeverGranted(string unknown)
    {
        var required = RequiredConsent.From(["measurement", unknown], ConsentCategory.Marketing);
        Assert.Equal(unknown, required.UnknownCategory);
        Assert.True(required.Condition.IsNever);
    }

    [Fact]
    public void From_EverySubset_NeedsAllOfIt()
    {
        foreach (var needed in ConsentSet.All.Skip(1))
            Assert.Equal(ConsentCondition.AllOf(needed),
                RequiredConsent.From([.. needed.Optional.Select(category => category.Name())], ConsentCategory.Marketing).Condition);
    }
}
