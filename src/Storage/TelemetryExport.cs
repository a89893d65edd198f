using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ConsentSnapshots.Storage;

/// <summary>What a program tells a collector.</summary>
/// <param name="Service">The service's name, unless <c>OTEL_SERVICE_NAME</c> gives another one.</param>
/// <param name="Version">The program's version.</param>
/// <param name="Sources">The names of the activity sources whose spans are sent.</param>
/// <param name="Meters">The names of the meters whose metrics are sent; empty where none are.</param>
public sealed record TelemetrySources(string Service, string Version, IReadOnlyList<string> Sources, IReadOnlyList<string> Meters);

/// <summary>
/// Sends traces, metrics and logs by OTLP to where OpenTelemetry's own environment variables say. A signal is sent where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, or the same variable of this signal,
/// is set and its exporter is not <c>none</c>. Where nothing is sent, nothing is made: a span then costs a look at a field.
/// </summary>
public static class TelemetryExport
{
    /// <summary>The meter of .NET's own measurements: memory, garbage collection, threads.</summary>
    public const string RuntimeMeter = "System.Runtime";

    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private static readonly TimeSpan UntilGivenUp = TimeSpan.FromSeconds(3);

    // One for the life of the process, so that the signals of a replica belong together.
    private static readonly string s_instance = Guid.NewGuid().ToString();

    /// <summary>Adds the export of what is to be sent.</summary>
    public static void AddTo(IServiceCollection services, IConfiguration configuration, TelemetrySources sources)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(sources);
        var (traces, metrics, logs) = (IsSent(configuration, "TRACES"), IsSent(configuration, "METRICS") && sources.Meters.Count > 0, IsSent(configuration, "LOGS"));
        if (!traces && !metrics && !logs) return;
        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => Describe(resource, sources));
        if (traces)
        {
            telemetry.WithTracing(tracing => tracing.AddSource([.. sources.Sources]).AddProcessor(new SpanRedaction())
                .AddOtlpExporter(options => Apply(options, configuration, "TRACES")));
        }
        if (metrics)
            telemetry.WithMetrics(metering => metering.AddMeter([.. sources.Meters]).AddOtlpExporter(options => Apply(options, configuration, "METRICS")));
        if (logs)
        {
            telemetry.WithLogging(
                logging => logging.AddProcessor(new LogRedaction()).AddOtlpExporter(options => Apply(options, configuration, "LOGS")),
                // The formatted message is what the console shows. Scopes hold what the web server and others put there, which nobody has looked through.
                options => (options.IncludeFormattedMessage, options.IncludeScopes) = (true, false));
        }
    }

    /// <summary>What OpenTelemetry's variables are set to that its exporter would refuse or pass over, each with what it must be; never a value, which may hold a credential.</summary>
    public static IReadOnlyList<string> FindProblems(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var problems = new List<string>();
        foreach (var signal in (string[])["", "TRACES_", "METRICS_", "LOGS_"])
        {
            var (endpoint, headers) = ($"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", $"OTEL_EXPORTER_OTLP_{signal}HEADERS");
            if (IsSet(configuration, endpoint) && !(Uri.TryCreate(configuration[endpoint], UriKind.Absolute, out var address) && address.Scheme is ("http" or "https")))
                problems.Add($"{endpoint} must be an absolute http or https address, for example http://collector:4317 (its value is not shown).");
            if (IsSet(configuration, headers) && configuration[headers]!.Split(',').Any(header => header.IndexOf('=', StringComparison.Ordinal) < 1))
                problems.Add($"{headers} must be NAME=VALUE, several separated by commas (its value is not shown).");
        }
        return problems;
    }

    /// <summary>What all signals of a process say of their origin; <c>OTEL_SERVICE_NAME</c> and <c>OTEL_RESOURCE_ATTRIBUTES</c> win.</summary>
    public static void Describe(ResourceBuilder resource, TelemetrySources sources)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(sources);
        resource.Clear().AddService(sources.Service, serviceVersion: sources.Version, serviceInstanceId: s_instance).AddTelemetrySdk().AddEnvironmentVariableDetector();
    }

    /// <summary>The settings of a resource, for a host that reads nothing else from the environment.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> ResourceSettings(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return ((string[])["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"]).Select(name => KeyValuePair.Create(name, configuration[name]));
    }

    /// <summary>The version of a program, as it was built.</summary>
    public static string VersionOf(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
    }

    private static bool IsSent(IConfiguration configuration, string signal) =>
        (IsSet(configuration, Endpoint) || IsSet(configuration, $"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
        && !string.Equals(configuration[$"OTEL_{signal}_EXPORTER"], "none", StringComparison.OrdinalIgnoreCase)
        && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);

    private static bool IsSet(IConfiguration configuration, string name) => !string.IsNullOrWhiteSpace(configuration[name]);

    /// <summary>What is set for one signal; the exporter itself reads what is set for all of them.</summary>
    private static void Apply(OtlpExporterOptions options, IConfiguration configuration, string signal)
    {
        // What is left to be sent at the end of a process is waited for, and three signals of ten seconds each, the standard's own default, are longer than a stop should take.
        if (!IsSet(configuration, "OTEL_EXPORTER_OTLP_TIMEOUT")) options.TimeoutMilliseconds = (int)UntilGivenUp.TotalMilliseconds;
        if (Uri.TryCreate(configuration[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"], UriKind.Absolute, out var endpoint)) options.Endpoint = endpoint;
        if (configuration[$"OTEL_EXPORTER_OTLP_{signal}_HEADERS"] is { Length: > 0 } headers) options.Headers = headers;
        options.Protocol = configuration[$"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"] switch
        {
            "grpc" => OtlpExportProtocol.Grpc,
            "http/protobuf" => OtlpExportProtocol.HttpProtobuf,
            _ => options.Protocol,
        };
    }
}
