using System.Collections.Immutable;
using ConsentSnapshots.Worker.Queue;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>What a scope is doing.</summary>
internal enum ScopeState
{
    /// <summary>Its latest revision is published.</summary>
    UpToDate,

    /// <summary>Changed, and due.</summary>
    Pending,

    /// <summary>A worker has it.</summary>
    Building,

    /// <summary>The last attempt failed; the next one is due at <see cref="ScopeStatus.NextAttemptAt"/>.</summary>
    Waiting,

    /// <summary>Keeps its last good version, for <see cref="ScopeStatus.HeldReason"/>.</summary>
    Held,
}

/// <summary>One scope's line of <c>status</c>. The names are as the database has them, which may be refused as a scope's.</summary>
internal sealed record ScopeStatus
{
    public required string Organization { get; init; }

    public required string Environment { get; init; }

    public required ScopeState State { get; init; }

    public required long Revision { get; init; }

    public DateTimeOffset? ChangedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public int Attempts { get; init; }

    public DateTimeOffset? NextAttemptAt { get; init; }

    public string? ClaimedBy { get; init; }

    public DateTimeOffset? ClaimedUntil { get; init; }

    public Lane Lane { get; init; }

    /// <summary>The database's clock.</summary>
    public DateTimeOffset Now { get; init; }

    public string? LastError { get; init; }

    public string? HeldReason { get; init; }
}

/// <summary>Reads what operators ask about scopes.</summary>
internal sealed class ScopeStatusReader(NpgsqlDataSource database)
{
    /// <summary>Lists scopes by name, at most <paramref name="limit"/>.</summary>
    /// <param name="organization">Only this organization's; null for all.</param>
    /// <param name="unfinishedOnly">Only those that are not up to date.</param>
    /// <param name="limit">The most lines.</param>
    /// <param name="ct">Cancels the call.</param>
    public async Task<ImmutableArray<ScopeStatus>> ListAsync(string? organization, bool unfinishedOnly, int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            with lines as (
                select s.organization_id, s.environment, s.revision, s.changed_at, s.completed_at, s.attempts, s.ready_at, s.claim_token, w.name as claimed_by,
                       s.last_error, s.held_reason, s.generation > s.completed_generation as unfinished, w.beaten_at + interval '2 seconds' as claimed_until, s.lane
                from consent_snapshots.scopes s
                left join consent_snapshots.workers w on w.worker_id = s.claimed_by
                union all
                -- What no worker has taken in yet.
                select c.organization_id, e.environment, 0, min(c.changed_at), null, 0, null, null, null, null, null, true, null, (case when bool_and(c.bulk) then 1 else 0 end)::smallint
                from consent_snapshots.changes c
                cross join (values ('development' collate "C"), ('production'), ('staging')) as e (environment)
                where c.organization_id is not null
                  and not exists (select from consent_snapshots.scopes s where s.organization_id = c.organization_id and s.environment = e.environment)
                group by 1, 2
            ), noted as materialized (
                select distinct organization_id, environment from consent_snapshots.changes
            )
            select {DatabaseText.Sendable("l.organization_id")}, l.environment,
                   case when l.claim_token is not null then 'Building'
                        when l.held_reason is not null and l.unfinished then 'Held'
                        when l.ready_at > now() then 'Waiting'
                        when l.unfinished or n.noted then 'Pending'
                        else 'UpToDate' end,
                   l.revision, l.changed_at, l.completed_at, l.attempts, l.ready_at, {DatabaseText.Sendable("l.claimed_by")}, l.last_error, l.held_reason,
                   l.claimed_until, l.lane, now()
            from lines l
            cross join lateral (
                select exists (
                    select from noted c
                    where c.organization_id is null or (c.organization_id = l.organization_id and (c.environment is null or c.environment = l.environment))) as noted
            ) n
            where ($1 is null or l.organization_id = $1) and (not $2 or l.unfinished or n.noted)
            order by l.organization_id, l.environment
            limit $3
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)organization ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.AddWithValue(unfinishedOnly);
        command.Parameters.AddWithValue(limit);
        var lines = ImmutableArray.CreateBuilder<ScopeStatus>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            lines.Add(new ScopeStatus
            {
                Organization = reader.GetString(0),
                Environment = reader.GetString(1),
                State = Enum.Parse<ScopeState>(reader.GetString(2)),
                Revision = reader.GetInt64(3),
                ChangedAt = reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4),
                CompletedAt = reader.IsDBNull(5) ? null : reader.GetFieldValue<DateTimeOffset>(5),
                Attempts = reader.GetInt32(6),
                NextAttemptAt = reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7),
                ClaimedBy = reader.IsDBNull(8) ? null : reader.GetString(8),
                LastError = reader.IsDBNull(9) ? null : reader.GetString(9),
                HeldReason = reader.IsDBNull(10) ? null : reader.GetString(10),
                ClaimedUntil = reader.IsDBNull(11) ? null : reader.GetFieldValue<DateTimeOffset>(11),
                Lane = (Lane)reader.GetInt16(12),
                Now = reader.GetFieldValue<DateTimeOffset>(13),
            });
        }

        return lines.DrainToImmutable();
    }
}
