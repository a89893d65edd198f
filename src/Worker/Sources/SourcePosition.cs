using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Worker.Sources;

/// <summary>Which state of the source a scope was read at. A later epoch is newer whatever the revision.</summary>
/// <param name="Epoch">Raised after a database restore.</param>
/// <param name="Revision">Raised with every change of the scope; null where the source counts none and takes the previous plus one.</param>
public readonly record struct SourcePosition(long Epoch, long? Revision)
{
    /// <summary>Whether a manifest was made of newer data than this.</summary>
    public bool IsOlderThan(ManifestEnvelope manifest) => IsOlderThan(manifest.SourceEpoch, manifest.SourceRevision);

    /// <summary>Whether a manifest of this epoch and revision was made of newer data than this.</summary>
    public bool IsOlderThan(long epoch, long otherRevision) => Revision is { } revision && (epoch, otherRevision).CompareTo((Epoch, revision)) > 0;
}

/// <summary>The source's clock, as far as one read of the source tells it: what it said then, and how long ago that is by this machine's steady clock.</summary>
/// <param name="ReadAt">What the source's clock said at the read.</param>
/// <param name="Timestamp">The machine's steady clock at the read.</param>
public readonly record struct SourceClock(DateTimeOffset ReadAt, long Timestamp)
{
    /// <summary>A source that has no clock of its own.</summary>
    public static SourceClock Of(TimeProvider time) => new(time.GetUtcNow(), time.GetTimestamp());

    /// <summary>What it says now, in the milliseconds that the wire carries.</summary>
    public DateTimeOffset Now(TimeProvider time) => WireTime.Truncate(ReadAt + time.GetElapsedTime(Timestamp));
}
