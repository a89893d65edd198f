using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>
/// Whether the store answers, as loads and the follower have found it. Once it does not, loads are not even tried but for one probe a
/// pause: requests for scopes that are not held get their answer at once, and a store that is coming back is not met by a crowd.
/// </summary>
internal sealed class StoreHealth(TimeProvider time, EdgeMetrics metrics, ILogger<StoreHealth> logger)
{
    private const int FailuresUntilDown = 3;

    private readonly Lock _lock = new();
    private int _failures;
    private DateTimeOffset _nextTry;
    private string? _reason;

    /// <summary>Why the store counts as down; null while it does not.</summary>
    public string? DownReason
    {
        get
        {
            lock (_lock) return _failures >= FailuresUntilDown ? _reason : null;
        }
    }

    /// <summary>Whether to ask the store; where not, why.</summary>
    public bool MayTry(out string reason)
    {
        lock (_lock)
        {
            reason = _reason ?? "";
            if (_failures < FailuresUntilDown) return true;
            var now = time.GetUtcNow();
            if (now < _nextTry) return false;
            _nextTry = now + Pause();
            return true;
        }
    }

    /// <summary>The store answered something, if only that a blob does not exist.</summary>
    public void Answered()
    {
        lock (_lock)
        {
            if (_failures == 0) return;
            if (_failures >= FailuresUntilDown) EdgeLog.StoreUp(logger);
            _failures = 0;
            _reason = null;
        }
    }

    /// <summary>The store did not answer.</summary>
    public void Failed(StoreOperation operation, string reason)
    {
        metrics.StoreFailed(operation);
        lock (_lock)
        {
            _reason = reason;
            if (_failures < 1000) _failures++;
            _nextTry = time.GetUtcNow() + Pause();
            if (_failures == FailuresUntilDown) EdgeLog.StoreDown(logger, reason);
        }
    }

    private TimeSpan Pause() => Jitter.Backoff(_failures - FailuresUntilDown + 1, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(2));
}
