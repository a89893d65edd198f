using System.Collections.Immutable;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Queue;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>Reads what operators ask about scopes.</summary>
internal sealed class ScopeStatusReader(NpgsqlDataSource database)
{
    private const int MostScopes = 100_000;

    /// <summary>Lists scopes by name; names that are no scope's are left out.</summary>
    /// <param name="organization">Only this organization's; null for all.</param>
    /// <param name="ct">Cancels the call.</param>
    public async Task<ImmutableArray<ScopeStatus>> ListAsync(OrganizationId? organization, CancellationToken ct)
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
                select organization_id, environment, min(changed_at) as changed_at from consent_snapshots.changes group by 1, 2
            )
            select {DatabaseText.Sendable("l.organization_id")}, l.environment,
                   case when l.claim_token is not null then 'Building'
                        when l.held_reason is not null and l.unfinished then 'Held'
                        when l.ready_at > now() then 'Failed'
                        when l.unfinished or n.changed_at is not null then 'Pending'
                        else 'UpToDate' end,
                   l.revision, coalesce(l.changed_at, n.changed_at), l.completed_at, l.attempts, l.ready_at, {DatabaseText.Sendable("l.claimed_by")}, l.last_error, l.held_reason,
                   l.claimed_until, l.lane, now()
            from lines l
            -- Joins on equality, so that many scopes and many changes do not multiply.
            left join noted own on own.organization_id = l.organization_id and own.environment = l.environment
            left join noted every on every.organization_id = l.organization_id and every.environment is null
            cross join (select min(changed_at) as changed_at from noted where organization_id is null) anyone
            cross join lateral (select least(own.changed_at, every.changed_at, anyone.changed_at) as changed_at) n
            where $1 is null or l.organization_id = $1
            order by l.organization_id, l.environment
            limit $2
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)organization?.Value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.AddWithValue(MostScopes);
        var lines = ImmutableArray.CreateBuilder<ScopeStatus>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            if (!Scope.TryParse(reader.GetString(0), reader.GetString(1), out var scope)) continue;
            var state = Enum.Parse<ScopeState>(reader.GetString(2));
            lines.Add(new ScopeStatus(scope, state)
            {
                Revision = reader.GetInt64(3),
                Attempts = reader.GetInt32(6),
                Queue = state == ScopeState.UpToDate ? null : new QueuePlace(reader.GetFieldValue<DateTimeOffset>(13), (Lane)reader.GetInt16(12))
                {
                    ChangedAt = Time(4),
                    NextAttemptAt = Time(7),
                    ClaimedBy = reader.IsDBNull(8) ? null : reader.GetString(8),
                    ClaimedUntil = Time(11),
                },
                LastError = reader.IsDBNull(9) ? null : reader.GetString(9),
                HeldReason = reader.IsDBNull(10) ? null : reader.GetString(10),
            });
        }
        return lines.DrainToImmutable();

        DateTimeOffset? Time(int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);
    }

    /// <summary>Names that are no scope's, so nothing of them is published: the first hundred.</summary>
    public async Task<ImmutableArray<(string Organization, string Environment)>> ListRefusedAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            select {DatabaseText.Sendable("k.organization_id")}, k.environment
            from (
                select s.organization_id, s.environment from consent_snapshots.scopes s
                union
                select c.organization_id, e.environment
                from consent_snapshots.changes c
                join (values ('development' collate "C"), ('production'), ('staging')) as e (environment) on c.environment is null or c.environment = e.environment
                where c.organization_id is not null
            ) k
            where k.organization_id !~ $1
            order by 1, 2
            limit 100
            """);
        command.Parameters.AddWithValue("^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?$");
        var names = ImmutableArray.CreateBuilder<(string, string)>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            if (!OrganizationId.TryParse(reader.GetString(0), out _)) names.Add((reader.GetString(0), reader.GetString(1)));
        return names.ToImmutable();
    }
}
