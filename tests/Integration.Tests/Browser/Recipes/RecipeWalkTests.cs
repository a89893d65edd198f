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

    /// <summary>Version 1.8.6 has no nonce of its own, so the page gives each script one. The walk is the same.</summary>
    [Fact]
    public async Task Walk_WithANonceAlone_IsTheSame()
    {
        var table = await PageWalk.WalkAsync(chromium, () => new PlainPage("version 1.8.6 with a nonce", "page-1.8.6-nonce.js", OnWithdrawal.ReloadWhereNeeded, "1.8.6") { Nonce = "n0nce" });

        await DocumentTable.CheckAsync("docs/c15t.md", "version 1.8.6", table, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Readme_ShowsThePageThatWasWalked()
    {
        using var readme = await RecipeFiles.ReadAsync("README.md", TestContext.Current.CancellationToken);
        using var document = await RecipeFiles.ReadAsync("docs/c15t.md", TestContext.Current.CancellationToken);

        var page = await File.ReadAllLinesAsync(Path.Combine(readme.Folder, "page.js"), TestContext.Current.CancellationToken);
        Assert.Equal(await File.ReadAllLinesAsync(Path.Combine(document.Folder, "page.js"), TestContext.Current.CancellationToken), page);
        Assert.Equal(5, page.Length - 1);
    }
}
