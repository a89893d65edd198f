using System.Diagnostics;
using System.Text;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>
/// A published program as its own process. It sees the settings that the test gives it and none of the machine's, and it is killed when
/// the test ends.
/// </summary>
internal sealed class RunningProgram : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task<string> _error;

    private RunningProgram(Process process)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    public int Id => _process.Id;

    /// <summary>Starts the executable that stands beside the tests.</summary>
    public static RunningProgram Start(string executable, string workingDirectory, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, executable), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory,
        };
        foreach (var key in start.Environment.Keys.Where(IsSetting).ToList()) start.Environment.Remove(key);
        start.Environment["LC_ALL"] = "C"; // the system's own messages are in English
        return new RunningProgram(Process.Start(start)!);
    }

    /// <summary>Reads the standard output up to the first line with a text, and returns what stands behind the text in it.</summary>
    public async Task<string> SaysAsync(string text)
    {
        while (await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            _output.AppendLine(line);
            if (line.IndexOf(text, StringComparison.Ordinal) is >= 0 and var at) return line[(at + text.Length)..];
        }
        Assert.Fail($"The program ended without '{text}': {_output}{await _error}");
        return "";
    }

    /// <summary>Waits for the end of the program: its exit code, and all that it wrote.</summary>
    public async Task<(int ExitCode, string Output, string Error)> EndAsync()
    {
        _output.Append(await _process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (_process.ExitCode, _output.ToString(), await _error);
    }

    /// <summary>Ends the program with SIGKILL: nothing of it runs any more, and it puts nothing in order.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The folders and files that the program watches, as the kernel lists them.</summary>
    public string[] Watches() =>
        [.. Directory.GetFiles($"/proc/{Id}/fdinfo").SelectMany(LinesOf).Where(line => line.StartsWith("inotify ", StringComparison.Ordinal))];

    /// <summary>A descriptor that the program closes meanwhile watches nothing.</summary>
    private static string[] LinesOf(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (FileNotFoundException)
        {
            return [];
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static bool IsSetting(string name) =>
        name.Contains("__", StringComparison.Ordinal) || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal) || name is "DOTNET_ENVIRONMENT" or "URLS";
}
