namespace ConsentSnapshots.EdgeApi.Disk;

/// <summary>The files of a directory that is bounded: what each takes, and when it was used last. Safe for several threads.</summary>
internal sealed class FileIndex(long limit)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long Bytes, long UsedTicks)> _files = new(StringComparer.Ordinal);
    private long _total;

    /// <summary>How many files there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _files.Count;
        }
    }

    /// <summary>What they take, in bytes.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock) return _total;
        }
    }

    public bool Contains(string name)
    {
        lock (_lock) return _files.ContainsKey(name);
    }

    /// <summary>Says that a file was written or used.</summary>
    public void Set(string name, long bytes, long usedTicks)
    {
        lock (_lock)
        {
            if (_files.TryGetValue(name, out var file)) _total -= file.Bytes;
            _files[name] = (bytes, usedTicks);
            _total += bytes;
        }
    }

    public void Remove(string name)
    {
        lock (_lock)
        {
            if (_files.Remove(name, out var file)) _total -= file.Bytes;
        }
    }

    /// <summary>The files that have to go so that the others keep the limit: those used longest ago. A tenth more than needed, so that not every write has to sort.</summary>
    public IReadOnlyList<string> Excess()
    {
        lock (_lock)
        {
            if (_total <= limit) return [];
            var excess = _total - limit / 10 * 9;
            var oldest = new List<string>();
            foreach (var (name, (bytes, _)) in _files.OrderBy(file => file.Value.UsedTicks))
            {
                if (excess <= 0) break;
                oldest.Add(name);
                excess -= bytes;
            }
            return oldest;
        }
    }
}
