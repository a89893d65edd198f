using System.Collections.Concurrent;

namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// Threads of their own for what takes a processor for a millisecond or more: checking and compressing a manifest, making a body. Half as many as there are processors, so that those who
/// ask for what is held find one that is free, however many scopes are read at the same time; and few, because each thread keeps the memory that a compressor has once used.
/// </summary>
internal sealed class WorkThreads : IDisposable
{
    private readonly BlockingCollection<Action> _waiting = [];
    private readonly Lazy<int> _started;

    public WorkThreads() => _started = new Lazy<int>(Start);

    /// <summary>Runs something when its turn has come.</summary>
    public Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = _started.Value;
        try
        {
            _waiting.Add(() => Run(work, done));
        }
        catch (Exception exception) when (exception is InvalidOperationException or ObjectDisposedException)
        {
            done.SetCanceled(new CancellationToken(canceled: true)); // the process ends
        }
        return done.Task;
    }

    /// <summary>The threads end when nothing is left to do.</summary>
    public void Dispose() => _waiting.CompleteAdding();

    private static void Run<T>(Func<T> work, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(work());
        }
        catch (Exception exception)
        {
            done.SetException(exception);
        }
    }

    private int Start()
    {
        var count = Math.Max(1, Environment.ProcessorCount / 2);
        for (var number = 0; number < count; number++) new Thread(Work) { IsBackground = true, Name = "edge work" }.Start();
        return count;
    }

    private void Work()
    {
        foreach (var work in _waiting.GetConsumingEnumerable()) work();
    }
}
