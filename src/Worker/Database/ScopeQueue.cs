using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.Generator.Destinations;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Database;

/// <summary>A scope that this worker has for the length of the lease.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Revision">The revision when it was claimed. The build may read a later one; completion counts the one that was read.</param>
/// <param name="Attempt">1 for the first try since the last success.</param>
/// <param name="Token">Tells this claim from a later one on the same scope.</param>
/// <param name="Fence">Whether whoever held the scope before may still commit a version.</param>
internal sealed record ScopeClaim(Scope Scope, long Revision, int Attempt, Guid Token, bool Fence = false);

/// <summary>What a claim brought.</summary>
/// <param name="Claims">The scopes, those that changed first before others.</param>
/// <param name="WritersInFlight">
/// How many completed scopes still have an uncommitted writer that will not notify: claim again in a fraction of a second.
/// </param>
internal sealed record ClaimBatch(ImmutableArray<ScopeClaim> Claims, int WritersInFlight);

/// <summary>How a completed scope stands.</summary>
internal enum Completion
{
    /// <summary>Nothing left to do.</summary>
    UpToDate,

    /// <summary>It changed while it was built: claim again now.</summary>
    ChangedAgain,

    /// <summary>A writer has changed it and not committed yet: claim again shortly (see <see cref="ClaimBatch.WritersInFlight"/>).</summary>
    WriterInFlight,
}

/// <summary>The state of the queue, for metrics and status.</summary>
/// <param name="Pending">Scopes whose latest revision is not completed.</param>
/// <param name="Claimed">Of these, being built now.</param>
/// <param name="Waiting">Of these, waiting for their next attempt after a failure.</param>
/// <param name="Held">Of these, keeping their last good version for a reason that is ours.</param>
/// <param name="Uncounted">Changes that could not be counted when they were written; the next claim counts them.</param>
/// <param name="Oldest">How long the longest pending scope has been unchanged and unbuilt; zero when none is.</param>
internal sealed record QueueDepth(long Pending, long Claimed, long Waiting, long Held, long Uncounted, TimeSpan Oldest);

/// <summary>
/// The work to do, in Postgres: a scope is due while its revision is above the completed one, nobody holds a lease on it, and a failed attempt's
/// back-off is over or a newer revision came. All times are the database's, so the workers' clocks do not matter.
/// </summary>
/// <remarks>
/// Every statement is a transaction of its own and never waits for the control plane's: writers lock <c>scopes</c>, workers <c>work</c>.
/// </remarks>
internal sealed class ScopeQueue(NpgsqlDataSource database, string worker, TimeProvider time, ILogger<ScopeQueue> logger)
{
    private const int LongestError = 2000;

    // A writer that is still open after this is left to the drain schedule.
    private static readonly TimeSpan WriterPatience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RefusedFor = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<Scope, long> _writers = [];

