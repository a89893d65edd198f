using System.Collections.Immutable;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Tests.Settings;

public sealed class PostgresOptionsTests
{
    private const string Valid = "Host=db;Database=app;Username=consent;Password=secret";

    [Fact]
    public void Read_Defaults_NeedsOnlyTheConnection() => Assert.Empty(Problems(("ConnectionStrings:Postgres", Valid)));

    [Fact]
    public void Read_EverythingWrong_SaysAllAtOnceWithKeyLimitAndValue() => Assert.Equal(
        [
            "ConnectionStrings:PostgresListen is not a connection string that Npgsql understands. Expected: Host=…;Database=…;Username=…;Password=…",
            "Database:WorkerRole must be the name of a role, at most 63 characters, or empty.",
            "Database:LockTimeout must be a duration (hh:mm:ss.fff) from 00:00:00.1 to 00:05:00; it is '00:00:00'.",
            "Database:MigrationWait must be a duration (hh:mm:ss.fff) from 00:00:01 to 01:00:00; it is '1.00:00:00'.",
            "Database:KeepAlive must be a duration (hh:mm:ss.fff) from 00:00:01 to 00:10:00; it is 'often'.",
            "ConnectionStrings:Postgres is missing. Set it to a connection string such as Host=db;Database=app;Username=consent;Password=…",
            $"Database:DestinationsTable is 'public.destinations; drop table x'. {TableName.Rule}",
            "Database:Schema is not a setting; there are Database:ControlPlaneRole, Database:DestinationsTable, Database:KeepAlive, Database:LockTimeout, Database:ManagedIdentity, "
                + "Database:MigrationWait, Database:WorkerRole.",
        ],
        Problems(
            ("ConnectionStrings:Postgres", " "), ("ConnectionStrings:PostgresListen", "nonsense"), ("Database:DestinationsTable", "public.destinations; drop table x"),
            ("Database:WorkerRole", new string('r', 64)), ("Database:LockTimeout", "00:00:00"), ("Database:MigrationWait", "1.00:00:00"), ("Database:KeepAlive", "often"),
            ("Database:Schema", "x")));

    /// <summary>Postgres takes this name for every role.</summary>
    [Fact]
    public void Read_RoleThatIsEverybody_IsRefused() => Assert.Equal(
        [
            "Database:WorkerRole is public, which stands for every role. Name one role, or leave it empty.",
            "Database:ControlPlaneRole is public, which stands for every role. Name one role, or leave it empty.",
        ],
        Problems(("ConnectionStrings:Postgres", Valid), ("Database:WorkerRole", "public"), ("Database:ControlPlaneRole", "public")));

    [Fact]
    public void Read_ManagedIdentity_TakesAConnectionWithoutPasswordToAServerThatProvesItsName() => Assert.Empty(Problems(
        ("ConnectionStrings:Postgres", "Host=db;Database=app;Username=consent;SSL Mode=VerifyFull"),
        ("ConnectionStrings:PostgresListen", "Host=direct;Database=app;Username=consent;SSL Mode=VerifyCA"), ("Database:ManagedIdentity", "true")));

    [Fact]
    public void Read_ManagedIdentity_SaysWhatDoesNotGoWithIt() => Assert.Equal(
        [
            "ConnectionStrings:Postgres has a Password or Passfile, and Database:ManagedIdentity is true. Remove one of the two: with an identity its token is the password.",
            "ConnectionStrings:Postgres must have SSL Mode=VerifyFull (or VerifyCA) while Database:ManagedIdentity is true, so that no other server is sent the identity's token.",
            "ConnectionStrings:PostgresListen names no Username. With Database:ManagedIdentity it is the role that was created for the identity.",
            "ConnectionStrings:PostgresListen must have SSL Mode=VerifyFull (or VerifyCA) while Database:ManagedIdentity is true, so that no other server is sent the identity's token.",
        ],
        Problems(("ConnectionStrings:Postgres", Valid), ("ConnectionStrings:PostgresListen", "Host=direct;SSL Mode=Require"), ("Database:ManagedIdentity", "true")));

    [Theory]
    [InlineData("Host=db;Port=secret-port;Password=secret")]
    [InlineData("Host=db;Passwort=secret")]
    [InlineData("Database=app;Password=secret")]
    [InlineData("Host=db;Multiplexing=true;Password=secret")]
    public void Read_BadConnectionString_NeverRepeatsIt(string text)
    {
        var problem = Assert.Single(Problems(("ConnectionStrings:Postgres", text)));

        Assert.StartsWith("ConnectionStrings:Postgres ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    private static ImmutableArray<string> Problems(params (string Key, string? Value)[] values)
    {
        var settings = new SettingReader(new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, value.Value))).Build());
        PostgresOptions.Read(settings);
        return settings.Problems;
    }
}
