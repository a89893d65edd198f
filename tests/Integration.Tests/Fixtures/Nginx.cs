using System.Diagnostics;
using System.Globalization;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>A real nginx of the machine's own package.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly Process _process;

    private Nginx(DirectoryInfo folder, Process process, Uri address) => (_folder, _process, Address) = (folder, process, address);

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>A cache in front of an edge that leaves the query out of its key, which some CDNs do unless they are told otherwise.</summary>
    public static Task<Nginx> StartAsync(Uri origin, CancellationToken cancellationToken) => StartAsync((folder, port) => string.Create(CultureInfo.InvariantCulture,
        $$"""
        proxy_cache_path {{folder}}/cache keys_zone=edge:1m;
        server {
            listen 127.0.0.1:{{port}};
            location / {
                proxy_pass {{origin.GetLeftPart(UriPartial.Authority)}};
                proxy_cache edge;
                proxy_cache_key $scheme$host$uri;
                proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
                add_header X-Cache $upstream_cache_status always;
            }
        }
        """), cancellationToken);

    /// <summary>Starts it with what a site would have in its <c>http</c> section, given a folder of its own, whose part <c>cache</c> is for what is kept, and the port to listen on.</summary>
    public static async Task<Nginx> StartAsync(Func<string, int, string> http, CancellationToken cancellationToken)
    {
        var port = FixedPort.Next();
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-nginx-");
        var settings = Path.Combine(folder.FullName, "nginx.conf");
        await File.WriteAllTextAsync(settings,
            $$"""
            daemon off;
            pid {{folder.FullName}}/pid;
            error_log stderr;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            events {}
            http {
                access_log off;
                client_body_temp_path {{folder.FullName}}/body;
                proxy_temp_path {{folder.FullName}}/proxy;
                fastcgi_temp_path {{folder.FullName}}/fastcgi;
                uwsgi_temp_path {{folder.FullName}}/uwsgi;
                scgi_temp_path {{folder.FullName}}/scgi;
            {{http(folder.FullName, port)}}
            }
            """, cancellationToken);
        var process = Process.Start(new ProcessStartInfo(SystemExecutable.Find("nginx"), ["-c", settings, "-p", folder.FullName]) { RedirectStandardError = true })!;
        var nginx = new Nginx(folder, process, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")));
        try
        {
            await nginx.AnswersAsync(process.StandardError.ReadToEndAsync(cancellationToken), cancellationToken);
            return nginx;
        }
        catch
        {
            await nginx.DisposeAsync();
            throw;
        }
    }

    /// <summary>Loses what it has kept, as a cache does when the time is over.</summary>
    public void Expire()
    {
        foreach (var kept in new DirectoryInfo(Path.Combine(_folder.FullName, "cache")).GetFiles("*", SearchOption.AllDirectories)) kept.Delete();
    }

    public async ValueTask DisposeAsync()
    {
        // Its workers are its children, and end with it.
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await _process.WaitForExitAsync(patience.Token);
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task AnswersAsync(Task<string> errors, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        using var http = new HttpClient { BaseAddress = Address };
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(new Uri("/health/live", UriKind.Relative), patience.Token);
                return;
            }
            catch (HttpRequestException) when (!_process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
            }
            catch (HttpRequestException)
            {
                throw new InvalidOperationException($"nginx did not start: {await errors}");
            }
        }
    }
}