    /// <summary>Takes up to <paramref name="max"/> due scopes. Several workers claiming at once get different ones.</summary>
    public async Task<ClaimBatch> ClaimAsync(int max, TimeSpan lease, CancellationToken ct)
    {
        await CountUncountedChangesAsync(ct);
        // Before the claim: a writer that is found gone here has committed, so the claim sees its revision.
        await ForgetFinishedWritersAsync(ct);

        var claims = ImmutableArray.CreateBuilder<ScopeClaim>();
        bool again;
        do
        {
            var refused = new List<(string Organization, string Environment, Guid Token, long Revision)>();
            await using (var command = database.CreateCommand(
                $"""
                with due as materialized (
                    select w.organization_id, w.environment, s.revision
                    from consent_snapshots.work w
                    join consent_snapshots.scopes s using (organization_id, environment)
                    where s.revision > w.completed_revision
                      and (w.claimed_until is null or w.claimed_until <= now())
                      and (w.next_attempt_at is null or w.next_attempt_at <= now() or s.revision > w.attempted_revision)
                    order by s.changed_at, w.organization_id, w.environment
                    limit $1
                    for update of w skip locked
                )
                update consent_snapshots.work w
                set claimed_by = $2, claim_token = gen_random_uuid(), claimed_until = now() + $3, attempts = w.attempts + 1, fence = w.fence or w.claim_token is not null
                from due d
                where w.organization_id = d.organization_id and w.environment = d.environment
                returning {DatabaseText.Sendable("w.organization_id")}, w.environment, d.revision, w.attempts, w.claim_token, w.fence
                """))
            {
                command.Parameters.AddWithValue(max);
                command.Parameters.AddWithValue(worker);
                command.Parameters.AddWithValue(lease);
                await using var reader = await command.ExecuteReaderAsync(ct);
                while (await reader.ReadAsync(ct))
                {
                    var (organization, environment, token) = (reader.GetString(0), reader.GetString(1), reader.GetGuid(4));
                    if (Scope.TryParse(organization, environment, out var scope))
                        claims.Add(new ScopeClaim(scope, reader.GetInt64(2), reader.GetInt32(3), token, reader.GetBoolean(5)));
                    else
                        refused.Add((organization, environment, token, reader.GetInt64(2)));
                }
            }

            foreach (var (organization, environment, token, revision) in refused)
            {
                // Its name would have to be a path. Nothing but a change of the row's organization helps, so there is no hurry.
                logger.ScopeRefused(organization, environment, OrganizationId.Rule);
                await RecordFailureAsync(null, token, revision, OrganizationId.Rule, OrganizationId.Rule, RefusedFor, fence: false, ct);
            }

            // Only unusable names: what is behind them in the order must not wait for the next drain.
            again = claims.Count == 0 && refused.Count > 0;
        }
        while (again);

        return new ClaimBatch(claims.ToImmutable(), _writers.Count);
    }

    /// <summary>Takes one scope, due or not; null while another worker has it, or where the database does not know it.</summary>
    public async Task<ScopeClaim?> ClaimAsync(Scope scope, TimeSpan lease, CancellationToken ct)
    {
        await CountUncountedChangesAsync(ct);
        await using var command = database.CreateCommand(
            """
            update consent_snapshots.work w
            set claimed_by = $3, claim_token = gen_random_uuid(), claimed_until = now() + $4, attempts = w.attempts + 1, fence = w.fence or w.claim_token is not null
            from consent_snapshots.scopes s
            where w.organization_id = $1 and w.environment = $2
              and s.organization_id = w.organization_id and s.environment = w.environment
              and (w.claimed_until is null or w.claimed_until <= now())
            returning s.revision, w.attempts, w.claim_token, w.fence
            """);
        AddScope(command, scope);
        command.Parameters.AddWithValue(worker);
        command.Parameters.AddWithValue(lease);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new ScopeClaim(scope, reader.GetInt64(0), reader.GetInt32(1), reader.GetGuid(2), reader.GetBoolean(3)) : null;
    }

