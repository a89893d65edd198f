namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A page of plain JavaScript, whose code is a file of <c>docs/c15t.md</c>, with a policy made of what the list says.</summary>
internal sealed class PlainPage(string name, string file, OnWithdrawal onWithdrawal = OnWithdrawal.Reload, string? clientVersion = null) : PageKind
{
    public override string Name => name;

    public override OnWithdrawal OnWithdrawal => onWithdrawal;

    public override string? ClientVersion => clientVersion;

    /// <summary>The nonce that the page's policy wants instead, if it wants one.</summary>
    public string? Nonce { get; init; }

    public override async Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken)
    {
        site.Serve(OfflineSite.Origin + "page.js", await BundleAsync(file, visitor, cancellationToken));
        var html = Html(Nonce is null ? WalkedScope.Policy("'self'", Versions) : $"script-src 'nonce-{Nonce}' 'strict-dynamic'; base-uri 'none'", Nonce is null ? "" : $" nonce=\"{Nonce}\"");
        foreach (var path in RecipePage.Paths) site.Serve(OfflineSite.Origin + path, html.Replace("<h1></h1>", $"<h1>/{path}</h1>", StringComparison.Ordinal), "text/html");
    }

    private static string Html(string policy, string nonce) =>
        $"""
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>A site</title>
        <meta name="astro-view-transitions-enabled" content="true"><script type="module"{nonce} src="/page.js"></script></head><body><main><h1></h1></main></body></html>
        """;
}
