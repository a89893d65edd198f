using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The workers as the database knows them. All ages are by the database's clock.</summary>
internal sealed class WorkerRoster(NpgsqlDataSource database) : IWorkerRoster
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunningWorker>> ListAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var command = database.CreateCommand(
                $"""
                select {DatabaseText.Sendable("w.name")}, extract(epoch from clock_timestamp() - w.started_at)::float8, extract(epoch from clock_timestamp() - w.beaten_at)::float8,
                       (select count(*)::integer from consent_snapshots.scopes s where s.claimed_by = w.worker_id)
                from consent_snapshots.workers w
                order by w.started_at, w.name
                """);
            var workers = new List<RunningWorker>();
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                workers.Add(new RunningWorker(reader.GetString(0), TimeSpan.FromSeconds(reader.GetDouble(1)), TimeSpan.FromSeconds(reader.GetDouble(2)), reader.GetInt32(3)));
            return workers;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            throw new SourceUnavailableException($"The workers cannot be listed: {exception.Message}", exception) { MayPass = DatabaseOutage.MayPass(exception) };
        }
    }
}
