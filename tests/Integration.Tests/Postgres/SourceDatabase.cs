using System.Security.Cryptography;
using System.Text;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>One test's database, with the control plane's side in SQL and the worker's side as the worker makes it.</summary>
internal sealed class SourceDatabase : IAsyncDisposable
{
    public static readonly Guid Acme = Guid.Parse("aaaaaaaa-0000-4000-8000-000000000001");
    public static readonly Guid Globex = Guid.Parse("bbbbbbbb-0000-4000-8000-000000000002");

    private static readonly SemaphoreSlim s_migrating = new(1, 1);
    private static string? s_migrated;

    private readonly List<IAsyncDisposable> _owned = [];

    private SourceDatabase(string connectionString, Action<PostgresOptions>? configure)
    {
        // Pools of many short databases would keep the server full of idle sessions.
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { MaxPoolSize = 20, ConnectionIdleLifetime = 5, ConnectionPruningInterval = 5 };
        Options = new PostgresOptions { ConnectionString = builder.ConnectionString };
        configure?.Invoke(Options);
        Pool = Own(PostgresConnections.CreatePool(Options));
        Queue = NewQueue("worker-1");
        Reader = NewReader(Pool);
        Status = new ScopeStatusReader(Pool);
    }

    public PostgresOptions Options { get; }

    public NpgsqlDataSource Pool { get; }

    public ScopeQueue Queue { get; }

    public DestinationReader Reader { get; }

    public ScopeStatusReader Status { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>An empty database, not migrated.</summary>
    public static async Task<SourceDatabase> CreateEmptyAsync(PostgresFixture postgres, Action<PostgresOptions>? configure = null) =>
        new(await postgres.CreateDatabaseAsync(Cancel), configure);

    /// <summary>A migrated database without an encoding, in which text is whatever bytes somebody wrote; an organization's id is a text there.</summary>
    public static async Task<SourceDatabase> CreateWithoutEncodingAsync(PostgresFixture postgres)
    {
        var database = new SourceDatabase(await postgres.CreateDatabaseAsync(Cancel, withoutEncoding: true), configure: null);
        await database.MigrateAsync(withDestinations: true);
        await database.ExecuteAsync("alter table destinations alter organization_id type text");
        return database;
    }

    /// <summary>A migrated database with an empty destinations table: a copy of one that was migrated once, which is quicker.</summary>
    public static async Task<SourceDatabase> CreateAsync(PostgresFixture postgres, Action<PostgresOptions>? configure = null)
    {
        await s_migrating.WaitAsync(Cancel);
        try
        {
            if (s_migrated is null)
            {
                await using var original = await CreateEmptyAsync(postgres);
                await original.MigrateAsync(withDestinations: true);
                await original.TakeInAsync();
                s_migrated = new NpgsqlConnectionStringBuilder(original.Options.ConnectionString).Database;
            }
        }
        finally
        {
            s_migrating.Release();
        }

        var database = new SourceDatabase(await postgres.CreateDatabaseAsync(Cancel, s_migrated), configure);
        foreach (var worker in (string[])["worker-1", "worker-2"]) await database.LiveAsync(worker);
        return database;
    }

    public static Scope ScopeOf(Guid organization, DeploymentEnvironment environment = DeploymentEnvironment.Production) =>
        new(OrganizationId.Parse(organization.ToString()), environment);

    public Task<MigrationResult> MigrateAsync(bool withDestinations = false, bool newEpoch = false) =>
        NewMigrator().MigrateAsync(new MigrationRequest { WithDestinations = withDestinations, NewEpoch = newEpoch }, Cancel);

    public DatabaseMigrator NewMigrator() => new(Options, NullLogger<DatabaseMigrator>.Instance);

    /// <summary>The queue of a worker that has given a sign of life and gives no more: its claims last until <see cref="LoseAsync"/>, whatever the machine is busy with.</summary>
    public ScopeQueue NewQueue(string worker) => new(Pool, IdOf(worker), NullLogger<ScopeQueue>.Instance);

    /// <summary>The id of a worker of a test.</summary>
    public static Guid IdOf(string worker) => new(SHA256.HashData(Encoding.UTF8.GetBytes(worker)).AsSpan(0, 16));

    /// <summary>A worker that lives until <see cref="LoseAsync"/>.</summary>
    public Task LiveAsync(string worker) => ExecuteAsync(
        $"insert into consent_snapshots.workers (worker_id, name, beaten_at) values ('{IdOf(worker)}', '{worker}', clock_timestamp()) on conflict do nothing");

    /// <summary>The worker is killed, or hangs, and others notice.</summary>
    public Task LoseAsync(string worker) => ExecuteAsync(
        $"delete from consent_snapshots.workers where worker_id = '{IdOf(worker)}'; select consent_snapshots.release_lost_claims()");

    /// <summary>What a worker does first when it looks for work.</summary>
    public Task TakeInAsync() => ExecuteAsync("select consent_snapshots.take_in_changes()");

    public DestinationReader NewReader(NpgsqlDataSource source, ScopeLimits? limits = null) =>
        new(source, Options, limits ?? ScopeLimits.Default, TimeProvider.System, NullLogger<DestinationReader>.Instance);

    public ChangeListener NewListener(ILogger<ChangeListener>? logger = null) =>
        Own(new ChangeListener(Options, TimeProvider.System, logger ?? NullLogger<ChangeListener>.Instance));

    /// <summary>A pool of another role of this database; the role exists only here and may log in without a password.</summary>
    public NpgsqlDataSource As(string role)
    {
        var builder = new NpgsqlConnectionStringBuilder(Options.ConnectionString) { Username = role, Password = RolePassword };
        return Own(NpgsqlDataSource.Create(builder));
    }

    public const string RolePassword = "only-for-tests";

    /// <summary>Creates a role whose name no other test's database shares.</summary>
    public async Task<string> CreateRoleAsync(string purpose)
    {
        var role = $"{purpose}_{await ScalarAsync<string>("select current_database()::text")}";
        await ExecuteAsync($"create role {role} login password '{RolePassword}'");
        return role;
    }

    /// <summary>A session of its own, for transactions that stay open.</summary>
    public async Task<NpgsqlConnection> ConnectAsync() => Own(await Pool.OpenConnectionAsync(Cancel));

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Pool.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Pool.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }

