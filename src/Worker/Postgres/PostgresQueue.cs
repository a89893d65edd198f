using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The scopes that wait, and what became of them, in Postgres.</summary>
internal sealed class PostgresQueue(DatabaseGuard guard, ScopeQueue queue, WorkerHeartbeat heartbeat, BuildRecords records, ScopeStatusReader statuses, WakeUp wakeUp) : IScopeQueue
{
    private static readonly TimeSpan LookWithNotifications = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookWithoutNotifications = TimeSpan.FromMilliseconds(250);

    private bool? _writersNotify;

    /// <inheritdoc/>
    public TimeSpan LookInterval => _writersNotify == true ? LookWithNotifications : LookWithoutNotifications;

    /// <inheritdoc/>
    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => guard.RunAsync(async () =>
    {
        await queue.EnqueueAsync(scopes, "enqueued", cancellationToken);
        wakeUp.Raise();
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<ScopeClaim>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken) => guard.RunAsync<IReadOnlyList<ScopeClaim>>(async () =>
    {
        await heartbeat.StartAsync(cancellationToken);
        _writersNotify ??= await queue.WritersNotifyAsync(cancellationToken);
        return await queue.ClaimAsync(lane, max, cancellationToken);
    });

    /// <inheritdoc/>
    public Task<ScopeClaim?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => guard.RunAsync(async () =>
    {
        await heartbeat.StartAsync(cancellationToken);
        return await queue.ClaimAsync(scope, cancellationToken);
    });

    /// <inheritdoc/>
    public Task CompleteAsync(ScopeClaim claim, BuildOutcome outcome, TimeSpan retryIn, CancellationToken cancellationToken) =>
        queue.InHand.GiveBackAsync(claim.Token, () => guard.OutlastAsync(async () =>
        {
            // Where another build has made a newer version current, that build records its scripts.
            var scripts = outcome is BuildOutcome.Published or BuildOutcome.Unchanged ? DestinationScripts.Of(outcome.Current!) : null;
            if (outcome.Problems is { } problems) await records.RecordAsync(claim.Scope, [.. problems], Record(claim.Scope, outcome), cancellationToken, scripts);
            var waits = outcome.IsComplete
                ? await queue.CompleteAsync(claim, outcome is BuildOutcome.Published, cancellationToken)
                : await queue.FailAsync(claim, outcome.Reason!, retryIn, outcome.IsHeld ? outcome.Reason : null, cancellationToken, outcome is BuildOutcome.Failed { CommitUnknown: true });
            // A change that came during the build was signalled then, when the scope could not be claimed.
            if (waits) wakeUp.Raise();
            return waits;
        }, cancellationToken));

    /// <inheritdoc/>
    public Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken cancellationToken) => guard.RunAsync(() => queue.ReleaseAsync(claims, cancellationToken));

    /// <inheritdoc/>
    public Task<IReadOnlyList<ScopeStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken) => guard.RunAsync<IReadOnlyList<ScopeStatus>>(async () =>
    {
        var problems = (await records.ListReportsAsync(organization, cancellationToken)).ToLookup(report => report.Scope, report => report.Problem);
        return [.. (await statuses.ListAsync(organization, cancellationToken)).Select(status => status with { Problems = [.. problems[status.Scope]] })];
    });

    private static PublicationRecord? Record(Scope scope, BuildOutcome outcome) =>
        outcome is not BuildOutcome.Published { Manifest: { Envelope: var envelope } manifest, ChangedCombinations: var changed } ? null : new PublicationRecord(
            scope, manifest.Version, envelope.PublicationId, new SourcePosition(envelope.SourceEpoch, envelope.SourceRevision), envelope.GeneratedAt, manifest.Digest(), changed);
}
