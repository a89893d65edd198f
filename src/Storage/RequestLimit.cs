namespace ConsentSnapshots.Storage;

/// <summary>
/// How many requests a store is sent at once. A refusal ("server busy") halves the number, and every answer after that raises it a little, as TCP does with its window: so a store that
/// cannot keep up is asked as fast as it can answer, and no faster. A pause that the store asks for holds for all requests.
/// </summary>
internal sealed class RequestLimit(int most, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private double _limit = most;
    private int _running;
    private int _cuts;
    private DateTimeOffset _pausedUntil = DateTimeOffset.MinValue;

    /// <summary>How many requests may be under way at once now.</summary>
    public int Current
    {
        get
        {
            lock (_lock) return (int)_limit;
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <returns>What <see cref="Leave"/> is given: refusals of requests that were sent before the last cut do not cut again.</returns>
    public async Task<int> EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource? place = null;
        lock (_lock)
        {
            if (_running < (int)_limit) _running++;
            else _waiting.Enqueue(place = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        if (place is not null)
        {
            await using var registration = cancellationToken.Register(() => place.TrySetCanceled(cancellationToken));
            await place.Task;
        }
        try
        {
            // A delay is cut to whole milliseconds, so what is less than one would be asked for again and again.
            while (Pause() is var pause && pause > TimeSpan.Zero) await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(pause.TotalMilliseconds)), time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Leave(null, refused: false);
            throw;
        }
        lock (_lock) return _cuts;
    }

    /// <summary>Gives the place back.</summary>
    /// <param name="entered">What <see cref="EnterAsync"/> gave; null where nothing was sent, which says nothing of the store.</param>
    /// <param name="refused">Whether the store was too busy.</param>
    public void Leave(int? entered, bool refused)
    {
        lock (_lock)
        {
            if (refused && entered == _cuts)
            {
                // What was under way was too much, whatever the limit allowed.
                _limit = Math.Max(1, Math.Min(_limit, _running) / 2);
                _cuts++;
            }
            else if (!refused && entered is not null) _limit = Math.Min(most, _limit + 1 / _limit);
            _running--;
            // Whoever was cancelled meanwhile has left the queue, and takes no place.
            while (_running < (int)_limit && _waiting.TryDequeue(out var place))
                if (place.TrySetResult()) _running++;
        }
    }

    /// <summary>No request is sent for so long.</summary>
    public void PauseFor(TimeSpan pause)
    {
        lock (_lock)
        {
            var until = time.GetUtcNow() + pause;
            if (until > _pausedUntil) _pausedUntil = until;
        }
    }

    private TimeSpan Pause()
    {
        lock (_lock) return _pausedUntil - time.GetUtcNow();
    }
}
