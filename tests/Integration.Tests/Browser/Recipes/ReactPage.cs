using Microsoft.Playwright;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>
/// A page whose code is that of <c>docs/c15t-react.md</c>. Visitors answer as people do: they click what they see, in c15t's own banner and dialog. The page's policy permits what the list
/// needs, and the styles of the banner.
/// </summary>
internal class ReactPage(string name, OnWithdrawal onWithdrawal = OnWithdrawal.Reload, string? clientVersion = null) : PageKind
{
    /// <summary>The nonce of the page's own script and styles.</summary>
    public const string Nonce = "n0nce";

    // The names that people read, and the categories that they are for.
    private static readonly Dictionary<string, string> s_labels = new()
    {
        ["Strictly Necessary"] = "necessary",
        ["Functionality"] = "functionality",
        ["Analytics"] = "measurement",
        ["Experience"] = "experience",
        ["Marketing"] = "marketing",
    };

    public override string Name => name;

    public override OnWithdrawal OnWithdrawal => onWithdrawal;

    public override string? ClientVersion => clientVersion;

    /// <summary>Where the page gets its list.</summary>
    public virtual string ListUrl => RecipePage.ListUrl;

    /// <summary>What the page's policy permits beside what the list needs; null for no policy.</summary>
    public string? StyleSources { get; init; } = clientVersion is null ? $"'self' 'nonce-{Nonce}'" : "'self' 'unsafe-inline'";

    /// <summary>The page's policy for scripts, where it is not made from the list.</summary>
    public string? ScriptSources { get; init; }

    /// <summary>The file that the page's build begins with, where it is none of the document's.</summary>
    public string? Entry { get; init; }

    /// <summary>Whether React checks what it is given, as it does for a developer.</summary>
    public bool IsDevelopment { get; init; }

    private string Suffix => ClientVersion is null ? ".jsx" : $"-{ClientVersion}.jsx";

    public override async Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken)
    {
        using var files = await RecipeFiles.ReadAsync(["docs/c15t.md", "docs/c15t-react.md"], cancellationToken);
        var (consent, entry) = ("consent" + Suffix, "site" + Suffix);
        if (ClientVersion is null)
        {
            var options = $"{Place(visitor)}, nonce: '{Nonce}'" + (OnWithdrawal == OnWithdrawal.Stay ? ", reloadOnConsentRevoked: false" : "");
            await files.ReplaceAsync(consent, "mode: 'hosted', backendURL: 'https://your-instance.c15t.dev'", options, cancellationToken);
            await files.ReplaceAsync(consent, "ConsentManagerProvider } from", "ConsentManagerProvider, policyPackPresets } from", cancellationToken);
        }
        else
        {
            await files.ReplaceAsync(consent, "mode: 'c15t',", "mode: 'offline',", cancellationToken);
            await files.ReplaceAsync(consent, "backendURL: 'https://your-instance.c15t.dev',", Place(visitor) + ",", cancellationToken);
        }
        await files.ReplaceAsync(consent, RecipePage.ListUrl, ListUrl, cancellationToken);
        if (Entry is not null) await files.AddAsync(entry, Entry, cancellationToken);
        site.Serve(OfflineSite.Origin + "site.js", await files.BundleAsync(entry, cancellationToken, ClientVersion, IsDevelopment));
        site.Serve(OfflineSite.Origin + "site.css", await files.StylesAsync(entry, cancellationToken), "text/css");
        foreach (var path in RecipePage.Paths) site.Serve(OfflineSite.Origin + path, Html(path), "text/html");
    }

    /// <summary>The categories that the dialog offers. It stays open.</summary>
    public override async Task<string[]> OfferedAsync(IPage page)
    {
        await OpenDialogAsync(page);
        // Version 1.8.6 gives a switch no name; what people read stands beside it.
        var labels = await page.GetByRole(AriaRole.Switch).EvaluateAllAsync<string[]>("switches => switches.map(one => one.getAttribute('aria-label') ?? one.parentElement.innerText.trim())");
        return [.. labels.Select(label => s_labels[label])];
    }

    public override Task RejectAsync(IPage page) => AnswerAsync(page, "Reject All");

    public override Task AcceptAsync(IPage page) => AnswerAsync(page, "Accept All");

    public override async Task ChooseAsync(IPage page, IReadOnlyCollection<string> granted)
    {
        await OpenDialogAsync(page);
        foreach (var (label, category) in s_labels)
        {
            if (category == "necessary") continue;
            var toggle = ClientVersion is null
                ? page.GetByRole(AriaRole.Switch, new() { Name = label })
                : page.GetByRole(AriaRole.Switch).And(page.Locator($":right-of(:text('{label}'))")).First;
            if (await toggle.IsCheckedAsync() != granted.Contains(category)) await toggle.ClickAsync();
        }
        await SayAsync(page, "Save Settings");
    }

    /// <summary>Opens the dialog where it is not open: from the banner, or from the link in the page's footer.</summary>
    public static async Task OpenDialogAsync(IPage page)
    {
        var save = Button(page, "Save Settings");
        if (await save.IsVisibleAsync()) return;
        var customize = Button(page, "Customize");
        await (await customize.IsVisibleAsync() ? customize : Button(page, "Privacy settings")).ClickAsync();
        await save.WaitForAsync();
    }

    public static ILocator Button(IPage page, string label) => page.GetByRole(AriaRole.Button, new() { Name = label, Exact = true });

    /// <summary>Clicks an answer that the banner has as well as the dialog.</summary>
    private static async Task AnswerAsync(IPage page, string answer)
    {
        if (!await Button(page, "Customize").IsVisibleAsync()) await OpenDialogAsync(page);
        await SayAsync(page, answer);
    }

    /// <summary>Clicks an answer, in the dialog where banner and dialog are both there, and sees that it was taken: banner and dialog go.</summary>
    private static async Task SayAsync(IPage page, string answer)
    {
        await Button(page, answer).Last.ClickAsync();
        foreach (var button in (string[])["Customize", "Save Settings"]) await Button(page, button).WaitForAsync(new() { State = WaitForSelectorState.Hidden });
    }

    /// <summary>A page of the site. Its application is a part that client-side routers leave in place.</summary>
    private string Html(string path)
    {
        var policy = "";
        if (StyleSources is not null)
        {
            var content = WalkedScope.Policy("'self'", WalkedScope.First, WalkedScope.Second)
                .Replace("style-src 'self'", $"style-src {StyleSources}", StringComparison.Ordinal)
                .Replace("https://edge.example", new Uri(ListUrl).GetLeftPart(UriPartial.Authority), StringComparison.Ordinal);
            if (ScriptSources is not null) content = $"script-src {ScriptSources}; style-src {StyleSources}";
            policy = $"<meta http-equiv=\"Content-Security-Policy\" content=\"{content}\">";
        }
        return
            $"""
            <!doctype html><html lang="en"><head><meta charset="utf-8">{policy}<title>A site</title><meta name="viewport" content="width=device-width">
            <meta name="astro-view-transitions-enabled" content="true"><link rel="stylesheet" href="/site.css"><style nonce="{Nonce}">*, ::before, ::after {"{"} box-sizing: border-box {"}"}</style>
            <script type="module" nonce="{Nonce}" src="/site.js"></script></head>
            <body><main><h1>/{path}</h1></main><div id="app" data-turbo-permanent data-astro-transition-persist="app"></div></body></html>
            """;
    }
}
