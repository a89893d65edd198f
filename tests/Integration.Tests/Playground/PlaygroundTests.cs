using System.Collections.Concurrent;
using ConsentSnapshots.Integration.Tests.Browser;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Playground;

/// <summary>What a newcomer sees on the page that <c>dotnet run dev.cs</c> prints.</summary>
public sealed class PlaygroundTests(ChromiumFixture chromium, DevProgram dev)
{
    private readonly ConcurrentQueue<string> _elsewhere = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task NewVisitor_SeesWhatLoadsAndWhatWaits()
    {
        await using var profile = await OpenAsync();
        var page = profile.Pages[0];

        await Assertions.Expect(Script(page, "script")).ToContainTextAsync("loads");
        await Assertions.Expect(Script(page, "script")).ToContainTextAsync("Status banner (script)");
        await Assertions.Expect(Script(page, "meta-pixel")).ToContainTextAsync("waits");
        await Assertions.Expect(page.GetByText("No vendor has been told anything.")).ToBeVisibleAsync();
        await Assertions.Expect(Region(page, "What each vendor was told").GetByText("https://status.example.com/banner.js")).ToBeVisibleAsync();
        Assert.Empty(_elsewhere);
    }

    [Fact]
    public async Task CategoryTicked_VendorIsShownWithWhatItIsTold_AndNothingIsSent()
    {
        await using var profile = await OpenAsync();
        var page = profile.Pages[0];

        await page.GetByLabel("marketing").CheckAsync();

        await Assertions.Expect(Script(page, "meta-pixel")).ToContainTextAsync("Campaigns (meta-pixel)");
        await Assertions.Expect(Script(page, "meta-pixel")).ToContainTextAsync("loads");
        await Assertions.Expect(Script(page, "posthog")).ToContainTextAsync("waits");
        await Assertions.Expect(Told(page, "Meta Pixel")).ToContainTextAsync("""consent("grant")""");
        await Assertions.Expect(Told(page, "Meta Pixel")).ToContainTextAsync("""init("1234567890")""");
        await Assertions.Expect(page.Locator("#requests li", new() { HasText = "https://connect.facebook.net/en_US/fbevents.js" })).ToContainTextAsync("not sent");
        await Assertions.Expect(page.Locator("#set")).ToContainTextAsync("marketing");
        await Assertions.Expect(page.GetByLabel("Content-Security-Policy of this consent set")).ToContainTextAsync("https://connect.facebook.net");

        // The library "ran", so that the vendor is told of the withdrawal too.
        await page.GetByLabel("marketing").UncheckAsync();
        await Assertions.Expect(Script(page, "meta-pixel")).ToContainTextAsync("waits");
        await Assertions.Expect(Told(page, "Meta Pixel")).ToContainTextAsync("""consent("revoke")""");
        Assert.Empty(_elsewhere);
    }

    [Fact]
    public async Task AcceptedAll_NewVisitor_StartsAnew()
    {
        await using var profile = await OpenAsync();
        var page = profile.Pages[0];

        await page.GetByRole(AriaRole.Button, new() { Name = "Accept all" }).ClickAsync();
        await Assertions.Expect(Told(page, "Google")).ToContainTextAsync("granted");
        await Assertions.Expect(Told(page, "PostHog")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("#script-count")).ToHaveTextAsync("11 of 11 load");

        await page.GetByRole(AriaRole.Button, new() { Name = "New visitor" }).ClickAsync();
        await Assertions.Expect(page.GetByText("No vendor has been told anything.")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("#script-count")).ToHaveTextAsync("1 of 11 load");
        Assert.Empty(_elsewhere);
    }

