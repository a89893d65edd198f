using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Quartz;

namespace ConsentSnapshots.Worker;

/// <summary>Puts the worker together: the parts that every command uses, and the service's loops.</summary>
public static class WorkerApp
{
    /// <summary>Adds source, store, generator and publisher as configured. Nothing is opened or started by this.</summary>
    public static IServiceCollection AddSnapshotPublishing(this IServiceCollection services, WorkerConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(configuration.Schedule);
        services.AddSingleton(DestinationCatalogue.BuiltIn);
        services.AddSingleton(GeneratorBuild.Current);
        services.AddSingleton<SnapshotGenerator>();
        services.AddSingleton(_ => new SettingsKeyRing(configuration.Encryption)); // not before a command needs it
        services.AddSingleton(configuration.Limits);
        services.AddSingleton(provider => BlobStores.Create(
            configuration.Storage, StoreRetries.Patient(configuration.Storage.Timeout), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new ScopeStore(provider.GetRequiredService<IBlobStore>()));
        services.AddSingleton<Publisher>();
        services.AddSingleton<ScopeBuilder>();
        services.AddSingleton<BuildRunner>();
        services.AddSingleton<ScopeDrain>();
        services.AddSingleton<Reconciler>();
        services.AddSingleton<WakeUp>();
        if (configuration.Source.Provider == SourceProvider.Postgres)
        {
            services.AddPostgres(configuration.Configuration);
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
        return services;
    }

    /// <summary>Adds what makes it a service: the drain loop, what signals it, and the schedule.</summary>
    public static IHostApplicationBuilder AddSnapshotService(this IHostApplicationBuilder builder, WorkerConfiguration configuration)
    {
        builder.Services.AddSnapshotPublishing(configuration);
        builder.Services.AddHostedService<SourceCheck>();
        if (configuration.Source.Provider == SourceProvider.Postgres)
        {
            builder.Services.AddHostedService<ListenService>();
            builder.Services.AddHostedService<TriggerWatch>();
        }
        else builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<FileWatchService>(provider, configuration.Source));
        builder.Services.AddHostedService<DrainService>();
        builder.AddQuartz(quartz =>
        {
            if (configuration.Source.Provider == SourceProvider.Postgres)
            {
                // One schedule for all replicas, kept where the work is kept.
                quartz.UsePersistentStore(store =>
                {
                    store.UsePostgres(
                        NpgsqlFactory.Instance, PostgresConnections.DescribeForScheduling(configuration.Configuration.GetConnectionString("Postgres")!));
                    store.ConfigureStore(options => options.TablePrefix = QuartzTables.Prefix);
                    store.UseClustering(_ => { });
                    store.UseSystemTextJsonSerializer();
                });
            }
            Schedule<DrainJob>(quartz, "drain", configuration.Schedule.Drain);
            Schedule<ReconcileJob>(quartz, "reconcile", configuration.Schedule.Reconcile);
        });
        builder.AddQuartzHostedService(options => options.WaitForJobsToComplete = true);
        return builder;
    }

    private static void Schedule<T>(IQuartzBuilder quartz, string name, string cron) where T : class, IJob =>
        quartz.ScheduleJob<T>(
            trigger => trigger.WithIdentity(name).WithCronSchedule(cron, schedule => schedule.InTimeZone(TimeZoneInfo.Utc).WithMisfireInstruction(CronTriggerMisfireInstruction.DoNothing)),
            job => job.WithIdentity(name));
}
