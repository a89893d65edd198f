using System.Collections.Concurrent;
using System.Diagnostics;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Samples;

/// <summary>The program of <c>samples/c15t-backend</c> as a process of its own, which asks for its list ten times a second.</summary>
internal sealed class C15tBackend : IAsyncDisposable
{
    /// <summary>The origin of the site's pages.</summary>
    public const string Site = "https://www.example.com";

    /// <summary>What a person who may look records up has.</summary>
    public const string RecordsKey = "a-key-for-tests";

    private const string Listening = "Listening on ";

    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Process _process;

    private C15tBackend(Uri list, string databaseFile)
    {
        var start = new ProcessStartInfo("node", ["server.js"]) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LIST_URL"] = list.ToString();
        start.Environment["LIST_REFRESH_SECONDS"] = "0.1";
        start.Environment["ORIGINS"] = Site;
        start.Environment["PORT"] = "0";
        start.Environment["DATABASE_FILE"] = databaseFile;
        start.Environment["RECORDS_KEY"] = RecordsKey;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "samples", "c15t-backend");

    /// <summary>Asks this backend.</summary>
    public HttpClient Http { get; } = new();

    /// <summary>What it has said so far.</summary>
    public IReadOnlyList<string> Lines => [.. _lines];

    public static async Task<C15tBackend> StartAsync(Uri list, string databaseFile)
    {
        Assert.True(Directory.Exists(Path.Combine(Folder, "node_modules")), "The sample's packages are not installed: run eng/setup-tests.sh.");
        var backend = new C15tBackend(list, databaseFile);
        try
        {
            backend._process.Start();
            backend._process.BeginOutputReadLine();
            backend._process.BeginErrorReadLine();
            await backend.SaysAsync(Listening);
            backend.Http.BaseAddress = new Uri(backend.Lines.First(line => line.StartsWith(Listening, StringComparison.Ordinal))[Listening.Length..]);
            return backend;
        }
        catch
        {
            await backend.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until it has said something.</summary>
    public async Task SaysAsync(string text)
    {
        await Eventually.TrueAsync(() => Task.FromResult(_process.HasExited || Count(text) > 0), $"the backend says '{text}'", details: () => $"; it said:\n{string.Join('\n', Lines)}");
        Assert.True(Count(text) > 0, $"The backend has ended; it said:\n{string.Join('\n', Lines)}");
    }

    /// <summary>How many of its lines have a text.</summary>
    public int Count(string text) => _lines.Count(line => line.Contains(text, StringComparison.Ordinal));

    /// <summary>Kills it, as a machine that fails does.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await _process.WaitForExitAsync(patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await KillAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null) _lines.Enqueue(line);
    }
}
