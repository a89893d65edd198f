using ConsentSnapshots.EdgeApi.Diagnostics;
using ConsentSnapshots.EdgeApi.Settings;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Following;

/// <summary>The measures of the change log. Tests use short segments.</summary>
/// <param name="SegmentLength">The length of a full segment, in bytes.</param>
internal sealed record ChangeLogFormat(long SegmentLength)
{
    public static ChangeLogFormat Standard { get; } = new(ChangeRecord.SegmentLength);
}

/// <summary>A place in the change log.</summary>
/// <param name="Segment">The segment, from 1.</param>
/// <param name="Offset">How far it has been read, in bytes.</param>
internal readonly record struct ChangeLogPlace(int Segment, long Offset);

/// <summary>What one read of the change log brought.</summary>
/// <param name="Changes">The records, in the log's order.</param>
/// <param name="MayHaveMissedSome">Whether there may be changes that no record has said: everything that is held has to be compared with the store.</param>
/// <param name="HasMore">Whether there is more to read at once.</param>
/// <param name="Next">Where the next read begins.</param>
internal readonly record struct ChangeLogRead(IReadOnlyList<ScopeChange> Changes, bool MayHaveMissedSome, bool HasMore, ChangeLogPosition? Next);

/// <summary>Where a read begins, and what is known of what stands there.</summary>
/// <param name="Place">The place.</param>
/// <param name="LastRecord">The record before it.</param>
/// <param name="ETag">What the next read compares.</param>
/// <param name="Seen">The ETag that the last read came with.</param>
/// <param name="IsFound">Whether it was found by listing the log, and not reached by reading it.</param>
internal sealed record ChangeLogPosition(ChangeLogPlace Place, byte[]? LastRecord = null, string? ETag = null, string? Seen = null, bool IsFound = false)
{
    public static ChangeLogPosition StartOf(int segment, bool isFound = false) => new(new ChangeLogPlace(segment, 0), IsFound: isFound);
}

/// <summary>
/// Reads the change log from its end on: one small conditional read each time, however many scopes there are. Every read begins one record before the place reached, so that a log that was
/// wiped and begun anew is seen for what it is, and so that a read that finds nothing new is an answer (304, or that one record) and not a refused range.
/// </summary>
internal sealed class ChangeLogReader(IBlobReader store, EdgeOptions options, ChangeLogFormat format, TimeProvider time, ILogger<ChangeLogReader> logger)
{
    private const int ChunkLength = 256 * ChangeRecord.Length;

    private volatile ChangeLogPosition? _position;
    private long _nextSurvey;
    private bool _established;

    /// <summary>Whether the log's end has been found at least once: from then on a change is learned of, if late.</summary>
    public bool IsEstablished => Volatile.Read(ref _established);

    /// <summary>How far the log has been read and passed on; null while no place in it is known.</summary>
    public ChangeLogPlace? Place => _position?.Place;

    /// <summary>The same as a number that edges can be compared by: how many records stand before the place; null while none is known.</summary>
    public long? RecordsBefore => Place is { } place ? ((place.Segment - 1) * format.SegmentLength + place.Offset) / ChangeRecord.Length : null;

