using ConsentSnapshots.Integration.Tests.Database;
using Npgsql;

[assembly: AssemblyFixture(typeof(TemporaryPostgres))]

namespace ConsentSnapshots.Integration.Tests.Database;

/// <summary>Until the container fixture lands: a server named by CONSENT_TEST_POSTGRES.</summary>
public sealed class TemporaryPostgres
{
    private int _databases;

    public async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        var server = Environment.GetEnvironmentVariable("CONSENT_TEST_POSTGRES") ?? "Host=127.0.0.1;Port=55432;Username=postgres;Database=postgres";
        var name = $"test_{Environment.ProcessId}_{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync(cancellationToken);
        await using var create = new NpgsqlCommand($"create database {name}", connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
        return new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString;
    }
}
