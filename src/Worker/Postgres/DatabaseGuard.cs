using ConsentSnapshots.Worker.Sources;
using Npgsql;

namespace ConsentSnapshots.Worker.Postgres;

/// <summary>The boundary to the database: what it refuses becomes a source that cannot be used, with a message for people.</summary>
internal sealed class DatabaseGuard(NpgsqlDataSource database)
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
        catch (Exception exception) when (exception is NpgsqlException or RowSecurityException or DatabaseShapeException or TimeoutException)
        {
            throw new SourceUnavailableException($"{Description} cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>Does something with the database.</summary>
    /// <exception cref="SourceUnavailableException">The database cannot be used.</exception>
    public Task RunAsync(Func<Task> action) => RunAsync(async () =>
    {
        await action();
        return true;
    });
}
