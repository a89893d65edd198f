using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Tests.Support;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using Npgsql;
using Testcontainers.PostgreSql;

namespace ConsentSnapshots.Integration.Tests.Identity;

/// <summary>
/// Worker and edge as processes with a managed identity and nothing else: tokens open the store and the database, both over TLS, and no setting has a secret. The parts are real: Azure's own
/// library, PostgreSQL, and Azurite, which checks the tokens' form.
/// </summary>
public sealed class ManagedIdentityTests : IAsyncLifetime
{
    private const string Owner = "consent-migrate";
    private const string Role = "consent-worker";

    private readonly LocalCertificate _certificate = new();
    private readonly List<IContainer> _containers = [];
    private readonly int _postgres = FixedPort.Next();
    private readonly int _azurite = FixedPort.Next();
    private IdentityService _identity = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _identity = await IdentityService.StartAsync(Cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var container in _containers) await container.DisposeAsync();
        await _identity.DisposeAsync();
        _certificate.Dispose();
    }

    [Fact]
    public async Task Platform_IdentitiesOnly_PublishesAndServes()
    {
        await Task.WhenAll(StartPostgresAsync(), StartAzuriteAsync());
        await ExecuteAsync($"create role \"{Owner}\" login password '{_identity.DatabaseToken}'; grant create on database postgres to \"{Owner}\"; grant create on schema public to \"{Owner}\"");
        await ExecuteAsync($"create role \"{Role}\" login password '{_identity.DatabaseToken}'");

        var migrated = await Executable.RunAsync(
            Executable.Worker, ["migrate", "--with-destinations"], [.. Variables(Owner), KeyValuePair.Create("Database__WorkerRole", (string?)Role)], Cancel);
        Assert.True(migrated.ExitCode == 0, migrated.Everything);
        using var worker = StartWorker(Variables(Role));
        await worker.ReadyAsync((_, status, _) => status == "ready", "the worker is ready");
        await ExecuteAsync(
            $$"""
            insert into destinations (organization_id, type, name, environment, settings, settings_encrypted)
            values ('{{SourceDatabase.Acme}}', 'meta-pixel', 'one', 'production', '{"pixelId":"12345678901"}', false)
            """);

        using var edge = Process.Start(Executable.Describe(
            Executable.Edge, ["--urls=http://127.0.0.1:0"], Variables(Role).Where(variable => !IsSetting(variable) || variable.Key.StartsWith("Storage", StringComparison.Ordinal))))!;
        try
        {
            var address = await ListensAsync(edge);
            using var http = new HttpClient { BaseAddress = address };
            await Eventually.TrueAsync(
                async () =>
                {
                    using var answer = await http.GetAsync(new Uri($"/v1/{SourceDatabase.Acme}/production/scripts.json", UriKind.Relative), Cancel);
                    return (await answer.Content.ReadAsStringAsync(Cancel)).Contains("12345678901", StringComparison.Ordinal);
                },
                "the edge serves what the worker published", details: () => string.Join(Environment.NewLine, worker.Lines));
        }
        finally
        {
            edge.Kill();
        }
        await worker.TerminateAsync();
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);

        Assert.Equal(["https://ossrdbms-aad.database.windows.net", "https://storage.azure.com"], _identity.Resources.Distinct().Order(StringComparer.Ordinal));
        // A credential for each of three processes, and one more for the worker's store: tokens are kept, not asked for with every connection.
        Assert.InRange(_identity.Resources.Count, 4, 12);
        Assert.DoesNotContain(worker.Lines, line => line.Contains(_identity.DatabaseToken, StringComparison.Ordinal));
    }

    /// <summary>An identity that has not arrived yet, or a service that is down: the worker waits and says why, and goes on by itself.</summary>
    [Fact]
    public async Task Worker_NoTokenYet_WaitsAndSaysWhyAndGoesOn()
    {
        await StartPostgresAsync();
        await ExecuteAsync($"create role \"{Owner}\" login superuser password '{_identity.DatabaseToken}'");
        var store = Directory.CreateTempSubdirectory("consent-snapshots-");
        KeyValuePair<string, string?>[] variables =
        [
            .. Variables(Owner).Where(variable => !variable.Key.StartsWith("Storage", StringComparison.Ordinal)),
            KeyValuePair.Create("Storage__Provider", (string?)"directory"), KeyValuePair.Create("Storage__Directory", (string?)store.FullName),
        ];
        try
        {
            _identity.Refuses = true;
            var refused = await Executable.RunAsync(Executable.Worker, ["migrate", "--with-destinations"], variables, Cancel);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("the managed identity was given no token for the database (Database:ManagedIdentity)", refused.Error, StringComparison.Ordinal);
            Assert.Contains("Check that the process has an identity", refused.Error, StringComparison.Ordinal);
            var doctor = await Executable.RunAsync(Executable.Worker, ["doctor"], variables, Cancel);
            Assert.Equal(1, doctor.ExitCode);
            Assert.Contains("the managed identity was given no token for the database (Database:ManagedIdentity)", doctor.Output, StringComparison.Ordinal);
            Assert.Contains("→ Check that the process has an identity", doctor.Output, StringComparison.Ordinal);
            _identity.Refuses = false;
            var migrated = await Executable.RunAsync(Executable.Worker, ["migrate", "--with-destinations"], variables, Cancel);
            Assert.True(migrated.ExitCode == 0, migrated.Everything);

            _identity.Refuses = true;
            using var worker = StartWorker(variables);
            await worker.ReadyAsync(
                (_, status, reasons) => status == "not-ready" && reasons.Any(reason => reason.Contains("was given no token for the database", StringComparison.Ordinal)), "the worker says what it waits for");
            _identity.Refuses = false;

            await worker.ReadyAsync((_, status, _) => status == "ready", "the worker goes on");
        }
        finally
        {
            store.Delete(recursive: true);
        }
    }

    private static WorkerProcess StartWorker(KeyValuePair<string, string?>[] variables) => WorkerProcess.Start(
        variables.Where(IsSetting).Select(variable => KeyValuePair.Create(variable.Key.Replace("__", ":", StringComparison.Ordinal), variable.Value)),
        environment: variables.Where(variable => !IsSetting(variable)));

    private static bool IsSetting(KeyValuePair<string, string?> variable) => variable.Key.Contains("__", StringComparison.Ordinal);

    private KeyValuePair<string, string?>[] Variables(string role) =>
    [
        .. _identity.Variables,
        KeyValuePair.Create("SSL_CERT_FILE", (string?)_certificate.File),
        .. new (string Key, string Value)[]
        {
            ("Source__Provider", "postgres"), ("Database__ManagedIdentity", "true"),
            ("ConnectionStrings__Postgres", $"Host=localhost;Port={_postgres};Database=postgres;Username={role};SSL Mode=VerifyFull"),
            ("Storage__Provider", "azure"), ("Storage__ServiceUri", $"https://127.0.0.1:{_azurite}/consent"), ("Storage__Timeout", "00:01:00"),
        }.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)),
    ];

    /// <summary>PostgreSQL that takes connections over TLS only, as Azure's does.</summary>
    private async Task StartPostgresAsync() => await StartAsync(new PostgreSqlBuilder(TestImages.Postgres)
        .WithUsername("admin").WithPassword("only-for-tests").WithDatabase("postgres")
        .WithPortBinding(_postgres, PostgreSqlBuilder.PostgreSqlPort)
        .WithResourceMapping(Encoding.UTF8.GetBytes(_certificate.Pem), "/certs/server.pem", uid: 999, gid: 999)
        .WithResourceMapping(Encoding.UTF8.GetBytes(_certificate.KeyPem), "/certs/server.key", uid: 999, gid: 999, fileMode: UnixFileModes.UserRead | UnixFileModes.UserWrite)
        .WithCommand("-c", "ssl=on", "-c", "ssl_cert_file=/certs/server.pem", "-c", "ssl_key_file=/certs/server.key", "-c", "fsync=off")
        .WithLabel(TestRun.Label, TestRun.Id)
        .Build());

    /// <summary>Azurite that takes tokens.</summary>
    private async Task StartAzuriteAsync() => await StartAsync(new ContainerBuilder(TestImages.Azurite)
        .WithEntrypoint("azurite-blob")
        .WithResourceMapping(Encoding.UTF8.GetBytes(_certificate.Pem), "/certs/server.pem")
        .WithResourceMapping(Encoding.UTF8.GetBytes(_certificate.KeyPem), "/certs/server.key")
        .WithCommand("--blobHost", "0.0.0.0", "--location", "/data", "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--oauth", "basic", "--cert", "/certs/server.pem", "--key", "/certs/server.key")
        .WithEnvironment("AZURITE_ACCOUNTS", $"consent:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(64))}")
        .WithPortBinding(_azurite, 10_000)
        .WithLabel(TestRun.Label, TestRun.Id)
        .Build());

    private async Task StartAsync(IContainer container)
    {
        lock (_containers) _containers.Add(container);
        await container.StartAsync(Cancel);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection($"Host=localhost;Port={_postgres};Database=postgres;Username=admin;Password=only-for-tests;SSL Mode=Require;Pooling=false");
        await connection.OpenAsync(Cancel);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private static async Task<Uri> ListensAsync(Process process)
    {
        const string Said = "Now listening on: ";
        process.StandardInput.Close();
        var said = new StringBuilder();
        while (await process.StandardOutput.ReadLineAsync(Cancel) is { } line)
        {
            said.AppendLine(line);
            if (line.IndexOf(Said, StringComparison.Ordinal) is >= 0 and var at)
            {
                // Nobody reads on, and a full pipe must not stop it.
                _ = process.StandardOutput.ReadToEndAsync(default);
                return new Uri(line[(at + Said.Length)..].Trim());
            }
        }
        Assert.Fail($"The edge ended without listening: {said}{await process.StandardError.ReadToEndAsync(Cancel)}");
        return null!;
    }
}
