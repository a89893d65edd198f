using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class TriggerWatchTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Look_RoleThatMayNotMend_SaysWhatIsWrongAndWhoCan_Once()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        var logs = new RecordingLogs();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(logs));
        using var watch = Watch(database, database.As(database.Options.WorkerRole), factory);
        Assert.True(await watch.LookAsync(Cancel));
        await database.ExecuteAsync("alter table destinations disable trigger consent_snapshots_update");

        Assert.False(await watch.LookAsync(Cancel));
        Assert.False(await watch.LookAsync(Cancel));

        Assert.Contains(
            "Changes of destinations may go unnoticed; every scope is compared once a minute until that is mended. destinations: consent_snapshots_update is not enabled as it should be. "
            + "The worker's role may not mend that: run `consent-snapshots migrate` as the table's owner.", Assert.Single(logs.Lines), StringComparison.Ordinal);
        await database.MigrateAsync();
        Assert.True(await watch.LookAsync(Cancel));
    }

    /// <summary>A statement that waits for the table's lock makes every writer behind it wait.</summary>
    [Fact]
    public async Task Look_TableIsBusy_GivesUpAtOnceAndMendsLater()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations enable trigger all");
        var logs = new RecordingLogs();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(logs));
        using var watch = Watch(database, database.Pool, factory);
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await using (var hold = new NpgsqlCommand("lock table destinations in row exclusive mode", writer)) await hold.ExecuteNonQueryAsync(Cancel);
            Assert.False(await watch.LookAsync(Cancel));
        }

        Assert.True(await watch.LookAsync(Cancel));
        Assert.Equal(1, await database.ScalarAsync<long>("select count(*) from consent_snapshots.changes where organization_id is null"));
    }

    private static TriggerWatch Watch(SourceDatabase database, NpgsqlDataSource pool, ILoggerFactory factory) =>
        new(pool, database.Options, reconciler: null!, TimeProvider.System, factory.CreateLogger<TriggerWatch>());
}
