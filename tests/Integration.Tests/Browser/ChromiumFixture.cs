using ConsentSnapshots.Integration.Tests.Browser;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(ChromiumFixture))]

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>The machine's headless Chromium, started by the first test that opens a site; every site has a profile of its own.</summary>
/// <remarks>
/// Most tests run in Chromium's headless shell, which does without windows and so needs about a third of the processor time. It forgets a page that is left, so what a visitor finds who comes
/// back to a page is tested in the whole browser.
/// </remarks>
public sealed class ChromiumFixture : IAsyncDisposable
{
    private static readonly string[] s_browsers = ["chromium", "chromium-browser", "google-chrome"];
    private static readonly string[] s_shells = ["chromium-headless-shell", .. s_browsers];

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
    private IBrowser? _shell;
    private IBrowser? _whole;

    /// <summary>Opens <see cref="OfflineSite.Origin"/>, whose page is <paramref name="html"/>, without any network.</summary>
    public Task<OfflineSite> OpenAsync(string html, CancellationToken cancellationToken) => OpenAsync(html, prepare: null, cancellationToken);

    /// <summary>The same, where <paramref name="prepare"/> says beforehand what the site answers.</summary>
    /// <param name="keepsPages">Whether a page that is left stays as it was for a visitor who comes back.</param>
    public async Task<OfflineSite> OpenAsync(string html, Func<OfflineSite, Task>? prepare, CancellationToken cancellationToken, bool keepsPages = false)
    {
        var browser = await BrowserAsync(keepsPages, cancellationToken);
        return await OfflineSite.OpenAsync(browser, html, prepare, cancellationToken);
    }

    /// <summary>A fresh browser profile that keeps what it loads as a visitor's does. It reaches servers of this machine.</summary>
    public async Task<IBrowserContext> NewProfileAsync(CancellationToken cancellationToken)
    {
        var browser = await BrowserAsync(keepsPages: false, cancellationToken);
        var profile = await browser.NewContextAsync().WaitAsync(cancellationToken);
        profile.SetDefaultTimeout(120_000); // a busy machine must not reach it
        return profile;
    }

    public async ValueTask DisposeAsync()
    {
        if (_shell is not null) await _shell.DisposeAsync();
        if (_whole is not null) await _whole.DisposeAsync();
        _playwright?.Dispose();
        _starting.Dispose();
    }

    private static string Executable(string[] names) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(_ => names, Path.Combine)
            .FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"None of {string.Join(", ", names)} is on PATH: run eng/setup-tests.sh.");

    private async Task<IBrowser> BrowserAsync(bool keepsPages, CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            _playwright ??= await Playwright.CreateAsync().WaitAsync(cancellationToken);
            return keepsPages ? _whole ??= await StartAsync(s_browsers) : _shell ??= await StartAsync(s_shells);
        }
        finally
        {
            _starting.Release();
        }

        Task<IBrowser> StartAsync(string[] names) => _playwright.Chromium
            .LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Executable(names), Args = s_arguments, IgnoreDefaultArgs = s_refused, Timeout = 120_000 })
            .WaitAsync(cancellationToken);
    }
}
