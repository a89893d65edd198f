using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>The database takes no connections for a while: a scope whose turn it is waits, and is not said to have failed.</summary>
public sealed class DatabasePatienceTests(PostgresFixture postgres)
{
    // The event that says that a call waits for the database.
    private const int DatabaseWaitedFor = 2400;

    // The event that says that a scope has failed.
    private const int BuildFailed = 4004;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Build_ConnectionsEndedAndUsedUp_WaitsAndTheScopeHasNotFailed(bool whileReading)
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var role = database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(SourceDatabase.Acme);
        await using var worker = BuildingWorker.Create(database, role);
        var other = await database.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        // The claim does not look at these tables; the read of the rows looks at the first, the record of the build writes to the second.
        await using (var block = new Npgsql.NpgsqlCommand($"lock table {(whileReading ? "destinations" : "consent_snapshots.publications")} in access exclusive mode", other))
            await block.ExecuteNonQueryAsync(Cancel);

        var building = BuildAsTheServiceAsync(worker);
        await Eventually.TrueAsync(
            async () => await database.ScalarAsync<long>($"select count(*) from pg_stat_activity where usename = '{role}' and wait_event_type = 'Lock'") > 0, "the build waits for the lock");
        // As when others have used up all connections: those that end are not given again. One is the heartbeat's.
        await database.ExecuteAsync($"alter role {role} connection limit 1");
        await database.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}' and application_name = 'consent-snapshots'");
        await Eventually.TrueAsync(() => Task.FromResult(worker.Logs.Count(DatabaseWaitedFor) >= 3), "the build says that it waits for the database");
        await database.ExecuteAsync($"alter role {role} connection limit -1");
        await transaction.RollbackAsync(Cancel);
        await building;
        // A worker whose heartbeat was late, on a busy machine, has nothing to claim for a moment.
        await Eventually.TrueAsync(
            async () =>
            {
                await BuildAsTheServiceAsync(worker);
                return await database.ScalarAsync<long>("select count(*) from consent_snapshots.scopes where generation = completed_generation and attempts = 0 and last_error is null") == 3;
            }, "every scope is built");

        Assert.Contains(worker.Logs.Lines, line => line.Contains("The database takes no connections", StringComparison.Ordinal) && line.Contains("too many connections", StringComparison.Ordinal));
        Assert.Equal(0, worker.Logs.Count(BuildFailed));
    }

    /// <summary>A look for work that meets the same is said and made again; what is under way goes on.</summary>
    private static async Task BuildAsTheServiceAsync(BuildingWorker worker)
    {
        while (true)
        {
            try
            {
                await worker.BuildAsync();
                return;
            }
            catch (SourceUnavailableException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
            }
        }
    }
}
