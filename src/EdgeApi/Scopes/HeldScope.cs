using ConsentSnapshots.EdgeApi.Serving;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>A scope that is held: the version that is served, and what the store last said of it.</summary>
/// <param name="served">The version.</param>
/// <param name="letGo">Takes the scope out of the map, with the bodies of its answers.</param>
internal sealed class HeldScope(ServedScope served, Action<HeldScope> letGo) : MemoryItem
{
    private volatile ServedScope _served = served;
    private volatile List<AwaitedPublication>? _awaited;

    /// <summary>The version that is served. It is only ever replaced by one that is whole.</summary>
    public ServedScope Served
    {
        get => _served;
        set => _served = value;
    }

    /// <summary>Whether the store's last answer was this version.</summary>
    public volatile bool Confirmed;

    /// <summary>Whether the store's newest version is not whole.</summary>
    public volatile bool Corrupt;

    /// <summary>When the store was first found to have no manifest, though no change record said so. Used within the scope's look at the store only.</summary>
    public DateTimeOffset? MissingSince;

    /// <summary>Whether there may be publications that were announced and are not served yet.</summary>
    public bool IsAwaiting => _awaited is not null;

    /// <summary>Those publications. They belong to <see cref="PublicationLag"/>, which uses them within its lock.</summary>
    public List<AwaitedPublication> Awaited => _awaited ??= [];

    public override long Size => Served.Size;

    public override void LetGo() => letGo(this);
}
