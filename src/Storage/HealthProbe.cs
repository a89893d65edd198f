using System.Net;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Asks a running program of this product whether it is well, for a container whose image has no shell and no HTTP client. The exit code says it to the container's host, the text to a person.
/// </summary>
public static class HealthProbe
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Where a program that listens on an address is reached from inside its container; null where the address is none of HTTP over TCP, such as a UNIX socket.</summary>
    /// <param name="listenAddress">As a setting has it: <c>http://+:8080</c>, <c>http://*:9464</c>, <c>http://localhost:5000</c>.</param>
    public static Uri? AddressOf(string listenAddress)
    {
        ArgumentNullException.ThrowIfNull(listenAddress);
        // Kestrel's wildcards are no hosts of a URI.
        var text = listenAddress.Trim().Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || address.Scheme != Uri.UriSchemeHttp || address.Host.Length == 0 || address.Host == "unix") return null;
        return IPAddress.TryParse(address.Host.Trim('[', ']'), out var host) && (host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any))
            ? new UriBuilder(address) { Host = "127.0.0.1" }.Uri
            : address;
    }

    /// <summary>Asks once, and writes the answer in one line.</summary>
    /// <param name="program">The address of the program.</param>
    /// <param name="ready">Whether to ask if it can do its work, rather than if it is alive.</param>
    /// <param name="output">For the answer of a program that is well.</param>
    /// <param name="error">For what is wrong.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>The exit code: 0 if it is well, otherwise 1.</returns>
    public static async Task<int> AskAsync(Uri program, bool ready, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(error);
        var url = new Uri(program, ready ? "/health/ready" : "/health/live");
        // A proxy in the environment is for the way to the store, not for the way to this very container.
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = Patience }) { Timeout = Patience, MaxResponseContentBufferSize = 64 * 1024 };
        try
        {
            using var response = await client.GetAsync(url, cancellationToken);
            var answer = Redaction.Clean(await response.Content.ReadAsStringAsync(cancellationToken));
            if (response.StatusCode == HttpStatusCode.OK)
            {
                await output.WriteLineAsync(answer);
                return 0;
            }
            await error.WriteLineAsync($"{url} answers {(int)response.StatusCode}: {answer}");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            await error.WriteLineAsync($"{url} does not answer within {Patience.TotalSeconds:0} seconds.");
        }
        catch (HttpRequestException exception)
        {
            await error.WriteLineAsync($"{url} does not answer: {Redaction.Clean(exception.Message)}");
        }
        return 1;
    }
}
