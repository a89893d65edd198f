using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>A worker on a copy of the control plane's table that PostgreSQL's own logical replication keeps. Its apply worker fires no statement trigger.</summary>
public sealed class LogicalReplicationTests(ReplicatingPostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Apply_InsertUpdateDeleteTruncate_IsEachSeen()
    {
        await using var control = await SourceDatabase.CreateEmptyAsync(postgres);
        await control.ExecuteAsync($"{DestinationsTable.Definition(control.Options.Table)} create publication destinations_out for table destinations");
        await using var copy = await SourceDatabase.CreateEmptyAsync(postgres);
        await copy.MigrateAsync(withDestinations: true);
        await copy.TakeInAsync();
        await SubscribeAsync(control, copy);

        await control.InsertAsync(Acme, takeIn: false);
        await SeesAsync(copy, (1, 1, 1), "the insert");
        await control.ExecuteAsync("update destinations set enabled = false");
        await SeesAsync(copy, (1, 1, 2), "the update");
        await control.ExecuteAsync("update destinations set environment = 'staging'");
        await SeesAsync(copy, (1, 2, 3), "the move between environments");
        // A connection test publishes nothing, so only the delete after it counts.
        await control.ExecuteAsync("update destinations set last_tested_at = now()");
        await control.ExecuteAsync("delete from destinations");
        await SeesAsync(copy, (1, 3, 3), "the delete");
        await control.InsertAsync(Globex, takeIn: false);
        await Eventually.TrueAsync(async () => await copy.ScalarAsync<long>("select count(*) from destinations") == 1, "the other organization's row arrives");
        await control.ExecuteAsync("truncate destinations");
        await SeesAsync(copy, (2, 4, 4), "the truncate");
        Assert.Empty((await copy.Reader.RowsAsync(SourceDatabase.ScopeOf(Globex), Cancel)).Rows);
    }

    /// <summary>Many rows in one transaction are noted by row, and taken in as what they are: one change for each scope.</summary>
    [Fact]
    public async Task Apply_ManyRowsInOneTransaction_IsOneChangeOfTheScope()
    {
        await using var control = await SourceDatabase.CreateEmptyAsync(postgres);
        await control.ExecuteAsync($"{DestinationsTable.Definition(control.Options.Table)} create publication destinations_out for table destinations");
        await using var copy = await SourceDatabase.CreateEmptyAsync(postgres);
        await copy.MigrateAsync(withDestinations: true);
        await copy.TakeInAsync();
        await SubscribeAsync(control, copy);

        await control.ExecuteAsync($"insert into destinations (organization_id, type, name, environment) select '{Acme}', 'console', n::text, 'production' from generate_series(1, 500) n");

        await SeesAsync(copy, (1, 1, 1), "the insert");
        Assert.Equal(500, (await copy.Reader.RowsAsync(SourceDatabase.ScopeOf(Acme), Cancel)).Rows.Count);
    }

    private static async Task SubscribeAsync(SourceDatabase control, SourceDatabase copy)
    {
        // Within one server a subscription cannot make its slot itself: it would wait for its own transaction.
        var slot = new NpgsqlConnectionStringBuilder(copy.Options.ConnectionString).Database!;
        await control.ExecuteAsync($"select pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        await copy.ExecuteAsync(
            $"create subscription destinations_in connection '{ReplicatingPostgresFixture.PublisherOf(control.Options.ConnectionString)}' publication destinations_out "
            + $"with (create_slot = false, slot_name = '{slot}', copy_data = false)");
    }

    private static Task SeesAsync(SourceDatabase copy, (long, long, long) changes, string what) => Eventually.TrueAsync(
        async () => await copy.ChangesSeenAsync(Acme) == changes, $"the worker's side sees {what}");
}
