using System.Diagnostics;
using System.Globalization;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

// What our triggers cost the control plane, with them and without in turns, and what a worker's claim costs. The argument is the connection string of an empty database's owner.
var options = new PostgresOptions { ConnectionString = args[0] };
await using var database = NpgsqlDataSource.Create(args[0]);
await new DatabaseMigrator(options, NullLogger<DatabaseMigrator>.Instance).MigrateAsync(new MigrationRequest { WithDestinations = true }, default);

Console.WriteLine("| what | without us | with us | ratio | goal |");
Console.WriteLine("| --- | --- | --- | --- | --- |");
await InsertsOfOneTenantAsync(2000);
await InsertsOfOneTenantAsync(8000);
await CommitsAsync();
await ReadsBesideInsertsAsync();

Console.WriteLine();
Console.WriteLine("| claiming 8 scopes, 30,000 known | median | p99 | goal |");
Console.WriteLine("| --- | --- | --- | --- |");
await ClaimsAsync();

async Task InsertsOfOneTenantAsync(int count)
{
    var (without, with) = await InTurnsAsync(3, async () =>
    {
        await using var connection = await database.OpenConnectionAsync();
        var started = Stopwatch.GetTimestamp();
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            for (var row = 0; row < count; row++)
            {
                await using var insert = new NpgsqlCommand("insert into destinations (organization_id, type, name, environment) values ('aaaaaaaa-0000-4000-8000-000000000001', 'meta-pixel', 'x', 'production')", connection);
                await insert.ExecuteNonQueryAsync();
            }
            await transaction.CommitAsync();
        }
        return [Stopwatch.GetElapsedTime(started).TotalMilliseconds];
    });
    Report(Invariant($"{count:N0} single-row inserts of one tenant in one transaction"), Median(without), Median(with), "≤ 2");
}

// A thousand commits a second, each of another organization: how long each takes from the moment it is due.
async Task CommitsAsync()
{
    const int Clients = 40, Rate = 1000, Seconds = 5;
    var (without, with) = await InTurnsAsync(3, async () =>
    {
        // Sessions of a control plane live long: what each does for the first time is not what is measured.
        var started = 0L;
        using var stop = new CancellationTokenSource();
        using var ready = new SemaphoreSlim(0);
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var mine = new List<double>();
            await using var connection = await database.OpenConnectionAsync();
            for (var turn = 0; turn < 5; turn++)
            {
                await using var first = new NpgsqlCommand("insert into destinations (organization_id, type, name, environment) values (gen_random_uuid(), 'meta-pixel', 'x', 'production')", connection);
                await first.ExecuteNonQueryAsync();
            }
            ready.Release();
            await start.Task;
            for (var turn = client; turn < Rate * Seconds; turn += Clients)
            {
                var due = TimeSpan.FromSeconds(turn / (double)Rate);
                if (Stopwatch.GetElapsedTime(started) is var now && now < due) await Task.Delay(due - now, TimeProvider.System);
                var begun = Stopwatch.GetTimestamp();
                await using var insert = new NpgsqlCommand("insert into destinations (organization_id, type, name, environment) values (gen_random_uuid(), 'meta-pixel', 'x', 'production')", connection);
                await insert.ExecuteNonQueryAsync();
                mine.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
            return mine;
        })).ToList();
        for (var client = 0; client < Clients; client++) await ready.WaitAsync(stop.Token);
        started = Stopwatch.GetTimestamp();
        start.SetResult();
        var took = await Task.WhenAll(clients);
        return [.. took.SelectMany(mine => mine)];
    });
    Report("1,000 commits/s of distinct organizations, p50", Percentile(without, 50), Percentile(with, 50), "–");
    Report("1,000 commits/s of distinct organizations, p99", Percentile(without, 99), Percentile(with, 99), "≤ 1.5");
}

