using System.Net.Sockets;
using System.Text.Json;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace ConsentSnapshots.Worker.Diagnostics;

/// <summary>
/// Serves <c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c>. It starts before everything else, so that probes are answered while the worker waits for its database, and it stops last.
/// An address that cannot be listened on is said and tried again; publishing does not depend on it.
/// </summary>
internal sealed class HealthServer(WorkerConfiguration configuration, WorkerHealth health, TimeProvider time, ILogger<HealthServer> logger) : IHostedLifecycleService, IAsyncDisposable
{
    private static readonly TimeSpan UntilTriedAgain = TimeSpan.FromSeconds(5);

    private readonly WorkerOptions _options = configuration.Worker;
    private readonly CancellationTokenSource _stop = new();
    private Task _starting = Task.CompletedTask;
    private WebApplication? _app;
    private bool _isDisposed;

    /// <summary>Where it is served; null where it is not, or not yet.</summary>
    public Uri? Address { get; private set; }

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_options.ListenUrl is null) return;
        if (!await TryListenAsync(isFirst: true, cancellationToken)) _starting = ListenLaterAsync(_stop.Token);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _starting;
        if (_app is not null) await _app.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The container has it as what it is and as a hosted service, and disposes both.
        if (Interlocked.Exchange(ref _isDisposed, true)) return;
        await _stop.CancelAsync();
        await _starting;
        if (_app is not null) await _app.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ListenLaterAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(UntilTriedAgain, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (cancellationToken.IsCancellationRequested || await TryListenAsync(isFirst: false, cancellationToken)) return;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task<bool> TryListenAsync(bool isFirst, CancellationToken cancellationToken)
    {
        var app = Build();
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException or InvalidOperationException)
        {
            // In use, not of this machine, or not allowed.
            if (isFirst) logger.HealthNotServed(_options.Url, exception.Message.ReplaceLineEndings(" "));
            await app.DisposeAsync();
            return false;
        }
        _app = app;
        Address = new Uri(app.Urls.First());
        logger.HealthServed(app.Urls.First());
        return true;
    }

    private WebApplication Build()
    {
        // It takes no settings from the environment but the service's name: the address is ours alone, and an edge's variables are not meant.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4096;
            kestrel.Limits.MaxConcurrentConnections = 100;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Configuration.AddInMemoryCollection(TelemetryExport.ResourceSettings(configuration.Configuration));
        builder.Services.AddRoutingCore();
        // The process has one lifetime, which is the service's.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => TelemetryExport.Describe(resource, WorkerSpans.Telemetry))
            .WithMetrics(metrics => metrics.AddMeter([.. WorkerSpans.Telemetry.Meters]).AddPrometheusExporter());
        var app = builder.Build();
        app.UseRouting();
        app.MapMethods("/health/live", [HttpMethods.Get, HttpMethods.Head], context => WriteAsync(context, health.Live()));
        app.MapMethods("/health/ready", [HttpMethods.Get, HttpMethods.Head], context => WriteAsync(context, health.Ready()));
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.Urls.Add(_options.Url.Trim());
        return app;
    }

    private static async Task WriteAsync(HttpContext context, HealthReport report)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(report, HealthJsonContext.Default.HealthReport);
        context.Response.StatusCode = report.IsGood ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
