namespace ConsentSnapshots.Torture.Tests.Platform;

/// <summary>A program that is started again whenever it ends, as an orchestrator does.</summary>
internal sealed class Supervised(string name, Func<ProductProcess> start, Ledger ledger) : IAsyncDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(300);

    private readonly CancellationTokenSource _stop = new();
    private Task _watching = Task.CompletedTask;
    private volatile ProductProcess? _process;
    private volatile bool _expected;
    private bool _disposed;
    private int _instance;

    public string Name => name;

    /// <summary>Counts the starts: what is remembered of one process does not hold for the next.</summary>
    public int Instance => Volatile.Read(ref _instance);

    public ProductProcess? Process => _process;

    public void Start() => _watching = WatchAsync(_stop.Token);

    /// <summary>SIGKILL. It is started again by itself. Returns whether there was a process.</summary>
    public bool Kill()
    {
        if (_process is not { HasExited: false } process) return false;
        _expected = true;
        process.Kill();
        return true;
    }

    /// <summary>Asks it to stop, as a deployment does, and waits for that. It is started again by itself.</summary>
    public async Task StopInOrderAsync(CancellationToken cancellationToken)
    {
        if (_process is not { HasExited: false } process) return;
        _expected = true;
        await process.SignalAsync("TERM", cancellationToken);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            ledger.Violate($"{name} did not stop within a minute of SIGTERM.");
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It ended by itself and was disposed of.
        }
    }

    public async ValueTask DisposeAsync()
    {
        // What holds the process may dispose of it when it stops and again when it is disposed of itself.
        if (_disposed) return;
        _disposed = true;
        await _stop.CancelAsync();
        _process?.Kill();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using var process = start();
                _expected = false;
                Interlocked.Increment(ref _instance);
                _process = process;
                await process.WaitAsync(cancellationToken);
                if (!_expected) ledger.Count($"{name.Split(' ')[0]} ended by itself with {process.ExitCode}");
                _process = null;
                await Task.Delay(s_pause, TimeProvider.System, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
