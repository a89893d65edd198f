using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Fixtures;

public sealed class PostgresFixtureTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task CreateDatabase_TwoDatabases_TablesAreApart()
    {
        await using var first = NpgsqlDataSource.Create(await postgres.CreateDatabaseAsync(Cancel));
        await using var second = NpgsqlDataSource.Create(await postgres.CreateDatabaseAsync(Cancel));
        await using (var create = first.CreateCommand("create table t (id uuid primary key default gen_random_uuid(), tags text[]); insert into t values (default, '{a}')"))
        {
            await create.ExecuteNonQueryAsync(Cancel);
        }

        await using var count = first.CreateCommand("select count(*) from t");
        await using var lookup = second.CreateCommand("select to_regclass('t') is null");

        Assert.Equal(1L, await count.ExecuteScalarAsync(Cancel));
        Assert.Equal(true, await lookup.ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task Listen_NotifyOnAnotherConnection_PayloadArrives()
    {
        await using var source = NpgsqlDataSource.Create(await postgres.CreateDatabaseAsync(Cancel));
        await using var listener = await source.OpenConnectionAsync(Cancel);
        string? payload = null;
        listener.Notification += (_, notification) => payload = notification.Payload;
        await using (var listen = new NpgsqlCommand("listen changes", listener))
        {
            await listen.ExecuteNonQueryAsync(Cancel);
        }

        await using (var notify = source.CreateCommand("notify changes, 'acme/production'"))
        {
            await notify.ExecuteNonQueryAsync(Cancel);
        }

        Assert.True(await listener.WaitAsync(TimeSpan.FromSeconds(90), Cancel));
        Assert.Equal("acme/production", payload);
    }
}

[Collection(Outages.Name)]
public sealed class PostgresFixtureOutageTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Restart_OpenSession_IsEndedAndDataStays()
    {
        var connectionString = await postgres.CreateDatabaseAsync(Cancel);
        await using var session = new NpgsqlConnection(connectionString + ";Pooling=false");
        await session.OpenAsync(Cancel);
        await using (var create = new NpgsqlCommand("create table kept (n int); insert into kept values (7)", session))
        {
            await create.ExecuteNonQueryAsync(Cancel);
        }

        await postgres.RestartAsync(Cancel);

        await using var query = new NpgsqlCommand("select n from kept", session);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => query.ExecuteScalarAsync(Cancel));
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var again = source.CreateCommand("select n from kept");
        Assert.Equal(7, await again.ExecuteScalarAsync(Cancel));
    }
}
