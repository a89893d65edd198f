using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>
/// Builds every scope that is due. One that fails is tried again later; one that takes long has one of the places and holds up no other:
/// a scope is claimed only when there is a place to build it in.
/// </summary>
public sealed class ScopeDrain(IDestinationSource source, ScopeBuilder builder, ScheduleOptions options, WakeUp signal, TimeProvider time, ILogger<ScopeDrain> logger)
    : IDisposable
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoppingGrace = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _places = new(options.Parallelism, options.Parallelism);
    private readonly int[] _running = new int[2];
    private Lane _turn = Lane.Edits;

    /// <summary>
    /// Starts a build for every scope that is due, edits first. Where there are places enough, one is bulk's and one is edits', so neither keeps the other out; a single place is
    /// given to the lanes in turn. Only one caller at a time.
    /// </summary>
    /// <returns>Whether any build was started.</returns>
    public async Task<bool> DrainAsync(CancellationToken cancellationToken)
    {
        var any = false;
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
        }
    }

    private async Task<int> StartAsync(Lane lane, int free, CancellationToken cancellationToken)
    {
        // The other lane's place.
        var most = options.Parallelism == 1 ? free : Math.Min(free, options.Parallelism - 1 - Volatile.Read(ref _running[(int)lane]));
        if (most <= 0) return 0;
        var claims = await source.ClaimAsync(lane, most, cancellationToken);
        if (claims.Count > 0) _turn = lane == Lane.Edits ? Lane.Bulk : Lane.Edits;
        foreach (var claim in claims)
        {
            Interlocked.Increment(ref _running[(int)lane]);
            _ = BuildInPlaceAsync(claim, lane, cancellationToken);
        }
        return claims.Count;
    }

    /// <summary>Completes when no build is running.</summary>
    public async Task WhenIdleAsync()
    {
        for (var place = 0; place < options.Parallelism; place++) await _places.WaitAsync(TimeSpan.FromMinutes(1));
        _places.Release(options.Parallelism);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private async Task BuildInPlaceAsync(ClaimedScope claim, Lane lane, CancellationToken cancellationToken)
    {
        try
        {
            await BuildAsync(claim, verify: false, onFailure: null, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The worker stops; the claim was given back.
        }
        finally
        {
            Interlocked.Decrement(ref _running[(int)lane]);
            _places.Release();
            // What waits for a place of this lane's is to be looked for.
            signal.Raise();
        }
    }

    /// <summary>Builds one claimed scope and says what became of it; null when it failed, which is recorded.</summary>
    public async Task<BuildReport?> BuildAsync(
        ClaimedScope claim, bool verify, Action<BuildFailure>? onFailure, CancellationToken cancellationToken)
    {
        try
        {
            var started = time.GetTimestamp();
            var report = await builder.BuildAsync(claim, verify, cancellationToken);
            TellFailures(claim.Scope, report.Problems);
            await source.CompleteAsync(claim, report, cancellationToken);
            logger.Built(claim.Scope.ToString(), report.Publication.Outcome, report.Publication.Manifest.Version,
                report.Publication.SnapshotsWritten, report.Problems.Count, (long)time.GetElapsedTime(started).TotalMilliseconds);
            return report;
        }
        catch (ScopeHeldException held)
        {
            logger.Held(claim.Scope.ToString(), held.Message);
            TellFailures(claim.Scope, held.Problems);
            await FailAsync(claim, new BuildFailure(held.Message, true, held.Rows.Position, held.Problems), onFailure, cancellationToken);
        }
        catch (ConsentViolationException violation)
        {
            logger.ConsentViolation(claim.Scope.ToString(), violation.Violations.Length, violation.Violations[0]);
            await FailAsync(claim, new BuildFailure(violation.Message, true, null, null), onFailure, cancellationToken);
        }
        catch (ScopeTooLargeException large)
        {
            logger.Held(claim.Scope.ToString(), large.Message);
            await FailAsync(claim, new BuildFailure(large.Message, true, null, null), onFailure, cancellationToken);
        }
        catch (CommitUnknownException unknown)
        {
            logger.BuildFailed(claim.Scope.ToString(), claim.Attempt, unknown.Message, null);
            await FailAsync(claim, new BuildFailure(unknown.Message, false, null, null) { CommitUnknown = true }, onFailure, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It may have got as far as the commit, so it counts as an attempt, and the next one fences it off.
            await WithinGraceAsync(token =>
                source.FailAsync(claim, new BuildFailure("The worker stopped during the build.", false, null, null) { CommitUnknown = true }, TimeSpan.Zero, token));
            throw;
        }
        catch (Exception exception)
        {
            // Whatever it was, it concerns this scope: the others go on.
            logger.BuildFailed(claim.Scope.ToString(), claim.Attempt, exception.Message,
                exception is StoreUnavailableException or SourceUnavailableException or ScopeUnreadableException or GenerationException ? null : exception);
            await FailAsync(claim, new BuildFailure(exception.Message, false, null, null), onFailure, cancellationToken);
        }
        return null;
    }

    /// <summary>What a stopping worker still has to say, for which its own token is of no use any more.</summary>
    private async Task WithinGraceAsync(Func<CancellationToken, Task> action)
    {
        using var grace = new CancellationTokenSource(StoppingGrace, time);
        try
        {
            await action(grace.Token);
        }
        catch (Exception exception) when (exception is SourceUnavailableException or StoreUnavailableException or OperationCanceledException)
        {
            logger.NotGivenBack(exception.Message);
        }
    }

    private async Task FailAsync(ClaimedScope claim, BuildFailure failure, Action<BuildFailure>? onFailure, CancellationToken cancellationToken)
    {
        onFailure?.Invoke(failure);
        try
        {
            await source.FailAsync(claim, failure, RetryDelay(claim.Attempt), cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever it was, it concerns this scope, and the queue makes it ready again when it can be reached, so it is not lost.
            logger.FailureNotRecorded(claim.Scope.ToString(), exception.Message);
        }
    }

    /// <summary>The generator has no logger: what failed in it stands among the problems, without any value.</summary>
    private void TellFailures(Scope scope, IEnumerable<DestinationProblem> problems)
    {
        foreach (var problem in problems.Where(problem => problem.Kind == DestinationProblemKind.GenerationFailed))
            logger.GenerationFailed(scope.ToString(), problem.DestinationId, problem.Type, problem.Message);
    }

    /// <summary>Spread, so that what failed together does not come back together.</summary>
    private TimeSpan RetryDelay(int attempt) => Jitter.Backoff(attempt, FirstRetryDelay, options.MaxRetryDelay);
}
