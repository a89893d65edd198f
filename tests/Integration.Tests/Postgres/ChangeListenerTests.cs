using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Postgres;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class ChangeListenerTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_Write_SignalsConnectedThenChanged()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var running = new Running(database.NewListener());

        Assert.Equal(ChangeSignal.Connected, await running.Listener.Signals.ReadAsync(Cancel));
        Assert.True(running.Listener.IsConnected);
        await database.InsertAsync(SourceDatabase.Acme);
        Assert.Equal(ChangeSignal.Changed, await running.Listener.Signals.ReadAsync(Cancel));
    }

    [Fact]
    public async Task Run_ManyNotificationsUnread_AreOneSignal()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var running = new Running(database.NewListener());
        await running.Listener.Signals.ReadAsync(Cancel);

        for (var count = 0; count < 50; count++) await database.ExecuteAsync("notify consent_snapshots");
        await database.InsertAsync(SourceDatabase.Acme);

        Assert.Equal(ChangeSignal.Changed, await running.Listener.Signals.ReadAsync(Cancel));
        Assert.True(running.Listener.Signals.CanCount);
        Assert.InRange(running.Listener.Signals.Count, 0, 1);
    }

    [Fact]
    public async Task Run_SessionTerminated_ConnectsAgainAndSaysSo()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var running = new Running(database.NewListener());
        await running.Listener.Signals.ReadAsync(Cancel);

        await database.ExecuteAsync(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'consent-snapshots listen'");

        Assert.Equal(ChangeSignal.Connected, await running.Listener.Signals.ReadAsync(Cancel));
        await database.InsertAsync(SourceDatabase.Acme);
        Assert.Equal(ChangeSignal.Changed, await running.Listener.Signals.ReadAsync(Cancel));
    }

    [Fact]
    public async Task Run_NoServerAtFirst_KeepsTrying()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var name = await database.ScalarAsync<string>("select current_database()::text");
        await using var server = await SourceDatabase.CreateEmptyAsync(postgres);
        await server.ExecuteAsync($"alter database {name} allow_connections false");
        var logs = new RecordingLogs();
        using var loggers = new LoggerFactory([logs]);
        await using var running = new Running(database.NewListener(loggers.CreateLogger<ChangeListener>()));
        await Eventually.TrueAsync(() => Task.FromResult(logs.Count(Events.ListenerRetrying) > 0), "an attempt has failed");
        Assert.False(running.Task.IsCompleted);
        Assert.False(running.Listener.IsConnected);

        await server.ExecuteAsync($"alter database {name} allow_connections true");

        Assert.Equal(ChangeSignal.Connected, await running.Listener.Signals.ReadAsync(Cancel));
    }

    [Fact]
    public async Task Run_HostStops_EndsQuietlyAndCompletesTheSignals()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var running = new Running(database.NewListener());
        await running.Listener.Signals.ReadAsync(Cancel);

        await running.DisposeAsync();

        Assert.True(running.Task.IsCompletedSuccessfully);
        Assert.False(await running.Listener.Signals.WaitToReadAsync(Cancel));
        Assert.False(running.Listener.IsConnected);
    }

    internal sealed class Running : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);

        public Running(ChangeListener listener)
        {
            Listener = listener;
            Task = listener.RunAsync(_stop.Token);
        }

        public ChangeListener Listener { get; }

        public Task Task { get; }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Task;
            _stop.Dispose();
        }
    }
}

[Collection(Outages.Name)]
public sealed class ChangeListenerOutageTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Run_ServerRestarts_ConnectsAgainAndFindsWhatWasCommittedBefore()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await using var running = new ChangeListenerTests.Running(database.NewListener());
        await running.Listener.Signals.ReadAsync(Cancel);
        await postgres.StopAsync(Cancel);
        await Eventually.TrueAsync(() => Task.FromResult(!running.Listener.IsConnected), "the listener notices");
        await postgres.StartAsync(Cancel);
        database.Pool.Clear();

        Assert.Equal(ChangeSignal.Connected, await running.Listener.Signals.ReadAsync(Cancel));
        await database.InsertAsync(SourceDatabase.Acme);

        Assert.Equal(ChangeSignal.Changed, await running.Listener.Signals.ReadAsync(Cancel));
        Assert.Equal(3, (await database.DepthAsync()).Pending);
    }

    [Fact]
    public async Task Run_NetworkSwallowsEverything_IsNoticedByTheKeepAlive()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres, options => options.KeepAlive = TimeSpan.FromSeconds(1));
        await using var running = new ChangeListenerTests.Running(database.NewListener());
        await running.Listener.Signals.ReadAsync(Cancel);

        await postgres.PauseAsync(Cancel);
        try
        {
            await Eventually.TrueAsync(() => Task.FromResult(!running.Listener.IsConnected), "the keepalive fails");
        }
        finally
        {
            await postgres.UnpauseAsync(Cancel);
        }

        Assert.Equal(ChangeSignal.Connected, await running.Listener.Signals.ReadAsync(Cancel));
    }
}
