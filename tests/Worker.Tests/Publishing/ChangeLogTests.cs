using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Tests.Storage;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>Every call to the store waits until the test answers it, so what is announced meanwhile is the test's to decide.</summary>
public sealed class ChangeLogTests : IDisposable
{
    private readonly MemoryBlobs _blobs = new();
    private readonly SteppedBlobStore _store;
    private ChangeLog _log;

    public ChangeLogTests()
    {
        _store = new SteppedBlobStore(_blobs);
        _log = new ChangeLog(_store);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Append_ManyWhileOneIsBeingWritten_GoOutInOneAppendAndNobodyIsToldBefore()
    {
        var first = AppendAsync(1);
        Answer("list private changes/");
        var others = Enumerable.Range(2, 100).Select(AppendAsync).ToList();
        Answer("append private changes/00000001.log");
        await first;

        Assert.All(others, other => Assert.False(other.IsCompleted));
        Answer("append private changes/00000001.log");
        await Task.WhenAll(others);

        Assert.Empty(_store.Pending);
        Assert.Equal(Enumerable.Range(1, 101), Versions(1));
    }

    [Fact]
    public async Task Append_GroupThatDoesNotFit_FillsTheSegmentToItsEndAndGoesOnInTheNext()
    {
        _log.Dispose();
        _log = new ChangeLog(_store, recordsPerSegment: 4);
        var all = new List<Task> { AppendAsync(1) };
        Answer("list private changes/");
        all.AddRange(Enumerable.Range(2, 10).Select(AppendAsync));

        while (_store.Pending.Count > 0) Answer(_store.Take(0));
        await Task.WhenAll(all);

        Assert.Equal([1, 2, 3, 4], Versions(1));
        Assert.Equal([5, 6, 7, 8], Versions(2));
        Assert.Equal([9, 10, 11], Versions(3));
    }

    [Fact]
    public async Task Append_StoreDoesNotAnswer_EveryoneOfTheGroupHearsAndTheNextIsWritten()
    {
        var first = AppendAsync(1);
        Answer("list private changes/");
        Task[] others = [AppendAsync(2), AppendAsync(3)];
        Answer("append private changes/00000001.log");
        await first;
        _ = AtOnce(() =>
        {
            _store.Take(0).Fail();
            return Task.CompletedTask;
        });

        foreach (var other in others) await Assert.ThrowsAsync<StoreUnavailableException>(() => other);
        var next = AppendAsync(4);
        Answer("append private changes/00000001.log");
        await next;

        Assert.Equal([1, 4], Versions(1));
    }

    [Fact]
    public async Task Append_OneOfAGroupIsCancelled_TheOthersAreWritten()
    {
        var first = AppendAsync(1);
        Answer("list private changes/");
        using var cancelled = new CancellationTokenSource();
        var impatient = _log.AppendAsync(Change(2), cancelled.Token);
        var patient = AppendAsync(3);

        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        while (_store.Pending.Count > 0) Answer(_store.Take(0));
        await Task.WhenAll(first, patient);

        Assert.Contains(3, Versions(1));
    }

    [Fact]
    public async Task Append_OneAfterTheOther_ListsTheLogOnce()
    {
        var first = AppendAsync(1);
        Answer("list private changes/");
        Answer("append private changes/00000001.log");
        await first;

        var second = AppendAsync(2);
        Answer("append private changes/00000001.log");
        await second;

        Assert.Empty(_store.Pending);
    }

    public void Dispose() => _log.Dispose();

    private static ChangeRecord Change(int version) => new("acme", "production", version, null, DateTimeOffset.UnixEpoch);

    private Task AppendAsync(int version) => AtOnce(() => _log.AppendAsync(Change(version), Cancel));

    private void Answer(string what)
    {
        var call = _store.Take(0);
        Assert.Equal(what, call.What);
        Answer(call);
    }

    private static void Answer(SteppedBlobStore.Call call) => AtOnce(() =>
    {
        call.Answer();
        return Task.CompletedTask;
    });

    /// <summary>What goes on after an answer does so before this returns, and not when the test runner's context finds the time.</summary>
    private static Task AtOnce(Func<Task> action)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return action();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private IEnumerable<int> Versions(int segment) =>
        ChangeRecord.Read(_blobs.Bytes(BlobContainer.Private, BlobNames.ChangeSegment(segment)), out _).Select(change => change.Version);
}
