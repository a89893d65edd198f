using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>
/// The work to do, in Postgres: what the writers' transactions appended to <c>changes</c> is taken in as scopes that are ready to be built, each by one worker at a time.
/// All times are the database's, so the workers' clocks do not matter.
/// </summary>
/// <remarks>Every call is a transaction of its own, short, and never waits for the control plane's: those write to no table that is read here but <c>changes</c>, which they only append to.</remarks>
internal sealed class ScopeQueue(NpgsqlDataSource database, Guid worker, ILogger<ScopeQueue> logger)
{
    private const int LongestError = 2000;

    private static readonly TimeSpan RefusedFor = TimeSpan.FromDays(1);

    /// <summary>The claims that somebody in this process works on.</summary>
    public ClaimsInHand InHand { get; } = new();

    /// <summary>Whether writers notify. They do not where two-phase commit is enabled, because a transaction that has notified cannot be prepared.</summary>
    public async Task<bool> WritersNotifyAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("select current_setting('max_prepared_transactions')::integer = 0");
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Takes in what has changed, and up to <paramref name="max"/> scopes of a lane that are ready, the oldest first. Several workers claiming at once get different ones.</summary>
    /// <remarks>Only one caller at a time: what another one is just being given would be taken for lost.</remarks>
    public async Task<ImmutableArray<ScopeClaim>> ClaimAsync(Lane lane, int max, CancellationToken ct)
    {
        if (InHand.HasLost) await GiveBackLostAsync(ct);
        var claims = ImmutableArray.CreateBuilder<ScopeClaim>();
        try
        {
            await ClaimAsync(lane, max, claims, ct);
        }
        catch
        {
            InHand.Lose(claims.Select(claim => claim.Token));
            throw;
        }
        return claims.ToImmutable();
    }

    private async Task ClaimAsync(Lane lane, int max, ImmutableArray<ScopeClaim>.Builder claims, CancellationToken ct)
    {
        bool again;
        do
        {
            var refused = new List<(string Organization, string Environment, Guid Token, long Changes)>();
            await using (var command = database.CreateCommand(
                $"""
                select {DatabaseText.Sendable("organization_id")}, environment, attempts, claim_token, fence, changes, taken, {DatabaseText.Sendable("unknown_environment")}
                from consent_snapshots.claim_scopes($1, $2, $3)
                """))
            {
                command.Parameters.AddWithValue(worker);
                command.Parameters.AddWithValue((int)lane);
                command.Parameters.AddWithValue(max);
                await using var reader = await command.ExecuteReaderAsync(ct);
                while (await reader.ReadAsync(ct))
                {
                    if (await reader.IsDBNullAsync(3, ct))
                    {
                        if (reader.GetInt64(6) > 0) logger.ChangesTakenIn(reader.GetInt64(6));
                        if (!await reader.IsDBNullAsync(7, ct)) logger.EnvironmentUnknown(reader.GetString(7));
                        continue;
                    }
                    var (organization, environment, token) = (reader.GetString(0), reader.GetString(1), reader.GetGuid(3));
                    if (Scope.TryParse(organization, environment, out var scope))
                    {
                        InHand.Take(token);
                        claims.Add(new ScopeClaim(scope, lane, reader.GetInt32(2), token, reader.GetBoolean(4)) { Changes = reader.GetInt64(5) });
                    }
                    else
                    {
                        refused.Add((organization, environment, token, reader.GetInt64(5)));
                    }
                }
            }

            foreach (var (organization, environment, token, changes) in refused)
            {
                // Its name would have to be a path. Nothing but a change of the row's organization helps, so there is no hurry.
                logger.ScopeRefused(organization, environment, OrganizationId.Rule);
                await RecordFailureAsync(token, changes, OrganizationId.Rule, OrganizationId.Rule, RefusedFor, fence: false, ct);
            }

            // Only unusable names: what is behind them in the order must not wait for the next look.
            again = claims.Count == 0 && refused.Count > 0;
        }
        while (again);
    }

    /// <summary>Gives back what the database has claimed for this process and nobody in it works on. A build of it may have been committed.</summary>
    private async Task GiveBackLostAsync(CancellationToken ct)
    {
        // A scope for which this happens again and again waits longer each time, like one whose worker is lost.
        await using var command = database.CreateCommand(
            """
            update consent_snapshots.scopes s
            set claimed_by = null, claim_token = null, fence = true,
                waits = interval '1 second' * case when s.attempts > 2 then least(2 ^ least(s.attempts - 2, 10), 300) else 0 end,
                ready_at = now() + interval '1 second' * case when s.attempts > 2 then least(2 ^ least(s.attempts - 2, 10), 300) else 0 end
            where s.claimed_by = $1 and s.claim_token <> all($2)
            """);
        command.Parameters.AddWithValue(worker);
        command.Parameters.AddWithValue(InHand.Tokens);
        InHand.Recovered();
        try
        {
            if (await command.ExecuteNonQueryAsync(ct) is > 0 and var lost) logger.ClaimsRecovered(lost);
        }
        catch
        {
            InHand.Lose([]);
            throw;
        }
    }

