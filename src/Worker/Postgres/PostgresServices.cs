using System.Globalization;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Registers the database side: options, pool, migrator, queue, readers, listener.</summary>
internal static class PostgresServices
{
    /// <summary>Nothing is opened here.</summary>
    public static IServiceCollection AddPostgres(this IServiceCollection services, PostgresOptions options)
    {
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => PostgresConnections.CreatePool(
            options, provider.GetService<ILoggerFactory>(), provider.GetService<ScheduleOptions>()?.Parallelism));
        services.AddSingleton<DatabaseMigrator>();
        services.AddSingleton<DatabaseGuard>();
        services.AddSingleton<DestinationReader>();
        services.AddSingleton<ScopeStatusReader>();
        services.AddSingleton<BuildRecords>();
        services.AddSingleton<DatabasePatience>();
        services.AddSingleton<ChangeListener>();
        services.AddSingleton(new WorkerIdentity(Guid.NewGuid(), string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}")));
        services.AddSingleton<WorkerHeartbeat>();
        services.AddSingleton<IWorkerRoster, WorkerRoster>();
        services.AddSingleton(provider => new ScopeQueue(
            provider.GetRequiredService<NpgsqlDataSource>(),
            provider.GetRequiredService<WorkerIdentity>().Id,
            provider.GetRequiredService<ILogger<ScopeQueue>>()));
        services.AddSingleton<IDestinationSource, PostgresSource>();
        services.AddSingleton<IScopeQueue, PostgresQueue>();
        services.AddSingleton<IPublicationMemory, PublicationMemory>();
        return services;
    }

    /// <summary>Adds the loops that a service has on its database: listening, watching the triggers, measuring, and comparing with the store.</summary>
    public static IServiceCollection AddPostgresService(this IServiceCollection services)
    {
        services.AddHostedService<ListenService>();
        services.AddSingleton<TriggerWatch>().AddHostedService(provider => provider.GetRequiredService<TriggerWatch>());
        services.AddSingleton<QueueGauges>().AddHostedService(provider => provider.GetRequiredService<QueueGauges>());
        services.AddSingleton<StoreComparison>().AddHostedService(provider => provider.GetRequiredService<StoreComparison>());
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<TriggerWatch>());
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<QueueGauges>());
        services.AddSingleton<IHealthPart>(provider => provider.GetRequiredService<StoreComparison>());
        return services;
    }
}
