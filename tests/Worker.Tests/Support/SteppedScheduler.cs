namespace ConsentSnapshots.Worker.Tests.Support;

/// <summary>
/// Runs tasks on the thread that asks for it, in the order in which they became ready, until all of them wait for something: what asynchronous code does next is then the test's to
/// decide, and the same every time.
/// </summary>
internal sealed class SteppedScheduler : TaskScheduler
{
    private readonly Queue<Task> _ready = new();

    /// <summary>Starts asynchronous code. It runs in <see cref="RunReady"/> only.</summary>
    public Task<T> Start<T>(Func<Task<T>> action) => Task.Factory.StartNew(action, TestContext.Current.CancellationToken, TaskCreationOptions.None, this).Unwrap();

    /// <summary>Runs what is ready, and what becomes so by that.</summary>
    public void RunReady()
    {
        var context = SynchronizationContext.Current;
        // Else continuations would go to the test runner's context.
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            while (true)
            {
                Task? task;
                lock (_ready)
                {
                    if (!_ready.TryDequeue(out task)) return;
                }
                TryExecuteTask(task);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    protected override void QueueTask(Task task)
    {
        lock (_ready) _ready.Enqueue(task);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_ready) return [.. _ready];
    }
}
