using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ConsentSnapshots.Tests.Support;

/// <summary>Runs a program of this product as its users do: a process with arguments and environment variables.</summary>
internal static class Executable
{
    /// <summary>The worker's.</summary>
    public const string Worker = "Worker/consent-snapshots";

    /// <summary>The edge's.</summary>
    public const string Edge = "EdgeApi/consent-edge";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>What a process wrote, and how it ended.</summary>
    public sealed record Outcome(int ExitCode, string Output, string Error)
    {
        /// <summary>Everything it wrote.</summary>
        public string Everything => Output + Error;
    }

    /// <summary>Runs it to its end; one that does not end by itself is killed, and the test fails.</summary>
    /// <param name="program">Which one.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">Environment variables. Settings of the caller's own environment are taken away.</param>
    /// <param name="cancellationToken">The test's.</param>
    public static async Task<Outcome> RunAsync(
        string program, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string?>> variables, CancellationToken cancellationToken)
    {
        var start = Describe(program, arguments, variables);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', start.ArgumentList)} still ran after {Patience}: {await output}{await error}");
        }
        return new Outcome(process.ExitCode, await output, await error);
    }

    /// <summary>Runs it until it writes a text, tells it to stop, and waits for its end.</summary>
    /// <param name="program">Which one.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">Environment variables. Settings of the caller's own environment are taken away.</param>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">The test's.</param>
    public static async Task<Outcome> RunUntilAsync(
        string program, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string?>> variables, string text, CancellationToken cancellationToken)
    {
        using var process = Process.Start(Describe(program, arguments, variables))!;
        process.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = new StringBuilder();
        try
        {
            while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                output.AppendLine(line);
                if (!line.Contains(text, StringComparison.Ordinal)) continue;
                using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
                await kill.WaitForExitAsync(patience.Token);
                break;
            }
            output.Append(await process.StandardOutput.ReadToEndAsync(patience.Token));
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} still ran after {Patience}: {output}{await error}");
        }
        return new Outcome(process.ExitCode, output.ToString(), await error);
    }

    /// <summary>How to start it.</summary>
    /// <param name="program">Which one.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="variables">Environment variables. Settings of the caller's own environment are taken away.</param>
    public static ProcessStartInfo Describe(string program, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string?>> variables)
    {
        var start = new ProcessStartInfo(PathOf(program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // No appsettings.json of the tests' folder.
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var key in start.Environment.Keys.Where(key => key.Contains("__", StringComparison.Ordinal)).ToList()) start.Environment.Remove(key);
        foreach (var (key, value) in variables) start.Environment[key] = value;
        return start;
    }

    /// <summary>Where the build of the tests' own configuration left it: beside the tests it may lack what another framework of theirs brings.</summary>
    private static string PathOf(string program)
    {
        var (project, name) = (program.Split('/')[0], program.Split('/')[1]);
        var build = new DirectoryInfo(AppContext.BaseDirectory); // tests/PROJECT/bin/CONFIGURATION/FRAMEWORK
        return Path.Combine(build.FullName, "../../../../../src", project, "bin", build.Parent!.Name, build.Name, name);
    }
}