    /// <summary>Inserts a destination as the control plane would.</summary>
    public async Task<Guid> InsertAsync(Guid organization, string? environment = "production", string type = "meta-pixel", bool takeIn = true)
    {
        await using var command = Pool.CreateCommand(
            "insert into destinations (organization_id, type, name, environment) values ($1, $2, 'one', $3) returning id");
        command.Parameters.AddWithValue(organization);
        command.Parameters.AddWithValue(type);
        command.Parameters.AddWithValue((object?)environment ?? DBNull.Value);
        var id = (Guid)(await command.ExecuteScalarAsync(Cancel))!;
        if (takeIn) await TakeInAsync();
        return id;
    }

    /// <summary>How often a worker that looks after each write has found a change of an organization's scopes: development, staging, production; 0 where there is no scope.</summary>
    public async Task<(long Development, long Staging, long Production)> ChangesSeenAsync(object organization)
    {
        await TakeInAsync();
        await using var command = Pool.CreateCommand(
            """
            select coalesce(max(generation) filter (where environment = 'development'), 0),
                   coalesce(max(generation) filter (where environment = 'staging'), 0),
                   coalesce(max(generation) filter (where environment = 'production'), 0)
            from consent_snapshots.scopes where organization_id = $1
            """);
        command.Parameters.AddWithValue(organization.ToString()!);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        await reader.ReadAsync(Cancel);
        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    /// <summary>Completes everything that is pending, as a worker that publishes without fail.</summary>
    public async Task DrainAsync()
    {
        foreach (var lane in Enum.GetValues<Lane>())
            while (await Queue.ClaimAsync(lane, 100, Cancel) is { Length: > 0 } claims)
                foreach (var claim in claims) await Queue.CompleteAsync(claim, published: false, Cancel);
    }

    /// <summary>How much there is to do.</summary>
    public async Task<QueueDepth> DepthAsync()
    {
        await using var command = Pool.CreateCommand(
            """
            with noted as materialized (
                select distinct c.organization_id, e.environment
                from consent_snapshots.changes c
                join (values ('development' collate "C"), ('production'), ('staging')) as e (environment) on c.environment is null or c.environment = e.environment
            ), pending as (
                select s.organization_id, s.environment, s.changed_at, s.claim_token, s.ready_at, s.held_reason
                from consent_snapshots.scopes s
                where s.generation > s.completed_generation
                union all
                select s.organization_id, s.environment, null, null, null, null
                from consent_snapshots.scopes s
                where s.generation <= s.completed_generation and exists (select from noted n where n.organization_id is null or (n.organization_id = s.organization_id and n.environment = s.environment))
                union all
                select n.organization_id, n.environment, null, null, null, null
                from noted n
                where n.organization_id is not null
                  and not exists (select from consent_snapshots.scopes s where s.organization_id = n.organization_id and s.environment = n.environment)
            )
            select count(*),
                   count(*) filter (where p.claim_token is not null),
                   count(*) filter (where p.ready_at > now()),
                   count(*) filter (where p.held_reason is not null),
                   (select count(*) from consent_snapshots.changes),
                   greatest(now() - least(min(p.changed_at), (select min(c.changed_at) from consent_snapshots.changes c)), interval '0')
            from pending p
            """);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        await reader.ReadAsync(Cancel);
        return new QueueDepth(
            reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4),
            await reader.IsDBNullAsync(5, Cancel) ? TimeSpan.Zero : reader.GetTimeSpan(5));
    }

    public async ValueTask DisposeAsync()
    {
        for (var index = _owned.Count - 1; index >= 0; index--) await _owned[index].DisposeAsync();
    }

    private T Own<T>(T owned) where T : IAsyncDisposable
    {
        _owned.Add(owned);
        return owned;
    }
}

/// <summary>The state of the queue.</summary>
/// <param name="Pending">Scopes with changes that no completed build has read.</param>
/// <param name="Claimed">Of these, being built now.</param>
/// <param name="Waiting">Of these, waiting for their next attempt after a failure.</param>
/// <param name="Held">Of these, keeping their last good version for a reason that is ours.</param>
/// <param name="Changes">Changes that no worker has taken in yet; the next claim does.</param>
/// <param name="Oldest">How long ago the oldest change was made that no completed build has read; zero when there is none.</param>
internal sealed record QueueDepth(long Pending, long Claimed, long Waiting, long Held, long Changes, TimeSpan Oldest);

/// <summary>
/// Waits for what another session or process does, instead of sleeping for a guess. The deadline only ends what will never come: a busy
/// machine must not reach it. It is shorter than a lease, so that a test does not wait for one unnoticed.
/// </summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<Task<bool>> condition, string what, double seconds = 90, Func<string>? details = null)
    {
        var cancel = TestContext.Current.CancellationToken;
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(seconds), $"Not within {seconds} s: {what}{details?.Invoke()}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancel);
        }
    }
}
