using System.Diagnostics;
using System.Globalization;

namespace ConsentSnapshots.Torture.Tests.Platform;

/// <summary>A program of the product as its own process, with its output in a file.</summary>
internal sealed class ProductProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task _copying;

    private ProductProcess(Process process, Task copying) => (_process, _copying) = (process, copying);

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Starts a program of the build that the tests belong to.</summary>
    /// <param name="program">Project and executable, for example <c>Worker/consent-snapshots</c>.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">Its settings; it sees none of the machine's.</param>
    /// <param name="line">Is given every line that it writes.</param>
    public static ProductProcess Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> variables, Action<string> line)
    {
        var start = new ProcessStartInfo(PathOf(program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var key in start.Environment.Keys.Where(key => key.Contains("__", StringComparison.Ordinal) || key == "ASPNETCORE_URLS").ToList()) start.Environment.Remove(key);
        foreach (var (key, value) in variables) start.Environment[key] = value;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return new ProductProcess(process, Task.WhenAll(CopyAsync(process.StandardOutput, line), CopyAsync(process.StandardError, line)));
    }

    /// <summary>SIGKILL: it puts nothing in order.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }

    /// <summary>Sends a signal: STOP, CONT or TERM.</summary>
    public async Task SignalAsync(string signal, CancellationToken cancellationToken)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
    }

    public Task WaitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    /// <summary>Completes when all that it wrote has been seen.</summary>
    public async Task ReadToEndAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _copying;
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }

    private static async Task CopyAsync(StreamReader output, Action<string> line)
    {
        try
        {
            while (await output.ReadLineAsync() is { } text) line(text);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The process was killed and its pipe is gone.
        }
    }

    private static string PathOf(string program)
    {
        var (project, name) = (program.Split('/')[0], program.Split('/')[1]);
        var build = new DirectoryInfo(AppContext.BaseDirectory); // tests/PROJECT/bin/CONFIGURATION/FRAMEWORK
        return Path.Combine(build.FullName, "../../../../../src", project, "bin", build.Parent!.Name, build.Name, name);
    }
}
