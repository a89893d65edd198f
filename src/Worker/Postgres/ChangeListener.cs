using System.Threading.Channels;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Why to look at the queue.</summary>
internal enum ChangeSignal
{
    /// <summary>The listening connection was just made: whatever was notified before it existed is unknown.</summary>
    Connected,

    /// <summary>Somebody changed something.</summary>
    Changed,
}

/// <summary>
/// Waits for notifications on a connection of its own and passes them on as at most one outstanding signal: a signal is only ever a reason to look at the
/// table, so two are as good as one. Reconnects for ever.
/// </summary>
internal sealed class ChangeListener : IAsyncDisposable
{
    private static readonly TimeSpan ShortLived = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _source;
    private readonly string _setting;
    private readonly TimeProvider _time;
    private readonly ILogger<ChangeListener> _logger;
    private readonly ResiliencePipeline _retry;
    private readonly Channel<ChangeSignal> _signals = Channel.CreateBounded<ChangeSignal>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = false });

    private NpgsqlConnection? _checked;
    private long _notifications;

    public ChangeListener(PostgresOptions options, TimeProvider time, ILogger<ChangeListener> logger)
    {
        _source = PostgresConnections.CreateForListening(options);
        _setting = string.IsNullOrWhiteSpace(options.ListenConnectionString) ? "ConnectionStrings:Postgres" : "ConnectionStrings:PostgresListen";
        _time = time;
        _logger = logger;
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<Exception>(exception => exception is not OperationCanceledException),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = TimeSpan.FromSeconds(15),
                OnRetry = retry =>
                {
                    _logger.ListenerRetrying(retry.AttemptNumber + 1, retry.RetryDelay, retry.Outcome.Exception?.Message, Unexpected(retry.Outcome.Exception));
                    return default;
                },
            })
            .Build();
    }

    /// <summary>At most one signal at a time; completes when <see cref="RunAsync"/> ends.</summary>
    public ChannelReader<ChangeSignal> Signals => _signals.Reader;

    /// <summary>Whether notifications arrive at present; while not, changes wait for the drain schedule.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>How many notifications have arrived.</summary>
    public long Notifications => Volatile.Read(ref _notifications);

    /// <summary>
    /// For the start: refuses a pooler that shares the server's sessions, which would lose every notification without a word. A server that cannot be reached
    /// now is no reason to refuse: <see cref="RunAsync"/>, which begins with the connection that was checked, tries again.
    /// </summary>
    /// <exception cref="DatabaseShapeException">There is such a pooler.</exception>
    public async Task CheckAsync(CancellationToken ct)
    {
        try
        {
            _checked = await OpenAsync(ct);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            // RunAsync meets the same and says so.
        }
    }

    /// <summary>Listens until the host stops; ends quietly then, and only then.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await using var connection = await _retry.ExecuteAsync(ConnectAsync, ct);
                var since = _time.GetTimestamp();
                try
                {
                    IsConnected = true;
                    _logger.ListenerConnected(connection.Host, connection.Database);
                    // After LISTEN is in force: a change before it is in the table by the time the receiver looks.
                    _signals.Writer.TryWrite(ChangeSignal.Connected);
                    while (true) await connection.WaitAsync(ct);
                }
                catch (Exception exception) when (exception is not OperationCanceledException || !ct.IsCancellationRequested)
                {
                    _logger.ListenerDisconnected(exception.Message, Unexpected(exception));
                }
                finally
                {
                    IsConnected = false;
                }

                // A connection that is accepted and dropped at once would be made again without end or pause.
                if (_time.GetElapsedTime(since) < ShortLived) await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(200, 1000)), _time, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
        }
        finally
        {
            _signals.Writer.TryComplete();
        }
    }

    /// <summary>What an outage of the database does not explain, so that its stack belongs in the log.</summary>
    private static Exception? Unexpected(Exception? exception) => exception is null || DatabaseOutage.MayPass(exception) ? null : exception;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _checked, null) is { } unused) await unused.DisposeAsync();
        await _source.DisposeAsync();
    }

    /// <summary>Opens a connection that keeps its session.</summary>
    private async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = await _source.OpenConnectionAsync(ct);
        try
        {
            if (!await ServerSession.IsSharedAsync(_source, connection, _time, ct)) return connection;
            throw new DatabaseShapeException(
                $"{_setting} leads through a pooler in transaction mode, which loses the notifications that the worker listens for: "
                + "set ConnectionStrings:PostgresListen to a connection that leads to the server itself, or to a pooler in session mode.");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async ValueTask<NpgsqlConnection> ConnectAsync(CancellationToken ct)
    {
        var connection = Interlocked.Exchange(ref _checked, null) ?? await OpenAsync(ct);
        try
        {
            connection.Notification += (_, _) =>
            {
                Interlocked.Increment(ref _notifications);
                _signals.Writer.TryWrite(ChangeSignal.Changed);
            };
            await using var command = new NpgsqlCommand("listen consent_snapshots", connection);
            await command.ExecuteNonQueryAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
