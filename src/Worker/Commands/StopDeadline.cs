using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace ConsentSnapshots.Worker.Commands;

/// <summary>
/// Stops the service when it is told to, and ends the process when it has not stopped in order within its time, or when it is told a second time. What it was building is not lost then: its
/// claims end with its heartbeat.
/// </summary>
internal sealed class StopDeadline : IHostLifetime, IDisposable
{
    // For the last word to the database, which waits two seconds for an answer and two for its cancellation.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly TimeSpan _timeout;
    private readonly ITimer _timer;
    private IHostApplicationLifetime? _lifetime;
    private int _told;

    /// <summary>Has yet to be told of the service.</summary>
    /// <param name="timeout">The time from the signal to the end.</param>
    /// <param name="time">The clock.</param>
    public StopDeadline(TimeSpan timeout, TimeProvider time)
    {
        _timeout = timeout;
        _timer = time.CreateTimer(
            _ => End($"it was told to stop {_timeout.TotalSeconds} s ago (Worker:ShutdownTimeout)"), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What of the whole time the service's parts have; the rest is for what comes after them.</summary>
    public static TimeSpan ForServices(TimeSpan timeout) => timeout > 2 * Farewell ? timeout - Farewell : timeout / 2;

    /// <summary>Says which service is stopped by a signal, and begins to listen for one.</summary>
    public void Watch(IHostApplicationLifetime lifetime)
    {
        _lifetime = lifetime;
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT]) _signals.Add(PosixSignalRegistration.Create(signal, Told));
    }

    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        foreach (var signal in _signals) signal.Dispose();
    }

    private void Told(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _told) > 1) End("it was told to stop twice");
        _timer.Change(_timeout, Timeout.InfiniteTimeSpan);
        // On a thread of its own: what is cancelled by it may be a call of the database's driver, which asks a server that hangs to cancel, and waits for the answer.
        new Thread(() => _lifetime!.StopApplication()) { IsBackground = true, Name = "stop" }.Start();
    }

    private static void End(string reason)
    {
        // Not by the log, whose last lines are written by a thread that ends with the process.
        Console.Error.WriteLine($"The worker ends without having stopped in order, because {reason}. What it was building is free for other workers two seconds from now.");
        Environment.Exit(ExitCodes.Failed);
    }
}
