using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ConsentSnapshots.Worker.Benchmarks;

/// <summary>How long after a commit in the control plane an edge serves it, with the worker and the edge as processes of their own.</summary>
internal sealed class Latency : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly SourceDatabase _source;
    private readonly (string Key, string Value)[] _settings;
    private readonly RunningProgram _worker;
    private readonly RunningProgram _edge;
    private readonly HttpClient _http;
    private int _edits;

    public Latency(SourceDatabase source, (string Key, string Value)[] settings, string edge)
    {
        _source = source;
        _settings = [.. settings, ("Source:Provider", "postgres"), ("Encryption:Keys:0", new string('0', 64)), ("Worker:Url", "off")];
        _worker = StartWorker();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        listener.Stop();
        _edge = RunningProgram.Start(edge, [], settings.Where(setting => setting.Key.StartsWith("Storage:", StringComparison.Ordinal)).Append(("ASPNETCORE_URLS", url)));
        _http = new HttpClient { BaseAddress = new Uri(url) };
    }

    /// <summary>Waits until the edge answers for an organization.</summary>
    public async Task ReadyAsync(int organization)
    {
        for (var deadline = Stopwatch.StartNew(); ; await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System))
        {
            try
            {
                using var response = await _http.GetAsync(Path(organization));
                if (response.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (deadline.Elapsed < s_patience)
            {
            }
            if (deadline.Elapsed > s_patience) throw new TimeoutException("The edge does not answer.");
        }
    }

    /// <summary>Edits one organization, and waits until the edge serves it.</summary>
    /// <param name="organization">Which.</param>
    /// <param name="poll">The pause between two looks at the edge, by which the result is too long at most.</param>
    public async Task<TimeSpan> EditAsync(int organization, TimeSpan poll)
    {
        var value = string.Create(CultureInfo.InvariantCulture, $"9{Interlocked.Increment(ref _edits):D8}");
        await _source.EditAsync(organization, value);
        var committed = Stopwatch.GetTimestamp();
        var searched = Encoding.UTF8.GetBytes(value);
        string? tag = null;
        while (Stopwatch.GetElapsedTime(committed) < s_patience)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Path(organization));
            if (tag is not null) request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            using var response = await _http.SendAsync(request);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                tag = response.Headers.ETag?.ToString();
                if ((await response.Content.ReadAsByteArrayAsync()).AsSpan().IndexOf(searched) >= 0) return Stopwatch.GetElapsedTime(committed);
            }
            await Task.Delay(poll, TimeProvider.System);
        }
        throw new TimeoutException("An edit was not served.");
    }

    /// <summary>A second worker is given work and then ends, or stops, without a word. The time until nothing is claimed by it any more.</summary>
    public async Task<TimeSpan> LoseWorkerAsync(bool kill)
    {
        using var second = StartWorker();
        Guid? id = null;
        for (var deadline = Stopwatch.StartNew(); id is null || await _source.CountClaimsAsync(id.Value) == 0; await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System))
        {
            if (deadline.Elapsed > s_patience) throw new TimeoutException("The second worker has claimed nothing.");
            id ??= await _source.FindWorkerAsync(second.Id);
        }
        if (kill) second.Kill();
        else second.Signal("STOP");
        var lost = Stopwatch.GetTimestamp();
        while (await _source.CountClaimsAsync(id.Value) > 0) await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        return Stopwatch.GetElapsedTime(lost);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _worker.Dispose();
        _edge.Dispose();
        _http.Dispose();
    }

    private static string Path(int organization) => $"/v1/{SourceDatabase.OrganizationOf(organization)}/production/scripts.json";

    private RunningProgram StartWorker() => RunningProgram.Start(System.IO.Path.Combine(AppContext.BaseDirectory, "consent-snapshots"), ["run"], _settings);
}
