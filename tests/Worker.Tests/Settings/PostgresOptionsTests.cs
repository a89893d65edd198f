

using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Tests.Settings;

public sealed class PostgresOptionsTests
{
    private const string Valid = "Host=db;Database=app;Username=consent;Password=secret";

    [Fact]
    public void Validate_Defaults_NeedsOnlyTheConnection() =>
        Assert.True(Validate(new PostgresOptions { ConnectionString = Valid }).Succeeded);

    [Fact]
    public void Validate_EverythingWrong_SaysAllAtOnceWithKeyLimitAndValue()
    {
        var result = Validate(new PostgresOptions
        {
            ConnectionString = " ",
            ListenConnectionString = "nonsense",
            DestinationsTable = "public.destinations; drop table x",
            WorkerRole = new string('r', 64),
            LockTimeout = TimeSpan.Zero,
            MigrationWait = TimeSpan.FromDays(1),
            KeepAlive = TimeSpan.FromMilliseconds(5),
        });

        Assert.Equal(
            [
                "ConnectionStrings:Postgres is missing. Set it to a connection string such as Host=db;Database=app;Username=consent;Password=…",
                "ConnectionStrings:PostgresListen is not a connection string that Npgsql understands. Expected: Host=…;Database=…;Username=…;Password=…",
                $"Database:DestinationsTable is 'public.destinations; drop table x'. {TableName.Rule}",
                "Database:WorkerRole must be the name of a role, at most 63 characters, or empty.",
                "Database:LockTimeout must be between 00:00:00.1000000 and 00:05:00; it is 00:00:00.",
                "Database:MigrationWait must be between 00:00:01 and 01:00:00; it is 1.00:00:00.",
                "Database:KeepAlive must be between 00:00:01 and 00:10:00; it is 00:00:00.0050000.",
            ],
            result.Failures!);
    }

    /// <summary>Postgres takes this name for every role.</summary>
    [Fact]
    public void Validate_RoleThatIsEverybody_IsRefused() => Assert.Equal(
        [
            "Database:WorkerRole is public, which stands for every role. Name one role, or leave it empty.",
            "Database:ControlPlaneRole is public, which stands for every role. Name one role, or leave it empty.",
        ],
        Validate(new PostgresOptions { ConnectionString = Valid, WorkerRole = "public", ControlPlaneRole = "public" }).Failures!);

    [Theory]
    [InlineData("Host=db;Port=secret-port;Password=secret")]
    [InlineData("Host=db;Passwort=secret")]
    [InlineData("Database=app;Password=secret")]
    [InlineData("Host=db;Multiplexing=true;Password=secret")]
    public void Validate_BadConnectionString_NeverRepeatsIt(string text)
    {
        var failure = Assert.Single(Validate(new PostgresOptions { ConnectionString = text }).Failures!);

        Assert.StartsWith("ConnectionStrings:Postgres ", failure, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure, StringComparison.Ordinal);
    }

    private static Microsoft.Extensions.Options.ValidateOptionsResult Validate(PostgresOptions options) =>
        new PostgresOptionsValidator().Validate(null, options);
}
