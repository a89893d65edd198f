using ConsentSnapshots.Worker.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// Gives the meter what the database side knows. The queue is read every five seconds while somebody measures, and never because of a measurement itself: however many scrapers there are,
/// the database has one short query, whose cost is what is pending and not what is known.
/// </summary>
internal sealed class QueueGauges : BackgroundService, IHealthPart
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // Collectors ask each minute at most usually; nobody asked for longer means that nobody measures.
    private static readonly TimeSpan UntilUnwatched = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan UntilStale = TimeSpan.FromSeconds(20);

    // Two seconds is when others take over.
    private static readonly TimeSpan UntilLost = TimeSpan.FromSeconds(3);

    private readonly NpgsqlDataSource _database;
    private readonly ChangeListener _listener;
    private readonly WorkerHeartbeat _heartbeat;
    private readonly TimeProvider _time;
    private readonly ILogger<QueueGauges> _logger;
    private readonly Lock _lock = new();
    private QueueReading? _reading;
    private long _readAt;
    private long _askedAt;

    public QueueGauges(
        NpgsqlDataSource database, ChangeListener listener, WorkerHeartbeat heartbeat, TriggerWatch triggers, WorkerMetrics metrics, TimeProvider time, ILogger<QueueGauges> logger)
    {
        (_database, _listener, _heartbeat, _time, _logger) = (database, listener, heartbeat, time, logger);
        _askedAt = time.GetTimestamp();
        metrics.ObserveQueue(Read);
        metrics.ObserveListener(() => listener.IsConnected, () => listener.Notifications);
        metrics.ObserveHeartbeat(() => heartbeat.Age, () => heartbeat.Expirations);
        metrics.ObserveTriggers(() => triggers.State);
    }

    /// <inheritdoc/>
    public IEnumerable<HealthFinding> Check()
    {
        if (_heartbeat.Age is not { } age) yield return new HealthFinding(HealthSeverity.NotReady, "The database has not taken a sign of life from this worker yet.");
        else if (age > UntilLost)
            yield return new HealthFinding(HealthSeverity.NotReady, $"The database has taken no sign of life from this worker for {age.TotalSeconds:F0} s, so others may take over what it was building.");
        if (!_listener.IsConnected) yield return new HealthFinding(HealthSeverity.Warning, "The worker is not told of changes at present; it looks for them by itself.");
    }

    /// <summary>The last reading, unless it is old; notes that somebody measures.</summary>
    internal QueueReading? Read()
    {
        lock (_lock)
        {
            _askedAt = _time.GetTimestamp();
            return _reading is not null && _time.GetElapsedTime(_readAt) < UntilStale ? _reading : null;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            bool isWatched;
            lock (_lock) isWatched = _time.GetElapsedTime(_askedAt) < UntilUnwatched;
            if (isWatched) await ReadAsync(stoppingToken);
            await Task.Delay(Interval, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Reads the queue. What is not pending stands in neither of the indexes that this query uses.</summary>
    internal async Task ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var command = _database.CreateCommand(
                """
                select count(*), count(*) filter (where s.claimed_by is not null), count(*) filter (where s.ready_at > now()), count(*) filter (where s.held_reason is not null),
                       (select count(*) from consent_snapshots.changes),
                       extract(epoch from greatest(now() - least(min(s.changed_at), (select min(c.changed_at) from consent_snapshots.changes c)), interval '0'))::float8
                from consent_snapshots.scopes s
                where s.ready_at is not null or s.claimed_by is not null
                """);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var reading = new QueueReading(
                reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4),
                await reader.IsDBNullAsync(5, cancellationToken) ? TimeSpan.Zero : TimeSpan.FromSeconds(reader.GetDouble(5)));
            lock (_lock) (_reading, _readAt) = (reading, _time.GetTimestamp());
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // The measurement is left out then, which an alert on its absence sees; that the database is down, others say.
            _logger.QueueNotMeasured(exception.Message);
        }
        catch (OperationCanceledException)
        {
            // The worker stops.
        }
    }
}
