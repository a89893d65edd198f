using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class MigrationTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Migrate_FreshDatabase_AppliesEverythingInOrder()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);

        var result = await database.MigrateAsync(withDestinations: true);

        Assert.Equal(
            [
                "table public.destinations", "schema consent_snapshots", "0001_changes", "0002_queue", "0003_reports",
                "scheduler tables", "destination status of public.destinations", "change triggers on public.destinations",
            ],
            result.Applied);
        Assert.Equal(1L, await database.ScalarAsync<long>("select epoch from consent_snapshots.source"));
        Assert.Equal(15L, await database.ScalarAsync<long>("select count(*) from pg_tables where schemaname = 'consent_snapshots' and tablename like 'qrtz%'"));
    }

    [Fact]
    public async Task Migrate_Twice_SecondDoesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        Assert.Empty((await database.MigrateAsync(withDestinations: true)).Applied);
        Assert.Empty((await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task Migrate_UpToDateAndTableLocked_DoesNotWait()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres, options => options.LockTimeout = TimeSpan.FromSeconds(1));
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await using (var command = new NpgsqlCommand("lock table destinations in access exclusive mode", writer)) await command.ExecuteNonQueryAsync(Cancel);

        Assert.Empty((await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task Migrate_TwoAtOnce_BothSucceedAndOneDoesTheWork()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);

        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => database.MigrateAsync(withDestinations: true), Cancel)));

        Assert.Single(results, result => result.Applied.Length > 0);
    }

    [Fact]
    public async Task Migrate_AnotherHoldsTheLock_SaysSoAfterTheWait()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres, options => options.MigrationWait = TimeSpan.FromSeconds(1));
        var other = await database.ConnectAsync();
        await using (var command = new NpgsqlCommand($"select pg_advisory_lock({DatabaseMigrator.LockKey})", other)) await command.ExecuteNonQueryAsync(Cancel);

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync(withDestinations: true));

        Assert.Contains("Another migration", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Database:MigrationWait", exception.Message, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Fact]
    public async Task Migrate_NoTable_SaysSoAndLeavesNothing()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Equal(
            "There is no table public.destinations. Set Database:DestinationsTable to the control plane's table, or run `migrate --with-destinations` to create it.",
            exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Fact]
    public async Task Migrate_TableWithoutNeededColumns_NamesThem()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync("create table destinations (id uuid, organization_id uuid, type text, name text, environment text, settings jsonb, enabled boolean, created_at timestamptz, required_consent text[], settings_encrypted boolean)");

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync(withDestinations: true));

        Assert.Contains("public.destinations has no column test_mode, deleted_at", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_ExistingTable_IsNotAltered()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync("create schema \"Control\"; " + Definition("\"Control\".\"Places\""));
        database.Options.DestinationsTable = "Control.Places";
        const string Columns = "select string_agg(column_name || ' ' || data_type, ',' order by ordinal_position) from information_schema.columns where table_name = 'Places'";
        var before = await database.ScalarAsync<string>(Columns);

        var result = await database.MigrateAsync(withDestinations: true);

        Assert.DoesNotContain("table Control.Places", result.Applied);
        Assert.Contains("change triggers on Control.Places", result.Applied);
        Assert.Equal(before, await database.ScalarAsync<string>(Columns));
    }

    [Fact]
    public async Task Migrate_RowsFromBefore_AreAllPending()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync(Definition("destinations"));
        await database.InsertAsync(SourceDatabase.Acme, "production", takeIn: false);

        await database.MigrateAsync();

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(SourceDatabase.Acme));
        Assert.Equal(3, (await database.DepthAsync()).Pending);
    }

    [Fact]
    public async Task Migrate_TableMadeAnew_TriggersAreBackAndEverythingIsPendingAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(SourceDatabase.Acme);
        await database.DrainAsync();
        await database.ExecuteAsync("drop table destinations; " + Definition("destinations"));

        var result = await database.MigrateAsync();
        var afterMigration = await database.ChangesSeenAsync(SourceDatabase.Acme);
        await database.InsertAsync(SourceDatabase.Acme);

        Assert.Equal(["change triggers on public.destinations"], result.Applied);
        Assert.Equal((2, 2, 2), afterMigration);
        Assert.Equal((2, 2, 3), await database.ChangesSeenAsync(SourceDatabase.Acme));
    }

    [Fact]
    public async Task Migrate_TriggerDisabled_IsEnabledAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations disable trigger user");

        var result = await database.MigrateAsync();
        await database.InsertAsync(SourceDatabase.Acme);

        Assert.Equal(["change triggers on public.destinations"], result.Applied);
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(SourceDatabase.Acme));
    }

    [Fact]
    public async Task Migrate_TableBusy_GivesUpWithinTheLockTimeoutAndSaysWhatToDo()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres, options => options.LockTimeout = TimeSpan.FromMilliseconds(200));
        await database.ExecuteAsync(Definition("destinations"));
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await using (var command = new NpgsqlCommand("lock table destinations in row exclusive mode", writer)) await command.ExecuteNonQueryAsync(Cancel);
            var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());
            Assert.Contains("attach the change triggers to public.destinations", exception.Message, StringComparison.Ordinal);
            Assert.Contains("Database:LockTimeout", exception.Message, StringComparison.Ordinal);
        }

        Assert.Equal(["change triggers on public.destinations"], (await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task Migrate_RoleWithoutRights_SaysWhichAreNeeded()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync(Definition("destinations"));
        var role = await database.CreateRoleAsync("weak");
        database.Options.ConnectionString = new NpgsqlConnectionStringBuilder(database.Options.ConnectionString)
        { Username = role, Password = SourceDatabase.RolePassword }.ConnectionString;

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Contains("42501", exception.Message, StringComparison.Ordinal);
        Assert.Contains("owns public.destinations", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(SourceDatabase.RolePassword, exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_NoServer_SaysWhereItLooked()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.ConnectionString = "Host=127.0.0.1;Port=1;Username=nobody;Password=hidden;Database=none";

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Contains("127.0.0.1:1/none", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_NewEpoch_RaisesItAndMakesEveryScopeDue()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(SourceDatabase.Acme);
        await database.DrainAsync();

        var result = await database.MigrateAsync(newEpoch: true);

        Assert.Equal(["source epoch 2"], result.Applied);
        Assert.Equal(3, (await database.DepthAsync()).Pending);
        Assert.Equal(new SourcePosition(2, 1), (await database.Reader.RowsAsync(SourceDatabase.ScopeOf(SourceDatabase.Acme), Cancel)).Position);
    }

    [Fact]
    public async Task Migrate_WorkerRole_CanDoTheWorkersWorkAndNothingMore()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(SourceDatabase.Acme);
        var pool = database.As(database.Options.WorkerRole);
        var id = SourceDatabase.IdOf("w");
        var queue = new ScopeQueue(pool, id, Microsoft.Extensions.Logging.Abstractions.NullLogger<ScopeQueue>.Instance);
        await using (var beat = pool.CreateCommand($"select consent_snapshots.beat('{id}', 'w'), consent_snapshots.mend_times()")) await beat.ExecuteNonQueryAsync(Cancel);

        var claim = (await queue.ClaimAsync(Lane.Edits, 1, Cancel)).Single();
        (claim, _) = await database.NewReader(pool).ReadToBuildAsync(claim, Cancel);
        await queue.EnqueueAsync([claim.Scope], "test", Cancel);
        await queue.ClaimAsync(Lane.Bulk, 1, Cancel);
        Assert.True(await queue.CompleteAsync(claim, published: false, Cancel));
        foreach (var forbidden in new[] { "create table consent_snapshots.mine ()", "update consent_snapshots.source set epoch = 9", "delete from destinations" })
        {
            await using var command = pool.CreateCommand(forbidden);
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancel))).SqlState);
        }
    }

    private static string Definition(string table) =>
        $"""
        create table {table} (id uuid primary key default gen_random_uuid(), organization_id uuid not null, type varchar(50) not null, name varchar(255) not null,
            description text, environment varchar(20), settings jsonb not null default '{"{}"}', settings_encrypted boolean not null default true,
            required_consent text[] not null default '{"{}"}', enabled boolean not null default true, test_mode boolean not null default false,
            last_tested_at timestamptz, connection_status varchar(20), last_error text, deleted_at timestamptz, created_at timestamptz,
            updated_at timestamptz, created_by uuid, updated_by uuid);
        """;
}
