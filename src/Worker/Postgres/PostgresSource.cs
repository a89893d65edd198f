using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Destinations from Postgres; which scopes wait, and what became of them, is kept there too.</summary>
internal sealed class PostgresSource(
    NpgsqlDataSource database, DestinationReader reader, ScopeQueue queue, WorkerHeartbeat heartbeat, BuildRecords records, ScopeStatusReader statuses, WakeUp signal)
    : IDestinationSource
{
    private static readonly TimeSpan LookWithNotifications = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookWithoutNotifications = TimeSpan.FromMilliseconds(250);

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
    public TimeSpan LookInterval { get; private set; } = LookWithoutNotifications;

    /// <inheritdoc/>
    public Task CheckAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        LookInterval = await reader.CheckAsync(cancellationToken) ? LookWithNotifications : LookWithoutNotifications;
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
    public Task<ScopeRows> ReadAsync(ClaimedScope claim, CancellationToken cancellationToken) =>
        GuardAsync(async () => Rows(await reader.ReadAsync((ScopeClaim)claim.Token, cancellationToken)));

    /// <inheritdoc/>
    public Task<IReadOnlyList<ClaimedScope>> ClaimAsync(Lane lane, int max, CancellationToken cancellationToken) => GuardAsync<IReadOnlyList<ClaimedScope>>(async () =>
    {
        await heartbeat.StartAsync(cancellationToken);
        return [.. (await queue.ClaimAsync(lane, max, cancellationToken)).Select(Claimed)];
    });

    /// <inheritdoc/>
    public Task<ClaimedScope?> ClaimAsync(Scope scope, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await heartbeat.StartAsync(cancellationToken);
        return await queue.ClaimAsync(scope, cancellationToken) is { } claim ? Claimed(claim) : null;
    });

    /// <inheritdoc/>
    public Task CompleteAsync(ClaimedScope claim, BuildReport report, CancellationToken cancellationToken) => GiveBackAsync(claim, async () =>
    {
        var record = report.Publication is { Outcome: PublicationOutcome.Published, Manifest: var manifest } publication
            ? new PublicationRecord(
                claim.Scope, manifest.Version, manifest.Envelope.PublicationId, new SourceVersion(manifest.Envelope.SourceEpoch, manifest.Envelope.SourceRevision),
                manifest.Envelope.GeneratedAt, manifest.Digest(), publication.ChangedCombinations)
            : null;
        await records.RecordAsync(claim.Scope, [.. report.Problems], record, cancellationToken);
        var published = report.Publication.Outcome == PublicationOutcome.Published;
        if (await queue.CompleteAsync((ScopeClaim)claim.Token, published, cancellationToken)) signal.Raise();
    });

    /// <inheritdoc/>
    public Task FailAsync(ClaimedScope claim, BuildFailure failure, TimeSpan delay, CancellationToken cancellationToken) => GiveBackAsync(claim, async () =>
    {
        if (failure.Problems is { } problems) await records.RecordAsync(claim.Scope, [.. problems], null, cancellationToken);
        await queue.FailAsync((ScopeClaim)claim.Token, failure.Error, delay, failure.Held ? failure.Error : null, cancellationToken, failure.CommitUnknown);
        // A change that came while the scope was in hand was signalled then, when it could not be claimed.
        signal.Raise();
    });

    /// <inheritdoc/>
    public Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await queue.EnqueueAsync(scopes, "enqueued", cancellationToken);
        signal.Raise();
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

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListWarningsAsync(CancellationToken cancellationToken) => GuardAsync(() => reader.ListFaultsAsync(cancellationToken));

    private static ScopeRead Read(ScopeSource source) => new(source.Scope, source.Problem is null ? Rows(source) : null, source.Problem, source.IsOverLimit);

    private static ScopeRows Rows(ScopeSource source) =>
        new(source.Scope, source.Destinations, new SourcePosition(source.Version.Epoch, source.Version.Revision), source.Clock) { ChangedAt = source.ChangedAt };

    private static ClaimedScope Claimed(ScopeClaim claim) => new(claim.Scope, claim.Attempt > 1, claim.Attempt, claim) { Fence = claim.Fence, Lane = claim.Lane };

    private static BuildState State(ScopeState state) => state switch
    {
        ScopeState.UpToDate => BuildState.UpToDate,
        ScopeState.Building => BuildState.Building,
        ScopeState.Waiting => BuildState.Failed,
        ScopeState.Held => BuildState.Held,
        _ => BuildState.Pending,
    };

    private Task<bool> GiveBackAsync(ClaimedScope claim, Func<Task> record) => GuardAsync(async () =>
    {
        await queue.InHand.GiveBackAsync(((ScopeClaim)claim.Token).Token, record);
        return true;
    });

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
