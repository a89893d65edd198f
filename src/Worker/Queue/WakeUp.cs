using System.Threading.Channels;

namespace ConsentSnapshots.Worker.Queue;

/// <summary>Why the drain loop looks for pending scopes.</summary>
public enum WakeUpCause
{
    /// <summary>Nobody signalled: it looks by itself.</summary>
    Look,

    /// <summary>The database notified of a change.</summary>
    Notification,

    /// <summary>The schedule asked for it.</summary>
    Schedule,

    /// <summary>The queue itself has more to do: the file changed, a scope changed while it was built, or a place is free.</summary>
    Queue,
}

/// <summary>A signal.</summary>
/// <param name="Cause">Why there is one.</param>
/// <param name="At">When it came.</param>
public readonly record struct WakeUpSignal(WakeUpCause Cause, DateTimeOffset At);

/// <summary>Tells the drain loop that scopes may be pending. Any number of signals before it looks count as one.</summary>
public sealed class WakeUp(TimeProvider? time = null)
{
    private readonly Channel<WakeUpSignal> _channel = Channel.CreateBounded<WakeUpSignal>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Signals.</summary>
    public void Raise(WakeUpCause cause = WakeUpCause.Queue) => _channel.Writer.TryWrite(new WakeUpSignal(cause, _time.GetUtcNow()));

    /// <summary>Completes after the next signal, at once if one is waiting, or after the time; the signal is the first one that had not been waited for.</summary>
    public async ValueTask<WakeUpSignal> WaitAsync(TimeSpan most, TimeProvider time, CancellationToken cancellationToken)
    {
        if (_channel.Reader.TryRead(out var waiting)) return waiting;
        using var limit = new CancellationTokenSource(most, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _channel.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is over.
            return new WakeUpSignal(WakeUpCause.Look, _time.GetUtcNow());
        }
    }
}
