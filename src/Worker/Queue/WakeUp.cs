using System.Threading.Channels;

namespace ConsentSnapshots.Worker.Queue;

/// <summary>Tells the drain loop that scopes may be pending. Any number of signals before it looks count as one.</summary>
public sealed class WakeUp
{
    private readonly Channel<bool> _channel = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>Signals.</summary>
    public void Raise() => _channel.Writer.TryWrite(true);

    /// <summary>Completes after the next signal, at once if one is waiting, or after the time.</summary>
    public async ValueTask WaitAsync(TimeSpan most, TimeProvider time, CancellationToken cancellationToken)
    {
        if (_channel.Reader.TryRead(out _)) return;
        using var limit = new CancellationTokenSource(most, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _channel.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is over.
        }
    }
}
