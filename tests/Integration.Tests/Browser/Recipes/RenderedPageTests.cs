using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What the server of <c>samples/server-page</c> makes of lists that would break a page, and of having none.</summary>
public sealed class RenderedPageTests(ChromiumFixture chromium)
{
    private static readonly string[] s_all = ["functionality", "experience", "measurement", "marketing"];
    private static readonly string[] s_offered = ["experience", "functionality", "marketing", "measurement", "necessary"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("</script><script>window.bad = 1</script>")]
    [InlineData("<!--<script>")]
    [InlineData("]]>\u2028\u2029")]
    public async Task Text_ThatWouldEndTheScriptElement_StaysText(string text)
    {
        var list = WalkedScope.First.List.DeepClone();
        list["vendors"]![0]!["name"] = text;
        list["metadata"]!["comment"] = text;
        var kind = new RenderedPage { Text = list.ToJsonString() };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);

        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Equal(WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Equal(text, await page.Page.EvaluateAsync<string>("() => JSON.parse(document.getElementById('consent-list').textContent).metadata.comment").WaitAsync(Cancel));
        Assert.False(await page.Page.EvaluateAsync<bool>("() => 'bad' in window").WaitAsync(Cancel));
    }

    [Theory]
    [InlineData("https://a.example; script-src *")]
    [InlineData("https://a.example, script-src *")]
    [InlineData("https://a.example\r\nSet-Cookie: a=1")]
    [InlineData("'self' *")]
    public async Task Source_ThatWouldEndItsDirective_IsLeftOut(string source)
    {
        var list = WalkedScope.First.List.DeepClone();
        list["metadata"]!["csp"]!["img-src"] = new JsonArray(source, "https://images.example");
        var kind = new RenderedPage { Text = list.ToJsonString() };
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);

        var policy = await page.Page.EvaluateAsync<string>("() => fetch('/').then(answer => answer.headers.get('content-security-policy'))").WaitAsync(Cancel);

        Assert.Contains("img-src https://images.example", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("*;", policy + ";", StringComparison.Ordinal);
        Assert.Equal(policy.Split("; ").Length, policy.Split("; ").Select(directive => directive.Split(' ')[0]).Distinct().Count());
    }

    [Fact]
    public async Task Server_StartedWithoutTheEdge_VisitorIsAskedAboutEverything_AndTheNextPageHasTheList()
    {
        var kind = new RenderedPage { StartsWithoutEdge = true };
        await using var page = await RecipePage.OpenAsync(chromium, kind, null);

        Assert.Equal(s_offered, (await kind.OfferedAsync(page.Page)).Order(StringComparer.Ordinal));
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Empty(page.AskedSince(0));

        await page.PublishAsync(WalkedScope.First);
        await page.ReloadsAsync(() => page.Page.ReloadAsync());

        Assert.Equal(WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task List_OfThePage_NoRequestIsMadeForIt()
    {
        await using var page = await RecipePage.OpenAsync(chromium, new RenderedPage(), WalkedScope.First);

        Assert.DoesNotContain(page.Site.Requests, url => url.Contains("list", StringComparison.Ordinal));
        Assert.Equal(["plausible-analytics"], await page.RanAsync());
    }
}
