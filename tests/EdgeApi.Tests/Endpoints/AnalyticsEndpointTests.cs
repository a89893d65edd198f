using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Endpoints;

public sealed class AnalyticsEndpointTests : IDisposable
{
    private readonly TestStore _store = new();

    public AnalyticsEndpointTests()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        _store.Publish(TestStore.ScopeOf("acme", "staging"), TestStore.Pixel("22222222222"));
        _store.Publish(TestStore.ScopeOf("other"), TestStore.Pixel("33333333333"));
    }

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task AnalyticsScripts_NamedScope_IsTheSameAsItsOwnPath()
    {
        await using var edge = await TestEdge.StartAsync(_store);
        var here = await edge.GetStringAsync("/analytics/scripts?consent={\"marketing\":true}&organizationId=acme&environment=production");
        Assert.Equal(await edge.GetStringAsync("/v1/acme/production/scripts?consent=marketing"), here);
        Assert.Contains("11111111111", here, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "11111111111")]
    [InlineData("&environment=staging", "22222222222")]
    [InlineData("&organizationId=other", "33333333333")]
    [InlineData("&organizationId=&environment=", "11111111111")]
    public async Task AnalyticsScripts_Defaults_FillInWhatIsLeftOut(string query, string expected)
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:Organization", "acme"), ("Edge:Environment", "production"));
        Assert.Contains(expected, await edge.GetStringAsync($"/analytics/scripts?consent=marketing{query}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("?consent=marketing", "Missing organizationId and environment parameters")]
    [InlineData("?consent=marketing&environment=production", "Missing organizationId parameter")]
    [InlineData("?consent=marketing&organizationId=acme", "Missing environment parameter")]
    [InlineData("?consent=marketing&organizationId=acme&organizationId=acme&environment=production", "Repeated organizationId parameter")]
    [InlineData("?consent=marketing&organizationId=acme&environment=production&environment=staging", "Repeated environment parameter")]
    [InlineData("?organizationId=acme&environment=production", "Missing consent parameter")]
    [InlineData("?organizationId=acme&environment=production&consent=1", "Invalid consent parameter")]
    public async Task AnalyticsScripts_IncompleteQuery_Is400ThatNamesIt(string query, string error)
    {
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync($"/analytics/scripts{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        await Errors.AssertAsync(response, error);
    }
}