async Task ReadsBesideInsertsAsync()
{
    var (without, with) = await InTurnsAsync(3, async () =>
    {
        using var stop = new CancellationTokenSource();
        var reading = Task.Run(async () =>
        {
            var took = new List<double>();
            await using var connection = await database.OpenConnectionAsync();
            while (!stop.IsCancellationRequested)
            {
                var begun = Stopwatch.GetTimestamp();
                await using var read = new NpgsqlCommand("select count(*) from (select from destinations where organization_id = 'bbbbbbbb-0000-4000-8000-000000000002' limit 100) d", connection);
                await read.ExecuteScalarAsync();
                took.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
            return took;
        });
        await using (var connection = await database.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            for (var row = 0; row < 10_000; row++)
            {
                await using var insert = new NpgsqlCommand("insert into destinations (organization_id, type, name, environment) values ('aaaaaaaa-0000-4000-8000-000000000001', 'meta-pixel', 'x', 'production')", connection);
                await insert.ExecuteNonQueryAsync();
            }
            await transaction.CommitAsync();
        }
        await stop.CancelAsync();
        return await reading;
    });
    Report("another session's reads beside 10,000 single-row inserts in one transaction, p50", Percentile(without, 50), Percentile(with, 50), "–");
    Report("another session's reads beside 10,000 single-row inserts in one transaction, p99", Percentile(without, 99), Percentile(with, 99), "≤ 1.2");
}

async Task ClaimsAsync()
{
    var worker = Guid.NewGuid();
    await ExecuteAsync("truncate destinations, consent_snapshots.changes, consent_snapshots.scopes");
    await ExecuteAsync("insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 10000) n; select consent_snapshots.take_in_changes()");
    await ExecuteAsync($"insert into consent_snapshots.workers (worker_id, name, beaten_at) values ('{worker}', 'benchmark', 'infinity')");
    await ExecuteAsync("update consent_snapshots.scopes set completed_generation = generation, ready_at = null, lane = 0; vacuum analyze consent_snapshots.scopes, consent_snapshots.changes");
    var queue = new ScopeQueue(database, worker, NullLogger<ScopeQueue>.Instance);
    await MeasureAsync("none is due");
    await ExecuteAsync("update consent_snapshots.scopes set generation = generation + 1, ready_at = now(), lane = 0; vacuum analyze consent_snapshots.scopes");
    await MeasureAsync("all are due");

    async Task MeasureAsync(string what)
    {
        var took = new List<double>();
        for (var round = 0; round < 1000; round++)
        {
            var begun = Stopwatch.GetTimestamp();
            var claims = await queue.ClaimAsync(Lane.Edits, 8, default);
            if (round >= 100) took.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            foreach (var claim in claims) await queue.CompleteAsync(claim, published: false, default);
        }
        Console.WriteLine(Invariant($"| {what} | {Percentile(took, 50):0.00} ms | {Percentile(took, 99):0.00} ms | ≤ 1 ms |"));
    }
}

async Task<(List<double> Without, List<double> With)> InTurnsAsync(int rounds, Func<Task<List<double>>> measure)
{
    List<double> without = [], with = [];
    for (var round = 0; round < rounds; round++)
        foreach (var ours in (bool[])[round % 2 == 0, round % 2 != 0])
        {
            await ExecuteAsync("truncate destinations, consent_snapshots.changes; checkpoint");
            await ExecuteAsync($"alter table destinations {(ours ? "enable always" : "disable")} trigger consent_snapshots_insert");
            (ours ? with : without).AddRange(await measure());
        }
    return (without, with);
}

async Task ExecuteAsync(string sql)
{
    foreach (var statement in sql.Split(';'))
    {
        await using var command = database.CreateCommand(statement);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
    }
}

static void Report(string what, double without, double with, string goal) =>
    Console.WriteLine(Invariant($"| {what} | {without:0.0} ms | {with:0.0} ms | {with / without:0.00} | {goal} |"));

static double Median(List<double> values) => Percentile(values, 50);

static double Percentile(List<double> values, int percent) => values.Order().ElementAt(Math.Min(values.Count - 1, values.Count * percent / 100));

static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
