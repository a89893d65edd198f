namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>
/// The files of a directory that is bounded: what each takes on disk, and when it was used last. Room is taken before a file is written, so the limit holds while it is, too. Safe for
/// several threads.
/// </summary>
internal sealed class FileIndex(long limit)
{
    private const long Block = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long OnDisk, long UsedTicks)> _files = new(StringComparer.Ordinal);
    private long _total;

    /// <summary>How many files there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _files.Count;
        }
    }

    /// <summary>What they take on disk with the room that was taken for others, in bytes.</summary>
    public long OnDisk
    {
        get
        {
            lock (_lock) return _total;
        }
    }

    /// <summary>The names, those used last first.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_lock) return [.. _files.OrderByDescending(file => file.Value.UsedTicks).Select(file => file.Key)];
        }
    }

    /// <summary>What a file of a length takes on disk: whole blocks.</summary>
    public static long Blocks(long length) => (length + Block - 1) / Block * Block;

    public bool Contains(string name)
    {
        lock (_lock) return _files.ContainsKey(name);
    }

    /// <summary>Takes room for a file that is about to be written, or that is there and is none of those that may go.</summary>
    /// <returns>The files that have to go first: those used longest ago. A tenth more than needed, so that not every write has to sort.</returns>
    public IReadOnlyList<string> TakeRoom(string name, long length)
    {
        lock (_lock)
        {
            _total += Blocks(length);
            if (_total <= limit) return [];
            var excess = _total - limit / 10 * 9;
            var oldest = new List<string>();
            // The file that is to be replaced goes last, and only where there is no room for both.
            foreach (var (other, (onDisk, _)) in _files.OrderBy(file => file.Key == name).ThenBy(file => file.Value.UsedTicks))
            {
                if (excess <= 0 || (other == name && _total - oldest.Sum(gone => _files[gone].OnDisk) <= limit)) break;
                oldest.Add(other);
                excess -= onDisk;
            }
            return oldest;
        }
    }

    /// <summary>Gives room back that was taken for a file that has not been written.</summary>
    public void GiveBack(long length)
    {
        lock (_lock) _total -= Blocks(length);
    }

    /// <summary>Says that a file was written, in the room that was taken for it, or found at the start.</summary>
    public void Set(string name, long length, long usedTicks)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(name, out var file)) _total -= file.OnDisk;
            _files[name] = (Blocks(length), usedTicks);
        }
    }

    /// <summary>Says that a file was used.</summary>
    public void Use(string name, long usedTicks)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(name, out var file)) _files[name] = file with { UsedTicks = usedTicks };
        }
    }

    public void Remove(string name)
    {
        lock (_lock)
        {
            if (_files.Remove(name, out var file)) _total -= file.OnDisk;
        }
    }
}
