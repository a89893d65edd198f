using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>What an on-call engineer sees of a worker: how it starts, waits, answers probes and stops, whatever its servers do.</summary>
public sealed partial class OperationsTests(PostgresFixture postgres, AzuriteFixture azurite) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-operations-").FullName;
    private readonly Guid _acme = Guid.NewGuid();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Start_DatabaseRefusesConnections_IsAliveAndNotReadyUntilItAnswers()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var proxy = new LoopbackProxy(PortOf(database.Options.ConnectionString));
        using var worker = WorkerProcess.Start(Settings(Through(proxy, database.Options.ConnectionString)));

        await worker.ReadyAsync((code, status, reasons) => code == HttpStatusCode.ServiceUnavailable && status == "not-ready" && reasons.Any(reason => reason.StartsWith("Waiting to start: postgres 127.0.0.1", StringComparison.Ordinal)), "it waits for the database");
        Assert.Equal(HttpStatusCode.OK, (await worker.ProbeAsync("/health/live"))!.Value.Code);
        proxy.Open();
        await worker.ReadyAsync((code, status, _) => code == HttpStatusCode.OK && status == "ready", "it goes on");

        Assert.Equal((1, 1), (worker.Count(4100), worker.Count(4101)));
        await worker.TerminateAsync();
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Start_DatabaseIsSilent_SaysSoAndStopsWhenTold()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var proxy = new LoopbackProxy(PortOf(database.Options.ConnectionString));
        proxy.Open();
        proxy.Silence();
        using var worker = WorkerProcess.Start(Settings(Through(proxy, database.Options.ConnectionString)));

        await worker.SaysAsync("The source has not answered within 5 s.");
        await worker.TerminateAsync();
        var (exitCode, _) = await worker.EndAsync();

        Assert.Equal(0, exitCode);
        Assert.DoesNotContain(worker.Lines, line => line.Contains("without having stopped in order", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_HostUnknown_IsWaitedFor()
    {
        using var worker = WorkerProcess.Start(Settings("Host=no-such-host.invalid;Database=app;Username=x;Password=y"));

        await worker.SaysAsync("[4100]");
        await worker.TerminateAsync();

        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Start_StoreRefusesConnections_IsWaitedFor()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var direct = await azurite.ConnectionStringAsync(Cancel);
        var port = int.Parse(BlobPort().Match(direct).Groups[1].Value, CultureInfo.InvariantCulture);
        await using var proxy = new LoopbackProxy(port);
        var settings = Settings(database.Options.ConnectionString);
        Azure(settings, direct.Replace($":{port}/", $":{proxy.Port}/", StringComparison.Ordinal));
        settings["Storage:Timeout"] = "00:00:02";
        using var worker = WorkerProcess.Start(settings);

        await worker.ReadyAsync((code, _, reasons) => code == HttpStatusCode.ServiceUnavailable && reasons.Any(reason => reason.Contains("The store", StringComparison.Ordinal)), "it waits for the store");
        proxy.Open();
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it goes on");

        Assert.Equal(1, worker.Count(4101));
    }

    /// <summary>Who answers and says no is believed: waiting would not help, because the settings are read once.</summary>
    [Theory]
    [InlineData("database", "does not exist")]
    [InlineData("schema", "has not been migrated")]
    [InlineData("table", "nowhere")]
    [InlineData("key", "403 AuthorizationFailure")] // Azurite's code; that of Azure is AuthenticationFailed
    public async Task Start_SomethingConfiguredWrongly_EndsWithOneErrorAndTouchesNothing(string what, string says)
    {
        await using var database = what == "schema" ? await SourceDatabase.CreateEmptyAsync(postgres) : await SourceDatabase.CreateAsync(postgres);
        var settings = Settings(what == "database" ? $"{database.Options.ConnectionString};Database=nowhere" : database.Options.ConnectionString);
        if (what == "table") settings["Database:DestinationsTable"] = "public.nowhere";
        if (what == "key")
        {
            var wrong = Convert.ToBase64String(new byte[64]);
            Azure(settings, AccountKey().Replace(await azurite.ConnectionStringAsync(Cancel), $"AccountKey={wrong};"));
        }
        using var worker = WorkerProcess.Start(settings);

        var (exitCode, _) = await worker.EndAsync();

        Assert.Equal(1, exitCode);
        // On a slow machine it also says that it waits.
        Assert.Contains(says, Assert.Single(worker.Lines, line => !line.Contains("[4110]", StringComparison.Ordinal) && !line.Contains("[4100]", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    /// <summary>Quartz tries some calls again a few times, and then gives up.</summary>
    [Fact]
    public async Task Start_ConnectionsOfTheScheduleBreakAgainAndAgain_GoesOnWhenTheyHold()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var connection = await database.Pool.OpenConnectionAsync(Cancel);
        await using var transaction = await connection.BeginTransactionAsync(Cancel);
        await using (var hold = new NpgsqlCommand($"lock table {Worker.Postgres.QuartzTables.Prefix}locks, {Worker.Postgres.QuartzTables.Prefix}triggers in access exclusive mode", connection, transaction))
            await hold.ExecuteNonQueryAsync(Cancel);
        using var worker = WorkerProcess.Start(Settings(database.Options.ConnectionString));

        var broken = 0L;
        await Eventually.TrueAsync(async () =>
        {
            await using var end = database.Pool.CreateCommand(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ilike '%qrtz%'");
            return (broken += (long)(await end.ExecuteScalarAsync(Cancel))!) >= 6;
        }, "its connection is broken more often than Quartz tries by itself", details: () => string.Join(Environment.NewLine, worker.Lines));
        await transaction.CommitAsync(Cancel);

        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it goes on");
        await worker.TerminateAsync();
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    /// <summary>Somebody is at it already, so the end of that is waited for.</summary>
    [Fact]
    public async Task Start_WhileAMigrationRuns_WaitsForItsEnd()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await using var connection = await database.Pool.OpenConnectionAsync(Cancel);
        await using var transaction = await connection.BeginTransactionAsync(Cancel);
        await using (var take = new NpgsqlCommand($"select pg_advisory_xact_lock({Worker.Postgres.DatabaseMigrator.LockKey})", connection, transaction)) await take.ExecuteNonQueryAsync(Cancel);
        using var worker = WorkerProcess.Start(Settings(database.Options.ConnectionString));
        await worker.SaysAsync("has not been migrated. A migration is running.");

        // It takes the lock when the other one is done, so one of them runs all the time.
        var migrating = database.MigrateAsync(withDestinations: true);
        await Eventually.TrueAsync(async () =>
        {
            await using var waits = database.Pool.CreateCommand("select exists (select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database()))");
            return (bool)(await waits.ExecuteScalarAsync(Cancel))!;
        }, "the migration waits for the lock");
        await transaction.CommitAsync(Cancel);
        await migrating;

        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it goes on");
    }

    [Fact]
    public async Task Start_AddressTaken_PublishesAndSaysSoAndServesLater()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var url = $"http://127.0.0.1:{FixedPort.Next()}";
        using var other = new TcpListener(IPAddress.Loopback, new Uri(url).Port);
        other.Start();
        using var worker = WorkerProcess.Start(Settings(database.Options.ConnectionString), url);

        await worker.SaysAsync("[4111] Health and metrics cannot be served on");
        await worker.SaysAsync("[4000] Publishing from");
        other.Stop();

        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it is served");
    }

    [Fact]
    public async Task Metrics_Scraped_TellOfTheQueueAndTheBuilds()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await InsertAsync(database, _acme);
        using var worker = WorkerProcess.Start(Settings(database.Options.ConnectionString));
        await worker.SaysAsync($"{_acme}/production: Published");

        var metrics = "";
        await Eventually.TrueAsync(async () =>
        {
            metrics = await worker.MetricsAsync();
            return metrics.Contains("consent_worker_builds_total", StringComparison.Ordinal) && Value(metrics, """consent_worker_queue_scopes{state="pending"}""") == 0
                && Value(metrics, """consent_worker_triggers{state="right"}""") == 1 && Value(metrics, "consent_worker_listener_connected") == 1;
        }, "the metrics are there", details: () => metrics);

        Assert.Equal(3, Value(metrics, """consent_worker_builds_total{outcome="published"}"""));
        Assert.Equal(3, Value(metrics, """consent_worker_build_duration_seconds_count{outcome="published"}"""));
        Assert.Equal(3, Value(metrics, "consent_worker_publications_total"));
        Assert.Equal(3, Value(metrics, """consent_worker_blob_writes_total{kind="history"}"""));
        Assert.InRange(Value(metrics, "consent_worker_heartbeat_age_seconds"), 0, 60);
        Assert.DoesNotContain(_acme.ToString(), metrics, StringComparison.Ordinal);
    }

    /// <summary>Another worker must not wait for what a stopping one has in hand.</summary>
    [Fact]
    public async Task Stop_BuildsInHandAndStoreSilent_EndsInOrderAndReleasesThem()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var direct = await azurite.ConnectionStringAsync(Cancel);
        var port = int.Parse(BlobPort().Match(direct).Groups[1].Value, CultureInfo.InvariantCulture);
        await using var proxy = new LoopbackProxy(port);
        proxy.Open();
        var settings = Settings(database.Options.ConnectionString);
        Azure(settings, direct.Replace($":{port}/", $":{proxy.Port}/", StringComparison.Ordinal));
        using var worker = WorkerProcess.Start(settings);
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it is ready");
        proxy.Silence();
        await InsertAsync(database, _acme);
        await ClaimedAsync(database, count => count == 3);

        await worker.TerminateAsync();
        var (exitCode, _) = await worker.EndAsync();

        Assert.Equal(0, exitCode);
        Assert.Equal(0, await ClaimedAsync(database));
        Assert.Equal(0L, await ScalarAsync(database, "select count(*) from consent_snapshots.workers where worker_id not in (select w.worker_id from consent_snapshots.workers w where w.name like 'worker-_')"));
    }

    [Fact]
    public async Task Stop_DatabaseSilent_EndsWithinItsTime()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var proxy = new LoopbackProxy(PortOf(database.Options.ConnectionString));
        proxy.Open();
        using var worker = WorkerProcess.Start(Settings(Through(proxy, database.Options.ConnectionString)));
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it is ready");
        proxy.Silence();
        await worker.ReadyAsync((code, _, reasons) => code == HttpStatusCode.ServiceUnavailable && reasons.Any(reason => reason.Contains("no sign of life", StringComparison.Ordinal)), "it notices");
        Assert.Equal(HttpStatusCode.OK, (await worker.ProbeAsync("/health/live"))!.Value.Code);

        await worker.TerminateAsync();
        var (exitCode, _) = await worker.EndAsync();

        // A driver that waits for its server may take all the time there is; then the process says so.
        var wasForced = worker.Lines.Any(line => line.Contains("it was told to stop 25 s ago (Worker:ShutdownTimeout)", StringComparison.Ordinal));
        Assert.Equal(wasForced ? 1 : 0, exitCode);
    }

    /// <summary>The schedule tries its calls again for as long as the database is away; that must not hold up the end.</summary>
    [Fact]
    public async Task Stop_DatabaseRefusesConnections_EndsInOrder()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var proxy = new LoopbackProxy(PortOf(database.Options.ConnectionString));
        proxy.Open();
        using var worker = WorkerProcess.Start(Settings(Through(proxy, database.Options.ConnectionString)));
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it is ready");
        await proxy.DisposeAsync();
        await worker.ReadyAsync((code, _, reasons) => code == HttpStatusCode.ServiceUnavailable && reasons.Any(reason => reason.Contains("no sign of life", StringComparison.Ordinal)), "it notices");

        await worker.TerminateAsync();
        var (exitCode, _) = await worker.EndAsync();

        Assert.Equal(0, exitCode);
        Assert.DoesNotContain(worker.Lines, line => line.Contains("without having stopped in order", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stop_ToldTwice_EndsAtOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var proxy = new LoopbackProxy(PortOf(database.Options.ConnectionString));
        proxy.Open();
        using var worker = WorkerProcess.Start(Settings(Through(proxy, database.Options.ConnectionString)));
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.OK, "it is ready");
        proxy.Silence();
        await worker.ReadyAsync((code, _, _) => code == HttpStatusCode.ServiceUnavailable, "it notices");

        await worker.TerminateAsync();
        await worker.TerminateAsync();
        var (exitCode, _) = await worker.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Contains(worker.Lines, line => line.Contains("because it was told to stop twice", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("all containers")]
    [InlineData("the public container")]
    [InlineData("one newest manifest")]
    public async Task Start_StoreLacksWhatWasPublished_IsNoticedAndPublishedAgain(string lost)
    {
        await using var platform = await (await Platform.CreateAsync(postgres, azurite)).StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.DrainedAsync();
        await platform.StopWorkerAsync();
        await platform.LoseAsync(lost, _acme);

        await platform.StartWorkerAsync();

        await Eventually.TrueAsync(() => Task.FromResult(platform.Logs.Count(4031) == 1), "it is noticed");
        await platform.DrainedAsync();
        var store = platform.Worker.GetRequiredService<ScopeStore>();
        Assert.IsType<BlobRead.Found>(await store.Blobs.ReadAsync(BlobContainer.Public, $"{_acme}/production/scripts.json", null, int.MaxValue, Cancel));
        Assert.IsType<BlobRead.Found>(await store.Blobs.ReadAsync(BlobContainer.Private, $"current/{_acme}/production.json", null, int.MaxValue, Cancel));
    }

    [Fact]
    public async Task Start_NothingLost_BuildsNothing()
    {
        await using var platform = await (await Platform.CreateAsync(postgres, azurite)).StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.DrainedAsync();
        await platform.StopWorkerAsync();
        var builds = platform.Logs.Count(4001);

        await platform.StartWorkerAsync();

        await Eventually.TrueAsync(() => Task.FromResult(platform.Logs.Count(4030) == 2), "it has compared");
        Assert.Equal((builds, 0, 0), (platform.Logs.Count(4001), platform.Logs.Count(4031), platform.Logs.Count(4032)));
    }

    [Fact]
    public async Task Start_DatabaseRestored_SaysWhatToRun()
    {
        await using var platform = await (await Platform.CreateAsync(postgres, azurite)).StartAsync();
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        await platform.ServesAsync(_acme, "11111111111");
        await platform.DrainedAsync();
        await platform.StopWorkerAsync();
        await platform.Database.ExecuteAsync("delete from consent_snapshots.publications; update consent_snapshots.scopes set revision = 0");

        await platform.StartWorkerAsync();

        await Eventually.TrueAsync(() => Task.FromResult(platform.Logs.Count(4032) == 1), "it is noticed");
        Assert.Contains(platform.Logs.Lines, line => line.Contains("has 3 scopes of a later state than the database", StringComparison.Ordinal) && line.Contains("migrate --new-epoch", StringComparison.Ordinal));
    }

    /// <summary>Who builds it, since when, until when, and which workers there are.</summary>
    [Fact]
    public async Task Status_ScopesOfEveryState_ShowsWhereEachStands()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var platform = await Platform.CreateAsync(postgres, azurite, database: database);
        await platform.InsertAsync(_acme, Platform.Pixel("11111111111"));
        var claims = await database.Queue.ClaimAsync(Worker.Queue.Lane.Edits, 3, Cancel);
        await database.Queue.FailAsync(claims[0], "The store is on fire.", TimeSpan.FromHours(1), null, Cancel);
        await database.Queue.CompleteAsync(claims[1], published: false, Cancel);
        await database.ExecuteAsync($"update consent_snapshots.workers set beaten_at = clock_timestamp() + interval '1 second'");

        var (exitCode, output, _) = await platform.CommandAsync("status");
        var json = JsonDocument.Parse((await platform.CommandAsync("status", "--json")).Output).RootElement;

        Assert.Equal(0, exitCode);
        Assert.Matches(@"failed after 1 attempt\(s\): The store is on fire\.\n  next attempt \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(in 60 min\)\n  oldest change .* ago\)\n  lane: edits\n", output);
        Assert.Matches(@"attempt 1 by worker worker-1\n  claimed until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(.*\), renewed while it lives\n", output);
        Assert.Matches(@"worker-1  [\d.]+ s ago  [\d.]+ s ago +1\n", output);
        Assert.All(output.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)), line => Assert.True(line.Length <= 80, line));
        var scopes = json.GetProperty("scopes").EnumerateArray().ToDictionary(scope => scope.GetProperty("state").GetString()!);
        Assert.InRange(scopes["failed"].GetProperty("nextAttemptInSeconds").GetDouble(), 3000, 3600);
        Assert.Equal(("worker-1", "edits"), (scopes["building"].GetProperty("claimedBy").GetString(), scopes["building"].GetProperty("lane").GetString()));
        Assert.Equal(["worker-1", "worker-2"], json.GetProperty("workers").EnumerateArray().Select(worker => worker.GetProperty("name").GetString()).Order());
    }

    private Dictionary<string, string?> Settings(string connectionString) => new()
    {
        ["Source:Provider"] = "postgres",
        ["ConnectionStrings:Postgres"] = connectionString,
        ["Storage:Provider"] = "directory",
        ["Storage:Directory"] = _folder,
    };

    private void Azure(Dictionary<string, string?> settings, string connectionString)
    {
        settings["Storage:Provider"] = "azure";
        settings["Storage:ConnectionString"] = connectionString;
        settings["Storage:Container"] = azurite.NextContainerName("public");
        settings["Storage:PrivateContainer"] = azurite.NextContainerName("private");
        settings["Storage:HistoryContainer"] = azurite.NextContainerName("history");
    }

    private static int PortOf(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString).Port;

    private static string Through(LoopbackProxy proxy, string connectionString) =>
        // As operators have them: Npgsql's own patience.
        new NpgsqlConnectionStringBuilder(connectionString) { Port = proxy.Port, Timeout = 15, CommandTimeout = 30 }.ConnectionString;

    private static Task InsertAsync(SourceDatabase database, Guid organization) => database.ExecuteAsync(
        $$"""insert into destinations (organization_id, type, name, environment, settings, settings_encrypted) values ('{{organization}}', 'meta-pixel', 'x', 'production', '{"pixelId":"1"}', false)""");

    private static Task ClaimedAsync(SourceDatabase database, Func<long, bool> wanted) =>
        Eventually.TrueAsync(async () => wanted(await ClaimedAsync(database)), "scopes are in hand");

    private static Task<long> ClaimedAsync(SourceDatabase database) => ScalarAsync(database, "select count(*) from consent_snapshots.scopes where claimed_by is not null");

    private static async Task<long> ScalarAsync(SourceDatabase database, string sql)
    {
        await using var command = database.Pool.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Cancel))!;
    }


    /// <summary>The value of a series, whatever else it is labelled with; NaN where there is none.</summary>
    private static double Value(string metrics, string series)
    {
        var (name, label) = series.Split('{') is [var before, var inside] ? (before, inside.TrimEnd('}')) : (series, "");
        var line = metrics.Split('\n').FirstOrDefault(line => (line.StartsWith($"{name}{{", StringComparison.Ordinal) || line.StartsWith($"{name} ", StringComparison.Ordinal))
            && line.Contains(label, StringComparison.Ordinal));
        return line is null ? double.NaN : double.Parse(line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ') is [var value, ..] && line.Contains('}', StringComparison.Ordinal) ? value : line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"BlobEndpoint=http://127\.0\.0\.1:(\d+)/")]
    private static partial Regex BlobPort();

    [GeneratedRegex("AccountKey=[^;]+;")]
    private static partial Regex AccountKey();
}
