using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.EdgeApi.Scopes;

/// <summary>A publication that the change log has announced and that is not served yet.</summary>
/// <param name="Version">Its version.</param>
/// <param name="ChangedAt">When the oldest change was made that it carries.</param>
internal readonly record struct AwaitedPublication(int Version, DateTimeOffset ChangedAt);

/// <summary>
/// Measures for each publication that the change log announces how long it took from the change to the moment from which this edge serves it, by this edge's own clock. A scope that is not
/// held is served by its newest version from the moment when its record was read. A publication without <c>changedAt</c> is not measured.
/// </summary>
internal sealed class PublicationLag(EdgeMetrics metrics, TimeProvider time)
{
    // A scope that is not whole for long may be announced again and again. Those that are not served then are not measured.
    private const int Most = 64;

    private readonly Lock _lock = new();

    /// <summary>A publication of a scope that is not held was announced.</summary>
    public void Announced(ScopeChange change)
    {
        if (change.ChangedAt is { } changedAt) Measure(changedAt);
    }

    /// <summary>A publication of a scope that is held was announced.</summary>
    public void Announced(HeldScope held, ScopeChange change)
    {
        if (change.ChangedAt is not { } changedAt) return;
        lock (_lock)
        {
            // It may have been read between its publication and its record.
            if (held.Served.Version >= change.Version) Measure(changedAt);
            else if (held.Awaited.Count < Most) held.Awaited.Add(new AwaitedPublication(change.Version, changedAt));
        }
    }

    /// <summary>A version is served from now on, and with it every publication up to it.</summary>
    public void Served(HeldScope held, int version)
    {
        if (!held.IsAwaiting) return;
        lock (_lock)
        {
            foreach (var awaited in held.Awaited)
                if (awaited.Version <= version) Measure(awaited.ChangedAt);
            held.Awaited.RemoveAll(awaited => awaited.Version <= version);
        }
    }

    /// <summary>A scope is not held any more: whoever asks for it next is served by its newest version.</summary>
    public void LetGo(HeldScope held) => Served(held, int.MaxValue);

    private void Measure(DateTimeOffset changedAt) => metrics.PublicationServed(time.GetUtcNow() - changedAt);
}
