namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>
/// What scopes and bodies may take together. Beyond it those leave that nobody has asked for since their last turn (the second-chance form of least recently used: asking for something
/// sets a flag, and takes no lock). Bodies leave first, because making one again takes less than a millisecond and no store, until no more than an eighth of the budget is theirs.
/// </summary>
internal sealed class MemoryBudget(long limit)
{
    private const int ShareOfBodies = 8;

    private readonly Lock _lock = new();
    private readonly Order _scopes = new();
    private readonly Order _bodies = new();

    /// <summary>What is counted now, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock) return _scopes.Bytes + _bodies.Bytes;
        }
    }

    /// <summary>Whether some more scopes fit without another one having to leave.</summary>
    public bool HasRoomForScopes
    {
        get
        {
            lock (_lock) return _scopes.Bytes < limit / 16 * 13;
        }
    }

    /// <summary>Counts a body, or counts it again after its size changed, and lets others go where they take too much.</summary>
    /// <returns>False where it was let go before: it is not counted any more.</returns>
    public bool TryCountBody(MemoryItem body) => TryCount(_bodies, body);

    /// <summary>Counts a scope in the same way. The scope itself stays, even where it is larger than the whole budget.</summary>
    public bool TryCountScope(MemoryItem scope) => TryCount(_scopes, scope);

    /// <summary>Counts an item no longer. It stays where it is found.</summary>
    public void Remove(MemoryItem item)
    {
        lock (_lock)
        {
            (ReferenceEquals(item.Place.List, _scopes.Items) ? _scopes : _bodies).Remove(item);
        }
    }

    private bool TryCount(Order order, MemoryItem counted)
    {
        lock (_lock)
        {
            if (counted.IsGone) return false;
            order.Count(counted);
            MakeRoom();
            return true;
        }
    }

    private void MakeRoom()
    {
        while (_scopes.Bytes + _bodies.Bytes > limit && Next is { } from)
        {
            var item = from.First!;
            if (item.TakeUse())
            {
                from.MoveToTheEnd(item);
                continue;
            }
            from.Remove(item);
            item.LetGo();
        }
    }

    /// <summary>From which of the two the next item leaves; null where only the scope that was counted last is left, which is about to be served.</summary>
    private Order? Next =>
        _bodies.Bytes > limit / ShareOfBodies ? _bodies
        : _scopes.Items.Count > 1 ? _scopes
        : _bodies.First is not null ? _bodies
        : null;

    /// <summary>Items in the order of their turns.</summary>
    private sealed class Order
    {
        public LinkedList<MemoryItem> Items { get; } = new();

        public long Bytes { get; private set; }

        public MemoryItem? First => Items.First?.Value;

        public void Count(MemoryItem item)
        {
            // It was asked for just now, so its turn comes last.
            MoveToTheEnd(item);
            var size = item.Size;
            Bytes += size - item.Counted;
            item.Counted = size;
        }

        public void MoveToTheEnd(MemoryItem item)
        {
            if (item.Place.List is not null) Items.Remove(item.Place);
            Items.AddLast(item.Place);
        }

        public void Remove(MemoryItem item)
        {
            item.IsGone = true;
            if (item.Place.List is null) return;
            Items.Remove(item.Place);
            Bytes -= item.Counted;
            item.Counted = 0;
        }
    }
}
