namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// Gives memory back to the system. The collector lets garbage grow with the heap, half as much again and more, and keeps what it has freed for later. That is right for a program that goes
/// on allocating; an edge allocates while it loads scopes, and then holds them. So the heap is collected as a whole when it takes a good deal more than what is counted: at once where the
/// difference is large, and otherwise when the loading is over. It runs only where the process is the edge's own.
/// </summary>
internal sealed class HeapTrimmer(MemoryBudget budget, TimeProvider time) : BackgroundService
{
    // While the edge is busy, the reserve of the budget is the collector's; where the budget is small, this much.
    private const long LeastWhileBusy = 16 << 20;
    private const long MostWhenCalm = 12 << 20;

    // Collecting again would free nothing where the difference has hardly grown.
    private const long Worthwhile = 8 << 20;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PauseAfterCollection = TimeSpan.FromSeconds(1);

    private long _left;
    private int _collections;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true) await Task.Delay(Trim() ? PauseAfterCollection : Pause, time, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private bool Trim()
    {
        var collections = GC.CollectionCount(0);
        var isCalm = collections == _collections;
        _collections = collections;
        var beyond = Beyond();
        if (beyond <= (isCalm ? MostWhenCalm : Math.Max(LeastWhileBusy, budget.Reserve)) || beyond <= _left + Worthwhile) return false;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _collections = GC.CollectionCount(0);
        _left = Math.Max(0, Beyond());
        return true;
    }

    /// <summary>What the heap takes beyond what is counted, as the last collection found it.</summary>
    private long Beyond() => GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes - budget.Bytes;
}
