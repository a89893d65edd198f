using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser.Recipes;

/// <summary>A page that <c>samples/server-page</c> renders with the list in it. The server runs, and asks an edge on this machine for the list.</summary>
internal sealed class RenderedPage : PageKind
{
    private readonly HttpListener _edge = new();
    private readonly HttpClient _server = new();
    private readonly StringBuilder _said = new();
    private DirectoryInfo? _folder;
    private Process? _process;
    private volatile WalkedScope? _scope = WalkedScope.First;

    /// <summary>What the edge answers in the place of a version, if that is not a version's own list.</summary>
    public string? Text { get; init; }

    /// <summary>Whether the edge is down when the server starts.</summary>
    public bool StartsWithoutEdge { init => _scope = value ? null : _scope; }

    public override string Name => "rendered on the server";

    public override bool HasListWithoutEdge => true;

    public override async Task ServeAsync(OfflineSite site, Visitor visitor, CancellationToken cancellationToken)
    {
        _folder = Directory.CreateTempSubdirectory("consent-snapshots-server-page-");
        var script = Path.Combine(_folder.FullName, "page.js");
        await File.WriteAllTextAsync(script, await BundleAsync("server-page.js", visitor, cancellationToken), cancellationToken);

        var edge = $"http://127.0.0.1:{FixedPort.Next()}/";
        _edge.Prefixes.Add(edge);
        _edge.Start();
        _ = AnswerAsync();

        var start = new ProcessStartInfo("node", [Path.Combine(RepositoryRoot.Path, "samples/server-page/server.mjs")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("LIST_URL", edge + "scripts.json"), ("PAGE_SCRIPT", script), ("PORT", "0"), ("SECONDS", "0.05")])
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => _said.AppendLine(line.Data);
        _process.BeginErrorReadLine();
        var address = await _process.StandardOutput.ReadLineAsync(cancellationToken);
        Assert.True(address is not null, $"The server did not start: {_said}");
        _server.BaseAddress = new Uri(address);
        site.ServeFrom(_server);
    }

    /// <summary>The edge serves it, and the server has asked for it.</summary>
    public override async Task PublishAsync(OfflineSite site, WalkedScope? scope, CancellationToken cancellationToken)
    {
        _scope = scope;
        if (scope is null || Text is not null) return;
        var version = scope.List["metadata"]!["version"]!.GetValue<int>();
        while (await VersionAsync(cancellationToken) != version) await Task.Yield();
    }

    private async Task<int?> VersionAsync(CancellationToken cancellationToken)
    {
        using var answer = await _server.GetAsync("consent-list.json", cancellationToken);
        return answer.IsSuccessStatusCode ? JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!["metadata"]!["version"]!.GetValue<int>() : null;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        _edge.Close();
        _server.Dispose();
        _folder?.Delete(recursive: true);
        await base.DisposeAsync();
    }

    private async Task AnswerAsync()
    {
        while (true)
        {
            HttpListenerContext asked;
            try
            {
                asked = await _edge.GetContextAsync();
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            if (_scope is { } scope) asked.Response.Close(Encoding.UTF8.GetBytes(Text ?? scope.List.ToJsonString()), willBlock: false);
            else asked.Response.Abort();
        }
    }
}
