using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>One held scope to compare with the store.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Announced">A change record named it, so what the store says now is meant.</param>
/// <param name="Failures">How often it has failed in a row.</param>
/// <param name="Cause">The span of the read of the change log that named it; the default where there is none.</param>
internal readonly record struct Refresh(Scope Scope, bool Announced, int Failures, ActivityContext Cause = default);

/// <summary>Which held scopes are to be compared with the store, and when. There is one entry for each scope, so a scope that changes often waits once.</summary>
internal sealed class RefreshQueue(TimeProvider time)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Dictionary<Scope, (long Due, bool Announced, int Failures, ActivityContext Cause)> _pending = [];
    private readonly PriorityQueue<Scope, long> _order = new();
    private TaskCompletionSource _sooner = NewSignal();

    /// <summary>How many scopes wait.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _pending.Count;
        }
    }

    /// <summary>Asks for a refresh after a delay, or sooner where one is waiting that is due sooner.</summary>
    public void Schedule(Refresh refresh, TimeSpan delay)
    {
        TaskCompletionSource? signal = null;
        lock (_lock)
        {
            var due = time.GetUtcNow().UtcTicks + delay.Ticks;
            if (_pending.TryGetValue(refresh.Scope, out var waiting))
            {
                _pending[refresh.Scope] =
                    (Math.Min(due, waiting.Due), refresh.Announced || waiting.Announced, Math.Max(refresh.Failures, waiting.Failures), refresh.Cause == default ? waiting.Cause : refresh.Cause);
                if (due >= waiting.Due) return;
            }
            else
            {
                _pending[refresh.Scope] = (due, refresh.Announced, refresh.Failures, refresh.Cause);
            }
            if (!_order.TryPeek(out _, out var first) || due < first)
            {
                signal = _sooner;
                _sooner = NewSignal();
            }
            _order.Enqueue(refresh.Scope, due);
        }
        signal?.TrySetResult();
    }

    /// <summary>Asks for a refresh that failed again, later each time.</summary>
    public void Retry(Refresh refresh) =>
        Schedule(refresh with { Failures = refresh.Failures + 1 }, Jitter.Backoff(refresh.Failures + 1, FirstRetry, LongestRetry));

    /// <summary>Takes the next refresh as soon as one is due.</summary>
    public async Task<Refresh> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task sooner;
            var wait = Timeout.InfiniteTimeSpan;
            lock (_lock)
            {
                sooner = _sooner.Task;
                while (_order.TryPeek(out var scope, out var due))
                {
                    // An entry that was moved forward is in the order twice; the later one says nothing.
                    if (!_pending.TryGetValue(scope, out var pending) || pending.Due != due)
                    {
                        _order.Dequeue();
                        continue;
                    }
                    var ticks = due - time.GetUtcNow().UtcTicks;
                    if (ticks > 0)
                    {
                        wait = TimeSpan.FromMilliseconds(Math.Ceiling(TimeSpan.FromTicks(ticks).TotalMilliseconds));
                        break;
                    }
                    _order.Dequeue();
                    _pending.Remove(scope);
                    return new Refresh(scope, pending.Announced, pending.Failures, pending.Cause);
                }
            }
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(sooner, Task.Delay(wait, time, timer.Token));
            await timer.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
