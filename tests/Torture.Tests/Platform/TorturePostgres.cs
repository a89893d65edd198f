using ConsentSnapshots.Integration.Tests.Fixtures;
using DotNet.Testcontainers.Containers;
using Npgsql;
using Testcontainers.PostgreSql;

[assembly: AssemblyFixture(typeof(ConsentSnapshots.Torture.Tests.Platform.TorturePostgres))]

namespace ConsentSnapshots.Torture.Tests.Platform;

/// <summary>A PostgreSQL server with few connections, whose database belongs to an ordinary role: that of the control plane, which the worker uses, too.</summary>
public sealed class TorturePostgres : ContainerFixture
{
    public const int Connections = 70;
    private const string Administrator = "administrator";
    private const string Owner = "control_plane";
    private const string Password = "only-for-tests";

    /// <summary>Creates the role and an empty database of it.</summary>
    public async Task CreateDatabaseAsync(string name, CancellationToken cancellationToken)
    {
        await ContainerAsync(cancellationToken);
        await using var connection = new NpgsqlConnection(AdministratorOf("postgres"));
        await connection.OpenAsync(cancellationToken);
        await using var role = new NpgsqlCommand($"do $$ begin if not exists (select from pg_roles where rolname = '{Owner}') then create role {Owner} login password '{Password}'; end if; end $$", connection);
        await role.ExecuteNonQueryAsync(cancellationToken);
        await using var create = new NpgsqlCommand($"create database {name} owner {Owner}", connection);
        await create.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The connection string of the database's owner.</summary>
    public string OwnerOf(string database) => ConnectionString(database, Owner);

    /// <summary>The connection string of a superuser, for whom a few connections are reserved.</summary>
    public string AdministratorOf(string database) => ConnectionString(database, Administrator);

    /// <summary>The server's port on this machine.</summary>
    public int ServerPort => Port;

    /// <summary>Ends the server at once, as a crash of it does: no session is told, and it recovers when it starts.</summary>
    public async Task CrashAsync(CancellationToken cancellationToken)
    {
        var container = await ContainerAsync(cancellationToken);
        try
        {
            await container.ExecAsync(["bash", "-c", "kill -QUIT 1"], cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The container ends while the command in it is watched.
        }
        await StopAsync(cancellationToken);
    }

    protected override IContainer Build() => new PostgreSqlBuilder(TestImages.Postgres)
        .WithUsername(Administrator)
        .WithPassword(Password)
        .WithDatabase("postgres")
        .WithPortBinding(Port, PostgreSqlBuilder.PostgreSqlPort)
        .WithEnvironment("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        // Autovacuum looks all the time, so that what it locks meets what others lock. Nothing outlives the machine, so nothing has to reach the disk.
        .WithCommand("-c", $"max_connections={Connections}", "-c", "fsync=off", "-c", "autovacuum_naptime=1s", "-c", "log_min_messages=error")
        .WithLabel(TestRun.Label, TestRun.Id)
        .WithCreateParameterModifier(parameters => parameters.StopSignal = "SIGINT")
        .Build();

    private string ConnectionString(string database, string user) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = user,
        Password = Password,
        Database = database,
        Pooling = false,
        ApplicationName = "torture",
        Timeout = 30,
        CommandTimeout = 60,
    }.ConnectionString;
}
