using System.Text;
using ConsentSnapshots.Integration.Tests.Fixtures;
using DotNet.Testcontainers.Containers;
using Npgsql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(PostgresFixture))]
[assembly: AssemblyFixture(typeof(ReplicatingPostgresFixture))]

namespace ConsentSnapshots.Integration.Tests.Fixtures;

/// <summary>A real PostgreSQL server; every test, or class of tests, takes a database of its own.</summary>
public class PostgresFixture : ContainerFixture
{
    private const string Owner = "control_plane";
    private const string Password = "only-for-tests";
    private int _databases;

    /// <summary>
    /// Creates a database and returns the connection string of its owner, a superuser. It is empty, or a copy of another one that
    /// nobody is connected to. One without an encoding (<c>SQL_ASCII</c>) takes any bytes for text.
    /// </summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancellationToken, string? template = null, bool withoutEncoding = false)
    {
        await ContainerAsync(cancellationToken);
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        // Not pooled: a session from before a restart would be handed out, and be dead.
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        var kind = withoutEncoding ? "template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'" : $"template {template ?? "template1"}";
        await using var create = new NpgsqlCommand($"create database {name} {kind}", connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
        return ConnectionString(name);
    }

    /// <summary>Runs a script with psql, as an operator does; its exit code, and what it said on standard error.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="user">Who runs it; null for the owner of the connection string.</param>
    /// <param name="password">The user's password.</param>
    /// <param name="script">The script's text.</param>
    /// <param name="cancellationToken">The test's.</param>
    /// <param name="variables">What <c>-v</c> gives it.</param>
    public async Task<(int ExitCode, string Said)> PsqlAsync(
        string connectionString, string? user, string password, string script, CancellationToken cancellationToken, params (string Name, string Value)[] variables)
    {
        var container = await ContainerAsync(cancellationToken);
        var connection = new NpgsqlConnectionStringBuilder(connectionString);
        var path = $"/tmp/{Guid.NewGuid():N}.sql";
        await container.CopyAsync(Encoding.UTF8.GetBytes(script), path, ct: cancellationToken);
        var address = $"postgresql://{user ?? connection.Username}:{(user is null ? connection.Password : password)}@127.0.0.1:{PostgreSqlBuilder.PostgreSqlPort}/{connection.Database}";
        var result = await container.ExecAsync(
            ["psql", "--no-psqlrc", "--quiet", address, .. variables.SelectMany(variable => new[] { "-v", $"{variable.Name}={variable.Value}" }), "-f", path], cancellationToken);
        return ((int)(result.ExitCode ?? -1), result.Stderr);
    }

    /// <summary>Settings of the server beside those that every test has.</summary>
    protected virtual IEnumerable<string> Settings => [];

    protected override IContainer Build() => new PostgreSqlBuilder(TestImages.Postgres)
        .WithUsername(Owner)
        .WithPassword(Password)
        .WithDatabase("postgres")
        .WithPortBinding(Port, PostgreSqlBuilder.PostgreSqlPort)
        // The same order of text in the official image and in the one built from Debian's files.
        .WithEnvironment("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        // Many databases, each with its pools and a listener; none outlives the machine, so nothing has to reach the disk.
        .WithCommand(["-c", "max_connections=500", "-c", "fsync=off", "-c", "full_page_writes=off", .. Settings.SelectMany(setting => new[] { "-c", setting })])
        .WithLabel(TestRun.Label, TestRun.Id)
        // The official image's signal, a fast shutdown; SIGTERM would wait for the sessions to end by themselves.
        .WithCreateParameterModifier(parameters => parameters.StopSignal = "SIGINT")
        .Build();

    private string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = Owner,
        Password = Password,
        Database = database,
        IncludeErrorDetail = true,
        // Nothing here is about slowness; a busy machine must reach neither.
        Timeout = 120,
        CommandTimeout = 120,
    }.ConnectionString;
}

/// <summary>A server that has two-phase commit and logical replication enabled, which a server needs a restart for.</summary>
public sealed class ReplicatingPostgresFixture : PostgresFixture
{
    /// <summary>How a subscription of one of its databases reaches another one of them.</summary>
    public static string PublisherOf(string connectionString)
    {
        var connection = new NpgsqlConnectionStringBuilder(connectionString);
        return $"host=127.0.0.1 port={PostgreSqlBuilder.PostgreSqlPort} dbname={connection.Database} user={connection.Username} password={connection.Password}";
    }

    protected override IEnumerable<string> Settings => ["max_prepared_transactions=10", "wal_level=logical"];
}