    /// <summary>Records that <paramref name="revision"/>, the one that was read, is published, and gives the scope back.</summary>
    /// <remarks>
    /// Where the lease ran out meanwhile, nothing counts as completed: whoever took the scope over may have committed a version, which this build then found unchanged, and have died before
    /// anybody was told of it. A later claim of somebody else stays.
    /// </remarks>
    /// <param name="claim">The claim.</param>
    /// <param name="revision">The revision that was read.</param>
    /// <param name="published">
    /// Whether a new version was made current. If a later revision was completed meanwhile, that version is of older data: the scope counts as completed at this revision only, and is
    /// due again at once.
    /// </param>
    /// <param name="ct">Cancels the call.</param>
    public async Task<Completion> CompleteAsync(ScopeClaim claim, long revision, bool published, CancellationToken ct)
    {
        // The share lock is had only where no writer holds the row. One that is in flight may have seen the scope as pending and
        // unclaimed before our claim, and will then not notify; one that comes after the lock sees the scope as completed and will.
        await using var command = database.CreateCommand(
            """
            with latest as materialized (
                select revision from consent_snapshots.scopes where organization_id = $1 and environment = $2
                for share skip locked
            )
            update consent_snapshots.work w
            set completed_revision = case when w.claim_token is distinct from $4 then case when $5 then least(w.completed_revision, $3) else w.completed_revision end
                                          when $5 then $3 else greatest(w.completed_revision, $3) end,
                completed_at = case when w.claim_token = $4 then now() else w.completed_at end,
                attempts = case when w.claim_token = $4 then 0 else w.attempts end,
                next_attempt_at = case when w.claim_token = $4 then null else w.next_attempt_at end,
                last_error = case when w.claim_token = $4 then null else w.last_error end,
                held_reason = case when w.claim_token = $4 then null else w.held_reason end,
                -- What this build fenced off is what was under way when it was claimed, not what a later claim has sent.
                fence = w.fence and w.claim_token is distinct from $4,
                claimed_by = case when w.claim_token = $4 then null else w.claimed_by end,
                claimed_until = case when w.claim_token = $4 then null else w.claimed_until end,
                claim_token = case when w.claim_token = $4 then null else w.claim_token end
            from (select (select revision from latest) as revision) l
            where w.organization_id = $1 and w.environment = $2
            returning l.revision
            """);
        AddScope(command, claim.Scope);
        command.Parameters.AddWithValue(revision);
        command.Parameters.AddWithValue(claim.Token);
        command.Parameters.AddWithValue(published);
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct)) return Completion.UpToDate; // the scope was purged meanwhile
        if (!await reader.IsDBNullAsync(0, ct)) return reader.GetInt64(0) > revision ? Completion.ChangedAgain : Completion.UpToDate;
        _writers[claim.Scope] = time.GetTimestamp();
        return Completion.WriterInFlight;
    }

    /// <summary>Gives the scope back for a later attempt: after <paramref name="retryIn"/>, or as soon as it changes again.</summary>
    /// <param name="claim">The claim.</param>
    /// <param name="error">What went wrong, for operators. Never a setting's value.</param>
    /// <param name="retryIn">The caller's back-off, jitter included.</param>
    /// <param name="heldReason">Why the scope keeps its last good version, where that was decided; null for a plain failure.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <param name="fence">Whether a commit of this attempt may still arrive.</param>
    /// <returns>Whether the claim was still ours; if not, nothing is recorded.</returns>
    public async Task<bool> FailAsync(ScopeClaim claim, string error, TimeSpan retryIn, string? heldReason, CancellationToken ct, bool fence = false)
    {
        var recorded = await RecordFailureAsync(claim.Scope, claim.Token, claim.Revision, error, heldReason, retryIn, fence, ct);
        if (!recorded) logger.ClaimLost(claim.Scope.ToString(), "its failure was recorded");
        return recorded;
    }

    /// <summary>Lengthens the lease to <paramref name="lease"/> from now.</summary>
    /// <returns>Whether the claim is still ours; one that ran out may be somebody else's.</returns>
    public async Task<bool> RenewAsync(ScopeClaim claim, TimeSpan lease, CancellationToken ct)
    {
        await using var command = database.CreateCommand("update consent_snapshots.work set claimed_until = now() + $3 where claim_token = $1 and organization_id = $2");
        command.Parameters.AddWithValue(claim.Token);
        command.Parameters.AddWithValue(claim.Scope.Organization.Value);
        command.Parameters.AddWithValue(lease);
        var renewed = await command.ExecuteNonQueryAsync(ct) > 0;
        if (!renewed) logger.ClaimLost(claim.Scope.ToString(), "it was renewed");
        return renewed;
    }

    /// <summary>Makes scopes due by counting a change of each, known or not, and tells the workers.</summary>
    /// <remarks>Goes through <c>uncounted_changes</c>, so it never waits for a control-plane transaction that holds one of the scopes.</remarks>
    public async Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, string reason, CancellationToken ct)
    {
        if (scopes.Count == 0) return;
        await using (var command = database.CreateCommand(
            """
            with noted as (
                insert into consent_snapshots.uncounted_changes (organization_id, environment, reason)
                select n.organization_id, n.environment, $3 from unnest($1, $2) as n (organization_id, environment)
                returning 1
            )
            select consent_snapshots.tell_workers() from (select count(*) from noted) counted
            """))
        {
            command.Parameters.AddWithValue(scopes.Select(scope => scope.Organization.Value).ToArray());
            command.Parameters.AddWithValue(scopes.Select(scope => scope.Environment.Name()).ToArray());
            command.Parameters.AddWithValue(reason);
            await command.ExecuteNonQueryAsync(ct);
        }

        await CountUncountedChangesAsync(ct);
    }

    /// <summary>How much there is to do.</summary>
    public async Task<QueueDepth> PendingCountAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select count(*),
                   count(*) filter (where w.claimed_until > now()),
                   count(*) filter (where w.next_attempt_at > now() and s.revision <= w.attempted_revision and w.claimed_until is null),
                   count(*) filter (where w.held_reason is not null),
                   (select count(*) from consent_snapshots.uncounted_changes),
                   coalesce(now() - min(s.changed_at), interval '0')
            from consent_snapshots.scopes s
            left join consent_snapshots.work w using (organization_id, environment)
            where s.revision > coalesce(w.completed_revision, 0)
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var oldest = reader.GetTimeSpan(5);
        return new QueueDepth(
            reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4),
            oldest < TimeSpan.Zero ? TimeSpan.Zero : oldest);
    }

    private async Task CountUncountedChangesAsync(CancellationToken ct)
    {
        try
        {
            await using var command = database.CreateCommand("select consent_snapshots.count_uncounted_changes()");
            var counted = (long)(await command.ExecuteScalarAsync(ct))!;
            if (counted > 0) logger.UncountedChangesFolded(counted);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            // Work that is already counted must not wait for this.
            logger.UncountedChangesBlocked(exception.SqlState, exception);
        }
    }

    private async Task ForgetFinishedWritersAsync(CancellationToken ct)
    {
        foreach (var (scope, since) in _writers)
            if (time.GetElapsedTime(since) > WriterPatience) _writers.TryRemove(KeyValuePair.Create(scope, since));
        var waiting = _writers.ToArray();
        if (waiting.Length == 0) return;

        await using var command = database.CreateCommand(
            """
            select s.organization_id, s.environment
            from consent_snapshots.scopes s
            where (s.organization_id, s.environment) in (select * from unnest($1, $2))
            for share of s skip locked
            """);
        command.Parameters.AddWithValue(waiting.Select(writer => writer.Key.Organization.Value).ToArray());
        command.Parameters.AddWithValue(waiting.Select(writer => writer.Key.Environment.Name()).ToArray());
        await using var reader = await command.ExecuteReaderAsync(ct);
        var known = waiting.ToDictionary(writer => (writer.Key.Organization.Value, writer.Key.Environment.Name()));
        while (await reader.ReadAsync(ct))
            if (known.TryGetValue((reader.GetString(0), reader.GetString(1)), out var finished)) _writers.TryRemove(finished);
    }

    /// <summary>Records a failure of the claim with a token; where the scope is none that has a name, the whole table is looked through for it.</summary>
    private async Task<bool> RecordFailureAsync(Scope? scope, Guid token, long revision, string error, string? heldReason, TimeSpan retryIn, bool fence, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            update consent_snapshots.work
            set attempted_revision = greatest(attempted_revision, $2), next_attempt_at = now() + $3, last_error = $4, held_reason = $5,
                claimed_by = null, claim_token = null, claimed_until = null, fence = fence or $6
            where claim_token = $1 {(scope is null ? "" : "and organization_id = $7 and environment = $8")}
            """);
        command.Parameters.AddWithValue(token);
        command.Parameters.AddWithValue(revision);
        command.Parameters.AddWithValue(retryIn);
        command.Parameters.AddWithValue(Shorten(error));
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)Shorten(heldReason) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.AddWithValue(fence);
        if (scope is { } named) AddScope(command, named);
        return await command.ExecuteNonQueryAsync(ct) > 0;
    }

    // An error that quotes what Postgres takes for no text must not make the record of it fail; nor may a pair of surrogates that was cut in two.
    [return: NotNullIfNotNull(nameof(text))]
    private static string? Shorten(string? text) => DatabaseText.Storable(text is { Length: > LongestError } ? text[..LongestError] : text);

    private static void AddScope(NpgsqlCommand command, Scope scope)
    {
        command.Parameters.AddWithValue(scope.Organization.Value);
        command.Parameters.AddWithValue(scope.Environment.Name());
    }
}