    [Fact]
    public async Task SampleEdited_PageFollows_AndSaysWhyADestinationHasNoScript()
    {
        await using var profile = await OpenAsync("acme/development");
        var page = profile.Pages[0];
        await Assertions.Expect(Script(page, "posthog")).ToBeVisibleAsync();

        var text = await File.ReadAllTextAsync(dev.File, Cancel);
        await File.WriteAllTextAsync(dev.File, text.Replace("\"phc_sampleDevelopmentKey\" }, \"testMode\": true }",
            "\"phc_changed\" } }, { \"type\": \"meta-pixel\", \"name\": \"Wrong\", \"settings\": { \"pixelId\": \"not a number\" } }", StringComparison.Ordinal), Cancel);

        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("was published", new() { Timeout = 60_000 });
        await Script(page, "posthog").GetByText("Inline script").ClickAsync();
        await Assertions.Expect(Script(page, "posthog")).ToContainTextAsync("phc_changed");
        await Assertions.Expect(page.GetByRole(AriaRole.List, new() { Name = "Destinations that give no script" })).ToContainTextAsync("pixelId");
    }

    /// <summary>Only the switch lets requests out; the browser of this test refuses them.</summary>
    [Fact]
    public async Task SendSwitchedOn_VendorsAreAsked()
    {
        await using var profile = await OpenAsync();
        var page = profile.Pages[0];

        await page.GetByRole(AriaRole.Switch).CheckAsync();
        await page.GetByLabel("marketing").CheckAsync();

        await Assertions.Expect(page.Locator("#requests li", new() { HasText = "https://connect.facebook.net/en_US/fbevents.js" })).ToContainTextAsync("sent");
        Assert.Contains("https://connect.facebook.net/en_US/fbevents.js", _elsewhere);
        Assert.DoesNotContain(_elsewhere, url => url.Contains("google", StringComparison.Ordinal) || url.Contains("posthog", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 390)]
    [InlineData(ColorScheme.Dark, 390)]
    public async Task Accessible_InLightAndDark_OnAWideAndANarrowScreen(ColorScheme scheme, int width)
    {
        await using var profile = await OpenAsync();
        var page = profile.Pages[0];
        await page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
        await page.SetViewportSizeAsync(width, 900);
        await page.GetByLabel("marketing").CheckAsync();
        await Assertions.Expect(Told(page, "Meta Pixel")).ToBeVisibleAsync();
        await Script(page, "meta-pixel").GetByText("Inline script").ClickAsync();

        // As code of the browser and not of the page, whose policy would refuse it.
        await page.EvaluateAsync(await File.ReadAllTextAsync(C15tBundle.Built("axe.js"), Cancel)).WaitAsync(Cancel);
        var faults = await page.EvaluateAsync<string[]>(
            "async () => (await axe.run(document, { iframes: false })).violations.flatMap(fault => fault.nodes.map(node => `${fault.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))").WaitAsync(Cancel);
        Assert.Empty(faults);
        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "The page is wider than the screen.");
    }

    private static ILocator Region(IPage page, string name) => page.GetByRole(AriaRole.Region, new() { Name = name });

    private static ILocator Script(IPage page, string id) => page.Locator("#scripts li", new() { Has = page.Locator($".name:text-is('{id}')") });

    private static ILocator Told(IPage page, string vendor) => page.Locator(".told", new() { Has = page.GetByRole(AriaRole.Heading, new() { Name = vendor }) });

    private async Task<IBrowserContext> OpenAsync(string scope = "acme/production")
    {
        var address = await dev.PlaygroundAsync(Cancel);
        var profile = await chromium.NewProfileAsync(Cancel);
        // No request leaves the machine, whatever the page asks for.
        await profile.RouteAsync(url => new Uri(url) is { IsLoopback: false, Scheme: "http" or "https" }, route =>
        {
            _elsewhere.Enqueue(route.Request.Url);
            return route.AbortAsync();
        }).WaitAsync(Cancel);
        var page = await profile.NewPageAsync().WaitAsync(Cancel);
        page.PageError += (_, error) => Assert.Fail(error);
        await page.GotoAsync($"{address}#{scope}").WaitAsync(Cancel);
        await Assertions.Expect(page.Locator("#scripts li").First).ToBeVisibleAsync();
        return profile;
    }
}
