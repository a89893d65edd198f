using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Destinations;

public sealed class ScopeTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("Acme-1_x.y", true)]
    [InlineData("0", true)]
    [InlineData("", false)]
    [InlineData("-a", false)]
    [InlineData(".a", false)]
    [InlineData("a.", false)]
    [InlineData("a/b", false)]
    [InlineData("..", false)]
    [InlineData("a b", false)]
    [InlineData("é", false)]
    [InlineData("a\n", false)]
    [InlineData("a%2Fb", false)]
    [InlineData(null, false)]
    public void OrganizationId_TryParse_AcceptsOnlySafeNames(string? text, bool expected) => Assert.Equal(expected, OrganizationId.TryParse(text, out _));

    [Fact]
    public void OrganizationId_TryParse_Has128CharactersAtMost()
    {
        Assert.True(OrganizationId.TryParse(new string('a', 128), out _));
        Assert.False(OrganizationId.TryParse(new string('a', 129), out _));
    }

    [Fact]
    public void OrganizationId_Parse_SaysTheRule() =>
        Assert.Equal(OrganizationId.Rule, Assert.Throws<FormatException>(() => OrganizationId.Parse("a/b")).Message);

    [Theory]
    [InlineData("production", true)]
    [InlineData("Production", false)]
    [InlineData("prod", false)]
    [InlineData(null, false)]
    public void Scope_TryParse_KnowsThreeEnvironments(string? environment, bool expected) => Assert.Equal(expected, Scope.TryParse("acme", environment, out _));

    [Fact]
    public void Scope_Of_HasThree() =>
        Assert.Equal(["acme/development", "acme/staging", "acme/production"], Scope.Of(OrganizationId.Parse("acme")).Select(scope => scope.ToString()));
}
