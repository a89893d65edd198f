using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The vendors that the tests of pages walk, and what all of these tests compare with: a page on which nothing goes wrong.</summary>
public sealed class VendorTests(ChromiumFixture chromium)
{
    [Fact]
    public void All_AreTheTypesWhoseLibrariesTheRuntimeInserts()
    {
        var types = DestinationCatalogue.BuiltIn.Types
            .Where(type => type.Name != "script")
            .Where(type => VendorPage.Snapshot([ConsentWalk.Row(type.Name, type.Examples.Least), ConsentWalk.Row(type.Name, type.Examples.Full, 2)])["scripts"]!.AsArray()
                .Any(script => script!["attributes"]?["data-config"] is { } config && JsonNode.Parse((string)config!) is JsonObject values && values.ContainsKey("load")))
            .Select(type => type.Name);

        Assert.Equal(types.Order(StringComparer.Ordinal), Vendor.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task PlainPage_GrantedWithdrawnAndGrantedAgain_EveryVendorRunsOnceAndKnows()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode());
        Assert.Empty(await page.RanAsync());

        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await page.AssertStateAsync("granted");

        await page.ChooseAsync();
        await page.AssertStateAsync("denied");

        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await page.AssertStateAsync("granted");
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task PlainPage_OlderClient_EveryVendorRunsOnceAndKnows()
    {
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode { Client = ConsentClient.Older });
        Assert.Empty(await page.RanAsync());

        await page.ChooseAsync(VendorPage.Everything);
        await page.AssertStateAsync("granted");

        await page.ChooseAsync();
        await page.AssertStateAsync("denied");

        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await page.AssertStateAsync("granted");
        Assert.Empty(page.Site.Errors);
    }

    /// <summary>What a later client reads of the list, given to one that does not know it.</summary>
    [Theory]
    [InlineData(ConsentClient.Older)]
    [InlineData(ConsentClient.WithoutReload)]
    public async Task ClientGivenTheListsVendors_RunsAsWithoutThem(object client)
    {
        var list = System.Text.Json.Nodes.JsonNode.Parse(LoaderPage.Manifest(Vendor.Rows(), 1).ListBytes())!;
        Assert.NotEmpty(list["vendors"]!.AsArray());
        Assert.All(list["vendors"]!.AsArray(), vendor => Assert.NotNull(vendor!["privacyPolicyUrl"]));
        await using var page = await VendorPage.OpenAsync(chromium, Vendor.Rows(), new SiteCode
        {
            Client = (ConsentClient)client,
            Start = $"site.start({{ ...options, scripts: list, vendors: {list["vendors"]!.ToJsonString()}, clearOnRevocation: {list["clearOnRevocation"]!.ToJsonString()} }});",
        });
        Assert.Empty(await page.RanAsync());

        await page.ChooseAsync(VendorPage.Everything);
        Assert.Equal(Vendor.Names.Order(StringComparer.Ordinal), await page.RanAsync());
        await page.AssertStateAsync("granted");

        await page.ChooseAsync();
        await page.AssertStateAsync("denied");
        Assert.Empty(page.Site.Errors);
    }
}
