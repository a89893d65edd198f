using System.Net.Sockets;
using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Disk;
using ConsentSnapshots.EdgeApi.Following;
using ConsentSnapshots.EdgeApi.Http;
using ConsentSnapshots.EdgeApi.Scopes;
using ConsentSnapshots.EdgeApi.Serving;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Storage;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ConsentSnapshots.EdgeApi;

/// <summary>Puts the edge together: for its own program, for a program that hosts worker and edge in one process, and for tests.</summary>
public static class EdgeApp
{
    /// <summary>Builds an edge of its own.</summary>
    /// <param name="args">Command line; <c>--Edge:Mode=redirect</c> and the like go before environment variables.</param>
    /// <param name="configure">Changes to settings and services before the edge adds its own.</param>
    /// <exception cref="InvalidOptionsException">Some settings cannot be used. Nothing has been opened or written.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        // The slim builder: no middleware that the edge does not ask for. Settings are read once, so their files are not watched: a watch
        // covers the whole folder with all its subfolders, and making it costs seconds where there are many.
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.CreateBoundListenSocket = ListenSocket.Bind;
            // A request is answered on the thread that has read it, which saves two switches. Nothing here blocks: who has to wait for a store or a body gives the thread back.
            sockets.UnsafePreferInlineScheduling = true;
        });
        // The program itself says in one line why a start failed. The host would log the exception as well, with its stack.
        var started = false;
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && Volatile.Read(ref started));
        LogLines.AddTo(builder.Logging, builder.Configuration);
        configure?.Invoke(builder);
        builder.AddEdge();
        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => Volatile.Write(ref started, true));
        app.MapEdge();
        return app;
    }

    /// <summary>Writes every setting that is in force and where it is set, without secrets, and checks them.</summary>
    /// <param name="args">The command line without the option that asks for it.</param>
    /// <param name="output">Where to write.</param>
    /// <param name="json">Whether to write JSON for a program.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="InvalidOptionsException">Some settings cannot be used. They have been written all the same.</exception>
    public static async Task<int> PrintSettingsAsync(string[] args, TextWriter output, bool json = false)
    {
        var settings = new SettingReader(WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. args]).Configuration);
        EdgeSettings.TryRead(settings);
        settings.Text("urls", "addresses to listen on, separated by semicolons", "http://localhost:5000");
        if (json) await output.WriteLineAsync(SettingTable.ToJson(settings.Settings));
        else await SettingTable.WriteAsync(output, settings.Settings);
        return settings.Problems.IsEmpty ? 0 : throw new InvalidOptionsException(settings.Problems);
    }

    /// <summary>Starts an edge that <see cref="Build"/> made.</summary>
    /// <exception cref="ListenException">An address is in use, or cannot be listened on for another reason.</exception>
    public static async Task StartEdgeAsync(this WebApplication app, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(app);
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException or FormatException or ArgumentException or InvalidOperationException)
        {
            // What Kestrel throws for an address: in use, not of this machine, not allowed, no URL, a path that is too long, HTTPS without a
            // certificate. Only for an address in use does its message name the address.
            var where = exception is IOException || app.Configuration["urls"] is not { } urls ? "" : $" on {urls}";
            throw new ListenException($"The edge cannot listen{where}: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }

    /// <summary>Adds the edge's services and limits to a host.</summary>
    /// <exception cref="InvalidOptionsException">Some settings cannot be used. Nothing has been opened or written.</exception>
    public static void AddEdge(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = EdgeOptions.Read(builder.Configuration);
        // A line a request tells nobody anything; what matters is counted.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(ConnectionLimits.Apply);

        var services = builder.Services;
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(ChangeLogFormat.Standard);
        services.AddMetrics();
        services.AddSingleton<EdgeMetrics>();
        services.TryAddSingleton<IBlobReader>(provider =>
            BlobStores.Create(options.Storage, StoreRetries.Brief(options.NetworkTimeout), provider.GetRequiredService<TimeProvider>()));
        // Without a directory there is no such service, and those who would use it do without.
        if (options.CacheDirectory is { } directory)
            services.AddSingleton(provider => LastGoodDirectory.Open(
                directory, options.CacheDirectoryBytes, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LastGoodDirectory>>()));
        services.AddSingleton(new MemoryBudget(options.MemoryBytes));
        services.AddSingleton(new ServingContext(new ManifestPacker(), options.Storage.PublicBaseUrl));
        services.AddSingleton<WorkThreads>();
        services.AddSingleton<BodyCache>();
        AddScopes(services);
        services.AddSingleton<ChangeLogReader>();
        services.AddSingleton<FollowerState>();
        services.AddSingleton<ChangeFollower>();
        services.AddHostedService(provider => provider.GetRequiredService<ChangeFollower>());
        services.AddHostedService<ScopeRefresher>();
        services.AddHostedService<LoaderFollower>();
        services.AddSingleton<PreloadSource>();
        services.AddHostedService<Preloader>();
        services.AddSingleton<EdgeHeaders>();
        services.AddSingleton<ErrorAnswers>();
        services.AddSingleton<AnswerWriter>();
        services.AddSingleton<AnswerKinds>();
        services.AddSingleton<ScopeAnswers>();
        services.AddSingleton<QueryCache>();
        services.AddSingleton<EdgeHealth>();
        services.AddSingleton<HeldAnswers>();
        HeldAnswersServer.AddTo(services);
        services.AddSingleton<MetricsServer>().AddHostedService(provider => provider.GetRequiredService<MetricsServer>());
        TelemetryExport.AddTo(services, builder.Configuration, EdgeSpans.Telemetry);
    }

    private static void AddScopes(IServiceCollection services)
    {
        services.AddSingleton<StoreHealth>();
        services.AddSingleton<RefreshQueue>();
        services.AddSingleton<PublishedLoaders>();
        services.AddSingleton<ManifestReview>();
        services.AddSingleton<ScopeLoader>();
        services.AddSingleton<ScopeCopies>();
        services.AddSingleton<PublicationLag>();
        services.AddSingleton<HeldScopes>();
        services.AddSingleton<MissingScopes>();
        services.AddSingleton<ScopeUpdater>();
        services.AddSingleton<SharedLoads>();
        services.AddSingleton<ScopeMap>();
    }

    /// <summary>Maps everything the edge answers, and a 404 for the rest.</summary>
    public static void MapEdge(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.MapScripts();
        app.MapList();
        app.MapLoader();
        app.MapPublic();
        app.MapHealth();
        app.MapNothingElse();
        var options = app.Services.GetRequiredService<EdgeOptions>();
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(EdgeApp).FullName!);
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            EdgeLog.Started(logger, options.Mode.ToString(), options.Storage.ToString(), options.PollInterval);
            if (options.Scopes is { } scopes) EdgeLog.Limited(logger, scopes.Count);
        });
    }
}
