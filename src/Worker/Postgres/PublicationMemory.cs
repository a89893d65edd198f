using System.Data;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>What the database remembers of publications.</summary>
internal sealed class PublicationMemory(NpgsqlDataSource database) : IPublicationMemory
{
    // An arbitrary number, only ours.
    private const long LockKey = 0x636F6D70617265;

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<Scope, RememberedScope>> ListAsync(CancellationToken cancellationToken) => GuardAsync<IReadOnlyDictionary<Scope, RememberedScope>>(async () =>
    {
        // One index look-up for each scope, however long the record of publications is.
        await using var command = database.CreateCommand(
            $"""
            select {DatabaseText.Sendable("s.organization_id")}, s.environment, coalesce(p.version, 0), r.epoch, s.revision
            from consent_snapshots.scopes s
            cross join consent_snapshots.source r
            left join lateral (
                select p.version from consent_snapshots.publications p
                where p.organization_id = s.organization_id and p.environment = s.environment
                order by p.version desc limit 1
            ) p on true
            """);
        var scopes = new Dictionary<Scope, RememberedScope>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (Scope.TryParse(reader.GetString(0), reader.GetString(1), out var scope))
                scopes[scope] = new RememberedScope((int)reader.GetInt64(2), new SourcePosition(reader.GetInt64(3), reader.GetInt64(4)));
        }
        return scopes;
    });

    /// <inheritdoc/>
    public Task<long> EpochAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = database.CreateCommand("select epoch from consent_snapshots.source");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    });

    /// <inheritdoc/>
    public async Task<bool> AloneAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken)
    {
        // The lock is the transaction's, so a pooler may give each transaction another session. An idle transaction that has read nothing keeps nothing from being cleaned up.
        var (connection, transaction) = await GuardAsync(async () =>
        {
            var connection = await database.OpenConnectionAsync(cancellationToken);
            try
            {
                return (connection, await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken));
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        });
        await using (connection)
        await using (transaction)
        {
            var isAlone = await GuardAsync(async () =>
            {
                await using var command = new NpgsqlCommand("select pg_try_advisory_xact_lock($1)", connection, transaction) { Parameters = { new() { Value = LockKey } } };
                return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
            });
            if (isAlone) await action(cancellationToken);
            return isAlone;
        }
    }

    private static async Task<T> GuardAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException)
        {
            throw new SourceUnavailableException($"The record of publications cannot be read: {exception.Message}", exception) { MayPass = DatabaseOutage.MayPass(exception) };
        }
    }
}
