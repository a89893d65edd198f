using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Tests.Support;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>The worker's service as an operator runs it: a process with environment variables, probes and signals. It is killed when the test ends.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Task _reading;
    private readonly HttpClient _http = new();

    private WorkerProcess(Process process, string url)
    {
        _process = process;
        Url = new Uri(url);
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError));
    }

    public Uri Url { get; }

    public string[] Lines
    {
        get
        {
            lock (_lines) return [.. _lines];
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Starts it.</summary>
    /// <param name="settings">Its settings; what has no section is left out.</param>
    /// <param name="url">Where it answers probes; null for a port of its own.</param>
    /// <param name="environment">Variables that are no settings.</param>
    public static WorkerProcess Start(IEnumerable<KeyValuePair<string, string?>> settings, string? url = null, IEnumerable<KeyValuePair<string, string?>>? environment = null)
    {
        url ??= $"http://127.0.0.1:{FixedPort.Next()}";
        var start = Executable.Describe(Executable.Worker, ["run"], settings.Append(KeyValuePair.Create("Worker:Url", (string?)url))
            .Where(setting => setting.Key.Contains(':', StringComparison.Ordinal))
            .Select(setting => KeyValuePair.Create(setting.Key.Replace(":", "__", StringComparison.Ordinal), setting.Value))
            .Concat(environment ?? []));
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new WorkerProcess(process, url);
    }

    /// <summary>How many lines have an event.</summary>
    public int Count(int id) => Lines.Count(line => line.Contains($"[{id}]", StringComparison.Ordinal));

    public Task SaysAsync(string text) => Eventually.TrueAsync(
        () => Task.FromResult(Lines.Any(line => line.Contains(text, StringComparison.Ordinal))), $"the worker says '{text}'", details: () => string.Join(Environment.NewLine, Lines));

    /// <summary>What a probe gets; null while nobody listens.</summary>
    public async Task<(HttpStatusCode Code, string Status, string[] Reasons)?> ProbeAsync(string path)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri(Url, path), Cancel);
            using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
            return (response.StatusCode, body.RootElement.GetProperty("status").GetString()!,
                [.. body.RootElement.GetProperty("reasons").EnumerateArray().Select(reason => reason.GetString()!)]);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Waits for an answer of the readiness probe.</summary>
    public Task ReadyAsync(Func<HttpStatusCode, string, string[], bool> wanted, string what) => Eventually.TrueAsync(
        async () => await ProbeAsync("/health/ready") is { } probe && wanted(probe.Code, probe.Status, probe.Reasons), what, details: () => string.Join(Environment.NewLine, Lines));

    public async Task<string> MetricsAsync() => await _http.GetStringAsync(new Uri(Url, "/metrics"), Cancel);

    /// <summary>Tells it to stop.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start(SystemExecutable.Find("kill"), ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Cancel);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits for its end: the exit code, and how long that took from now.</summary>
    public async Task<(int ExitCode, TimeSpan Took)> EndAsync()
    {
        var since = Stopwatch.GetTimestamp();
        await _process.WaitForExitAsync(Cancel).WaitAsync(s_patience, TimeProvider.System, Cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.True(_process.HasExited, $"The worker has not ended within {s_patience.TotalSeconds} s. It said:{Environment.NewLine}{string.Join(Environment.NewLine, Lines)}");
        var took = Stopwatch.GetElapsedTime(since);
        await _reading;
        TestContext.Current.SendDiagnosticMessage($"The worker ended with {_process.ExitCode} after {took.TotalSeconds:F1} s, and said:{Environment.NewLine}{string.Join(Environment.NewLine, Lines)}");
        return (_process.ExitCode, took);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _http.Dispose();
    }

    private async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync(Cancel) is { } line)
            lock (_lines) _lines.Add(line);
    }
}
