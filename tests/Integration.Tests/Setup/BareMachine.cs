using System.Diagnostics;
using System.Runtime.Versioning;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Integration.Tests.Fixtures;

// The scripts are Debian's, and so are the programs that these tests start.
[assembly: UnsupportedOSPlatform("windows")]

namespace ConsentSnapshots.Integration.Tests.Setup;

/// <summary>
/// A machine as the scripts in <c>eng/</c> see it: a path that has what every Debian has, and stand-ins for what may be missing. Its
/// <c>apt-get</c> notes what it is asked for, and brings the commands of the package. Nothing of the real machine is changed.
/// </summary>
internal sealed class BareMachine : IDisposable
{
    /// <summary>Of Debian's essential packages; everything else has to be asked for.</summary>
    private static readonly string[] Essential =
    [
        "basename", "bash", "cat", "cp", "cut", "date", "dirname", "env", "find", "flock", "grep", "head", "id", "ldd", "mkdir", "mktemp", "rm", "sed", "setsid",
        "sha256sum", "sleep", "sort", "tail", "tar", "tee", "touch", "wc",
    ];

    private static readonly Dictionary<string, string> Commands = new()
    {
        ["chromium"] = "",
        ["chromium-headless-shell"] = "",
        ["curl"] = "",
        ["docker"] =
            """
            case $1 in
                info) [[ -e ROOT/daemon ]] ;;
                image) [[ -e ROOT/images ]] ;;
                pull) echo "no such host"; exit 1 ;;
                ps) echo "$@" >>ROOT/listed ;;
            esac
            """,
        ["dockerd"] =
            """
            [[ ! -e ROOT/daemon ]] || exit 1
            echo >>ROOT/started
            while (($# > 0)); do
                if [[ $1 == --pidfile ]]; then echo $$ >"$2"; fi
                shift
            done
            trap 'rm ROOT/daemon; exit' TERM
            touch ROOT/daemon
            while :; do sleep 0.1; done
            """,
        ["iptables"] = "",
        ["node"] = "cat ROOT/node-version",
        ["npm"] =
            """
            case $1 in
                run) mkdir -p dist; touch dist/c15t.js ;;
                ci) mkdir -p node_modules; touch node_modules/.package-lock.json; echo "${PWD##*/}" >>ROOT/npm-installations ;;
            esac
            """,
        ["sudo"] = """exec "$@" """,
        ["apt-get"] =
            """
            mkdir ROOT/apt-get-at-work || { echo "another apt-get is at work" >&2; exit 100; }
            sleep 0.1
            for package; do
                [[ -d ROOT/packages/$package ]] || continue
                echo "$package" >>ROOT/installed
                cp -r ROOT/packages/"$package"/. ROOT/
            done
            rm -d ROOT/apt-get-at-work
            """,
    };

