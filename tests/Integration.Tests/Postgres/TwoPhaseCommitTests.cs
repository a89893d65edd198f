using ConsentSnapshots.Integration.Tests.Fixtures;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>A control plane that uses two-phase commit, on a server that permits it.</summary>
public sealed class TwoPhaseCommitTests(ReplicatingPostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Insert_Prepared_IsPublishedAfterTheCommitAndNotBefore()
    {
        await using var database = await CreateAsync();
        await using var worker = BuildingWorker.Create(database);
        await PrepareAsync(database, "published", $"insert into destinations (organization_id, type, name, environment, settings_encrypted, settings) values ('{Acme}', 'meta-pixel', 'x', 'production', false, '{{\"pixelId\":\"11111111111\"}}')");
        await worker.BuildAsync();
        var before = await database.ScalarAsync<long>("select count(*) from consent_snapshots.publications");

        await database.ExecuteAsync("commit prepared 'published'");
        await worker.BuildAsync();

        Assert.Equal(0, before);
        Assert.Equal("live", await database.ScalarAsync<string>("select state from consent_snapshots.destination_status"));
    }

    [Fact]
    public async Task Changed_CalledInAPreparedTransaction_IsSeenAfterTheCommit()
    {
        await using var database = await CreateAsync();
        await PrepareAsync(database, "told", $"select consent_snapshots.changed('{Acme}', 'production')");
        var before = await database.ChangesSeenAsync(Acme);

        await database.ExecuteAsync("commit prepared 'told'");

        Assert.Equal((0, 0, 0), before);
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Insert_PreparedAndRolledBack_LeavesNothing()
    {
        await using var database = await CreateAsync();
        await PrepareAsync(database, "withdrawn", $"insert into destinations (organization_id, type, name) values ('{Acme}', 'console', 'x')");

        await database.ExecuteAsync("rollback prepared 'withdrawn'");

        Assert.Equal((0, 0, 0), await database.ChangesSeenAsync(Acme));
    }

    /// <summary>A transaction that waits for its second phase, for hours perhaps, holds up nobody.</summary>
    [Fact]
    public async Task Insert_WhileAnotherOfTheSameOrganizationIsPrepared_IsSeenAtOnce()
    {
        await using var database = await CreateAsync();
        await PrepareAsync(database, "waits", $"insert into destinations (organization_id, type, name, environment) values ('{Acme}', 'console', 'x', 'production')");

        await database.ExecuteAsync($"set lock_timeout = '1ms'; insert into destinations (organization_id, type, name, environment) values ('{Acme}', 'console', 'y', 'production')");

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync("commit prepared 'waits'");
        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
    }

    /// <summary>A transaction that has notified cannot be prepared, so nobody notifies, and the worker looks more often.</summary>
    [Fact]
    public async Task Check_TwoPhaseCommitIsEnabled_SaysThatNobodyNotifies()
    {
        await using var database = await CreateAsync();

        Assert.False(await database.Queue.WritersNotifyAsync(Cancel));
    }

    private async Task<SourceDatabase> CreateAsync()
    {
        var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.MigrateAsync(withDestinations: true);
        await database.TakeInAsync();
        return database;
    }

    private static async Task PrepareAsync(SourceDatabase database, string name, string sql)
    {
        var writer = await database.ConnectAsync();
        foreach (var statement in new[] { "begin", sql, $"prepare transaction '{name}'" })
        {
            await using var command = new NpgsqlCommand(statement, writer);
            await command.ExecuteNonQueryAsync(Cancel);
        }
    }
}
