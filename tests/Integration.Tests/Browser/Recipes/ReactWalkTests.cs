namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A visitor's whole way through React pages, by clicks in c15t's banner and dialog. What loaded at each step is the table in <c>docs/c15t-react.md</c>: <c>UPDATE_GOLDEN=1</c> writes it.</summary>
public sealed class ReactWalkTests(ChromiumFixture chromium)
{
    private static readonly Dictionary<string, Func<PageKind>> s_kinds = new Func<PageKind>[]
    {
        () => new ReactPage("@c15t/react 2.2.1"),
        () => new ReactPage("@c15t/react 2.2.1 with reloadOnConsentRevoked: false", OnWithdrawal.Stay),
        () => new ReactPage("@c15t/react 1.8.6", OnWithdrawal.ReloadWhereNeeded, "1.8.6"),
    }.ToDictionary(kind => kind().Name);

    public static TheoryData<string> Kinds => [.. s_kinds.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Walk_ByClicks_LoadsWhatIsGrantedAndNothingElse(string kind)
    {
        var table = await PageWalk.WalkAsync(chromium, s_kinds[kind]);

        await DocumentTable.CheckAsync("docs/c15t-react.md", kind, table, TestContext.Current.CancellationToken);
    }
}
