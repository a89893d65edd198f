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

    // A visitor's browser keeps a page that is left, and gives it back as it was; Playwright would have it forget the page.
    private static readonly string[] s_refused = ["--disable-back-forward-cache"];

    private readonly SemaphoreSlim _starting = new(1, 1);
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>Opens <see cref="OfflineSite.Origin"/>, whose page is <paramref name="html"/>, without any network.</summary>
    public Task<OfflineSite> OpenAsync(string html, CancellationToken cancellationToken) => OpenAsync(html, prepare: null, cancellationToken);

    /// <summary>The same, where <paramref name="prepare"/> says beforehand what the site answers.</summary>
    public async Task<OfflineSite> OpenAsync(string html, Func<OfflineSite, Task>? prepare, CancellationToken cancellationToken)
    {
        var browser = await BrowserAsync(cancellationToken);
        return await OfflineSite.OpenAsync(browser, html, prepare, cancellationToken);
    }

    /// <summary>A fresh browser profile that keeps what it loads as a visitor's does. It reaches servers of this machine.</summary>
    public async Task<IBrowserContext> NewProfileAsync(CancellationToken cancellationToken)
    {
        var browser = await BrowserAsync(cancellationToken);
        var profile = await browser.NewContextAsync().WaitAsync(cancellationToken);
        profile.SetDefaultTimeout(120_000); // a busy machine must not reach it
        return profile;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        _starting.Dispose();
    }

    private static string Executable() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(_ => s_names, Path.Combine)
            .FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"None of {string.Join(", ", s_names)} is on PATH: run eng/setup-tests.sh.");

    private async Task<IBrowser> BrowserAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            _playwright ??= await Playwright.CreateAsync().WaitAsync(cancellationToken);
            return _browser ??= await _playwright.Chromium
                .LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Executable(), Args = s_arguments, IgnoreDefaultArgs = s_refused, Timeout = 120_000 })
                .WaitAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }
}
