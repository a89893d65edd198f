using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>
/// The control plane shares its server sessions through a pooler. Whatever this product does through the same pooler, the application's own statements work
/// afterwards in every session, and no session holds a setting, lock, channel or statement of ours.
/// </summary>
public sealed class PoolerTests(PostgresFixture postgres, AzuriteFixture azurite)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Migrate_ThroughTransactionPooler_WorksAndLeavesEverySessionAsItWas()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(database.Options.ConnectionString, "transaction", Cancel);
        await using var application = await Application.CreateAsync(database, pooler);
        database.Options.ConnectionString = pooler.Through(database.Options.ConnectionString);

        var first = await database.MigrateAsync(withDestinations: true);
        var second = await database.MigrateAsync(newEpoch: true);

        Assert.Contains("change triggers on public.destinations", first.Applied);
        Assert.Equal(["source epoch 2"], second.Applied);
        await application.IsUnharmedAsync();
    }

    [Fact]
    public async Task Migrate_ThroughTransactionPoolerAndRefused_LeavesEverySessionAsItWas()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(database.Options.ConnectionString, "transaction", Cancel);
        await using var application = await Application.CreateAsync(database, pooler);
        database.Options.ConnectionString = pooler.Through(database.Options.ConnectionString);

        await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        await application.IsUnharmedAsync();
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Fact]
    public async Task Migrate_SeveralThroughTransactionPooler_OneDoesTheWork()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(database.Options.ConnectionString, "transaction", Cancel);
        database.Options.ConnectionString = pooler.Through(database.Options.ConnectionString);

        var results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => database.MigrateAsync(withDestinations: true), Cancel)));

        Assert.Single(results, result => result.Applied.Length > 0);
    }

    [Fact]
    public async Task Migrate_ThroughStatementPooler_SaysWhyNotAndTouchesNothing()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await using var pooler = await PgBouncer.StartAsync(database.Options.ConnectionString, "statement", Cancel);
        database.Options.ConnectionString = pooler.Through(database.Options.ConnectionString);

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync(withDestinations: true));

        Assert.Equal(
            "ConnectionStrings:Postgres leads through a pooler in statement mode, which permits no transactions: let it lead to the server itself, or to a pooler in transaction or session mode.",
            exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regclass('public.destinations') is not null"));
    }

    [Fact]
    public async Task Commands_ThroughTransactionPooler_LeaveEverySessionAsItWas()
    {
        await using var pooled = await PooledAsync();
        await pooled.Platform.InsertAsync(SourceDatabase.Acme, Platform.Pixel("111"));

        foreach (var words in (string[][])
            [
                ["regenerate", "--all", "--dry-run"], ["regenerate", "--all"], ["regenerate", "--org", $"{SourceDatabase.Acme}", "--force"], ["status"], ["status", "--json"],
                ["preview", "--org", $"{SourceDatabase.Acme}", "--env", "production", "--consent", "marketing"], ["migrate"],
            ])
        {
            var (exitCode, _, error) = await pooled.Platform.CommandAsync(words);
            Assert.True(exitCode == (words is [.., "--dry-run"] ? 3 : 0), $"{string.Join(' ', words)}: {exitCode} {error}");
        }

        await pooled.Application.IsUnharmedAsync();
    }

    [Fact]
    public async Task Run_ThroughTransactionPoolerWithDirectListen_PublishesAndLeavesEverySessionAsItWas()
    {
        await using var pooled = await PooledAsync((settings, direct) => settings["ConnectionStrings:PostgresListen"] = direct);

        await pooled.Platform.StartAsync();
        await pooled.Platform.InsertAsync(SourceDatabase.Acme, Platform.Pixel("111"));
        await pooled.Platform.ServesAsync(SourceDatabase.Acme, "111");

        await pooled.Platform.StopWorkerAsync();
        await pooled.Application.IsUnharmedAsync();
    }

    [Fact]
    public async Task Run_ListenThroughTransactionPooler_IsRefusedInOneSentence()
    {
        await using var pooled = await PooledAsync();

        var (exitCode, _, error) = await pooled.Platform.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Equal(
            "ConnectionStrings:Postgres leads through a pooler in transaction mode, which loses the notifications that the worker listens for: "
            + "set ConnectionStrings:PostgresListen to a connection that leads to the server itself, or to a pooler in session mode.",
            error.Trim());
        await pooled.Application.IsUnharmedAsync();
    }

    [Fact]
    public async Task Run_ListenSettingThroughTransactionPooler_NamesThatSetting()
    {
        await using var pooled = await PooledAsync((settings, direct) =>
        {
            settings["ConnectionStrings:PostgresListen"] = settings["ConnectionStrings:Postgres"];
            settings["ConnectionStrings:Postgres"] = direct;
        });

        var (exitCode, _, error) = await pooled.Platform.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.StartsWith("ConnectionStrings:PostgresListen leads through a pooler in transaction mode,", error, StringComparison.Ordinal);
        await pooled.Application.IsUnharmedAsync();
    }

    /// <summary>The application holds every session but one.</summary>
    [Fact]
    public async Task Run_ListenThroughBusyTransactionPooler_IsRefused()
    {
        await using var pooled = await PooledAsync();
        await using var busy = await pooled.Application.HoldSessionsAsync(PgBouncer.Sessions - 1);

        var (exitCode, _, error) = await pooled.Platform.RunAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains("leads through a pooler in transaction mode", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ListenThroughSessionPooler_Publishes()
    {
        await using var pooled = await PooledAsync(mode: "session", configure: (settings, direct) =>
        {
            settings["ConnectionStrings:PostgresListen"] = settings["ConnectionStrings:Postgres"];
            settings["ConnectionStrings:Postgres"] = direct;
        });

        await pooled.Platform.StartAsync();
        await pooled.Platform.InsertAsync(SourceDatabase.Acme, Platform.Pixel("111"));

        await pooled.Platform.ServesAsync(SourceDatabase.Acme, "111");
    }

    /// <summary>The second connection that would tell the modes apart gets no session at all.</summary>
    [Fact]
    public async Task Run_ListenThroughFullSessionPooler_Publishes()
    {
        await using var pooled = await PooledAsync(mode: "session", configure: (settings, direct) =>
        {
            settings["ConnectionStrings:PostgresListen"] = settings["ConnectionStrings:Postgres"];
            settings["ConnectionStrings:Postgres"] = direct;
        });
        await using var busy = await pooled.Application.HoldSessionsAsync(PgBouncer.Sessions - 1);

        await pooled.Platform.StartAsync();
        await pooled.Platform.InsertAsync(SourceDatabase.Acme, Platform.Pixel("111"));

        await pooled.Platform.ServesAsync(SourceDatabase.Acme, "111");
    }

    /// <summary>A platform whose every connection leads through a pooler, which the application uses too.</summary>
    private async Task<Pooled> PooledAsync(Action<Dictionary<string, string?>, string>? configure = null, string mode = "transaction")
    {
        var pooler = await PgBouncer.StartAsync(await postgres.CreateDatabaseAsync(Cancel), mode, Cancel);
        var platform = await Platform.CreateAsync(postgres, azurite, settings =>
        {
            var direct = settings["ConnectionStrings:Postgres"]!;
            settings["ConnectionStrings:Postgres"] = pooler.Through(direct);
            configure?.Invoke(settings, direct);
        });
        return new Pooled(platform, await Application.CreateAsync(platform.Database, pooler, warm: mode == "transaction"), pooler);
    }

    private sealed record Pooled(Platform Platform, Application Application, PgBouncer Pooler) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Platform.DisposeAsync();
            await Application.DisposeAsync();
            await Pooler.DisposeAsync();
        }
    }

    /// <summary>The control plane's own program: its table stands in a schema that the pooler puts on each session's search path.</summary>
    private sealed class Application : IAsyncDisposable
    {
        private readonly NpgsqlDataSource _source;

        private Application(NpgsqlDataSource source) => _source = source;

        public static async Task<Application> CreateAsync(SourceDatabase database, PgBouncer pooler, bool warm = true)
        {
            await database.ExecuteAsync("create schema app; create table app.orders (id int); insert into app.orders values (7)");
            var text = new NpgsqlConnectionStringBuilder(pooler.Through(database.Options.ConnectionString)) { Pooling = false };
            var application = new Application(NpgsqlDataSource.Create(text));
            // Every session exists before anything of ours comes, and the application's statement works in it.
            if (warm) await application.IsUnharmedAsync();
            return application;
        }

        /// <summary>Looks into every session of the pool: each is held by an open transaction, so that the next gets another one.</summary>
        public async Task IsUnharmedAsync()
        {
            await using var held = await HoldSessionsAsync(PgBouncer.Sessions);
            Assert.Equal(PgBouncer.Sessions, held.Connections.Select(connection => connection.Pid).Distinct().Count());
            foreach (var (connection, pid) in held.Connections)
            {
                Assert.Equal("app, public", await TextAsync(connection, "show search_path"));
                Assert.Equal("7", await TextAsync(connection, "select id::text from orders"));
                // What PgBouncer itself sets for each client, and the application's search path, are no settings of ours.
                Assert.Equal("", await TextAsync(connection,
                    """
                    select coalesce(string_agg(name || '=' || setting, ', '), '') from pg_settings
                    where source = 'session' and setting is distinct from reset_val and name not in ('application_name', 'client_encoding', 'search_path')
                    """));
                Assert.Equal("", await TextAsync(connection,
                    $"select coalesce(string_agg(locktype || ' ' || mode, ', '), '') from pg_locks where pid = {pid} and locktype not in ('virtualxid', 'relation')"));
                Assert.Equal("", await TextAsync(connection, "select coalesce(string_agg(channel, ', '), '') from pg_listening_channels() as channel"));
                Assert.Equal("", await TextAsync(connection, "select coalesce(string_agg(statement, ', '), '') from pg_prepared_statements"));
                Assert.Equal("", await TextAsync(connection, "select coalesce(string_agg(relname, ', '), '') from pg_class where relpersistence = 't'"));
            }
        }

        /// <summary>Holds this many server sessions in open transactions.</summary>
        public async Task<HeldSessions> HoldSessionsAsync(int count)
        {
            var held = new HeldSessions();
            for (var index = 0; index < count; index++)
            {
                var connection = await _source.OpenConnectionAsync(Cancel);
                await using (var begin = new NpgsqlCommand("begin", connection)) await begin.ExecuteNonQueryAsync(Cancel);
                held.Connections.Add((connection, int.Parse(await TextAsync(connection, "select pg_backend_pid()::text"), System.Globalization.CultureInfo.InvariantCulture)));
            }
            return held;
        }

        public ValueTask DisposeAsync() => _source.DisposeAsync();

        private static async Task<string> TextAsync(NpgsqlConnection connection, string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return (string)(await command.ExecuteScalarAsync(Cancel))!;
        }
    }

    private sealed class HeldSessions : IAsyncDisposable
    {
        public List<(NpgsqlConnection Connection, int Pid)> Connections { get; } = [];

        public async ValueTask DisposeAsync()
        {
            foreach (var (connection, _) in Connections)
            {
                await using (var rollback = new NpgsqlCommand("rollback", connection)) await rollback.ExecuteNonQueryAsync(Cancel);
                await connection.DisposeAsync();
            }
        }
    }
}
