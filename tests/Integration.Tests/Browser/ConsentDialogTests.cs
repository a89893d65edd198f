using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>A visitor who has been given no script yet is offered the categories that scripts wait for: <c>requiredCategories</c>.</summary>
public sealed class ConsentDialogTests(ChromiumFixture chromium)
{
    // The client's own store.
    private const string Start =
        $$"""
        async () => {
          window.store = c15t.getOrCreateConsentRuntime({ {{C15tBundle.WithoutBackend}} }).consentStore;
          while (store.getState().isLoadingConsentInfo) await new Promise(resolve => setTimeout(resolve, 5));
        }
        """;

    private const string Offered = "() => store.getState().getDisplayedConsents().map(consent => consent.name).join()";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RequiredCategories_VisitorWithoutScripts_AreOfferedAndThenGiven()
    {
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(
            new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production),
            [
                ConsentWalk.Row("meta-pixel", """{"pixelId":"1"}"""),
                ConsentWalk.Row("posthog", """{"id":"phc_x"}""", 2),
                ConsentWalk.Row("segment", """{"writeKey":"key"}""", 3, "experience", "measurement"),
            ]);
        JsonNode Scripts(ConsentSet set) => JsonNode.Parse(generated[set].Bytes.Span)!["scripts"]!;
        var required = generated.Content.RequiredCategories.ToArray();
        Assert.Equal(["experience", "measurement", "marketing"], required);

        await using var site = await chromium.OpenAsync("<!doctype html><title>A site</title>", Cancel);
        await site.AddC15tAsync(Cancel);
        await site.Page.EvaluateAsync(Start).WaitAsync(Cancel);

        // What the visitor is given at first is an empty list, and the dialog knows of nothing to ask.
        Assert.Empty(Scripts(default).AsArray());
        await site.Page.EvaluateAsync("text => { store.getState().setScripts(JSON.parse(text)) }", Scripts(default).ToJsonString()).WaitAsync(Cancel);
        Assert.Equal("banner", await site.Page.EvaluateAsync<string>("() => store.getState().activeUI").WaitAsync(Cancel));
        Assert.Equal("necessary", await site.Page.EvaluateAsync<string>(Offered).WaitAsync(Cancel));

        await site.Page.EvaluateAsync("categories => { store.getState().updateConsentCategories(categories) }", required).WaitAsync(Cancel);
        Assert.Equal(["necessary", .. required.Order()], (await site.Page.EvaluateAsync<string>(Offered).WaitAsync(Cancel)).Split(',').Order().OrderBy(name => name != "necessary"));

        // The visitor grants one of them in the dialog; the answer to that has its script, which runs.
        await site.Page.EvaluateAsync("async () => { store.getState().setSelectedConsent('marketing', true); await store.getState().saveConsents('custom') }").WaitAsync(Cancel);
        await site.Page.EvaluateAsync("text => { store.getState().setScripts(JSON.parse(text)) }",
            Scripts(ConsentSet.Of(ConsentCategory.Marketing)).ToJsonString()).WaitAsync(Cancel);
        await site.Page.WaitForFunctionAsync("() => typeof fbq === 'function'").WaitAsync(Cancel);
        Assert.Equal("undefined", await site.Page.EvaluateAsync<string>("() => typeof posthog").WaitAsync(Cancel));
        Assert.Empty(site.Errors);
    }
}
