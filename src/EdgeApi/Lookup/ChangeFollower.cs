using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>The measures of the change log. Tests use short segments.</summary>
/// <param name="SegmentLength">The length of a full segment, in bytes.</param>
internal sealed record ChangeLogFormat(long SegmentLength)
{
    public static ChangeLogFormat Standard { get; } = new(ChangeRecord.SegmentLength);
}

/// <summary>
/// Follows the change log: one small conditional read a poll, however many scopes there are. Every read begins one record before the
/// place reached, so that a log that was wiped and begun anew is seen for what it is, and so that a poll that finds nothing new
/// is an answer (304, or that one record) and not a refused range.
/// </summary>
internal sealed class ChangeFollower(
    IBlobReader store, ScopeCache cache, StoreHealth health, EdgeOptions options, ChangeLogFormat format, EdgeMetrics metrics, TimeProvider time,
    ILogger<ChangeFollower> logger) : BackgroundService
{
    private const int ChunkLength = 256 * ChangeRecord.Length;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private volatile Position? _position;
    private long _nextSurvey;
    private bool _established;
    private int _failures;
    private DateTimeOffset _lastRead;
    private DateTimeOffset _failingSince;
    private string? _reason;

    /// <param name="Segment">The segment.</param>
    /// <param name="Offset">How far it has been read.</param>
    /// <param name="LastRecord">The record before the offset.</param>
    /// <param name="ETag">What the next read compares.</param>
    /// <param name="Seen">The ETag that the last read came with.</param>
    private sealed record Position(int Segment, long Offset, byte[]? LastRecord, string? ETag, string? Seen = null)
    {
        public static Position StartOf(int segment) => new(segment, 0, null, null);
    }

    /// <summary>Whether the follower has known its place at least once: from then on a change is learned of, if late.</summary>
    public bool Established => Volatile.Read(ref _established);

    /// <summary>Why the log cannot be read, and since when; null while it can.</summary>
    public (string Reason, DateTimeOffset Since)? Failure
    {
        get
        {
            lock (_lock) return _reason is null ? null : (_reason, _failingSince);
        }
    }

    /// <summary>How long ago the log was last read to its end.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (_lock) return time.GetUtcNow() - _lastRead;
        }
    }

    /// <summary>How far the present segment has been read, in bytes.</summary>
    public long Offset => _position?.Offset ?? 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _lastRead = time.GetUtcNow();
        metrics.ObserveFollower(() => Lag.TotalSeconds);
        try
        {
            while (true)
            {
                var more = await PollAsync(stoppingToken);
                if (more) continue;
                var pause = _failures == 0 ? Jitter.Around(options.PollInterval)
                    : Jitter.Backoff(_failures, options.PollInterval, options.PollInterval > LongestPause ? options.PollInterval : LongestPause);
                await Task.Delay(pause, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    private async Task<bool> PollAsync(CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            var more = await StepAsync(either.Token);
            Succeeded(more);
            return more;
        }
        catch (StoreUnavailableException exception)
        {
            Failed(exception.Message);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            Failed($"The store did not answer within {options.LoadTimeout:c}.");
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            // The loop is the edge's only ear: nothing may end it.
            if (_failures == 0) Events.FollowerFault(logger, exception);
            Failed($"The change log could not be followed: {exception.GetType().Name}.");
        }
        return false;
    }

    /// <summary>One look; true where there is more to read at once.</summary>
    private async Task<bool> StepAsync(CancellationToken cancellation)
    {
        if (_position is null || time.GetUtcNow().UtcTicks >= _nextSurvey)
        {
            await SurveyAsync(cancellation);
            return true; // at once, so that the last record is known before anything can stand in its place
        }
        var position = _position;
        var overlap = position.Offset > 0 ? ChangeRecord.Length : 0;
        switch (await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(position.Segment), position.Offset - overlap, ChunkLength, position.ETag, cancellation))
        {
            case BlobRead.Unchanged:
                return false;
            case BlobRead.NoContainer:
                throw NotSetUp();
            case BlobRead.Missing when position.Offset == 0:
                return false; // the first record of a segment makes it
            case BlobRead.Found found when found.Bytes.Length >= overlap
                && (overlap == 0 || position.LastRecord is null || found.Bytes.AsSpan(0, overlap).SequenceEqual(position.LastRecord)):
                return Take(position, found, overlap);
            default:
                Events.FollowerReset(logger, position.Segment, position.Offset);
                _position = null;
                return false; // after a pause: a store that lists what it does not have must not be asked in a circle
        }
    }

    private bool Take(Position position, BlobRead.Found found, int overlap)
    {
        var whole = found.Bytes.Length / ChangeRecord.Length * ChangeRecord.Length;
        var toTheEnd = found.Bytes.Length < ChunkLength;
        if (whole > overlap)
        {
            var records = found.Bytes.AsSpan(overlap, whole - overlap);
            var changes = ChangeRecord.Read(records, out var unreadable);
            metrics.ChangesRead(records.Length / ChangeRecord.Length);
            foreach (var scope in changes.Select(change => change.Scope).Distinct()) cache.Changed(scope);
            if (unreadable > 0)
            {
                Events.RecordsUnreadable(logger, unreadable);
                cache.RevalidateAll(TimeSpan.Zero);
            }
        }
        var last = whole > 0 ? found.Bytes.AsSpan(whole - ChangeRecord.Length, ChangeRecord.Length).ToArray() : null;
        // The ETag counts only with everything under it read and passed on; a 304 would hide the rest for good. A store may send the ETag of an append with the bytes
        // before it, so it counts once a second read under the same one has brought nothing more.
        var isSettled = toTheEnd && whole == overlap && found.ETag == position.Seen;
        _position = new Position(position.Segment, position.Offset + whole - overlap, last, isSettled ? found.ETag : null, found.ETag);
        if (_position.Offset < format.SegmentLength) return !toTheEnd;
        _position = Position.StartOf(position.Segment + 1);
        return true;
    }

    /// <summary>
    /// Finds the log's end: at the start, after the log turned out not to be the one followed, and now and then to see that the place
    /// still exists. Whatever is held may then be older than the end, so all of it is compared.
    /// </summary>
    private async Task SurveyAsync(CancellationToken cancellation)
    {
        var tail = await FindTailAsync(cancellation);
        _nextSurvey = (time.GetUtcNow() + Jitter.Around(options.RevalidateInterval)).UtcTicks;
        var end = tail.Segment == 0 ? Position.StartOf(1)
            : tail.Length >= format.SegmentLength ? Position.StartOf(tail.Segment + 1)
            : new Position(tail.Segment, tail.Length / ChangeRecord.Length * ChangeRecord.Length, null, null);
        if (_position is { } position)
        {
            // At or a little behind the end is where a follower should be. Two segments behind means that one was left before it was full.
            if (end.Segment == position.Segment ? end.Offset >= position.Offset : end.Segment == position.Segment + 1 && end.Offset == 0) return;
            Events.FollowerReset(logger, position.Segment, position.Offset);
        }
        _position = end;
        Volatile.Write(ref _established, true);
        cache.RevalidateAll(TimeSpan.Zero);
        Events.FollowerPositioned(logger, end.Segment, end.Offset);
    }

    /// <summary>The last segment of the change log and its length when it was listed; segment 0 where there is no log yet.</summary>
    private async Task<(int Segment, long Length)> FindTailAsync(CancellationToken cancellation)
    {
        var tail = (Segment: 0, Length: 0L);
        await foreach (var blob in store.ListAsync(BlobContainer.Private, BlobNames.ChangesPrefix, cancellation))
            if (BlobNames.TryParseChangeSegment(blob.Name, out var number) && number > tail.Segment) tail = (number, blob.Length);
        // A store without containers lists nothing either, and is no store without changes.
        if (tail.Segment == 0
            && await store.ReadRangeAsync(BlobContainer.Private, BlobNames.ChangeSegment(1), 0, 1, null, cancellation) is BlobRead.NoContainer) throw NotSetUp();
        return tail;
    }

    private static StoreUnavailableException NotSetUp() => new("The store has not been set up: its private container does not exist.");

    private void Succeeded(bool more)
    {
        health.Answered();
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (!more) _lastRead = now;
            if (_reason is not null) Events.FollowerRecovered(logger, now - _failingSince);
            _reason = null;
        }
        _failures = 0;
    }

    private void Failed(string reason)
    {
        health.Failed(StoreOperation.Follow, reason);
        lock (_lock)
        {
            if (_reason is null)
            {
                _failingSince = time.GetUtcNow();
                Events.FollowerLost(logger, reason);
            }
            _reason = reason;
        }
        _failures++;
    }
}
