namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>
/// Pages whose client has a backend: a page that is left after a withdrawal must not lose it. Version 1.8.6 stores an answer only when the backend has it, and both send it a task later.
/// </summary>
public sealed class LeavingTests(ChromiumFixture chromium)
{
    private const string Backend = "https://your-instance.c15t.dev/";

    // Notes each answer of the backend that the page lived to see.
    private const string Watch =
        """
        const ask = window.fetch;
        window.fetch = async (...request) => {
          const answer = await ask(...request);
          if (request[1]?.method === 'POST') sessionStorage.setItem('answered', Number(sessionStorage.getItem('answered')) + 1);
          return answer;
        };
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Withdrawals => new() { { "page.js", false }, { "page-1.8.6.js", true } };

    [Theory]
    [MemberData(nameof(Withdrawals))]
    public async Task Withdrawn_PageIsLeft_BackendHasTheAnswer(string file, bool accepts)
    {
        var kind = Kind(file);
        await using var page = await OpenAsync(kind);
        if (accepts) await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Contains("x-pixel", await page.RunningAsync());
        var answered = await AnsweredAsync(page);

        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));

        Assert.Equal(answered + 1, await AnsweredAsync(page));
        Assert.Equal(["plausible-analytics"], await page.RanAsync());
    }

    [Theory]
    [MemberData(nameof(Withdrawals))]
    public async Task Withdrawn_BackendHangs_PageIsLeftAndTheWithdrawalKept(string file, bool accepts)
    {
        var kind = Kind(file);
        await using var page = await OpenAsync(kind);
        if (accepts) await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        page.Site.Hold(Backend + (kind.ClientVersion is null ? "subjects" : "consent/set"));

        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));

        Assert.Equal(["plausible-analytics"], await page.RanAsync());
        Assert.False(await page.Page.EvaluateAsync<bool>("() => c15tStore.getState().consents.marketing").WaitAsync(Cancel));
        Assert.Empty(page.Site.Errors);
    }

    private static PlainPage Kind(string file) =>
        file == "page.js" ? new("2.2.1", file) : new("1.8.6", file, OnWithdrawal.ReloadWhereNeeded, "1.8.6");

    private Task<RecipePage> OpenAsync(PlainPage kind) => RecipePage.OpenAsync(chromium, kind, WalkedScope.First, new Visitor(IsAsked: false, HasBackend: true), async site =>
    {
        // California: everything is granted until the visitor says no. Version 1.8.6 asks.
        site.ServeJson(Backend + "init", _ => """{"jurisdiction":"CCPA","location":{"countryCode":"US","regionCode":"CA"},"translations":{"language":"en","translations":{}},"branding":"c15t"}""");
        site.ServeJson(Backend + "show-consent-banner", _ =>
            """{"showConsentBanner":true,"jurisdiction":{"code":"GDPR","message":""},"location":{"countryCode":"DE","regionCode":null},"translations":{"language":"en","translations":{}},"branding":"c15t"}""");
        site.ServeJson(Backend + "subjects", _ => """{"subjectId":"sub_1","consentId":"cns_1"}""");
        site.ServeJson(Backend + "consent/set", _ => """{"id":"cns_1"}""");
        await site.Page.AddInitScriptAsync(Watch);
    });

    private static Task<int> AnsweredAsync(RecipePage page) => page.Page.EvaluateAsync<int>("() => Number(sessionStorage.getItem('answered'))").WaitAsync(Cancel);
}
