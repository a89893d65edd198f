using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;

namespace ConsentSnapshots.Integration.Tests.Observability;

/// <summary>The machine's Prometheus with the rules of the repository. It scrapes each second.</summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly HttpClient _http;

    private PrometheusServer(DirectoryInfo folder, Process process, Uri address)
    {
        (_folder, _process, _http) = (folder, process, new HttpClient { BaseAddress = address });
        _errors = process.StandardError.ReadToEndAsync(Cancel);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<PrometheusServer> StartAsync(string rules, params (string Job, Uri Metrics)[] targets)
    {
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-prometheus-");
        var settings = Path.Combine(folder.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(settings,
            $"""
            global:
              scrape_interval: 1s
              evaluation_interval: 1s
            rule_files: ["{rules}"]
            scrape_configs:
            {string.Join('\n', targets.Select(target => $"  - job_name: {target.Job}\n    static_configs: [{{ targets: [\"{target.Metrics.Authority}\"] }}]"))}
            """, Cancel);
        var port = FixedPort.Next();
        var process = Process.Start(new ProcessStartInfo(SystemExecutable.Find("prometheus"),
        [
            $"--config.file={settings}", $"--storage.tsdb.path={Path.Combine(folder.FullName, "data")}", $"--web.listen-address=127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}", "--log.level=warn",
        ])
        { RedirectStandardError = true })!;
        var server = new PrometheusServer(folder, process, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")));
        try
        {
            await Eventually.TrueAsync(server.IsReadyAsync, "Prometheus is ready");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>How many samples a query gives.</summary>
    public async Task<int> CountAsync(string query)
    {
        using var answer = await AskAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        return answer.RootElement.GetProperty("data").GetProperty("result").GetArrayLength();
    }

    /// <summary>Each alert rule: its name, whether its last evaluation was without an error, and the error.</summary>
    public async Task<IReadOnlyList<(string Name, string Health, string Error)>> RulesAsync()
    {
        using var answer = await AskAsync("/api/v1/rules");
        return
        [
            .. answer.RootElement.GetProperty("data").GetProperty("groups").EnumerateArray().SelectMany(group => group.GetProperty("rules").EnumerateArray()).Select(rule =>
                (rule.GetProperty("name").GetString()!, rule.GetProperty("health").GetString()!, rule.TryGetProperty("lastError", out var error) ? error.GetString()! : "")),
        ];
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync(Cancel);
        _process.Dispose();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process.HasExited) Assert.Fail($"Prometheus has ended: {await _errors}");
        try
        {
            using var response = await _http.GetAsync(new Uri("/-/ready", UriKind.Relative), Cancel);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonDocument> AskAsync(string path)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        var body = await response.Content.ReadAsStringAsync(Cancel);
        var answer = JsonDocument.Parse(body);
        Assert.True(answer.RootElement.GetProperty("status").GetString() == "success", $"{Uri.UnescapeDataString(path)}: {body}");
        return answer;
    }
}
