using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>What the visitor answered and to which list is sent to the site and kept in the browser: once for each answer, and only for answers that the visitor gave on this page.</summary>
public sealed class ConsentRecordTests(ChromiumFixture chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Versions => ["2.2.1", "1.8.6"];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Answers_AreRecordedWithTheListInForce(string version)
    {
        var kind = Kind(version);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        var records = Listen(page);

        await kind.ChooseAsync(page.Page, ["measurement"]);
        await page.SettleAsync();
        await page.PublishAsync(WalkedScope.Second);
        await page.ShowAgainAsync();
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Equal(2, records.Count);
        AssertRecord(records.First(), WalkedScope.First, ["measurement"]);
        AssertRecord(records.Last(), WalkedScope.Second, ["experience", "functionality", "marketing", "measurement"]);
        Assert.Equal((string?)records.First()["subjectId"], (string?)records.Last()["subjectId"]);
        var kept = JsonNode.Parse(await page.Page.EvaluateAsync<string>("() => localStorage.getItem('consent-snapshots-record')").WaitAsync(Cancel));
        Assert.True(JsonNode.DeepEquals(records.Last(), kept));
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Withdrawal_IsRecordedBeforeThePageIsLeft_AndNoLaterPageRecordsItAgain(string version)
    {
        var kind = Kind(version);
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        var records = Listen(page);

        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));
        await page.ReloadsAsync(() => page.Page.ReloadAsync());
        await page.ShowAgainAsync();

        AssertRecord(Assert.Single(records), WalkedScope.First, []);
    }

    [Fact]
    public async Task AnswerInAnotherTab_IsRecordedThereAlone()
    {
        var kind = Kind("2.2.1");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        var records = Listen(page);

        var tab = await page.NewTabAsync();
        var ofTab = new ConcurrentQueue<string>();
        tab.Request += (_, request) => ofTab.Enqueue(request.Url);
        await kind.AcceptAsync(tab);
        await page.Page.WaitForFunctionAsync("() => c15tStore.getState().consents.marketing").WaitAsync(Cancel);
        await page.SettleAsync();

        Assert.Empty(records);
        Assert.Single(ofTab, url => url.EndsWith("/consent-records", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SameAnswerAgain_IsAnAnswer()
    {
        var kind = Kind("2.2.1");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        var records = Listen(page);

        foreach (var _ in (int[])[1, 2])
        {
            await kind.RejectAsync(page.Page);
            await page.SettleAsync();
        }

        Assert.Equal(2, records.Count);
    }

    private static PlainPage Kind(string version) =>
        version == "2.2.1" ? new(version, "page.js") : new(version, "page-1.8.6.js", OnWithdrawal.ReloadWhereNeeded, version);

    /// <summary>What the page sends to the site's address for records.</summary>
    private static ConcurrentQueue<JsonNode> Listen(RecipePage page)
    {
        var records = new ConcurrentQueue<JsonNode>();
        page.Page.Request += (_, request) =>
        {
            if (!request.Url.EndsWith("/consent-records", StringComparison.Ordinal)) return;
            Assert.Equal("application/json", request.Headers["content-type"]);
            records.Enqueue(JsonNode.Parse(request.PostData!)!);
        };
        return records;
    }

    private static void AssertRecord(JsonNode record, WalkedScope scope, string[] granted)
    {
        Assert.Equal(["subjectId", "preferences", "version", "snapshot"], record.AsObject().Select(part => part.Key));
        Assert.NotEmpty((string)record["subjectId"]!);
        Assert.Equal(granted, record["preferences"]!.AsObject().Where(preference => (bool)preference.Value! && preference.Key != "necessary").Select(preference => preference.Key).Order(StringComparer.Ordinal));
        Assert.True(JsonNode.DeepEquals(scope.List["metadata"]!["version"], record["version"]));
        Assert.True(JsonNode.DeepEquals(scope.List["metadata"]!["snapshot"], record["snapshot"]));
    }
}
