using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Scopes;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>How the following of the change log goes: for readiness, metrics and the log, which has one line when it stops and one when it goes on.</summary>
internal sealed class FollowerState
{
    private readonly StoreHealth _health;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private DateTimeOffset _lastRead;
    private DateTimeOffset _failingSince;
    private string? _reason;
    private int _failures;

    public FollowerState(ChangeLogReader log, StoreHealth health, EdgeMetrics metrics, TimeProvider time, ILogger<FollowerState> logger)
    {
        (_health, _time, _logger, _lastRead) = (health, time, logger, time.GetUtcNow());
        metrics.ObserveFollower(() => Lag.TotalSeconds, () => log.RecordsBefore);
    }

    /// <summary>Why the log cannot be read, and since when; null while it can.</summary>
    public (string Reason, DateTimeOffset Since)? Failure
    {
        get
        {
            lock (_lock) return _reason is null ? null : (_reason, _failingSince);
        }
    }

    /// <summary>How often it could not be read in a row.</summary>
    public int Failures
    {
        get
        {
            lock (_lock) return _failures;
        }
    }

    /// <summary>How long ago the log was last read to its end.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (_lock) return _time.GetUtcNow() - _lastRead;
        }
    }

    /// <summary>The log could be read.</summary>
    /// <param name="toItsEnd">Whether nothing is left to read.</param>
    public void Succeeded(bool toItsEnd)
    {
        _health.Answered();
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            if (toItsEnd) _lastRead = now;
            if (_reason is not null) EdgeLog.FollowerRecovered(_logger, now - _failingSince);
            _reason = null;
            _failures = 0;
        }
    }

    /// <summary>The log could not be read.</summary>
    /// <param name="reason">Why, in a sentence.</param>
    /// <param name="fault">What was thrown where nobody expected it; null where it is the store's fault.</param>
    public void Failed(string reason, Exception? fault = null)
    {
        _health.Failed(StoreOperation.Follow, reason);
        lock (_lock)
        {
            if (_reason is null)
            {
                _failingSince = _time.GetUtcNow();
                if (fault is not null) EdgeLog.FollowerFault(_logger, fault);
                EdgeLog.FollowerLost(_logger, reason);
            }
            _reason = reason;
            _failures++;
        }
    }
}
