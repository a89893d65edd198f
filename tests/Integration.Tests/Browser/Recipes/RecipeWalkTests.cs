namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>
/// A visitor's whole way through each kind of page that <c>docs/c15t.md</c> describes, with the code that stands there. What loaded at each step is the table in that document:
/// <c>UPDATE_GOLDEN=1</c> writes it.
/// </summary>
public sealed class RecipeWalkTests(ChromiumFixture chromium)
{
    private static readonly Dictionary<string, Func<PageKind>> s_kinds = new Func<PageKind>[]
    {
        () => new PlainPage("version 2.2.1", "page.js"),
        () => new PlainPage("version 2.2.1 with reloadOnConsentRevoked: false", "page.js", OnWithdrawal.Stay),
        () => new PlainPage("version 1.8.6", "page-1.8.6.js", OnWithdrawal.ReloadWhereNeeded, "1.8.6"),
        () => new RenderedPage(),
        () => new AnswerPage(),
    }.ToDictionary(kind => kind().Name);

    public static TheoryData<string> Kinds => [.. s_kinds.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Walk_EveryStep_LoadsWhatIsGrantedAndNothingElse(string kind)
    {
        var table = await PageWalk.WalkAsync(chromium, s_kinds[kind]);

        await DocumentTable.CheckAsync("docs/c15t.md", kind, table, TestContext.Current.CancellationToken);
    }
}
