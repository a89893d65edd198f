using System.Net.Sockets;
using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The boundary to the database: what it refuses becomes a source that cannot be used, with a message for people.</summary>
internal sealed class DatabaseGuard(NpgsqlDataSource database, DatabasePatience patience)
{
    /// <summary>Which database it is, for people. It never contains a secret.</summary>
    public string Description
    {
        get
        {
            var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
            return $"postgres {connection.Host}:{connection.Port}/{connection.Database}";
        }
    }

    /// <summary>Does something with the database.</summary>
    /// <exception cref="SourceUnavailableException">The database cannot be used.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception exception) when (exception is NpgsqlException or RowSecurityException or DatabaseShapeException or TimeoutException or SocketException)
        {
            throw new SourceUnavailableException($"{Description} cannot be used: {DatabaseIdentity.Explain(exception) ?? exception.Message}", exception) { MayPass = DatabaseOutage.MayPass(exception) };
        }
    }

    /// <summary>Does something with the database.</summary>
    /// <exception cref="SourceUnavailableException">The database cannot be used.</exception>
    public Task RunAsync(Func<Task> action) => RunAsync(async () =>
    {
        await action();
        return true;
    });

    /// <summary>
    /// For what belongs to the build of a claimed scope: an outage of the database is waited out, because it is no failure of the scope, and because a failure could not be recorded
    /// either. What is done must be such that it may be done again, also where the database did what was asked and could not say so.
    /// </summary>
    /// <exception cref="SourceUnavailableException">The database cannot be used, and waiting does not help.</exception>
    public Task<T> OutlastAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken) => RunAsync(() => patience.DoAsync(action, cancellationToken));
}
