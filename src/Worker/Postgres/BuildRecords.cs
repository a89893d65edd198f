using System.Collections.Immutable;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using Npgsql;
using NpgsqlTypes;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>One publication, as operators search for it.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Version">The manifest's version.</param>
/// <param name="PublicationId">The manifest's publication id.</param>
/// <param name="Source">What it was made from.</param>
/// <param name="GeneratedAt">The manifest's time.</param>
/// <param name="ManifestSha256">SHA-256 of the manifest's bytes, lowercase hex.</param>
/// <param name="ChangedCombinations">How many of the 16 got another snapshot.</param>
internal sealed record PublicationRecord(
    Scope Scope, long Version, Guid PublicationId, SourcePosition Source, DateTimeOffset GeneratedAt, string ManifestSha256, int ChangedCombinations);

/// <summary>What builds leave in the database for operators: what is wrong with destinations, and what was published when.</summary>
internal sealed class BuildRecords(NpgsqlDataSource database)
{
    /// <summary>Replaces the scope's reports by those of the build that just ended; none means all is well. Records what it published, if anything.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="problems">What is wrong with which destination.</param>
    /// <param name="publication">What was published; null where nothing was.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <param name="scripts">Which destinations have scripts in the version that is current now; null where the build does not know.</param>
    public async Task RecordAsync(
        Scope scope, ImmutableArray<DestinationProblem> problems, PublicationRecord? publication, CancellationToken ct, DestinationScripts? scripts = null)
    {
        // One round trip and one transaction. One statement cannot replace: its insert would not see the rows that its delete took away. The scope's row is the lock that keeps
        // two builds of the scope (one whose claim is lost) from inserting the same.
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(Command(
            "select from consent_snapshots.scopes where organization_id = $1 and environment = $2 for no key update", scope));
        batch.BatchCommands.Add(Command(
            "delete from consent_snapshots.destination_reports where organization_id = $1 and environment = $2", scope));
        if (!problems.IsEmpty)
        {
            var insert = Command(
                """
                insert into consent_snapshots.destination_reports
                    (organization_id, environment, position, destination_id, destination_type, destination_name, kind, field, message, leaves_out)
                select $1, $2, p.position, p.id, p.type, p.name, p.kind, p.field, p.message, p.leaves_out
                from unnest($3, $4, $5, $6, $7, $8, $9) with ordinality as p (id, type, name, kind, field, message, leaves_out, position)
                """, scope);
            insert.Parameters.Add(new NpgsqlParameter { Value = problems.Select(problem => problem.DestinationId).ToArray() });
            insert.Parameters.Add(Texts(problems.Select(problem => problem.Type)));
            insert.Parameters.Add(Texts(problems.Select(problem => problem.Name)));
            insert.Parameters.Add(Texts(problems.Select(problem => problem.Kind.ToString())));
            insert.Parameters.Add(Texts(problems.Select(problem => problem.Field)));
            insert.Parameters.Add(Texts(problems.Select(problem => problem.Message)));
            insert.Parameters.Add(new NpgsqlParameter { Value = problems.Select(problem => problem.LeavesOut).ToArray() });
            batch.BatchCommands.Add(insert);
        }
        if (publication is not null) batch.BatchCommands.Add(Insert(publication));
        if (scripts is not null) batch.BatchCommands.Add(scripts.Command(scope));
        await batch.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The reports of an organization's scopes, or of all.</summary>
    public async Task<ImmutableArray<(Scope Scope, DestinationProblem Problem)>> ListReportsAsync(OrganizationId? organization, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select organization_id, environment, destination_id, destination_type, destination_name, kind, field, message
            from consent_snapshots.destination_reports
            where $1 is null or organization_id = $1
            order by organization_id, environment, position
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)organization?.Value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        var reports = ImmutableArray.CreateBuilder<(Scope, DestinationProblem)>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            if (!Scope.TryParse(reader.GetString(0), reader.GetString(1), out var scope)) continue;
            // A kind of a newer build, seen by an older one during a deployment: the message says it all the same.
            if (!Enum.TryParse<DestinationProblemKind>(reader.GetString(5), out var kind)) kind = DestinationProblemKind.InvalidSettings;
            reports.Add((scope, new DestinationProblem(
                reader.GetGuid(2), reader.GetString(3), reader.GetString(4), kind, reader.IsDBNull(6) ? null : reader.GetString(6), reader.GetString(7))));
        }

        return reports.ToImmutable();
    }

    /// <summary>Again with the same id changes nothing, so a retried build may record it again.</summary>
    private static NpgsqlBatchCommand Insert(PublicationRecord publication)
    {
        var command = new NpgsqlBatchCommand(
            """
            insert into consent_snapshots.publications
                (publication_id, organization_id, environment, version, source_epoch, source_revision, generated_at, manifest_sha256, changed_combinations)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (publication_id) do nothing
            """);
        command.Parameters.AddWithValue(publication.PublicationId);
        command.Parameters.AddWithValue(publication.Scope.Organization.Value);
        command.Parameters.AddWithValue(publication.Scope.Environment.Name());
        command.Parameters.AddWithValue(publication.Version);
        command.Parameters.AddWithValue(publication.Source.Epoch);
        command.Parameters.AddWithValue(publication.Source.Revision!.Value);
        command.Parameters.AddWithValue(publication.GeneratedAt.ToUniversalTime());
        command.Parameters.AddWithValue(publication.ManifestSha256);
        command.Parameters.AddWithValue(publication.ChangedCombinations);
        return command;
    }

    private static NpgsqlBatchCommand Command(string sql, Scope scope) =>
        new(sql) { Parameters = { new() { Value = scope.Organization.Value }, new() { Value = scope.Environment.Name() } } };

    private static NpgsqlParameter Texts(IEnumerable<string?> texts) =>
        new() { Value = texts.Select(DatabaseText.Storable).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
