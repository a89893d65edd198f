using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ConsentSnapshots.Edge.Benchmarks;

/// <summary>A server as a process of its own, on a port of the loopback interface. It ends when this is disposed of.</summary>
internal sealed class Server : IDisposable
{
    private readonly Process _process;

    private Server(string name, Process process, Uri address) => (Name, _process, Address) = (name, process, address);

    /// <summary>What the tables call it.</summary>
    public string Name { get; }

    /// <summary>Where it answers.</summary>
    public Uri Address { get; }

    /// <summary>What the process and its children have in memory, in bytes.</summary>
    public long Resident => Processes.Sum(ResidentOf);

    /// <summary>The processor time that the process and its children have used, in the system and outside of it.</summary>
    public TimeSpan ProcessorTime => Processes.Select(ProcessorTimeOf).Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    private IEnumerable<int> Processes => File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children")
        .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(child => int.Parse(child, CultureInfo.InvariantCulture)).Prepend(_process.Id);

    /// <summary>Starts a program of .NET. The port is given to it as <c>ASPNETCORE_URLS</c>.</summary>
    public static Server Start(string name, string path, string[] arguments, params (string Key, string Value)[] settings)
    {
        var port = FreePort();
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var (key, value) in settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        start.Environment["ASPNETCORE_URLS"] = address.OriginalString;
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        return new Server(name, Process.Start(start)!, address);
    }

    /// <summary>Starts nginx over a folder whose files are named like the answers, with <c>.br</c> and <c>.gz</c> beside each.</summary>
    public static Server StartNginx(string folder)
    {
        var port = FreePort();
        var settings = Path.Combine(folder, "nginx.conf");
        // As one would set it up for speed: one worker for each processor, open files kept, no access log, connections kept for as long as the client likes. The headers are the edge's.
        File.WriteAllText(settings, $$"""
            daemon off;
            worker_processes auto;
            pid {{folder}}/nginx.pid;
            error_log {{folder}}/error.log;
            events { worker_connections 4096; multi_accept on; }
            http {
              access_log off;
              default_type application/json;
              types { }
              sendfile on;
              tcp_nopush on;
              tcp_nodelay on;
              server_tokens off;
              keepalive_requests 100000000;
              open_file_cache max=100000 inactive=1h;
              open_file_cache_valid 1h;
              client_body_temp_path {{folder}}/body;
              proxy_temp_path {{folder}}/proxy;
              fastcgi_temp_path {{folder}}/fastcgi;
              uwsgi_temp_path {{folder}}/uwsgi;
              scgi_temp_path {{folder}}/scgi;
              map $http_accept_encoding $suffix { default ""; br .br; gzip .gz; }
              map $http_accept_encoding $coding { default ""; br br; gzip gzip; }
              server {
                listen 127.0.0.1:{{port}} backlog=1024;
                root {{folder}}/files;
                add_header Content-Encoding $coding;
                add_header Cache-Control "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600";
                add_header Vary Accept-Encoding;
                add_header X-Content-Type-Options nosniff;
                add_header Access-Control-Allow-Origin *;
                add_header Access-Control-Expose-Headers "Age, Content-Location, Date, ETag, Retry-After, Vary";
                add_header Timing-Allow-Origin *;
                location / { try_files $uri$suffix =404; }
              }
            }
            """);
        var program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var process = Process.Start(new ProcessStartInfo(program, ["-c", settings, "-p", folder]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        return new Server("nginx", process, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")));
    }

    /// <summary>Waits until a path is answered with 200, looking every millisecond.</summary>
    public async Task AnswersAsync(string path)
    {
        using var http = new HttpClient { BaseAddress = Address };
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30);)
        {
            if (_process.HasExited) throw new InvalidOperationException($"{Name} ended with {_process.ExitCode}.");
            try
            {
                using var response = await http.GetAsync(new Uri(path, UriKind.Relative));
                if (response.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
            }
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }
        throw new InvalidOperationException($"{Name} does not answer {path}.");
    }

    /// <summary>What a process that <see cref="Hosted"/> runs has allocated since it began, in bytes.</summary>
    public async Task<long> AllocatedAsync()
    {
        await _process.StandardInput.WriteLineAsync("allocated");
        await _process.StandardInput.FlushAsync();
        var line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{Name} has ended.");
        return long.Parse(line, CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            // nginx's workers end with their master when it is asked to, and outlive it when it is killed.
            using (var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"])) kill.WaitForExit();
            if (!_process.WaitForExit(TimeSpan.FromSeconds(10))) _process.Kill(entireProcessTree: true);
        }
        _process.Dispose();
    }

    private static long ResidentOf(int process)
    {
        foreach (var line in File.ReadLines($"/proc/{process}/status"))
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal)) return 1024 * long.Parse(line.AsSpan(6).Trim(" \tkB"), CultureInfo.InvariantCulture);
        return 0;
    }

    private static TimeSpan ProcessorTimeOf(int process)
    {
        // The fields after the name in parentheses; the 12th and the 13th of them are hundredths of a second.
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromMilliseconds(10 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
    }

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
