using System.Net.Sockets;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;
using OpenTelemetry.Metrics;

namespace ConsentSnapshots.EdgeApi.Http;

/// <summary>
/// Serves <c>/metrics</c> in Prometheus' text form on <c>Edge:MetricsUrl</c>: a listener of its own, because what it tells is for operators, and the edge's own addresses are everybody's.
/// Where the setting is left out there is none, and nothing is measured for it.
/// </summary>
internal sealed class MetricsServer(EdgeOptions options, IConfiguration configuration, ILogger<MetricsServer> logger) : IHostedService, IAsyncDisposable
{
    private WebApplication? _app;

    /// <summary>Where it is served; null where it is not.</summary>
    public Uri? Address { get; private set; }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.MetricsUrl is not { } url) return;
        _app = Build(url);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException or InvalidOperationException)
        {
            throw new ListenException($"The edge cannot serve its metrics on {url} (Edge:MetricsUrl): {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
        Address = new Uri(_app.Urls.First());
        EdgeLog.MetricsServed(logger, _app.Urls.First());
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is { } app) await app.DisposeAsync();
    }

    private WebApplication Build(string url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4096;
            kestrel.Limits.MaxConcurrentConnections = 100;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Configuration.AddInMemoryCollection(TelemetryExport.ResourceSettings(configuration));
        builder.Services.AddRoutingCore();
        // The process has one lifetime, which is the edge's.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => TelemetryExport.Describe(resource, EdgeSpans.Telemetry))
            .WithMetrics(metrics => metrics.AddMeter([.. EdgeSpans.Telemetry.Meters]).AddPrometheusExporter());
        var app = builder.Build();
        app.UseRouting();
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.Urls.Add(url);
        return app;
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
