using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Tests.Serving;

public sealed class MemoryBudgetTests
{
    // A fifth is left to the collector: 800 may be held.
    private readonly MemoryBudget _budget = new(1000);

    [Fact]
    public void Count_MoreBodiesThanTheLimit_LetsThoseGoThatWereUsedLongestAgo()
    {
        var bodies = Enumerable.Range(0, 5).Select(_ => new Item(200)).ToArray();
        foreach (var body in bodies[..4]) _budget.TryCountBody(body);
        bodies[0].Use();

        _budget.TryCountBody(bodies[4]);

        Assert.Equal([false, true, false, false, false], bodies.Select(body => body.IsLost));
        Assert.Equal(800, _budget.Bytes);
    }

    [Fact]
    public void Count_ScopesAndBodies_LetsBodiesGoBeforeScopes()
    {
        var (bodies, scopes) = (Enumerable.Range(0, 4).Select(_ => new Item(100)).ToArray(), Enumerable.Range(0, 8).Select(_ => new Item(100)).ToArray());
        foreach (var body in bodies) _budget.TryCountBody(body);

        foreach (var scope in scopes) _budget.TryCountScope(scope);

        // An eighth stays for bodies, however many scopes there are.
        Assert.Equal([true, true, true, false], bodies.Select(body => body.IsLost));
        Assert.Equal([true, false, false, false, false, false, false, false], scopes.Select(scope => scope.IsLost));
    }

    [Fact]
    public void Count_AScopeLargerThanEverything_StaysAloneUntilTheNextOne()
    {
        var (small, large, next) = (new Item(100), new Item(5000), new Item(100));
        _budget.TryCountScope(small);

        _budget.TryCountScope(large);

        Assert.Equal((true, false), (small.IsLost, large.IsLost));
        _budget.TryCountScope(next);
        Assert.Equal((true, false, 100), (large.IsLost, next.IsLost, _budget.Bytes));
    }

    [Fact]
    public void Count_ABodyLargerThanEverything_IsNotHeld()
    {
        var body = new Item(5000);

        _budget.TryCountBody(body);

        Assert.Equal((true, 0), (body.IsLost, _budget.Bytes));
    }

    [Fact]
    public void Count_SizeHasChanged_CountsTheNewOne()
    {
        var scope = new Item(100);
        _budget.TryCountScope(scope);

        scope.Take(300);
        _budget.TryCountScope(scope);

        Assert.Equal(300, _budget.Bytes);
    }

    [Fact]
    public void Remove_CountedItem_IsCountedNeverAgain()
    {
        var body = new Item(100);
        _budget.TryCountBody(body);

        _budget.Remove(body);

        Assert.Equal((false, 0), (_budget.TryCountBody(body), _budget.Bytes));
        Assert.False(body.IsLost);
    }

    [Fact]
    public async Task Count_ManyThreads_NeverCountsMoreThanTheLimitAndLosesNothing()
    {
        var items = Enumerable.Range(0, 20_000).Select(number => new Item(1 + number % 50)).ToArray();

        await Parallel.ForEachAsync(items, TestContext.Current.CancellationToken, (item, _) =>
        {
            if (item.Size % 3 == 0) _budget.TryCountScope(item);
            else _budget.TryCountBody(item);
            if (item.Size % 7 == 0) _budget.Remove(item);
            item.Use();
            Assert.True(_budget.Bytes <= 800);
            return ValueTask.CompletedTask;
        });

        Assert.Equal(_budget.Bytes, items.Where(item => !item.IsLost && item.Size % 7 != 0).Sum(item => item.Size));
    }

    private sealed class Item(long size) : MemoryItem
    {
        private long _size = size;

        public override long Size => _size;

        public bool IsLost { get; private set; }

        public void Take(long size) => _size = size;

        public override void LetGo() => IsLost = true;
    }
}
