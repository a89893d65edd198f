using ConsentSnapshots.Integration.Tests.Browser;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ChromiumFixture))]

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The machine's headless Chromium, started by the first test that opens a site; every site has a profile of its own.</summary>
public sealed class ChromiumFixture : IAsyncDisposable
{
    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome"];

    // No request leaves the machine: what a page asks for is answered by the test (OfflineSite), and these silence the browser itself.
    private static readonly string[] s_arguments =
    [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];

    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly Dictionary<bool, IBrowser> _browsers = [];
    private IPlaywright? _playwright;

    /// <summary>Opens <see cref="OfflineSite.Origin"/>, whose page is <paramref name="html"/>, without any network.</summary>
    public Task<OfflineSite> OpenAsync(string html, CancellationToken cancellationToken) => OpenAsync(html, prepare: null, cancellationToken);

    /// <summary>
    /// The same, where <paramref name="prepare"/> says beforehand what the site answers. A browser that <paramref name="keepsPages"/> has a back/forward cache, as visitors' browsers
    /// do: Playwright switches it off.
    /// </summary>
    public async Task<OfflineSite> OpenAsync(string html, Func<OfflineSite, Task>? prepare, CancellationToken cancellationToken, bool keepsPages = false)
    {
        var browser = await BrowserAsync(keepsPages, cancellationToken);
        return await OfflineSite.OpenAsync(browser, html, prepare, cancellationToken);
    }

    /// <summary>A browser profile of its own for a site that a real server of this machine answers. A request to any other host is refused, and reported to <paramref name="elsewhere"/>.</summary>
    public async Task<IBrowserContext> NewProfileAsync(BrowserNewContextOptions options, Action<string> elsewhere, CancellationToken cancellationToken)
    {
        var browser = await BrowserAsync(cancellationToken);
        var profile = await browser.NewContextAsync(options).WaitAsync(cancellationToken);
        profile.SetDefaultTimeout(120_000); // a busy machine must not reach it
        await profile.RouteAsync(url => new Uri(url) is { IsLoopback: false, Scheme: "http" or "https" }, route =>
        {
            elsewhere(route.Request.Url);
            return route.AbortAsync();
        }).WaitAsync(cancellationToken);
        return profile;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var browser in _browsers.Values) await browser.DisposeAsync();

        _playwright?.Dispose();
        _starting.Dispose();
    }

    private static string Executable() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(_ => s_names, Path.Combine)
            .FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"None of {string.Join(", ", s_names)} is on PATH: run eng/setup-tests.sh.");

    private async Task<IBrowser> BrowserAsync(bool keepsPages, CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            _playwright ??= await Playwright.CreateAsync().WaitAsync(cancellationToken);
            if (_browsers.TryGetValue(keepsPages, out var started)) return started;
            var options = new BrowserTypeLaunchOptions { ExecutablePath = Executable(), Args = s_arguments, Timeout = 120_000 };
            if (keepsPages) options.IgnoreDefaultArgs = ["--disable-back-forward-cache"];
            return _browsers[keepsPages] = await _playwright.Chromium.LaunchAsync(options).WaitAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }
}
