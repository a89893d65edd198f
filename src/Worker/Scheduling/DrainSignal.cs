using System.Threading.Channels;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Tells the drain loop that scopes may be pending. Any number of signals before it looks count as one.</summary>
public sealed class DrainSignal
{
    private readonly Channel<bool> _channel = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>Signals.</summary>
    public void Raise() => _channel.Writer.TryWrite(true);

    /// <summary>Completes after the next signal, or at once if one is waiting.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _channel.Reader.ReadAsync(cancellationToken);
}
