using System.Diagnostics;
using ConsentSnapshots.Integration.Tests.Fixtures;

[assembly: AssemblyFixture(typeof(ConsentSnapshots.Integration.Tests.Playground.DevProgram))]

namespace ConsentSnapshots.Integration.Tests.Playground;

/// <summary><c>dotnet run dev.cs</c>, as the README's first command starts it, on a copy of the sample. The first test that needs it starts it.</summary>
public sealed class DevProgram : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("consent-snapshots-dev-");
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly CancellationTokenSource _ended = new();
    private Process? _process;
    private Uri? _playground;

    /// <summary>The destinations file that it runs on.</summary>
    public string File => Path.Combine(_folder.FullName, "destinations.json");

    /// <summary>The address of the page that it prints first of all.</summary>
    public async Task<Uri> PlaygroundAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            return _playground ??= await StartAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            // `dotnet run` has the program as its child.
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            await _process.WaitForExitAsync(patience.Token);
            _process.Dispose();
        }
        await _ended.CancelAsync();
        _ended.Dispose();
        _starting.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<Uri> StartAsync(CancellationToken cancellationToken)
    {
        System.IO.File.Copy(Path.Combine(RepositoryRoot.Path, "samples", "destinations.json"), File);
        var start = new ProcessStartInfo("dotnet", ["run", "dev.cs", "--config", File, "--data", Path.Combine(_folder.FullName, "data"), "--urls", "http://127.0.0.1:0"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = RepositoryRoot.Path,
        };
        _process = Process.Start(start)!;
        var errors = _process.StandardError.ReadToEndAsync(cancellationToken);
        var said = new List<string>();
        while (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            said.Add(line);
            if (line.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries) is not ["open", var address]) continue;
            // What it writes from now on is read, so that it never waits for a reader.
            _ = _process.StandardOutput.ReadToEndAsync(_ended.Token);
            return new Uri(address);
        }
        throw new InvalidOperationException($"dev.cs ended: {string.Join('\n', said)}{await errors}");
    }
}
