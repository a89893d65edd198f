namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>The page that asks for the scripts of one consent, behind caches and on slow networks.</summary>
public sealed class AnswerTests(ChromiumFixture chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cache_ThatIgnoresTheQuery_GivesNothingOfAnotherVisitors()
    {
        var kind = new AnswerPage();
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site =>
        {
            site.ServeJson(AnswerPage.AnswerUrl, _ => WalkedScope.First.Answer(Generator.Consent.ConsentSet.Everything));
            return Task.CompletedTask;
        });

        Assert.Equal(0, await page.Page.EvaluateAsync<int>("() => c15tStore.getState().scripts.length").WaitAsync(Cancel));
        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.SettleAsync();

        Assert.Equal(0, await page.Page.EvaluateAsync<int>("() => c15tStore.getState().scripts.length").WaitAsync(Cancel));
        Assert.Empty(page.AskedSince(0));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task Answers_InAnotherOrderThanTheQuestions_LastQuestionCounts()
    {
        var kind = new AnswerPage();
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site => site.Page.AddInitScriptAsync(
            """
            window.release = [];
            const ask = window.fetch;
            window.fetch = async (...request) => {
              const answer = await ask(...request);
              if (window.slow && String(request[0]).includes('/scripts?')) await new Promise(resolve => release.push(resolve));
              return answer;
            };
            """));
        await page.Page.EvaluateAsync("() => { window.slow = true }").WaitAsync(Cancel);
        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.Page.WaitForFunctionAsync("() => release.length === 1").WaitAsync(Cancel);
        await kind.AcceptAsync(page.Page);
        await page.Page.WaitForFunctionAsync("() => release.length === 2").WaitAsync(Cancel);

        await page.Page.EvaluateAsync("() => { window.slow = false; release[1](); release[0]() }").WaitAsync(Cancel);
        await page.SettleAsync();

        string[] all = ["functionality", "experience", "measurement", "marketing"];
        Assert.Equal(WalkedScope.First.Permitted(all).Order(StringComparer.Ordinal), (await page.RunningAsync()).Order(StringComparer.Ordinal));
        var ids = await page.Page.EvaluateAsync<string[]>("() => c15tStore.getState().scripts.map(script => script.id)").WaitAsync(Cancel);
        Assert.Equal(WalkedScope.First.List["scripts"]!.AsArray().Select(script => (string)script!["id"]!).Order(StringComparer.Ordinal), ids.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task ThreeAnswers_OneEntryForEachId()
    {
        var kind = new AnswerPage();
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);

        foreach (var granted in (string[][])[["measurement"], ["measurement", "marketing"], ["functionality", "measurement", "marketing"]])
        {
            await kind.ChooseAsync(page.Page, granted);
            await page.SettleAsync();
        }

        var ids = await page.Page.EvaluateAsync<string[]>("() => c15tStore.getState().scripts.map(script => script.id)").WaitAsync(Cancel);
        Assert.Equal(ids.Distinct(), ids);
    }
}
