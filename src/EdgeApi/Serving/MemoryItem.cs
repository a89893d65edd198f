namespace ConsentSnapshots.EdgeApi.Serving;

/// <summary>Something that takes memory and can be let go: a body, which can be made again, or a scope, which can be read again.</summary>
internal abstract class MemoryItem
{
    private volatile bool _isUsed;

    protected MemoryItem() => Place = new LinkedListNode<MemoryItem>(this);

    /// <summary>What it takes, in bytes, with everything that belongs to it alone.</summary>
    public abstract long Size { get; }

    /// <summary>Says that somebody has asked for it.</summary>
    /// <remarks>The flag is written only when it is not set: a line that every request writes is a line that every core waits for.</remarks>
    public void Use()
    {
        if (!_isUsed) _isUsed = true;
    }

    /// <summary>Takes it away from where it is found. The budget calls this within its lock.</summary>
    public abstract void LetGo();

    /// <summary>Where it stands in the order in which items leave. It belongs to the budget, as the two properties below do.</summary>
    internal LinkedListNode<MemoryItem> Place { get; }

    /// <summary>What the budget has counted for it.</summary>
    internal long Counted { get; set; }

    /// <summary>Whether it was taken out of the budget, which is for good.</summary>
    internal bool IsGone { get; set; }

    /// <summary>Whether it was used since this was asked last.</summary>
    internal bool TakeUse()
    {
        var used = _isUsed;
        _isUsed = false;
        return used;
    }
}
