using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;
using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>A visitor's way through a site with one tag and a dialog of its own. The tables in docs/loader.md are what was seen on it.</summary>
public sealed partial class LoaderWalkTests(ChromiumFixture chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Site_WithOneTag_LoadsTellsAndErasesAsTheTableSays() =>
        await CheckAsync("with a reload", await SiteWalk.WalkAsync(chromium, new OneTagSite()));

    [Fact]
    public async Task Site_ThatDoesNotReload_LoadsTellsAndErasesAsTheTableSays() =>
        await CheckAsync("without a reload", await SiteWalk.WalkAsync(chromium, new OneTagSite { Router = "turbo", Options = "reload: false" }));

    [Fact]
    public async Task Site_WhereOneMayOptOut_LoadsTellsAndErasesAsTheTableSays() =>
        await CheckAsync("opt-out", await SiteWalk.WalkWhereOneMayOptOutAsync(chromium, new OneTagSite { Region = "opt-out" }));

    /// <summary>Compares with the table in the documentation; <c>UPDATE_GOLDEN=1</c> writes it there.</summary>
    private static async Task CheckAsync(string name, string table)
    {
        var path = Path.Combine(RepositoryRoot.Path, "docs", "loader.md");
        var text = await File.ReadAllTextAsync(path, Cancel);
        var place = Tables().Matches(text).Single(match => match.Groups["name"].Value == name).Groups["table"];
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
            await File.WriteAllTextAsync(path, text[..place.Index] + table + text[(place.Index + place.Length)..], Cancel);
        else Assert.Equal(place.Value, table);
    }

    [GeneratedRegex("<!-- walk: (?<name>.+) -->\n(?<table>(?:\\|.*\n)*)<!-- end -->")]
    private static partial Regex Tables();

    /// <summary>The tag of docs/loader.md, and a dialog that says what docs/loader.md says.</summary>
    private sealed partial class OneTagSite : WalkedSite
    {
        public string Options { get; init; } = "";

        public string Region { get; init; } = "";

        public override string Head { get; } = Tag() + """<script src="/dialog.js"></script>""";

        public override string Before => $"window.site = {{ region: '{Region}', options: {{ {Options} }} }};";

        public override void Serve(OfflineSite site, JsonObject list)
        {
            site.Serve(LoaderPage.TagsUrl, LoaderPage.Tags(list));
            site.Serve(LoaderPage.ListUrl, list.ToJsonString(), "application/json");
            site.Serve(OfflineSite.Origin + "dialog.js", File.ReadAllText(C15tBundle.Source("dialog.js")));
        }

        public override void CutEdge(OfflineSite site)
        {
            site.Refuse(LoaderPage.TagsUrl);
            site.Refuse(LoaderPage.ListUrl);
        }

        public override async Task ReadyAsync(IPage page) => await page.WaitForFunctionAsync("() => window.site?.answer").WaitAsync(Cancel);

        public override Task AnswerAsync(IPage page, IReadOnlyCollection<string> granted) => page.EvaluateAsync("granted => site.answer(granted)", granted.ToArray()).WaitAsync(Cancel);

        public override async Task FollowedAsync(IPage page) => await page.WaitForFunctionAsync("() => !consentSnapshots.granted.marketing").WaitAsync(Cancel);

        // X can neither be told nor stopped.
        public override bool Reloads(IReadOnlyCollection<string> withdrawn) => Options.Length == 0 && withdrawn.Contains("marketing");

        private static string Tag()
        {
            var tag = TagOfDocs().Match(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "loader.md"))).Groups["tag"].Value;
            Assert.Contains(LoaderPage.TagsUrl, tag, StringComparison.Ordinal);
            return tag;
        }

        [GeneratedRegex("```html\n(?<tag><script[^\n]*tags\\.js[^\n]*)\n```")]
        private static partial Regex TagOfDocs();
    }
}