    /// <summary>Reads what is new. It counts as read when the caller has passed it on and says so (<see cref="Advance"/>).</summary>
    /// <exception cref="StoreUnavailableException">The log cannot be read.</exception>
    public async Task<ChangeLogRead> ReadAsync(CancellationToken cancellationToken)
    {
        if (_position is not { } position || time.GetUtcNow().UtcTicks >= _nextSurvey) return await FindPlaceAsync(cancellationToken);
        var (segment, offset) = position.Place;
        var overlap = offset > 0 ? ChangeRecord.Length : 0;
        switch (await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(segment), offset - overlap, ChunkLength, position.ETag, cancellationToken))
        {
            case BlobRead.Unchanged:
                return new ChangeLogRead([], false, false, position with { IsFound = false });
            case BlobRead.NoContainer:
                throw NotSetUp();
            case BlobRead.Missing when offset == 0:
                return new ChangeLogRead([], false, false, position with { IsFound = false }); // the first record of a segment makes it
            case BlobRead.Found found when found.Bytes.Length >= overlap
                && (overlap == 0 || position.LastRecord is null || found.Bytes.AsSpan(0, overlap).SequenceEqual(position.LastRecord)):
                return Take(position, found, overlap);
            default:
                EdgeLog.FollowerReset(logger, segment, offset);
                return new ChangeLogRead([], false, false, null); // after a pause: a store that lists what it does not have must not be asked in a circle
        }
    }

    /// <summary>What was read has been passed on: the next read begins behind it.</summary>
    public void Advance(ChangeLogRead read)
    {
        _position = read.Next;
        if (read.Next is not { IsFound: true } found) return;
        Volatile.Write(ref _established, true);
        EdgeLog.FollowerPositioned(logger, found.Place.Segment, found.Place.Offset);
    }

    private ChangeLogRead Take(ChangeLogPosition position, BlobRead.Found found, int overlap)
    {
        var whole = found.Bytes.Length / ChangeRecord.Length * ChangeRecord.Length;
        var toTheEnd = found.Bytes.Length < ChunkLength;
        IReadOnlyList<ScopeChange> changes = [];
        var unreadable = 0;
        if (whole > overlap) changes = ChangeRecord.Read(found.Bytes.AsSpan(overlap, whole - overlap), out unreadable);
        if (unreadable > 0) EdgeLog.RecordsUnreadable(logger, unreadable);
        var last = whole > 0 ? found.Bytes.AsSpan(whole - ChangeRecord.Length, ChangeRecord.Length).ToArray() : null;
        // The ETag counts only with everything under it read and passed on; a 304 would hide the rest for good. A store may send the ETag of an append with the bytes
        // before it, so it counts once a second read under the same one has brought nothing more.
        var isSettled = toTheEnd && whole == overlap && found.ETag == position.Seen;
        var place = position.Place with { Offset = position.Place.Offset + whole - overlap };
        var isFull = place.Offset >= format.SegmentLength;
        var next = isFull ? ChangeLogPosition.StartOf(place.Segment + 1) : new ChangeLogPosition(place, last, isSettled ? found.ETag : null, found.ETag);
        return new ChangeLogRead(changes, MayHaveMissedSome: unreadable > 0, HasMore: isFull || !toTheEnd, next);
    }

    /// <summary>
    /// Finds the log's end: at the start, after the log turned out not to be the one followed, and now and then to see that the place still exists. What is held may be older than a place
    /// that was found anew. The next read follows at once, so that the last record is known before anything can stand in its place.
    /// </summary>
    private async Task<ChangeLogRead> FindPlaceAsync(CancellationToken cancellationToken)
    {
        var (last, length) = await FindTailAsync(cancellationToken);
        _nextSurvey = (time.GetUtcNow() + Jitter.Around(options.RevalidateInterval)).UtcTicks;
        var end = last == 0 ? ChangeLogPosition.StartOf(1, isFound: true)
            : length >= format.SegmentLength ? ChangeLogPosition.StartOf(last + 1, isFound: true)
            : new ChangeLogPosition(new ChangeLogPlace(last, length / ChangeRecord.Length * ChangeRecord.Length), IsFound: true);
        if (_position is { } position)
        {
            // At or a little behind the end is where a reader should be. Two segments behind means that one was left before it was full.
            var (segment, offset) = end.Place;
            if (segment == position.Place.Segment ? offset >= position.Place.Offset : segment == position.Place.Segment + 1 && offset == 0)
                return new ChangeLogRead([], false, HasMore: true, position with { IsFound = false });
            EdgeLog.FollowerReset(logger, position.Place.Segment, position.Place.Offset);
        }
        return new ChangeLogRead([], MayHaveMissedSome: true, HasMore: true, end);
    }

    /// <summary>The last segment of the change log and its length when it was listed; segment 0 where there is no log yet.</summary>
    private async Task<(int Segment, long Length)> FindTailAsync(CancellationToken cancellationToken)
    {
        var tail = (Segment: 0, Length: 0L);
        await foreach (var blob in store.ListAsync(BlobContainer.Private, BlobNames.ChangesPrefix, cancellationToken))
            if (BlobNames.TryParseChangeSegment(blob.Name, out var number) && number > tail.Segment) tail = (number, blob.Length);
        // A store without containers lists nothing either, and is no store without changes.
        if (tail.Segment == 0
            && await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(1), 0, 1, null, cancellationToken) is BlobRead.NoContainer) throw NotSetUp();
        return tail;
    }

    private static StoreUnavailableException NotSetUp() => new("The store has not been set up: its private container does not exist.");
}
