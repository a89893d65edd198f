using System.Collections.Concurrent;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Builds every scope that is due. A scope that fails is tried again later. One that takes long has one of the places and holds up no other.
/// </summary>
/// <remarks>
/// Edits are claimed only when there is a place to build them in. Bulk is claimed and read some scopes ahead, because reading many scopes in one piece costs little more than reading one.
/// </remarks>
public sealed class ScopeDrain(IScopeQueue queue, BuildRunner runner, ScheduleOptions options, WakeUp wakeUp, TimeProvider time) : IDisposable
{
    private const int MostAhead = 32;

    // While bulk is at hand, how often to look whether somebody waits for an edit.
    private static readonly TimeSpan EditsLook = TimeSpan.FromMilliseconds(20);

    // A worker should hold no more bulk than it can build in about this time, because others could build it meanwhile.
    private static readonly TimeSpan AheadFor = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _places = new(options.Parallelism, options.Parallelism);
    private readonly int[] _running = new int[2];
    private readonly ConcurrentQueue<Ahead> _ahead = new();
    private Lane _turn = Lane.Edits;
    private volatile bool _asking;
    private int _batch = Math.Min(options.Parallelism, MostAhead);
    private long _batchClaimed;
    private long _editsLooked;
    private WakeUpSignal _signal;

    /// <summary>How many builds are running.</summary>
    public int Running => Volatile.Read(ref _running[0]) + Volatile.Read(ref _running[1]);

    /// <summary>Whether the queue is being asked for work. It may be a database that does not answer.</summary>
    public bool IsAsking => _asking;

    /// <summary>A scope that is claimed, and read or being read, and has no place yet.</summary>
    private sealed record Ahead(ScopeClaim Claim, Task<IReadOnlyList<ScopeRead>> Reading, int Index, ChangeTrace? Trace);

    /// <summary>
    /// Starts a build for every scope that is due, edits first. Where there are places enough, one is bulk's and one is edits', so neither keeps the other out. A single place is
    /// given to the lanes in turn. Only one caller at a time.
    /// </summary>
    /// <returns>Whether any build was started.</returns>
    public Task<bool> DrainAsync(CancellationToken cancellationToken) => DrainAsync(default, cancellationToken);

    /// <summary>The same, for a signal, with which the trace of what is found begins.</summary>
    public async Task<bool> DrainAsync(WakeUpSignal signal, CancellationToken cancellationToken)
    {
        var any = false;
        _signal = signal;
        while (true)
        {
            await _places.WaitAsync(cancellationToken);
            var free = 1;
            while (free < options.Parallelism && _places.Wait(0, cancellationToken)) free++;
            var started = 0;
            try
            {
                var first = options.Parallelism == 1 ? _turn : Lane.Edits;
                started += await StartAsync(first, free, cancellationToken);
                if (started < free) started += await StartAsync(first == Lane.Edits ? Lane.Bulk : Lane.Edits, free - started, cancellationToken);
            }
            finally
            {
                if (started < free) _places.Release(free - started);
            }
            if (started == 0) return any;
            any = true;
            // What is found from now on was there already, or has a signal of its own.
            _signal = default;
        }
    }

    /// <summary>Completes when no build is running and what was claimed ahead is given back; for a service that stops.</summary>
    public async Task StopAsync()
    {
        var claims = new List<ScopeClaim>();
        while (_ahead.TryDequeue(out var ahead))
        {
            claims.Add(ahead.Claim);
            ahead.Trace?.Done();
        }
        await runner.ReleaseAsync(claims);
        for (var place = 0; place < options.Parallelism; place++) await _places.WaitAsync(TimeSpan.FromMinutes(1));
        _places.Release(options.Parallelism);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private async Task<int> StartAsync(Lane lane, int free, CancellationToken cancellationToken)
    {
        // The other lane's place.
        var most = options.Parallelism == 1 ? free : Math.Min(free, options.Parallelism - 1 - Volatile.Read(ref _running[(int)lane]));
        if (most <= 0) return 0;
        var builds = lane == Lane.Edits ? await ClaimEditsAsync(most, cancellationToken) : await TakeBulkAsync(most, cancellationToken);
        if (builds.Count > 0) _turn = lane == Lane.Edits ? Lane.Bulk : Lane.Edits;
        foreach (var build in builds)
        {
            Interlocked.Increment(ref _running[(int)lane]);
            _ = BuildInPlaceAsync(build, lane, cancellationToken);
        }
        return builds.Count;
    }

    private async Task<IReadOnlyList<Ahead>> ClaimEditsAsync(int most, CancellationToken cancellationToken)
    {
        if (!_ahead.IsEmpty && _editsLooked != 0 && time.GetElapsedTime(_editsLooked) < EditsLook) return [];
        _editsLooked = time.GetTimestamp();
        return await ClaimAsync(Lane.Edits, most, cancellationToken);
    }

    private async Task<IReadOnlyList<Ahead>> TakeBulkAsync(int most, CancellationToken cancellationToken)
    {
        if (_ahead.IsEmpty)
        {
            var quick = _batchClaimed != 0 && time.GetElapsedTime(_batchClaimed) < AheadFor;
            _batch = Math.Clamp(quick ? _batch * 2 : _batch / 2, Math.Min(most, MostAhead), MostAhead);
            var claimed = await ClaimAsync(Lane.Bulk, Math.Max(most, _batch), cancellationToken);
            _batchClaimed = time.GetTimestamp();
            foreach (var build in claimed) _ahead.Enqueue(build);
        }
        var builds = new List<Ahead>();
        while (builds.Count < most && _ahead.TryDequeue(out var build)) builds.Add(build);
        return builds;
    }

    /// <summary>Asks the queue for scopes, and has those that it gives read.</summary>
    private async Task<IReadOnlyList<Ahead>> ClaimAsync(Lane lane, int most, CancellationToken cancellationToken)
    {
        var asked = time.GetUtcNow();
        IReadOnlyList<ScopeClaim> claims;
        _asking = true;
        try
        {
            claims = await queue.ClaimAsync(lane, most, cancellationToken);
        }
        finally
        {
            _asking = false;
        }
        if (claims.Count == 0) return [];
        var trace = ChangeTrace.Begin(_signal, asked, time.GetUtcNow(), lane, claims.Count);
        var reading = ReadAsync(claims, trace, cancellationToken);
        return [.. claims.Select((claim, index) => new Ahead(claim, reading, index, trace))];
    }

    private async Task<IReadOnlyList<ScopeRead>> ReadAsync(IReadOnlyList<ScopeClaim> claims, ChangeTrace? trace, CancellationToken cancellationToken)
    {
        ChangeTrace.Enter(trace);
        return await runner.ReadAsync(claims, cancellationToken);
    }

    private async Task BuildInPlaceAsync(Ahead build, Lane lane, CancellationToken cancellationToken)
    {
        ChangeTrace.Enter(build.Trace);
        try
        {
            await runner.RunAsync(build.Claim, build.Reading, build.Index, verify: false, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The worker stops; the claim was given back.
        }
        finally
        {
            build.Trace?.Done();
            Interlocked.Decrement(ref _running[(int)lane]);
            _places.Release();
            // What waits for a place of this lane's is to be looked for.
            wakeUp.Raise();
        }
    }
}
