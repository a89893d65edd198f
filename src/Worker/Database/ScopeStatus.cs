using System.Collections.Immutable;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Database;

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

    public required long CompletedRevision { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public int Attempts { get; init; }

    public DateTimeOffset? NextAttemptAt { get; init; }

    public string? ClaimedBy { get; init; }

    public DateTimeOffset? ClaimedUntil { get; init; }

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
            select {DatabaseText.Sendable("s.organization_id")}, s.environment,
                   case when s.revision <= coalesce(w.completed_revision, 0) then 'UpToDate'
                        when w.claimed_until > now() then 'Building'
                        when w.held_reason is not null then 'Held'
                        when w.next_attempt_at > now() and s.revision <= w.attempted_revision then 'Waiting'
                        else 'Pending' end,
                   s.revision, coalesce(w.completed_revision, 0), s.changed_at, w.completed_at, coalesce(w.attempts, 0), w.next_attempt_at,
                   w.claimed_by, w.claimed_until, w.last_error, w.held_reason
            from consent_snapshots.scopes s
            left join consent_snapshots.work w using (organization_id, environment)
            where ($1 is null or s.organization_id = $1) and (not $2 or s.revision > coalesce(w.completed_revision, 0))
            order by s.organization_id, s.environment
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
                CompletedRevision = reader.GetInt64(4),
                ChangedAt = reader.GetFieldValue<DateTimeOffset>(5),
                CompletedAt = reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6),
                Attempts = reader.GetInt32(7),
                NextAttemptAt = reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8),
                ClaimedBy = reader.IsDBNull(9) ? null : reader.GetString(9),
                ClaimedUntil = reader.IsDBNull(10) ? null : reader.GetFieldValue<DateTimeOffset>(10),
                LastError = reader.IsDBNull(11) ? null : reader.GetString(11),
                HeldReason = reader.IsDBNull(12) ? null : reader.GetString(12),
            });
        }

        return lines.DrainToImmutable();
    }
}
