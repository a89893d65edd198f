using System.Collections.Concurrent;

namespace ConsentSnapshots.Storage;

/// <summary>
/// Threads of their own for calls that wait for the disk. A flush blocks its thread for milliseconds; on the shared thread pool, which has one thread for each processor at first, a few
/// flushes would hold up everything else, and too few would wait for the disk at once for it to serve them together.
/// </summary>
internal sealed class DiskThreads(int most) : TaskScheduler, IDisposable
{
    private readonly BlockingCollection<Task> _ready = [];
    private int _threads;

    /// <inheritdoc/>
    public override int MaximumConcurrencyLevel => most;

    /// <summary>Runs something that blocks.</summary>
    /// <exception cref="InvalidOperationException">The store is disposed.</exception>
    public Task<T> RunAsync<T>(Func<T> action, CancellationToken cancellationToken) =>
        // What waits for the answer must not go on in a thread that the next flush waits for.
        Task.Factory.StartNew(action, cancellationToken, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.RunContinuationsAsynchronously, this);

    /// <summary>The threads end when nothing is left to do.</summary>
    public void Dispose() => _ready.CompleteAdding();

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        _ready.Add(task);
        // One more with each of the first calls: a store that is only read has none.
        if (Volatile.Read(ref _threads) >= most) return;
        if (Interlocked.Increment(ref _threads) > most) Interlocked.Decrement(ref _threads);
        else new Thread(Work) { IsBackground = true, Name = "store" }.Start();
    }

    /// <inheritdoc/>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks() => [.. _ready];

    private void Work()
    {
        foreach (var task in _ready.GetConsumingEnumerable()) TryExecuteTask(task);
    }
}
