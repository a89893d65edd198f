using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace ConsentSnapshots.EdgeApi.Tests.Diagnostics;

/// <summary>OpenTelemetry's own variables say which signals are sent; where none is, nothing is made that could cost anything.</summary>
public sealed class TelemetryExportTests
{
    private const string Collector = "http://127.0.0.1:4317";

    [Theory]
    [InlineData("")]
    [InlineData("OTEL_SERVICE_NAME=x")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT= ")]
    [InlineData($"OTEL_EXPORTER_OTLP_ENDPOINT={Collector},OTEL_SDK_DISABLED=true")]
    public void AddTo_NothingIsSent_AddsNothing(string variables)
    {
        var services = new ServiceCollection();

        TelemetryExport.AddTo(services, Read(variables), EdgeSpans.Telemetry);

        Assert.Empty(services);
    }

    [Theory]
    [InlineData($"OTEL_EXPORTER_OTLP_ENDPOINT={Collector}", "traces metrics logs")]
    [InlineData($"OTEL_EXPORTER_OTLP_ENDPOINT={Collector},OTEL_TRACES_EXPORTER=none", "metrics logs")]
    [InlineData($"OTEL_EXPORTER_OTLP_ENDPOINT={Collector},OTEL_METRICS_EXPORTER=None,OTEL_LOGS_EXPORTER=none", "traces")]
    [InlineData($"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT={Collector}", "logs")]
    [InlineData($"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={Collector}", "traces")]
    public void AddTo_SomeSignalsAreSent_AddsThese(string variables, string expected)
    {
        var services = new ServiceCollection();

        TelemetryExport.AddTo(services, Read(variables), EdgeSpans.Telemetry);

        var added = ((string Name, Type Provider)[])[("traces", typeof(TracerProvider)), ("metrics", typeof(MeterProvider)), ("logs", typeof(LoggerProvider))];
        Assert.Equal(expected, string.Join(' ', added.Where(signal => services.Any(service => service.ServiceType == signal.Provider)).Select(signal => signal.Name)));
    }

    private static IConfigurationRoot Read(string variables) => new ConfigurationBuilder()
        .AddInMemoryCollection(variables.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(variable => KeyValuePair.Create(variable.Split('=', 2)[0], (string?)variable.Split('=', 2)[1]))).Build();
}
