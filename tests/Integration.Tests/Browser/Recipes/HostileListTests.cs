using System.Text.Json.Nodes;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A list with entries that the client would not understand: they are left out, and the others load.</summary>
public sealed class HostileListTests(ChromiumFixture chromium)
{
    private static readonly string[] s_all = ["functionality", "experience", "measurement", "marketing"];
    private static readonly string[] s_every = [.. WalkedScope.First.Permitted(s_all).Order(StringComparer.Ordinal)];

    private static readonly Dictionary<string, string> s_entries = new()
    {
        ["null"] = "null",
        ["a text"] = "\"meta-pixel\"",
        ["an array"] = "[]",
        ["no id"] = """{"category":"necessary","src":"https://bad.example/a.js"}""",
        ["an id that is no text"] = """{"id":{},"category":"necessary","src":"https://bad.example/a.js"}""",
        ["no category"] = """{"id":"bad","src":"https://bad.example/a.js"}""",
        ["an unknown category"] = """{"id":"bad","category":"advertising","src":"https://bad.example/a.js"}""",
        ["a category that every object has"] = """{"id":"bad","category":"constructor","src":"https://bad.example/a.js"}""",
        ["a condition of nothing"] = """{"id":"bad","category":{"and":[]},"src":"https://bad.example/a.js"}""",
        ["a condition that is null"] = """{"id":"bad","category":null,"src":"https://bad.example/a.js"}""",
        ["a condition with an unknown part"] = """{"id":"bad","category":{"or":["necessary",{"and":["x"]}]},"src":"https://bad.example/a.js"}""",
        ["a condition of which one half is bad"] = """{"id":"bad","category":{"and":null,"or":["necessary"]},"src":"https://bad.example/a.js"}""",
        ["a negation"] = """{"id":"bad","category":{"not":"marketing"},"src":"https://bad.example/a.js"}""",
        ["a number"] = """{"id":"bad","category":1,"src":"https://bad.example/a.js"}""",
        ["both source and text"] = """{"id":"bad","category":"necessary","src":"https://bad.example/a.js","textContent":"1"}""",
        ["neither source nor text"] = """{"id":"bad","category":"necessary","src":""}""",
    };

    public static TheoryData<string> Entries => [.. s_entries.Keys];

    public static TheoryData<string> Revocations =>
    [
        """{"erase":null,"metadata":null}""", """{"erase":{},"metadata":[]}""", """{"erase":[null,1,"_fbp",{},{"cookie":"_fbp"},{"unless":"marketing"},{"cookie":5,"unless":"marketing"}]}""",
        """{"erase":[{"cookie":"*","unless":"nobody"},{"cookie":"_fbp","unless":{"or":[]}}],"metadata":"x"}""",
        """{"metadata":{"version":"two","requiredCategories":"marketing","reloadOnRevocation":{"marketing":true}}}""",
        """{"metadata":{"version":null,"requiredCategories":["marketing","advertising",null],"reloadOnRevocation":[null]}}""",
        """{"erase":[{"document":"cookie","unless":"marketing"},{"localStorage":{},"unless":"marketing"}],"metadata":{}}""",
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Entries))]
    public async Task Entry_ThatTheClientDoesNotUnderstand_IsLeftOut(string entry)
    {
        var list = WalkedScope.First.List.DeepClone();
        list["scripts"]!.AsArray().Insert(0, JsonNode.Parse(s_entries[entry]));

        await AssertWorksAsync(list.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Revocations))]
    public async Task RestOfTheList_OfAnotherShape_IsLeftOut(string rest)
    {
        var list = WalkedScope.First.List.DeepClone().AsObject();
        list.Remove("erase");
        list.Remove("metadata");
        foreach (var (name, value) in JsonNode.Parse(rest)!.AsObject()) list[name] = value?.DeepClone();

        await AssertWorksAsync(list.ToJsonString());
    }

    [Fact]
    public async Task Condition_NestedWithoutEnd_LastListStays()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"and\":[", 20_000)) + "\"necessary\"" + string.Concat(Enumerable.Repeat("]}", 20_000));
        var text = WalkedScope.First.List.ToJsonString().Replace("{\"scripts\":[", $$"""{"scripts":[{"id":"bad","category":{{deep}},"src":"https://bad.example/a.js"},""", StringComparison.Ordinal);
        var kind = new PlainPage("hostile", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First);
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        page.Site.Serve(RecipePage.ListUrl, text, "application/json");
        await page.ShowAgainAsync();

        Assert.Equal(s_every, (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Empty(page.Site.Errors);
    }

    [Fact]
    public async Task List_OfTwoHundredScripts_LoadsThem()
    {
        var list = WalkedScope.First.List.DeepClone();
        for (var number = 0; number < 200; number++)
            list["scripts"]!.AsArray().Add(JsonNode.Parse($$"""{"id":"more:{{number}}","category":"marketing","src":"https://plausible.io/{{number}}.js"}"""));

        await AssertWorksAsync(list.ToJsonString(), more: 200);
    }

    private async Task AssertWorksAsync(string list, int more = 0)
    {
        var kind = new PlainPage("hostile", "page.js");
        await using var page = await RecipePage.OpenAsync(chromium, kind, WalkedScope.First, prepare: site =>
        {
            site.Serve(RecipePage.ListUrl, list, "application/json");
            site.ServeEveryOtherScript("(window.more = window.more || []).push(document.currentScript.src)");
            return Task.CompletedTask;
        });
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();

        Assert.Equal(s_every, (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.Equal(more, await page.Page.EvaluateAsync<int>("() => (window.more || []).length").WaitAsync(Cancel));

        await page.ShowAgainAsync();
        await page.ReloadsAsync(() => kind.RejectAsync(page.Page));
        Assert.Equal(["plausible-analytics"], await page.RanAsync());
        await kind.AcceptAsync(page.Page);
        await page.SettleAsync();
        Assert.Equal(s_every, (await page.RunningAsync()).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(page.Site.Requests, url => url.StartsWith("https://bad.example/", StringComparison.Ordinal));
        Assert.Empty(page.Site.Errors);
    }
}
