using System.Net.Sockets;
using Azure.Identity;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Settings;
using Npgsql;

namespace ConsentSnapshots.Worker.Tests.Postgres;

public sealed class PostgresConnectionsTests
{
    private const string Connection = "Host=db;Database=app;Username=consent";

    [Theory]
    [InlineData(Connection, 12)]
    [InlineData(Connection + ";Maximum Pool Size=100", 100)]
    [InlineData(Connection + ";MaxPoolSize=3", 3)]
    [InlineData(Connection + ";Minimum Pool Size=20", 20)]
    public async Task CreatePool_EightBuilds_HasAConnectionForEachAndFourMoreUnlessTold(string connection, int expected)
    {
        await using var pool = PostgresConnections.CreatePool(new PostgresOptions { ConnectionString = connection }, builds: 8);

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(pool.ConnectionString).MaxPoolSize);
    }

    [Theory]
    [InlineData(Connection, 4)]
    [InlineData(Connection + ";Maximum Pool Size=9", 9)]
    public async Task CreateForScheduling_Unset_IsSmall(string connection, int expected)
    {
        await using var pool = PostgresConnections.CreateForScheduling(new PostgresOptions { ConnectionString = connection });

        Assert.Equal(expected, new NpgsqlConnectionStringBuilder(pool.ConnectionString).MaxPoolSize);
    }

    [Theory]
    [InlineData("53300", true)]
    [InlineData("57P01", true)]
    [InlineData("57P02", true)]
    [InlineData("57P03", true)]
    [InlineData("08006", true)]
    [InlineData("57014", false)]
    [InlineData("40001", false)]
    [InlineData("42501", false)]
    [InlineData("28P01", false)]
    [InlineData("3D000", false)]
    [InlineData("53100", false)]
    public void IsOutage_ErrorOfTheServer_IsOneWhereItTakesNoConnections(string state, bool expected) =>
        Assert.Equal(expected, DatabasePatience.IsOutage(new PostgresException("said", "FATAL", "FATAL", state)));

    [Fact]
    public void IsOutage_ConnectionRefusedOrLost_IsOneAndASlowQueryIsNot()
    {
        Assert.True(DatabasePatience.IsOutage(new NpgsqlException("refused", new SocketException())));
        Assert.True(DatabasePatience.IsOutage(new NpgsqlException("lost", new EndOfStreamException())));
        Assert.True(DatabasePatience.IsOutage(new NpgsqlException("no password", new AuthenticationFailedException("no token"))));
        Assert.False(DatabasePatience.IsOutage(new NpgsqlException("slow", new TimeoutException())));
        Assert.False(DatabasePatience.IsOutage(new NpgsqlException("other")));
    }
}
