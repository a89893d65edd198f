using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Commands;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quartz;

namespace ConsentSnapshots.Worker;

/// <summary>Puts the worker together: the parts that every command uses, and the service's loops.</summary>
public static class WorkerApp
{
    /// <summary>Adds source, store, generator and publisher as configured. Nothing is opened or started by this.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="retries">How often and how long the store is asked again; for work that can wait where left out.</param>
    public static IServiceCollection AddSnapshotPublishing(this IServiceCollection services, WorkerConfiguration configuration, StoreRetries? retries = null)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(configuration.Schedule);
        services.AddSingleton(DestinationCatalogue.BuiltIn);
        services.AddSingleton(GeneratorBuild.Current);
        services.AddSingleton<SnapshotGenerator>();
        services.AddSingleton(_ => new SettingsKeyRing(configuration.Encryption)); // not before a command needs it
        services.AddSingleton(configuration.Limits);
        services.AddMetrics();
        services.AddSingleton<WorkerMetrics>();
        services.AddSingleton<IBlobStore>(provider => new MeteredBlobStore(
            BlobStores.Create(configuration.Storage, retries ?? StoreRetries.Patient(configuration.Storage.Timeout), provider.GetRequiredService<TimeProvider>()),
            provider.GetRequiredService<WorkerMetrics>()));
        services.AddSingleton(provider => new ScopeStore(provider.GetRequiredService<IBlobStore>()));
        services.AddSingleton<Publisher>();
        services.AddSingleton<ScopeBuilder>();
        services.AddSingleton<BuildRunner>();
        services.AddSingleton<ScopeDrain>();
        services.AddSingleton<Reconciler>();
        services.AddSingleton<WakeUp>();
        if (configuration.Postgres is { } postgres)
        {
            services.AddPostgres(postgres);
            services.AddSingleton<ISetupCheck, DatabaseSetupCheck>();
        }
        else
        {
            services.AddSingleton(provider => new FileSource(
                configuration.Source.File!,
                new SettingVariables(provider.GetRequiredService<DestinationCatalogue>(), configuration.Source.PublishedVariables, Environment.GetEnvironmentVariable),
                configuration.Limits,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<FileSource>>()));
            services.AddSingleton<IDestinationSource>(provider => provider.GetRequiredService<FileSource>());
            services.AddSingleton<MemoryQueue>();
            services.AddSingleton<IScopeQueue>(provider => provider.GetRequiredService<MemoryQueue>());
        }
        services.AddSingleton<ISetupCheck>(provider => new KeySetupCheck(provider.GetRequiredService<IDestinationSource>(), provider.GetRequiredService<SettingsKeyRing>));
        services.AddSingleton(configuration.Storage);
        services.AddSingleton<ISetupCheck, StoreSetupCheck>();
        services.AddSingleton<ISetupCheck, FreshnessSetupCheck>();
        services.AddSingleton(configuration.Edges);
        services.AddSingleton<ISetupCheck, EdgeSetupCheck>();
        return services;
    }

    /// <summary>Adds what makes it a service: the drain loop, what signals it, and the schedule.</summary>
    public static IHostApplicationBuilder AddSnapshotService(this IHostApplicationBuilder builder, WorkerConfiguration configuration)
    {
        builder.Services.AddSnapshotPublishing(configuration);
        builder.Services.AddSingleton<StartCheck>().AddHostedService(provider => provider.GetRequiredService<StartCheck>());
        builder.Services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<StartCheck>());
        if (configuration.Source.Provider == SourceProvider.Postgres) builder.Services.AddPostgresService();
        else builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<FileWatchService>(provider, configuration.Source));
        builder.Services.AddSingleton<DrainService>().AddHostedService(provider => provider.GetRequiredService<DrainService>());
        builder.Services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<DrainService>());
        builder.AddQuartz(quartz =>
        {
            if (configuration.Postgres is { } postgres)
            {
                // One schedule for all replicas, kept where the work is kept.
                quartz.UsePersistentStore(store =>
                {
                    store.UsePostgres(options => options.DataSourceFactory = _ => PostgresConnections.CreateForScheduling(postgres));
                    store.ConfigureStore(options =>
                    {
                        options.TablePrefix = QuartzTables.Prefix;
                        // The default is three times, after which the start, and with it the worker, would end for a database that is restarted.
                        options.IsTransient = DatabaseOutage.Causes;
                        options.MaxTransientRetries = int.MaxValue - 1; // it counts one more
                        options.TransientRetryInterval = TimeSpan.FromSeconds(1);
                    });
                    store.UseClustering(_ => { });
                    store.UseSystemTextJsonSerializer();
                });
            }
            Schedule<DrainJob>(quartz, "drain", configuration.Schedule.Drain);
            Schedule<ReconcileJob>(quartz, "reconcile", configuration.Schedule.Reconcile);
        });
        builder.Services.Configure<QuartzHostedServiceOptions>(options =>
        {
            options.WaitForJobsToComplete = true;
            // What fails here is tried again or ends the worker. In the background it would be lost, and the schedule with it.
            options.AwaitApplicationStarted = false;
        });
        builder.AddQuartzHostedService();
        return builder;
    }

    /// <summary>
    /// Adds what makes the service a process of its own: health and metrics over HTTP, traces, metrics and logs to a collector where OpenTelemetry's environment variables name one, and an
    /// end in time.
    /// To be added before the service, so that probes are answered while it waits to start.
    /// </summary>
    public static IHostApplicationBuilder AddServiceProcess(this IHostApplicationBuilder builder, WorkerConfiguration configuration)
    {
        builder.Services.AddSingleton(configuration.Worker).AddSingleton(configuration);
        builder.Services.AddSingleton<WorkerHealth>();
        builder.Services.AddSingleton<HealthServer>().AddHostedService(provider => provider.GetRequiredService<HealthServer>());
        builder.Services.Configure<HostOptions>(options =>
        {
            // A part that waits for a server that hangs must not keep the others from giving back what they have.
            options.ServicesStopConcurrently = true;
            options.ShutdownTimeout = StopDeadline.ForServices(configuration.Worker.ShutdownTimeout);
        });
        TelemetryExport.AddTo(builder.Services, configuration.Configuration, WorkerSpans.Telemetry);
        return builder;
    }

    private static void Schedule<T>(IQuartzBuilder quartz, string name, string cron) where T : class, IJob =>
        quartz.ScheduleJob<T>(
            trigger => trigger.WithIdentity(name).WithCronSchedule(cron, schedule => schedule.InTimeZone(TimeZoneInfo.Utc).WithMisfireInstruction(CronTriggerMisfireInstruction.DoNothing)),
            job => job.WithIdentity(name));
}