    public BareMachine()
    {
        foreach (var name in Essential) File.CreateSymbolicLink(Path.Combine(Folder("bin"), name), RealPath(name));
        Write("bin", "apt-get");
        Write("bin", "sudo");
        Write("packages/chromium/bin", "chromium");
        Write("packages/chromium-headless-shell/bin", "chromium-headless-shell");
        Write("packages/curl/bin", "curl");
        Write("packages/docker.io/usr/sbin", "dockerd");
        Write("packages/docker-cli/bin", "docker");
        Write("packages/iptables/usr/sbin", "iptables");
        Write("packages/nodejs/bin", "node");
        Write("packages/npm/bin", "npm");
        File.WriteAllText(Path.Combine(Folder("packages/postgresql/usr/lib/postgresql/15/bin"), "postgres"), "");
        NodeVersion = "18.20.4";
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("bare-machine-").FullName;

    /// <summary>The packages that <c>apt-get</c> was asked to install, in order.</summary>
    public string[] Installed => Lines("installed");

    /// <summary>How often a Docker daemon was started.</summary>
    public int DaemonsStarted => Lines("started").Length;

    /// <summary>The lists of containers that were asked for.</summary>
    public string[] ContainersListed => Lines("listed");

    /// <summary>The folders whose npm packages were installed, in order.</summary>
    public string[] NpmInstallations => Lines("npm-installations");

    public bool DaemonRuns => File.Exists(Path.Combine(Root, "daemon"));

    public string NodeVersion
    {
        set => File.WriteAllText(Path.Combine(Root, "node-version"), value);
    }

    /// <summary>Installs packages beforehand.</summary>
    public BareMachine With(params string[] packages)
    {
        foreach (var package in packages) Copy(Path.Combine(Root, "packages", package), Root, text => text);
        return this;
    }

    /// <summary>As Debian 12, whose package of the daemon has the client too.</summary>
    public BareMachine WithClientInTheDaemonsPackage()
    {
        Write("packages/docker.io/bin", "docker");
        return this;
    }

    /// <summary>A file that exists, relative to the root.</summary>
    public BareMachine WithFile(string path)
    {
        File.WriteAllText(Path.Combine(Folder(Path.GetDirectoryName(path)!), Path.GetFileName(path)), "");
        return this;
    }

    /// <summary>The images of the tests are there already, and nothing has to be built.</summary>
    public BareMachine WithImages() => WithFile("images");

    /// <summary>A Docker daemon that somebody else runs, here or elsewhere.</summary>
    public BareMachine WithForeignDaemon() => WithFile("daemon");

    /// <summary>A checkout of the repository with its scripts, in which the machine's own folders stand for the system's.</summary>
    public string Checkout(string name)
    {
        var checkout = Path.Combine(Root, name);
        Copy(Path.Combine(RepositoryRoot.Path, "eng"), Path.Combine(checkout, "eng"), text => text
            .Replace("/usr/sbin:/sbin", $"{Root}/usr/sbin:{Root}/sbin", StringComparison.Ordinal)
            .Replace("/usr/lib/postgresql", $"{Root}/usr/lib/postgresql", StringComparison.Ordinal)
            .Replace("/etc/postgresql-common", $"{Root}/etc/postgresql-common", StringComparison.Ordinal));
        foreach (var build in Directory.GetFiles(Path.Combine(checkout, "eng", "images"), "build.sh", SearchOption.AllDirectories)) WriteScript(build, "");
        foreach (var file in (string[])["entry.js", "package.json", "package-lock.json"])
            File.WriteAllText(Path.Combine(Folder($"{name}/tests/browser"), file), "");
        foreach (var folder in (string[])["samples/c15t-backend", "tests/http-api", "tests/Deployment.Tests/tools"]) File.WriteAllText(Path.Combine(Folder($"{name}/{folder}"), "package-lock.json"), "");
        return checkout;
    }

    /// <summary>Runs a command in a checkout: its exit code and what it wrote to standard error.</summary>
    public async Task<(int ExitCode, string Error)> RunAsync(string checkout, string? run, params string[] words)
    {
        using var process = Start(checkout, run, words);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, error);
    }

    public Process Start(string checkout, string? run, params string[] words)
    {
        var start = new ProcessStartInfo(Path.Combine(Root, "bin", "bash"), words) { WorkingDirectory = checkout, RedirectStandardError = true };
        start.Environment.Clear();
        start.Environment["PATH"] = Path.Combine(Root, "bin");
        start.Environment["HOME"] = Root;
        start.Environment["TMPDIR"] = Folder("tmp");
        if (run is not null) start.Environment["CONSENT_SNAPSHOTS_TEST_RUN"] = run;
        return Process.Start(start)!;
    }

    /// <summary>Waits until a file exists, relative to the root.</summary>
    public Task ExistsAsync(string path) => Eventually.TrueAsync(() => Task.FromResult(File.Exists(Path.Combine(Root, path))), path);

    public void Dispose()
    {
        // Only a test that failed leaves the stand-in for the daemon running.
        foreach (var file in Directory.GetFiles(Root, "dockerd.pid", SearchOption.AllDirectories))
        {
            try
            {
                using var process = Process.GetProcessById(int.Parse(File.ReadAllText(file), System.Globalization.CultureInfo.InvariantCulture));
                process.Kill();
                process.WaitForExit();
            }
            catch (ArgumentException)
            {
                // It has ended.
            }
        }
        Directory.Delete(Root, recursive: true);
    }

    private static string RealPath(string command) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, command)).First(File.Exists);

    private static void Copy(string from, string to, Func<string, string> edit)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllText(target, edit(File.ReadAllText(file)));
            File.SetUnixFileMode(target, File.GetUnixFileMode(file));
        }
    }

    private static void WriteScript(string path, string body)
    {
        File.WriteAllText(path, $"#!/bin/bash\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private string Folder(string path) => Directory.CreateDirectory(Path.Combine(Root, path)).FullName;

    private string[] Lines(string file) => File.Exists(Path.Combine(Root, file)) ? File.ReadAllLines(Path.Combine(Root, file)) : [];

    private void Write(string folder, string command) =>
        WriteScript(Path.Combine(Folder(folder), command), Commands[command].Replace("ROOT", Root, StringComparison.Ordinal));
}
