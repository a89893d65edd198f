namespace ConsentSnapshots.Storage;

/// <summary>
/// Threads of their own for calls that wait for the disk. A flush blocks its thread for milliseconds; on the shared thread pool, which has one thread for each processor at first, a few
/// flushes would hold up everything else, and too few would wait for the disk at once for it to serve them together.
/// </summary>
internal sealed class DiskThreads(int most) : TaskScheduler, IDisposable
{
    private readonly Queue<Task> _ready = new();
    private int _threads;
    private int _idle;
    private bool _disposed;

    /// <inheritdoc/>
    public override int MaximumConcurrencyLevel => most;

    /// <summary>Runs something that blocks.</summary>
    public Task<T> RunAsync<T>(Func<T> action, CancellationToken cancellationToken) =>
        // What waits for the answer must not go on in a thread that the next flush waits for.
        Task.Factory.StartNew(action, cancellationToken, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler | TaskCreationOptions.RunContinuationsAsynchronously, this);

    /// <summary>The threads end when nothing is left to do.</summary>
    public void Dispose()
    {
        lock (_ready)
        {
            _disposed = true;
            Monitor.PulseAll(_ready);
        }
    }

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        lock (_ready)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _ready.Enqueue(task);
            // A waiting thread is woken without spinning: that would cost more processor time than everything else that a write does.
            if (_ready.Count <= _idle || _threads == most)
            {
                Monitor.Pulse(_ready);
                return;
            }
            _threads++;
        }
        new Thread(Work) { IsBackground = true, Name = "store" }.Start();
    }

    /// <inheritdoc/>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_ready) return [.. _ready];
    }

    private void Work()
    {
        while (true)
        {
            Task? task;
            lock (_ready)
            {
                while (!_ready.TryDequeue(out task))
                {
                    if (_disposed) return;
                    _idle++;
                    Monitor.Wait(_ready);
                    _idle--;
                }
            }
            TryExecuteTask(task);
        }
    }
}
