using System.Text.RegularExpressions;
using ConsentSnapshots.Tests.Support;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Configuration;

namespace ConsentSnapshots.Worker.Tests.Settings;

/// <summary>Whatever secret stands in whatever setting, by mistake or rightly, the worker's executable prints it nowhere.</summary>
public sealed class SecretSettingsTests
{
    private const string Canary = "CANARY";

    private static readonly string[] Keys =
    [
        "Source:Provider", "Source:File", "Source:Variables", "Source:WatchInterval", "ConnectionStrings:Postgres", "ConnectionStrings:PostgresListen", "Database:DestinationsTable",
        "Database:WorkerRole", "Database:LockTimeout", "Database:MigrationWait", "Database:KeepAlive", "Storage:Provider", "Storage:Directory", "Storage:ConnectionString",
        "Storage:ServiceUri", "Storage:Container", "Storage:PrivateContainer", "Storage:HistoryContainer", "Storage:Timeout", "Storage:PublicBaseUrl", "Limits:Destinations", "Limits:ScopeSettingsBytes",
        "Limits:DestinationSettingsBytes", "Worker:Url", "Worker:ShutdownTimeout", "Database:ControlPlaneRole", "Database:ManagedIdentity", "Encryption:Keys:0", "Encryption:Keys", "Schedule:Drain", "Schedule:Reconcile", "Schedule:Parallelism", "Schedule:MaxRetryDelay",
    ];

