using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi;

/// <summary>
/// <c>consent-edge health</c>: asks the edge that runs with the same settings whether it is alive, with <c>--ready</c> whether it can serve. For a container's health check.
/// </summary>
internal static class HealthCommand
{
    public const string Name = "health";

    private const string Ready = "--ready";
    private const int WrongUse = 2;

    /// <summary>Asks, and writes the answer.</summary>
    /// <param name="args">What stands behind the command's name: <c>--ready</c>, a URL, settings as the edge takes them.</param>
    /// <param name="output">For the answer of an edge that is well.</param>
    /// <param name="error">For what is wrong.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <returns>The exit code: 0 if the edge is well, 1 if it is not, 2 if it is not known where to ask.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken = default)
    {
        var words = args.Where(argument => argument != Ready && !IsSetting(argument)).ToList();
        if ((words.Find(word => word.StartsWith('-')) ?? words.ElementAtOrDefault(1)) is { } unknown)
        {
            await error.WriteLineAsync($"'{Redaction.Clean(unknown)}' is not understood. Write: consent-edge health [{Ready}] [URL]");
            return WrongUse;
        }
        var url = words.FirstOrDefault();
        var address = url is null ? FirstAddress([.. args.Where(IsSetting)]) : HealthProbe.AddressOf(url);
        if (address is not null) return await HealthProbe.AskAsync(address, args.Contains(Ready), output, error, cancellationToken);
        await error.WriteLineAsync(url is null
            ? "The settings name no http address that the edge can be asked at. Write its URL behind 'health', such as http://127.0.0.1:8080."
            : $"{Redaction.ShowAddress(url)} is no http URL, such as http://127.0.0.1:8080.");
        return WrongUse;
    }

    /// <summary>The first address over TCP without TLS that the edge listens on by these settings; null where there is none.</summary>
    private static Uri? FirstAddress(string[] settings)
    {
        var configuration = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. settings]).Configuration;
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().ToList();
        // Kestrel's own endpoints take the place of the addresses. One that speaks HTTP/2 only does not understand the question.
        var addresses = endpoints.Count > 0
            ? endpoints.Where(endpoint => !string.Equals(endpoint["Protocols"], "Http2", StringComparison.OrdinalIgnoreCase)).Select(endpoint => endpoint["Url"] ?? "")
            : Addresses(configuration).Split(';');
        return addresses.Select(HealthProbe.AddressOf).FirstOrDefault(address => address is not null);
    }

    private static string Addresses(ConfigurationManager configuration)
    {
        if (configuration["urls"] is { Length: > 0 } urls) return urls;
        return configuration["http_ports"] is { Length: > 0 } ports ? string.Join(';', ports.Split(';').Select(port => $"http://*:{port.Trim()}")) : "http://localhost:5000";
    }

    private static bool IsSetting(string argument) => argument.StartsWith("--", StringComparison.Ordinal) && argument.Contains('=', StringComparison.Ordinal);
}
