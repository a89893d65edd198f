using System.Net;
using ConsentSnapshots.EdgeApi.Tests.Support;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

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
    [InlineData("Edge:Organization", "acme", "&environment=production", "11111111111")]
    [InlineData("Edge:Organization", "acme", "&environment=staging", "22222222222")]
    [InlineData("Edge:Organization", "acme", "&environment=production&organizationId=other", "33333333333")]
    [InlineData("Edge:Environment", "production", "&organizationId=acme", "11111111111")]
    [InlineData("Edge:Environment", "production", "&organizationId=acme&environment=staging", "22222222222")]
    [InlineData("Edge:Environment", "production", "&organizationId=acme&environment=", "11111111111")]
    public async Task AnalyticsScripts_OneDefault_FillsInWhatIsLeftOutAndBindsNothing(string key, string value, string query, string expected)
    {
        await using var edge = await TestEdge.StartAsync(_store, (key, value));
        Assert.Contains(expected, await edge.GetStringAsync($"/analytics/scripts?consent=marketing{query}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("&organizationId=acme")]
    [InlineData("&environment=production")]
    [InlineData("&organizationId=acme&environment=production")]
    [InlineData("&organizationId=%61cme&environment=production")]
    [InlineData("&organizationId=&environment=")]
    [InlineData("&organizationid=other&ENVIRONMENT=staging")] // c15t's names have one spelling; others are no parameters of this path
    public async Task AnalyticsScripts_BoundAndNamedAsBoundOrNotAtAll_IsAnswered(string query)
    {
        await using var edge = await BoundAsync();

        using var response = await edge.GetAsync($"/analytics/scripts?consent=marketing{query}");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("11111111111", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("&organizationId=other", "Unknown organization")]
    [InlineData("&organizationId=nobody", "Unknown organization")]
    [InlineData("&environment=staging", "Unknown organization")]
    [InlineData("&organizationId=other&environment=production", "Unknown organization")]
    [InlineData("&organizationId=ACME", "Unknown organization")]
    [InlineData("&organizationId=acme.", "Unknown organization")]
    [InlineData("&organizationId=acme%00", "Unknown organization")]
    [InlineData("&organizationId=acme%2fproduction", "Unknown organization")]
    [InlineData("&organizationId=%20acme", "Unknown organization")]
    [InlineData("&environment=Production", "Unknown environment")]
    [InlineData("&environment=qa", "Unknown environment")]
    public async Task AnalyticsScripts_BoundAndNamedOtherwise_Is404BrieflyAndForTheCallerOnly(string query, string error)
    {
        await using var edge = await BoundAsync();

        using var response = await edge.GetAsync($"/analytics/scripts?consent=marketing{query}");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        await Errors.AssertAsync(response, error);
        Assert.Equal("max-age=5, private", HeaderTests.Header(response, "Cache-Control"));
    }

    [Theory]
    [InlineData("&organizationId=acme&organizationId=other")]
    [InlineData("&organizationId=other&organizationId=acme")]
    [InlineData("&environment=production&environment=staging")]
    public async Task AnalyticsScripts_BoundAndNamedTwice_Is400(string query)
    {
        await using var edge = await BoundAsync();

        using var response = await edge.GetAsync($"/analytics/scripts?consent=marketing{query}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task AnalyticsScripts_Bound_LeavesTheOtherPathsAlone()
    {
        await using var edge = await BoundAsync();

        Assert.Contains("33333333333", await edge.GetStringAsync("/v1/other/production/scripts?consent=marketing"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnalyticsScripts_SharedQueryCache_LetsACacheKeepThe404()
    {
        await using var edge = await TestEdge.StartAsync(_store, ("Edge:SharedQueryCache", "true"));

        using var response = await edge.GetAsync("/analytics/scripts?consent=marketing&organizationId=nobody&environment=production");

        Assert.Equal("public, max-age=5", HeaderTests.Header(response, "Cache-Control"));
    }

    private Task<TestEdge> BoundAsync() => TestEdge.StartAsync(_store, ("Edge:Organization", "acme"), ("Edge:Environment", "production"));

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
