using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>
/// Ends the process when it has not stopped in order within its time, or when it is told to stop a second time. What it was building is not lost then: its claims end with its heartbeat.
/// </summary>
internal sealed class StopDeadline : IDisposable
{
    // For the last word to the database, which waits two seconds for an answer and two for its cancellation.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly CancellationTokenRegistration _stopping;
    private readonly TimeSpan _timeout;
    private readonly ITimer _timer;
    private bool _hasBegun;
    private int _told;

    private StopDeadline(IHostApplicationLifetime lifetime, TimeSpan timeout, TimeProvider time)
    {
        _timeout = timeout;
        _timer = time.CreateTimer(
            _ => End($"it was told to stop {_timeout.TotalSeconds} s ago (Worker:ShutdownTimeout)"), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT]) _signals.Add(PosixSignalRegistration.Create(signal, Told));
        _stopping = lifetime.ApplicationStopping.Register(() => Begin());
    }

    /// <summary>What of the whole time the service's parts have; the rest is for what comes after them.</summary>
    public static TimeSpan ForServices(TimeSpan timeout) => timeout > 2 * Farewell ? timeout - Farewell : timeout / 2;

    /// <summary>Begins to watch.</summary>
    /// <param name="lifetime">Says when the stop begins.</param>
    /// <param name="timeout">The time from then on.</param>
    /// <param name="time">The clock.</param>
    public static StopDeadline Watch(IHostApplicationLifetime lifetime, TimeSpan timeout, TimeProvider time) => new(lifetime, timeout, time);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _timer.Dispose();
        foreach (var signal in _signals) signal.Dispose();
    }

    /// <summary>The time begins with whatever is first: the signal, or the stop. Between them may lie what other parts do in the meantime, such as a request to a server that hangs.</summary>
    private void Begin()
    {
        if (!Interlocked.Exchange(ref _hasBegun, true)) _timer.Change(_timeout, Timeout.InfiniteTimeSpan);
    }

    private void Told(PosixSignalContext context)
    {
        context.Cancel = true;
        Begin();
        if (Interlocked.Increment(ref _told) > 1) End("it was told to stop twice");
    }

    private static void End(string reason)
    {
        // Not by the log, whose last lines are written by a thread that ends with the process.
        Console.Error.WriteLine($"The worker ends without having stopped in order, because {reason}. What it was building is free for other workers two seconds from now.");
        Environment.Exit(ExitCodes.Failed);
    }
}
