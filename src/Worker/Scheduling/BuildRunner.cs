using System.Diagnostics;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Diagnostics;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Settings;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging;

namespace ConsentSnapshots.Worker.Scheduling;

/// <summary>Carries a claimed scope from its read to its completion: reads the rows, has them built, says what became of them, and gives the scope back.</summary>
public sealed class BuildRunner(IDestinationSource source, IScopeQueue queue, ScopeBuilder builder, ScheduleOptions options, TimeProvider time, ILogger<BuildRunner> logger,
    WorkerMetrics? metrics = null)
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoppingGrace = TimeSpan.FromSeconds(3);

    private readonly AttemptTraces _attempts = new();

    /// <summary>Reads claimed scopes for their builds, those that are read together in one piece. What fails is the answer for each scope.</summary>
    public async Task<IReadOnlyList<ScopeRead>> ReadAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken cancellationToken)
    {
        using var span = WorkerSpans.Step("read")?.SetTag("consent.scopes", claims.Count);
        try
        {
            var reads = new Dictionary<Scope, ScopeRead>();
            await foreach (var read in source.ReadAsync([.. claims.Select(claim => claim.Scope).Order()], ReadPurpose.Build, cancellationToken)) reads[read.Scope] = read;
            return [.. claims.Select(claim => reads[claim.Scope])];
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            span.Failed(exception);
            if (exception is not SourceUnavailableException) logger.ReadFailed(exception.Message, exception);
            return [.. claims.Select(claim => new ScopeRead.Unreadable(claim.Scope, exception.Message))];
        }
    }

    /// <summary>Reads and builds one claimed scope.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="verify">Whether to read back every blob, and to announce the scope again.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public Task<BuildOutcome> RunAsync(ScopeClaim claim, bool verify, CancellationToken cancellationToken) =>
        RunAsync(claim, ReadAsync([claim], cancellationToken), 0, verify, cancellationToken);

    /// <summary>Builds one claimed scope of those that are being read together.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="reading">The read of all of them.</param>
    /// <param name="index">Which of them the scope is.</param>
    /// <param name="verify">Whether to read back every blob, and to announce the scope again.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task<BuildOutcome> RunAsync(ScopeClaim claim, Task<IReadOnlyList<ScopeRead>> reading, int index, bool verify, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        using var span = WorkerSpans.Build(claim.Attempt > 1 ? _attempts.Earlier(claim.Scope) : null);
        span?.SetTag("consent.scope", claim.Scope.ToString()).SetTag("consent.lane", claim.Lane.ToString().ToLowerInvariant()).SetTag("consent.attempt", claim.Attempt);
        BuildOutcome outcome;
        var begun = false;
        try
        {
            var read = (await reading)[index];
            begun = true;
            if (read is ScopeRead.Found { Rows.Changes: { } changes }) claim = claim with { Changes = changes };
            if (read is ScopeRead.Found { Rows.ChangedAt: { } changedAt }) span?.SetTag("consent.changed_at", WireTime.Format(changedAt));
            outcome = await builder.BuildAsync(read, new BuildOrder(claim.Retried, claim.Fence, verify), cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // A build that was begun may have got as far as the commit, so it counts as an attempt, and the next one fences it off.
            if (!begun) await ReleaseAsync([claim]);
            else await WithinGraceAsync(token => queue.CompleteAsync(claim, new BuildOutcome.Failed("The worker stopped during the build.", CommitUnknown: true), TimeSpan.Zero, token));
            throw;
        }
        Describe(span, claim.Scope, outcome);
        Tell(claim, outcome, time.GetElapsedTime(started));
        metrics?.Built(outcome.Name, claim.Attempt, time.GetElapsedTime(started));
        if (outcome is BuildOutcome.Published) metrics?.Published();
        using var completing = WorkerSpans.Step("complete");
        try
        {
            await queue.CompleteAsync(claim, outcome, RetryDelay(claim.Attempt), cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever it was, it concerns this scope, and the queue makes it ready again when it can be reached, so it is not lost.
            completing.Failed(exception);
            logger.OutcomeNotRecorded(claim.Scope.ToString(), exception.Message);
            return new BuildOutcome.Failed($"What became of it could not be recorded: {exception.Message}") { Problems = outcome.Problems };
        }
        return outcome;
    }

    /// <summary>Gives back what was claimed and not begun, which a stopping worker still has to do although its own token is of no use any more.</summary>
    public Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims) => claims.Count == 0 ? Task.CompletedTask : WithinGraceAsync(token => queue.ReleaseAsync(claims, token));

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

    private void Describe(Activity? span, Scope scope, BuildOutcome outcome)
    {
        _attempts.Ended(scope, outcome.IsComplete ? null : span);
        if (span is null) return;
        span.SetTag("consent.outcome", outcome.Name);
        if (outcome.Current is { } current) span.SetTag("consent.version", current.Version).SetTag("consent.publication.id", current.Envelope.PublicationId);
        if (outcome.Reason is { } reason) span.SetTag("error.type", outcome.Name).SetStatus(ActivityStatusCode.Error, reason);
    }

    private void Tell(ScopeClaim claim, BuildOutcome outcome, TimeSpan elapsed)
    {
        var scope = claim.Scope.ToString();
        // The generator has no logger: what failed in it stands among the problems, without any value.
        foreach (var problem in (outcome.Problems ?? []).Where(problem => problem.Kind == DestinationProblemKind.GenerationFailed))
            logger.GenerationFailed(scope, problem.DestinationId, problem.Type, problem.Message);
        switch (outcome)
        {
            case BuildOutcome.Held held:
                logger.Held(scope, held.Why);
                break;
            case BuildOutcome.Refused refused:
                logger.ConsentViolation(scope, refused.Violations.Count, refused.Violations[0]);
                break;
            case BuildOutcome.Failed failed:
                logger.BuildFailed(scope, claim.Attempt, failed.Why, failed.Fault);
                break;
            default:
                var written = outcome is BuildOutcome.Published published ? published.SnapshotsWritten : outcome is BuildOutcome.Unchanged unchanged ? unchanged.SnapshotsWritten : 0;
                logger.Built(scope, outcome.GetType().Name, outcome.Current!.Version, written, outcome.Problems?.Count ?? 0, (long)elapsed.TotalMilliseconds);
                break;
        }
    }

    /// <summary>Spread, so that what failed together does not come back together.</summary>
    private TimeSpan RetryDelay(int attempt) => Jitter.Backoff(attempt, FirstRetryDelay, options.MaxRetryDelay);
}