    public static TheoryData<string> Secrets =>
    [
        $"Host=db.invalid;Password={Canary};Database=app", $"host=db.invalid user=app password={Canary} dbname=app", $"Host=db.invalid;Database=app user=u password={Canary}",
        $"postgres://app:{Canary}@db.invalid:5432/app?sslmode=require", $"Host=postgres://app:{Canary}@db.invalid/app",
        $"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={Canary};EndpointSuffix=core.windows.net",
        $"http://a.blob.core.windows.net/?sv=2024-01-01&sig={Canary}&se=2030", $"https://a.blob.core.windows.net/?sv=2024-01-01&sig={Canary}", $"https://user:{Canary}@a.blob.core.windows.net/",
        $"http://[broken/?sig={Canary}",
    ];

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Read_SecretInOneSetting_IsInNoMessage(string secret)
    {
        foreach (var key in Keys)
            foreach (var (source, storage) in new[] { ("file", "directory"), ("postgres", "azure") })
            {
                var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
                {
                    ["Source:Provider"] = source,
                    ["Source:File"] = typeof(SecretSettingsTests).Assembly.Location,
                    ["ConnectionStrings:Postgres"] = "Host=db.invalid",
                    ["Storage:Provider"] = storage,
                    ["Storage:Directory"] = "/nowhere",
                    [key] = secret,
                }).Build();

                try
                {
                    WorkerConfiguration.Read(configuration);
                }
                catch (InvalidConfigurationException exception)
                {
                    Assert.DoesNotContain(Canary, exception.ToString(), StringComparison.OrdinalIgnoreCase);
                }
            }
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public async Task PrintConfig_SecretInEverySetting_ShowsNone(string secret)
    {
        var outcome = await Executable.RunAsync(Executable.Worker, ["--print-config"], Variables(Keys.Select(key => (key, secret))), TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("Storage:ConnectionString ", outcome.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task PrintConfig_SomeSet_SaysWhatIsInForceAndWhereItIsSet()
    {
        var outcome = await Executable.RunAsync(
            Executable.Worker, ["--print-config", "--Schedule:Parallelism=3"], Variables(
                [("Source:Provider", "postgres"), ("ConnectionStrings:Postgres", "Host=db;Password=CANARY"), ("Storage:Directory", "/nowhere"), ("Encryption:Keys:0", new string('0', 64))]),
            TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        string Line(string key) => Regex.Replace(outcome.Output.Split('\n').Single(line => line.StartsWith($"{key} ", StringComparison.Ordinal)).Trim(), " +", " ");
        Assert.Equal("ConnectionStrings:Postgres *** environment variable", Line("ConnectionStrings:Postgres"));
        Assert.Equal("Storage:Directory /nowhere environment variable", Line("Storage:Directory"));
        Assert.Equal("Schedule:Parallelism 3 argument", Line("Schedule:Parallelism"));
        Assert.Equal("Schedule:MaxRetryDelay 00:05:00 default", Line("Schedule:MaxRetryDelay"));
        Assert.Equal("Database:WorkerRole (not set)", Line("Database:WorkerRole"));
        Assert.Equal("Encryption:Keys 1 set environment variable", Line("Encryption:Keys"));
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public async Task Executable_SecretInEverySetting_IsRefusedWithoutIt(string secret)
    {
        var outcome = await Executable.RunAsync(Executable.Worker, ["status"], Variables(Keys.Select(key => (key, secret))), TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("The configuration has ", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("host=127.0.0.1 port=1 user=app password=CANARY dbname=app")]
    [InlineData("Host=127.0.0.1;Port=1;Database=app user=app password=CANARY")]
    [InlineData("Host=postgres://app:CANARY@127.0.0.1:1/app")]
    [InlineData("Host=127.0.0.1,postgres://app:CANARY@127.0.0.1:1/app")]
    [InlineData("Host=app:CANARY@127.0.0.1;Port=1")]
    [InlineData("postgres://app:CANARY@127.0.0.1:1/app?sslmode=require")]
    public async Task Executable_ConnectionStringInAnotherForm_IsRefusedAndTheFormIsNamed(string text)
    {
        foreach (var command in new[] { "migrate", "run" })
        {
            var outcome = await Executable.RunAsync(Executable.Worker, [command], Variables(
                [("Source:Provider", "postgres"), ("ConnectionStrings:Postgres", text), ("Storage:Directory", "/nowhere")]), TestContext.Current.CancellationToken);

            Assert.Equal(2, outcome.ExitCode);
            Assert.Contains("ConnectionStrings:Postgres is not ", outcome.Error, StringComparison.Ordinal);
            Assert.Contains("Host=…;", outcome.Error, StringComparison.Ordinal);
            Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [InlineData("Host=db")]
    [InlineData("Host=db.example,[::1]:5433,10.0.0.1:5432;Port=5432")]
    [InlineData("Host=/var/run/postgresql;Username=app")]
    [InlineData("Host=my_db-1.ns.svc.cluster.local.;Password=a password = with port=5 in it")]
    [InlineData("Host=::1;Options=-c geqo=off;Application Name=\"a b\"")]
    public void Read_ConnectionStringInNpgsqlsForm_IsTaken(string text)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Source:Provider"] = "postgres",
            ["ConnectionStrings:Postgres"] = text,
            ["ConnectionStrings:PostgresListen"] = text,
        }).Build();

        Assert.NotNull(WorkerConfiguration.Read(configuration, ConfigurationParts.Source));
    }

    /// <summary>The secrets are where they belong, and nothing that they are for can be reached.</summary>
    [Fact]
    public async Task Executable_WorkWithSecretsFails_SaysWhyWithoutThem()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, """{"organizations":[{"id":"acme"}]}""", TestContext.Current.CancellationToken);
        (string, string)[] postgres =
        [
            ("Source:Provider", "postgres"), ("ConnectionStrings:Postgres", $"Host=127.0.0.1;Port=1;Username=app;Password={Canary}"), ("Storage:Directory", "/nowhere"),
            ("Encryption:Keys:0", new string('a', 64)),
        ];
        (string, string)[] azure = [("Source:File", file), ("Storage:Provider", "azure"), ("Storage:Timeout", "00:00:01")];
        var signed = $"BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=sv=2024-01-01&sig={Canary}";
        var keyed = $"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={Canary}AA;BlobEndpoint=http://127.0.0.1:1/a;";
        try
        {
            foreach (var (command, settings) in new[]
                     {
                         ("migrate", postgres), ("regenerate --all", postgres),
                         ("status", [.. azure, ("Storage:ConnectionString", signed)]), ("regenerate --all", [.. azure, ("Storage:ConnectionString", keyed)]),
                     })
            {
                var outcome = await Executable.RunAsync(Executable.Worker, command.Split(' '), Variables(settings), TestContext.Current.CancellationToken);

                Assert.Equal(1, outcome.ExitCode);
                Assert.NotEmpty(outcome.Error);
                Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain(new string('a', 64), outcome.Everything, StringComparison.Ordinal);
                Assert.DoesNotContain("   at ", outcome.Everything, StringComparison.Ordinal);
            }

            // The service waits for a database that does not answer, and says so.
            var service = await Executable.RunUntilAsync(
                Executable.Worker, ["run"], Variables([.. postgres, ("Worker:Url", "off")]), "The worker waits and publishes nothing yet", TestContext.Current.CancellationToken);
            Assert.Equal(0, service.ExitCode);
            Assert.Contains("127.0.0.1:1", service.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(Canary, service.Everything, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(new string('a', 64), service.Everything, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", service.Everything, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Executable_SettingWithoutEqualsSign_IsNamedAndItsValueIsNot()
    {
        var outcome = await Executable.RunAsync(
            Executable.Worker, ["migrate", "--ConnectionStrings:Postgres", $"Host=h;Password={Canary}"], [], TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal("--ConnectionStrings:Postgres is a setting without a value. Write --ConnectionStrings:Postgres=VALUE, in one argument.", outcome.Error.Trim());
    }

    [Fact]
    public async Task Executable_UnknownWord_IsNotRepeatedWithASecret()
    {
        var outcome = await Executable.RunAsync(Executable.Worker, ["migrate", $"Host=h;Password={Canary}"], [], TestContext.Current.CancellationToken);

        Assert.Equal(2, outcome.ExitCode);
        Assert.DoesNotContain(Canary, outcome.Everything, StringComparison.Ordinal);
    }

    private static IEnumerable<KeyValuePair<string, string?>> Variables(IEnumerable<(string Key, string Value)> settings) =>
        settings.Select(setting => KeyValuePair.Create(setting.Key.Replace(":", "__", StringComparison.Ordinal), (string?)setting.Value));
}
