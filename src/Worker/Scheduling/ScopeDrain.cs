using System.Collections.Concurrent;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Storage;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Builds every scope that is due. One that fails is tried again later and holds up no other.</summary>
public sealed class ScopeDrain(IDestinationSource source, ScopeBuilder builder, ScheduleOptions options, TimeProvider time, ILogger<ScopeDrain> logger)
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoppingGrace = TimeSpan.FromSeconds(3);

    /// <summary>Builds until nothing is due; whether a writer in flight makes it worth looking again soon.</summary>
    public async Task<bool> DrainAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var batch = await source.ClaimAsync(options.Parallelism * 4, cancellationToken);
            if (batch.Claims.Count == 0) return batch.LookAgainSoon;
            var untouched = new ConcurrentDictionary<ClaimedScope, bool>(batch.Claims.Select(claim => KeyValuePair.Create(claim, true)));
            try
            {
                await Parallel.ForEachAsync(
                    batch.Claims,
                    new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism, CancellationToken = cancellationToken },
                    async (claim, token) =>
                    {
                        untouched.TryRemove(claim, out _);
                        await BuildAsync(claim, claim.Retried, verify: false, onFailure: null, token);
                    });
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Another worker goes on at once instead of waiting for the leases to run out.
                await WithinGraceAsync(token => source.ReleaseAsync([.. untouched.Keys], token));
                throw;
            }
        }
    }

    /// <summary>Builds one claimed scope and says what became of it; null when it failed, which is recorded.</summary>
    public async Task<BuildReport?> BuildAsync(
        ClaimedScope claim, bool announce, bool verify, Action<BuildFailure>? onFailure, CancellationToken cancellationToken)
    {
        try
        {
            var started = time.GetTimestamp();
            var report = await builder.BuildAsync(claim.Scope, announce, verify, cancellationToken);
            await source.CompleteAsync(claim, report, cancellationToken);
            logger.Built(claim.Scope.ToString(), report.Publication.Outcome, report.Publication.Manifest.Version,
                report.Publication.SnapshotsWritten, report.Problems.Count, (long)time.GetElapsedTime(started).TotalMilliseconds);
            return report;
        }
        catch (ScopeHeldException held)
        {
            logger.Held(claim.Scope.ToString(), held.Message);
            await FailAsync(claim, new BuildFailure(held.Message, true, held.Rows.Position, held.Problems), onFailure, cancellationToken);
        }
        catch (ConsentViolationException violation)
        {
            logger.ConsentViolation(claim.Scope.ToString(), violation.Violations.Length, violation.Violations[0]);
            await FailAsync(claim, new BuildFailure(violation.Message, true, null, null), onFailure, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It may have got as far as the current manifest, so it counts as an attempt, and the next one announces.
            await WithinGraceAsync(token => source.FailAsync(claim, new BuildFailure("The worker stopped during the build.", false, null, null), TimeSpan.Zero, token));
            throw;
        }
        catch (Exception exception)
        {
            // Whatever it was, it concerns this scope: the others go on.
            logger.BuildFailed(claim.Scope.ToString(), claim.Attempt, exception.Message, exception is StoreUnavailableException or SourceUnavailableException ? null : exception);
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
        catch (Exception exception) when (exception is SourceUnavailableException or StoreUnavailableException)
        {
            // The lease runs out by itself, so the scope is not lost.
            logger.FailureNotRecorded(claim.Scope.ToString(), exception.Message);
        }
    }

    /// <summary>Doubles with each attempt up to the limit, then spread by a fifth either way, so that what failed together does not come back together.</summary>
    private TimeSpan RetryDelay(int attempt)
    {
        var delay = FirstRetryDelay * Math.Pow(2, Math.Min(attempt - 1, 20));
        if (delay > options.MaxRetryDelay) delay = options.MaxRetryDelay;
        return delay * (0.8 + Random.Shared.NextDouble() * 0.4);
    }
}
