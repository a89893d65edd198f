using ConsentSnapshots.Integration.Tests.Fixtures;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>When a writer tells the workers. Each test completes what is pending first, then counts what a listening session hears.</summary>
public sealed class NotificationTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Write_IdleScope_NotifiesOnceATransactionWhateverItChanges()
    {
        await using var database = await CreateIdleAsync();
        await using var ear = await Ear.OpenAsync(database);

        await database.ExecuteAsync(
            $"""
            begin;
            update destinations set enabled = false;
            insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 2000) n;
            update destinations set enabled = true;
            commit;
            """);

        Assert.Equal([""], await ear.HeardAsync());
    }

    /// <summary>Notifying makes commits wait for each other, so in a burst only some do; who listens looks again a moment later.</summary>
    [Fact]
    public async Task Write_InABurst_NotifiesNowAndThen()
    {
        await using var database = await CreateIdleAsync();
        await using var ear = await Ear.OpenAsync(database);
        await database.ExecuteAsync("do $$ begin for n in 1..500 loop update destinations set test_mode = not test_mode; commit; end loop; end $$");

        Assert.InRange((await ear.HeardAsync()).Count, 1, 499);
    }

    [Fact]
    public async Task Write_AfterTheClockWasSetBack_Notifies()
    {
        await using var database = await CreateIdleAsync();
        await using var ear = await Ear.OpenAsync(database);
        await database.ExecuteAsync("select setval('consent_snapshots.last_told', (extract(epoch from clock_timestamp()) * 1000)::bigint + 3600000)");

        await database.ExecuteAsync("update destinations set enabled = false");

        Assert.Equal([""], await ear.HeardAsync());
    }

    [Theory]
    [InlineData("update destinations set last_tested_at = now()")]
    [InlineData("delete from destinations where false")]
    public async Task Write_CountsNothing_DoesNotNotify(string sql)
    {
        await using var database = await CreateIdleAsync();
        await using var ear = await Ear.OpenAsync(database);

        await database.ExecuteAsync(sql);

        Assert.Empty(await ear.HeardAsync());
    }

    [Fact]
    public async Task Enqueue_AnyScope_Notifies()
    {
        await using var database = await CreateIdleAsync();
        await using var ear = await Ear.OpenAsync(database);

        await database.Queue.EnqueueAsync([SourceDatabase.ScopeOf(Acme)], "test", Cancel);

        Assert.Equal([""], await ear.HeardAsync());
        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
    }

    private async Task<SourceDatabase> CreateIdleAsync()
    {
        var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);
        await database.DrainAsync();
        // What is told within fifty milliseconds of the last time is left out, and a quick machine gets here in less.
        await database.ExecuteAsync("select setval('consent_snapshots.last_told', 0)");
        return database;
    }

    /// <summary>A listening session. A last notification of its own, on the same channel, tells that everything before it has been heard.</summary>
    private sealed class Ear : IAsyncDisposable
    {
        private readonly NpgsqlConnection _connection;
        private readonly SourceDatabase _database;
        private readonly List<string> _heard = [];

        private Ear(SourceDatabase database, NpgsqlConnection connection)
        {
            (_database, _connection) = (database, connection);
            connection.Notification += (_, notification) => _heard.Add(notification.Payload);
        }

        public static async Task<Ear> OpenAsync(SourceDatabase database)
        {
            var connection = new NpgsqlConnection(database.Options.ConnectionString + ";Pooling=false");
            await connection.OpenAsync(Cancel);
            await using var listen = new NpgsqlCommand("listen consent_snapshots", connection);
            await listen.ExecuteNonQueryAsync(Cancel);
            return new Ear(database, connection);
        }

        public async Task<IReadOnlyList<string>> HeardAsync()
        {
            await _database.ExecuteAsync("notify consent_snapshots, 'end'");
            while (!_heard.Contains("end")) await _connection.WaitAsync(Cancel);
            return _heard[..^1];
        }

        public ValueTask DisposeAsync() => _connection.DisposeAsync();
    }
}
