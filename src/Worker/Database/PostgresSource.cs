using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Database;

/// <summary>Destinations from Postgres; which scopes wait, and what became of them, is kept there too.</summary>
internal sealed class PostgresSource(
    NpgsqlDataSource database, DestinationReader reader, ScopeQueue queue, BuildRecords records, ScopeStatusReader statuses, DrainSignal signal)
    : IDestinationSource
{
    // How long a scope waits for another worker when its own was killed. A build that takes longer renews it; where that fails too, a scope's fence is
    // (epoch, revision) and If-Match: the lease only saves doing the work twice.
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private const int StatusLimit = 100_000;

    /// <inheritdoc/>
    public string Description
    {
        get
        {
            var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
            return $"postgres {connection.Host}:{connection.Port}/{connection.Database}";
        }
    }

    /// <inheritdoc/>
    public Task CheckAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await reader.CheckAsync(cancellationToken);
        return true;
    });

    /// <inheritdoc/>
    public Task<ScopeRows> ReadAsync(Scope scope, CancellationToken cancellationToken) =>
        GuardAsync(async () => Rows(await reader.ReadAsync(scope, cancellationToken)));

    /// <inheritdoc/>
    public async IAsyncEnumerable<ScopeRead> ReadAsync(
        IReadOnlyList<OrganizationId> organizations, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var sources = reader.ReadAsync(organizations, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (sources)
        {
            while (await GuardAsync(async () => await sources.MoveNextAsync())) yield return Read(sources.Current);
        }
    }

    /// <inheritdoc/>
    public Task<int> RecordedVersionAsync(Scope scope, CancellationToken cancellationToken) => GuardAsync(async () =>
        (int)((await records.ListPublicationsAsync(scope, 1, cancellationToken)).FirstOrDefault()?.Version ?? 0));

    /// <inheritdoc/>
    public Task<IReadOnlyList<Scope>> ListScopesAsync(CancellationToken cancellationToken) => GuardAsync<IReadOnlyList<Scope>>(async () =>
        [.. (await reader.ListOrganizationsAsync(cancellationToken)).Order().SelectMany(Scope.Of)]);

    /// <inheritdoc/>
    public Task<ClaimedScopes> ClaimAsync(int max, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var batch = await queue.ClaimAsync(max, Lease, cancellationToken);
        return new ClaimedScopes([.. batch.Claims.Select(Claimed)], batch.WritersInFlight > 0);
    });

    /// <inheritdoc/>
    public Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => GuardAsync(async () =>
        await queue.ClaimAsync(scope, Lease, cancellationToken) is { } claim ? Claimed(claim) : null);

    /// <inheritdoc/>
    public TimeSpan? RenewalInterval => Lease / 4;

    /// <inheritdoc/>
    public Task<bool> RenewAsync(ClaimedScope claim, CancellationToken cancellationToken) =>
        GuardAsync(() => queue.RenewAsync((ScopeClaim)claim.Token, Lease, cancellationToken));

    /// <inheritdoc/>
    public Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await records.ReplaceReportsAsync(claim.Scope, [.. report.Problems], cancellationToken);
        if (report.Publication is { Outcome: PublicationOutcome.Published, Manifest: var manifest } publication)
        {
            await records.RecordPublicationAsync(
                new PublicationRecord(
                    claim.Scope, manifest.Version, manifest.Envelope.PublicationId, new SourceVersion(manifest.Envelope.SourceEpoch, manifest.Envelope.SourceRevision),
                    manifest.Envelope.GeneratedAt, manifest.Digest(), publication.ChangedCombinations),
                cancellationToken);
        }
        var published = report.Publication.Outcome == PublicationOutcome.Published;
        var completion = await queue.CompleteAsync((ScopeClaim)claim.Token, report.Position.Revision!.Value, published, cancellationToken);
        if (completion != Completion.UpToDate) signal.Raise();
        return true;
    });

    /// <inheritdoc/>
    public Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        if (failure.Problems is { } problems) await records.ReplaceReportsAsync(claim.Scope, [.. problems], cancellationToken);
        await queue.FailAsync((ScopeClaim)claim.Token, failure.Error, delay, failure.Held ? failure.Error : null, cancellationToken, failure.CommitUnknown);
        // A change that came while the scope was in hand was signalled then, when it could not be claimed.
        signal.Raise();
        return true;
    });

    /// <inheritdoc/>
    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await queue.EnqueueAsync(scopes, "reconcile", cancellationToken);
        return true;
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<SourceStatus>> StatusAsync(OrganizationId? organization, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<SourceStatus>>(async () =>
        {
            var problems = (await records.ListReportsAsync(organization, cancellationToken)).ToLookup(report => report.Scope, report => report.Problem);
            var lines = ImmutableArray.CreateBuilder<SourceStatus>();
            foreach (var line in await statuses.ListAsync(organization?.Value, unfinishedOnly: false, StatusLimit, cancellationToken))
            {
                if (!Scope.TryParse(line.Organization, line.Environment, out var scope)) continue;
                lines.Add(new SourceStatus(scope, State(line.State), line.Attempts, line.LastError, line.Revision, [.. problems[scope]]));
            }
            return lines.ToImmutable();
        });

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListRefusedAsync(CancellationToken cancellationToken) => GuardAsync<IReadOnlyList<string>>(async () =>
    [
        .. (await statuses.ListAsync(null, unfinishedOnly: true, StatusLimit, cancellationToken))
            .Where(line => !OrganizationId.TryParse(line.Organization, out _))
            .Select(line => $"organization '{line.Organization}' ({line.Environment}): {OrganizationId.Rule}"),
        .. (await reader.ListUnknownEnvironmentsAsync(cancellationToken))
            .Select(row => $"destination {row.Id} of organization '{row.Organization}': environment '{row.Environment}' is none of development, staging, production."),
    ]);

    private static ScopeRead Read(ScopeSource source) => new(source.Scope, source.Problem is null ? Rows(source) : null, source.Problem, source.IsOverLimit);

    private static ScopeRows Rows(ScopeSource source) =>
        new(source.Scope, source.Destinations, new SourcePosition(source.Version.Epoch, source.Version.Revision), source.Clock) { ChangedAt = source.ChangedAt };

    private static ClaimedScope Claimed(ScopeClaim claim) => new(claim.Scope, claim.Attempt > 1, claim.Attempt, claim) { Fence = claim.Fence };

    private static BuildState State(ScopeState state) => state switch
    {
        ScopeState.UpToDate => BuildState.UpToDate,
        ScopeState.Building => BuildState.Building,
        ScopeState.Waiting => BuildState.Failed,
        ScopeState.Held => BuildState.Held,
        _ => BuildState.Pending,
    };

    private async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is NpgsqlException or RowSecurityException or DatabaseShapeException or TimeoutException)
        {
            throw new SourceUnavailableException($"{Description} cannot be used: {exception.Message}", exception);
        }
    }
}
