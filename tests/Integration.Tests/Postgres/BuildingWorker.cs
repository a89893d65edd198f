using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Worker;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>The worker as it is put together, without its loops: a test says when it builds. It publishes into a folder.</summary>
internal sealed class BuildingWorker : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly DirectoryInfo _folder;

    private BuildingWorker(ServiceProvider services, DirectoryInfo folder) => (_services, _folder) = (services, folder);

    public RecordingLogs Logs { get; private init; } = null!;

    public IServiceProvider Services => _services;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="database">Its database.</param>
    /// <param name="role">The role that it logs in with; null for the owner of the database.</param>
    public static BuildingWorker Create(SourceDatabase database, string? role = null)
    {
        var folder = Directory.CreateTempSubdirectory("consent-snapshots-building-");
        var connection = new NpgsqlConnectionStringBuilder(database.Options.ConnectionString);
        if (role is not null) (connection.Username, connection.Password) = (role, SourceDatabase.RolePassword);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Source:Provider"] = "postgres",
            ["ConnectionStrings:Postgres"] = connection.ConnectionString,
            ["Database:DestinationsTable"] = database.Options.DestinationsTable,
            ["Storage:Provider"] = "directory",
            ["Storage:Directory"] = folder.FullName,
            ["Schedule:Parallelism"] = "2",
        }).Build();
        var logs = new RecordingLogs();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(logs));
        services.AddSnapshotPublishing(WorkerConfiguration.Read(configuration));
        return new BuildingWorker(services.BuildServiceProvider(), folder) { Logs = logs };
    }

    /// <summary>Builds everything that is due.</summary>
    public async Task BuildAsync()
    {
        var drain = _services.GetRequiredService<ScopeDrain>();
        bool any;
        do
        {
            // Each lane has a place of its own, so the first look does not find everything.
            any = await drain.DrainAsync(Cancel);
            await drain.StopAsync();
        }
        while (any);
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