    /// <summary>Takes one scope, ready or not; null while another worker has it, or where the database does not know it.</summary>
    public async Task<ScopeClaim?> ClaimAsync(Scope scope, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new NpgsqlBatchCommand("select from consent_snapshots.take_in_changes()"));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(
            """
            update consent_snapshots.scopes s
            set claimed_by = $3, claim_token = gen_random_uuid(), ready_at = null, changed_again_at = null, attempts = s.attempts + 1
            where s.organization_id = $1 and s.environment = $2 and s.claim_token is null
              and exists (select from consent_snapshots.workers w where w.worker_id = $3)
            returning s.lane, s.attempts, s.claim_token, s.fence, s.generation
            """)
        {
            Parameters = { new() { Value = scope.Organization.Value }, new() { Value = scope.Environment.Name() }, new() { Value = worker } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        if (!await reader.ReadAsync(ct)) return null;
        InHand.Take(reader.GetGuid(2));
        return new ScopeClaim(scope, (Lane)reader.GetInt16(0), reader.GetInt32(1), reader.GetGuid(2), reader.GetBoolean(3)) { Changes = reader.GetInt64(4) };
    }

    /// <summary>Records that what the build read is published, and gives the scope back.</summary>
    /// <remarks>
    /// Where the claim was lost meanwhile, nothing counts as completed: whoever took the scope over may have committed a version, which this build then found unchanged, and have died
    /// before anybody was told of it. A later claim of somebody else stays. A version that was made current without the claim counts as a change, because it may be of older data.
    /// </remarks>
    /// <param name="claim">The claim.</param>
    /// <param name="published">Whether a new version was made current.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <returns>Whether the scope is ready again, because it changed while it was built.</returns>
    public async Task<bool> CompleteAsync(ScopeClaim claim, bool published, CancellationToken ct)
    {
        await using (var command = database.CreateCommand(
            """
            update consent_snapshots.scopes s
            set completed_generation = $4, completed_at = now(),
                changed_at = case when s.generation > $4 then coalesce(s.changed_again_at, s.changed_at) end, changed_again_at = null,
                ready_at = case when s.generation > $4 then now() end,
                waits = null, attempts = 0, fence = false, last_error = null, held_reason = null, claimed_by = null, claim_token = null
            where s.organization_id = $1 and s.environment = $2 and s.claim_token = $3
            returning s.generation > $4
            """))
        {
            AddScope(command, claim.Scope);
            command.Parameters.AddWithValue(claim.Token);
            command.Parameters.AddWithValue(claim.Changes);
            if (await command.ExecuteScalarAsync(ct) is bool changedAgain) return changedAgain;
        }

        logger.ClaimLost(claim.Scope.ToString(), "its build was complete");
        if (!published) return false;
        await using var late = database.CreateCommand(
            """
            update consent_snapshots.scopes s
            set generation = s.generation + 1, changed_at = coalesce(s.changed_at, now()),
                changed_again_at = case when s.claim_token is not null then coalesce(s.changed_again_at, now()) end,
                ready_at = case when s.claim_token is null then least(s.ready_at, now()) end
            where s.organization_id = $1 and s.environment = $2
            """);
        AddScope(late, claim.Scope);
        return await late.ExecuteNonQueryAsync(ct) > 0;
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
        var recorded = await RecordFailureAsync(claim.Token, claim.Changes, error, heldReason, retryIn, fence, ct);
        if (!recorded) logger.ClaimLost(claim.Scope.ToString(), "its failure was recorded");
        return recorded;
    }

    /// <summary>Gives back scopes whose build was not begun, as if they had not been taken.</summary>
    public async Task ReleaseAsync(IReadOnlyList<ScopeClaim> claims, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            update consent_snapshots.scopes s
            set ready_at = now(), attempts = greatest(s.attempts - 1, 0), changed_again_at = null, claimed_by = null, claim_token = null
            where s.claimed_by = $1 and s.claim_token = any($2)
            """);
        command.Parameters.AddWithValue(worker);
        command.Parameters.AddWithValue(claims.Select(claim => claim.Token).ToArray());
        try
        {
            await command.ExecuteNonQueryAsync(ct);
        }
        catch
        {
            InHand.Lose(claims.Select(claim => claim.Token));
            throw;
        }
        foreach (var claim in claims) InHand.Drop(claim.Token);
    }

    /// <summary>Makes scopes ready in the bulk lane, known or not, and tells the workers.</summary>
    public async Task EnqueueAsync(IReadOnlyCollection<Scope> scopes, string reason, CancellationToken ct)
    {
        if (scopes.Count == 0) return;
        await using var command = database.CreateCommand(
            """
            with noted as (
                insert into consent_snapshots.changes (organization_id, environment, bulk, reason)
                select n.organization_id, n.environment, true, $3 from unnest($1, $2) as n (organization_id, environment)
                returning 1
            )
            select consent_snapshots.tell_workers() from (select count(*) from noted) counted
            """);
        command.Parameters.AddWithValue(scopes.Select(scope => scope.Organization.Value).ToArray());
        command.Parameters.AddWithValue(scopes.Select(scope => scope.Environment.Name()).ToArray());
        command.Parameters.AddWithValue(reason);
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<bool> RecordFailureAsync(Guid token, long changes, string error, string? heldReason, TimeSpan retryIn, bool fence, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            update consent_snapshots.scopes s
            set ready_at = case when s.generation > $7 then now() else now() + $3 end, waits = $3,
                changed_again_at = null, last_error = $4, held_reason = $5, claimed_by = null, claim_token = null, fence = s.fence or $6
            where s.claimed_by = $2 and s.claim_token = $1
            """);
        command.Parameters.AddWithValue(token);
        command.Parameters.AddWithValue(worker);
        command.Parameters.AddWithValue(retryIn);
        command.Parameters.AddWithValue(Shorten(error));
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)Shorten(heldReason) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.AddWithValue(fence);
        command.Parameters.AddWithValue(changes);
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
