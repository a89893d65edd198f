using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Diagnostics;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>
/// The log that tells the edges of every publication. Lines that are announced while others are being written go out together in the next append; each caller goes on when its
/// own line is on disk. The end of the log is looked for once, by a listing; after that the store says when a segment is full.
/// </summary>
public sealed class ChangeLog(IBlobStore blobs, int recordsPerSegment = ChangeRecord.PerSegment) : IDisposable
{
    // An append of Azure takes 4 MiB at most.
    private const int MostTogether = 1024;

    private readonly Lock _lock = new();
    private readonly List<Announcement> _waiting = [];
    private readonly CancellationTokenSource _stopping = new();
    private bool _writing;
    private int _segment; // 0 until it was looked for

    private readonly record struct Announcement(byte[] Line, TaskCompletionSource Done, Activity? Span);

    /// <summary>Announces a publication; the line is durable when this ends.</summary>
    /// <exception cref="StoreUnavailableException">Whether the line was written is not known.</exception>
    public async Task AppendAsync(ChangeRecord change, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Send($"{change.Organization}/{change.Environment}", change.Version);
        // A caller must not go on in the middle of the loop that answers the others.
        var announcement = new Announcement(change.ToBytes(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), span);
        bool isFirst;
        lock (_lock)
        {
            _waiting.Add(announcement);
            isFirst = !_writing;
            _writing = true;
        }
        if (isFirst) _ = WriteAsync();
        // Whoever stops waiting takes nothing away from the others of the same append.
        await using var registration = cancellationToken.Register(() => announcement.Done.TrySetCanceled(cancellationToken));
        await announcement.Done.Task;
    }

    /// <summary>The highest version announced of each scope, as far as the last two segments reach back.</summary>
    public async Task<IReadOnlyDictionary<Scope, int>> ReadAnnouncedVersionsAsync(CancellationToken cancellationToken)
    {
        var announced = new Dictionary<Scope, int>();
        var last = await LastSegmentAsync(cancellationToken);
        for (var segment = Math.Max(1, last - 1); segment <= last; segment++)
        {
            if (await blobs.ReadAsync(BlobContainer.Private, BlobNames.ChangeSegment(segment), null, int.MaxValue, cancellationToken) is not BlobRead.Found log) continue;
            foreach (var change in ChangeRecord.Read(log.Bytes, out _))
                announced[change.Scope] = Math.Max(change.Version, announced.GetValueOrDefault(change.Scope));
        }
        return announced;
    }

    /// <summary>Ends what is being written; whoever waits for it hears that it is not known.</summary>
    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
    }

    /// <summary>Writes until nobody waits any more.</summary>
    private async Task WriteAsync()
    {
        while (true)
        {
            Announcement[] group;
            lock (_lock)
            {
                group = [.. _waiting.Take(MostTogether)];
                _waiting.RemoveRange(0, group.Length);
                _writing = group.Length > 0;
            }
            if (group.Length == 0) return;
            // One append for all of them: it stands in the trace of the first. Whoever began this loop has nothing to do with it any more.
            if (Activity.Current is not null || group[0].Span is not null) Activity.Current = group[0].Span;
            try
            {
                await AppendAsync(group, _stopping.Token);
                foreach (var announcement in group) announcement.Done.TrySetResult();
            }
            catch (Exception exception)
            {
                // Each of them has to know, and the next ones are tried all the same.
                foreach (var announcement in group) announcement.Done.TrySetException(exception);
            }
        }
    }

    /// <summary>Appends lines, in their order. A segment is filled to its exact length before the next begins: that is how a reader knows that there is a next one.</summary>
    private async Task AppendAsync(ReadOnlyMemory<Announcement> lines, CancellationToken cancellationToken)
    {
        if (_segment == 0) _segment = await LastSegmentAsync(cancellationToken);
        for (var together = lines.Length; !lines.IsEmpty; together = Math.Min(together, lines.Length))
        {
            var some = lines[..together];
            if (await blobs.AppendAsync(BlobNames.ChangeSegment(_segment), Join(some), (long)ChangeRecord.Length * recordsPerSegment, cancellationToken)) lines = lines[together..];
            else if (together > 1) together /= 2;
            else (_segment, together) = (_segment + 1, lines.Length);
        }
    }

    private static byte[] Join(ReadOnlyMemory<Announcement> lines)
    {
        if (lines.Length == 1) return lines.Span[0].Line;
        var joined = new byte[lines.Length * ChangeRecord.Length];
        for (var line = 0; line < lines.Length; line++) lines.Span[line].Line.CopyTo(joined, line * ChangeRecord.Length);
        return joined;
    }

    private async Task<int> LastSegmentAsync(CancellationToken cancellationToken)
    {
        var last = 1;
        await foreach (var blob in blobs.ListAsync(BlobContainer.Private, BlobNames.ChangesPrefix, cancellationToken))
            if (BlobNames.TryParseChangeSegment(blob.Name, out var number)) last = Math.Max(last, number);
        return last;
    }
}
