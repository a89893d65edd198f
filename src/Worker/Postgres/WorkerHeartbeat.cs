using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Which worker this process is, to the database and to people.</summary>
/// <param name="Id">Another one for each process.</param>
/// <param name="Name">Host and process.</param>
internal sealed record WorkerIdentity(Guid Id, string Name);

/// <summary>
/// Tells the database twice a second that this worker lives. Its claims last as long as that goes on and no longer than two seconds after it ends, however it ends: a process that is
/// killed, stopped or cut off gives back nothing by itself. The connection is the heartbeat's own, so that no build and no exhausted pool stands in its way.
/// </summary>
internal sealed class WorkerHeartbeat : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // A clock that was set back is no matter of half a second.
    private const int BeatsPerMend = 20;

    // Longer than this and the row has expired all the same.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // Nothing is claimed before the first beat, so that one may take its time.
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(30);

    private readonly NpgsqlDataSource _source;
    private readonly WorkerIdentity _identity;
    private readonly TimeProvider _time;
    private readonly ILogger<WorkerHeartbeat> _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _starting = new(1, 1);
    private Task? _beating;
    private int _beats;
    private long _lastBeat;
    private long _expirations;
    private readonly Outage _outage;

    public WorkerHeartbeat(PostgresOptions options, WorkerIdentity identity, TimeProvider time, ILogger<WorkerHeartbeat> logger)
    {
        _source = PostgresConnections.CreateForHeartbeat(options);
        (_identity, _time, _logger) = (identity, time, logger);
        _outage = new Outage(time);
    }

    /// <summary>The time since the database last took a sign of life; null before the first one.</summary>
    public TimeSpan? Age => Volatile.Read(ref _lastBeat) is not 0 and var last ? _time.GetElapsedTime(last) : null;

    /// <summary>How often the claims had run out before the next sign of life.</summary>
    public long Expirations => Volatile.Read(ref _expirations);

    /// <summary>The first beat, after which this worker may claim; does nothing where it has been made. Throws what the database says.</summary>
    public async ValueTask StartAsync(CancellationToken ct)
    {
        if (_beating is not null) return;
        await _starting.WaitAsync(ct);
        try
        {
            if (_beating is not null) return;
            try
            {
                await BeatAsync(FirstPatience, ct);
            }
            catch (OperationCanceledException exception) when (!ct.IsCancellationRequested)
            {
                throw new TimeoutException($"It did not answer within {FirstPatience.TotalSeconds} s.", exception);
            }
            _beating = RunAsync(_stop.Token);
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_beating is { } beating)
        {
            await beating;
            await LeaveAsync();
        }
        await _source.DisposeAsync();
        _starting.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            await Task.Delay(Interval, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ct.IsCancellationRequested) return;
            try
            {
                if (!await BeatAsync(Patience, ct))
                {
                    Interlocked.Increment(ref _expirations);
                    _logger.HeartbeatExpired(_identity.Name);
                }
                if (_outage.Ends() is { } lasted) _logger.HeartbeatGoesOn(lasted.TotalSeconds);
            }
            catch (Exception exception) when (exception is NpgsqlException or TimeoutException or OperationCanceledException or InvalidOperationException)
            {
                // Whatever it was, the next beat tries again; until then the claims may run out.
                if (!ct.IsCancellationRequested && _outage.Fails(exception)) _logger.HeartbeatFailed(exception.Message);
            }
        }
    }

    /// <summary>One beat; whether the row was still there.</summary>
    private async Task<bool> BeatAsync(TimeSpan patience, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        await using var command = _source.CreateCommand("select consent_snapshots.beat($1, $2), case when $3 then consent_snapshots.mend_times() end");
        command.Parameters.AddWithValue(_identity.Id);
        command.Parameters.AddWithValue(_identity.Name);
        command.Parameters.AddWithValue(_beats++ % BeatsPerMend == 0);
        await using var reader = await command.ExecuteReaderAsync(either.Token);
        await reader.ReadAsync(either.Token);
        if (!await reader.IsDBNullAsync(1, either.Token) && reader.GetInt64(1) is > 0 and var mended) _logger.TimesMended(mended);
        Volatile.Write(ref _lastBeat, _time.GetTimestamp());
        return reader.GetBoolean(0);
    }

    /// <summary>Whatever this worker still holds is free at once.</summary>
    private async Task LeaveAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(Patience, _time);
            await using var command = _source.CreateCommand(
                """
                with gone as (delete from consent_snapshots.workers where worker_id = $1), freed as (
                    update consent_snapshots.scopes set claimed_by = null, claim_token = null, fence = true, ready_at = now() where claimed_by = $1 returning 1
                )
                select consent_snapshots.tell_workers() where exists (select from freed)
                """);
            command.Parameters.AddWithValue(_identity.Id);
            await command.ExecuteNonQueryAsync(limit.Token);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            _logger.HeartbeatFailed(exception.Message);
        }
    }
}
