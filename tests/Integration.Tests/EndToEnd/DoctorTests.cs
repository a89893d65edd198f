using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using ConsentSnapshots.Integration.Tests.Edge;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Integration.Tests.Postgres;
using ConsentSnapshots.Worker.Commands;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.EndToEnd;

/// <summary>Set-ups that are broken on purpose: <c>doctor</c> finds what is broken, finds nothing else, and names the fix.</summary>
public sealed class DoctorTests(PostgresFixture postgres, AzuriteFixture azurite) : IDisposable
{
    private const string Key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-doctor-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Doctor_HealthySetup_FindsNothingAndLeavesNothingBehind()
    {
        await using var platform = await Platform.CreateAsync(postgres, azurite);
        await platform.InsertAsync(SourceDatabase.Acme, Platform.Pixel("12345678901"));
        await platform.StartAsync();
        await platform.ServesAsync(SourceDatabase.Acme, "12345678901");
        await platform.DrainedAsync();

        var before = await platform.ListBlobsAsync();
        var (exitCode, output, error) = await platform.CommandAsync("doctor", $"--Edges:0={platform.Http.BaseAddress}");

        Assert.True(exitCode == 0, output + error);
        Assert.Contains("is ready.", output, StringComparison.Ordinal);
        Assert.Contains("A notification arrives on the listener's connection.", output, StringComparison.Ordinal);
        Assert.Contains(" 0 to look at, 0 to fix, 0 skipped.", output, StringComparison.Ordinal);
        Assert.Equal(before, await platform.ListBlobsAsync());
    }

    [Fact]
    public async Task Doctor_SettingMisspelt_NamesIt() =>
        await FindsAsync(new() { ["Source:File"] = "/dev/null", ["Storage:Directory"] = _folder, ["Storage:Directroy"] = "/tmp" }, "Storage:Directroy is not a setting", "docs/configuration.md");

    [Fact]
    public async Task Doctor_DatabaseDoesNotAnswer_NamesHostAndPort()
    {
        await using var database = await SetUpAsync();
        var closed = FixedPort.Next();
        await FindsAsync(Settings(database, connection => (connection.Host, connection.Port) = ("127.0.0.1", closed)), "cannot be used", $"correct Host=127.0.0.1 and Port={closed}");
    }

    [Fact]
    public async Task Doctor_WrongPassword_NamesTheRole()
    {
        await using var database = await SetUpAsync();
        await FindsAsync(Settings(database, connection => connection.Password = "wrong"), "28P01", "Correct the password of role control_plane");
    }

    [Fact]
    public async Task Doctor_NoSuchDatabase_NamesIt()
    {
        await using var database = await SetUpAsync();
        await FindsAsync(Settings(database, connection => connection.Database = "elsewhere"), "3D000", "Create the database, or correct Database=elsewhere");
    }

    [Fact]
    public async Task Doctor_NotMigrated_SaysToMigrate()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync("create table destinations (id uuid primary key, organization_id uuid, type text, name text, environment text, settings jsonb, settings_encrypted boolean, required_consent text[], enabled boolean, test_mode boolean, deleted_at timestamptz, created_at timestamptz)");
        await FindsAsync(Settings(database), "has not been migrated", "Run `consent-snapshots migrate`");
    }

    [Fact]
    public async Task Doctor_TableNamedWrongly_SaysSo()
    {
        await using var database = await SetUpAsync();
        await FindsAsync(new(Settings(database)) { ["Database:DestinationsTable"] = "public.destination" }, "There is no table public.destination", "Correct Database__DestinationsTable");
    }

    [Fact]
    public async Task Doctor_TableLacksColumns_NamesThem()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("alter table destinations drop column required_consent");
        await FindsAsync(Settings(database), "required_consent", null);
    }

    [Fact]
    public async Task Doctor_RoleWithoutRights_NamesThem()
    {
        await using var database = await SetUpAsync();
        var role = await database.CreateRoleAsync("poor");
        await database.ExecuteAsync($"grant usage on schema consent_snapshots to {role}; grant select on all tables in schema consent_snapshots to {role}; grant select on destinations to {role}");
        await FindsAsync(
            Settings(database, connection => (connection.Username, connection.Password) = (role, SourceDatabase.RolePassword)),
            "The role lacks insert on consent_snapshots.changes", $"with Database__WorkerRole={role}");
    }

    [Fact]
    public async Task Doctor_TableMadeAnew_SaysThatTriggersAreMissing()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("create table copy (like destinations including all); insert into copy select * from destinations; drop table destinations; alter table copy rename to destinations");
        await FindsAsync(Settings(database), "consent_snapshots_insert is missing", "Run `consent-snapshots migrate` as the table's owner");
    }

    [Fact]
    public async Task Doctor_TriggersWeakenedByARestore_SaysSo()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("alter table destinations enable trigger all");
        await FindsAsync(Settings(database), "is not enabled as it should be", "Run `consent-snapshots migrate` as the table's owner");
    }

    [Fact]
    public async Task Doctor_ViewWithoutTriggers_SaysThatChangesWait()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("create view visible as select * from destinations");
        var settings = new Dictionary<string, string?>(Settings(database)) { ["Database:DestinationsTable"] = "public.visible" };
        await LooksAtAsync(settings, "No trigger calls consent_snapshots.changed", "docs/control-plane.md");
    }

    [Fact]
    public async Task Doctor_RowSecurityHidesRows_SaysHowToExemptTheRole()
    {
        await using var database = await SetUpAsync();
        var role = await database.CreateRoleAsync("secured");
        database.Options.WorkerRole = role;
        await database.MigrateAsync();
        await database.ExecuteAsync("alter table destinations enable row level security");
        await FindsAsync(
            Settings(database, connection => (connection.Username, connection.Password) = (role, SourceDatabase.RolePassword)),
            "Row-level security on public.destinations applies to role", $"alter role {role} bypassrls");
    }

    [Fact]
    public async Task Doctor_PoolerLosesNotifications_NamesTheSetting()
    {
        await using var database = await SetUpAsync();
        await using var pooler = await PgBouncer.StartAsync(database.Options.ConnectionString, "transaction", Cancel);
        await FindsAsync(
            new(Settings(database)) { ["ConnectionStrings:Postgres"] = pooler.Through(database.Options.ConnectionString) },
            "leads through a pooler in transaction mode", "Set ConnectionStrings__PostgresListen to the server itself");
    }

    [Fact]
    public async Task Doctor_NoKeyOpensTheSettings_NamesRowsAndTheSetting()
    {
        await using var database = await SetUpAsync();
        var envelope = await RunAsync(Settings(database), "encrypt", Path.Combine(_folder, "settings.json"));
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, environment, settings) values ('{SourceDatabase.Globex}', 'posthog', 'one', 'production', '{envelope.Output}')");
        Assert.Equal(0, (await RunAsync(Settings(database), "regenerate", "--all")).ExitCode);
        var other = new Dictionary<string, string?>(Settings(database)) { ["Encryption:Keys:0"] = new string('a', 64) };

        await FindsAsync(other, "No configured key opens any of the 1 encrypted settings: posthog", "Set Encryption__Keys__0 to the control plane's key");
    }

    [Fact]
    public async Task Doctor_WrongKeyOfTheStore_SaysSo()
    {
        await using var database = await SetUpAsync();
        var settings = await AzureAsync(database);
        settings["Storage:ConnectionString"] = Regex.Replace(settings["Storage:ConnectionString"]!, "AccountKey=[^;]+", $"AccountKey={Convert.ToBase64String(new byte[64])}");
        await FindsAsync(settings, "The identity cannot read in the public container", "Correct the account's key or signature");
    }

    [Fact]
    public async Task Doctor_IdentityMayOnlyRead_NamesTheRole()
    {
        await using var database = await SetUpAsync();
        var settings = await AzureAsync(database);
        var service = new BlobServiceClient(settings["Storage:ConnectionString"]);
        var signature = service.GenerateAccountSasUri(
            AccountSasPermissions.Read | AccountSasPermissions.List, TimeProvider.System.GetUtcNow().AddHours(1), AccountSasResourceTypes.All).Query.TrimStart('?');
        settings["Storage:ConnectionString"] = $"BlobEndpoint={service.Uri};SharedAccessSignature={signature}";

        var output = await FindsAsync(settings, "The identity cannot write in the public container", "Storage Blob Data Contributor");
        Assert.Contains("The identity cannot write in the history container", output, StringComparison.Ordinal);
        Assert.DoesNotContain(signature, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_ContainerMissing_NamesTheSetting()
    {
        await using var database = await SetUpAsync();
        var settings = await AzureAsync(database);
        await new BlobServiceClient(settings["Storage:ConnectionString"]).DeleteBlobContainerAsync(settings["Storage:PrivateContainer"], cancellationToken: Cancel);

        await LooksAtAsync(settings, "There is no private container (Storage__PrivateContainer)", "the name in the setting is wrong");
    }

    [Fact]
    public async Task Doctor_LockFileCannotBeOpened_SaysWhatToLookAt()
    {
        await using var database = await SetUpAsync();
        // As it is for a worker that may not open the lock file of another user.
        Directory.CreateDirectory(Path.Combine(_folder, "store", ".locks", "other"));
        await FindsAsync(Settings(database), "The identity cannot write in the history container", "its owner, rights and free space");
    }

    [Fact]
    public async Task Doctor_NoWorker_SaysToStartOne()
    {
        await using var database = await SetUpAsync();
        await FindsAsync(Settings(database), "No worker is running", "Start one", besides: 0);
    }

    [Fact]
    public async Task Doctor_StoreEmptied_SaysWhatItLacks()
    {
        await using var database = await SetUpAsync();
        foreach (var container in (string[])["public", "private", "history"])
        {
            Directory.Delete(Path.Combine(_folder, "store", container), recursive: true);
            Directory.CreateDirectory(Path.Combine(_folder, "store", container));
        }
        await FindsAsync(Settings(database), $"The store lacks the published version of 3 scopes: {SourceDatabase.Acme}/development", "`regenerate --all` does it now");
    }

    [Fact]
    public async Task Doctor_DatabaseRestored_SaysToRaiseTheEpoch()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("truncate consent_snapshots.publications; update consent_snapshots.scopes set revision = 0");
        await FindsAsync(Settings(database), "The store is ahead of the database for 3 scopes", "migrate --new-epoch");
    }

    [Fact]
    public async Task Doctor_EdgeNotThere_NamesIt()
    {
        await using var database = await SetUpAsync();
        var closed = FixedPort.Next();
        await FindsAsync(new(Settings(database)) { ["Edges:0"] = $"http://127.0.0.1:{closed}" }, $"http://127.0.0.1:{closed}/ cannot be reached", "See that the edge runs");
    }

    [Fact]
    public async Task Doctor_EdgeOfAnotherStore_SaysToCompareTheSettings()
    {
        await using var database = await SetUpAsync();
        var other = Path.Combine(_folder, "other");
        foreach (var container in (string[])["public", "private", "history"]) Directory.CreateDirectory(Path.Combine(other, container));
        await using var edge = await DirectoryEdge.StartAsync(other, Cancel);
        await FindsAsync(new(Settings(database)) { ["Edges:0"] = edge.Urls.First() }, "does not serve any of the 3 newest scopes", "See that its Storage__… settings are the worker's");
    }

    [Fact]
    public async Task Doctor_EdgeThatNoLongerFollows_NamesBothVersions()
    {
        await using var database = await SetUpAsync();
        var copy = Path.Combine(_folder, "copy");
        DirectoryEdge.CopyStore(Path.Combine(_folder, "store"), copy);
        await using var edge = await DirectoryEdge.StartAsync(copy, Cancel);
        await database.ExecuteAsync("update destinations set settings = '{\"pixelId\":\"10987654321\"}'");
        Assert.Equal(0, (await RunAsync(Settings(database), "regenerate", "--all")).ExitCode);

        await FindsAsync(new(Settings(database)) { ["Edges:0"] = edge.Urls.First() }, "serves version 1 of", "It follows no longer");
    }

    [Fact]
    public async Task Doctor_FileWithAMistake_NamesThePlace()
    {
        var file = Path.Combine(_folder, "destinations.json");
        await File.WriteAllTextAsync(file, """{ "organizations": [ { "id": "acme", "environments": { "produktion": {} } } ] }""", Cancel);
        await FindsAsync(
            new() { ["Source:Provider"] = "file", ["Source:File"] = file, ["Storage:Provider"] = "directory", ["Storage:Directory"] = Path.Combine(_folder, "store") },
            "produktion", null, besides: 0);
    }

    [Fact]
    public async Task Doctor_Json_HasEachFindingWithItsFix()
    {
        await using var database = await SetUpAsync();
        await database.ExecuteAsync("alter table destinations enable trigger all");

        var (exitCode, output, _) = await RunAsync(Settings(database), "doctor", "--json");

        var report = JsonNode.Parse(output)!;
        Assert.Equal((1, false), (exitCode, (bool)report["healthy"]!));
        var trigger = report["findings"]!.AsArray().Single(finding => ((string)finding!["message"]!).Contains("not enabled", StringComparison.Ordinal))!;
        Assert.Equal(("Database", "failed"), ((string)trigger["area"]!, (string)trigger["level"]!));
        Assert.Contains("migrate", (string)trigger["fix"]!, StringComparison.Ordinal);
    }

    /// <summary>A migrated database with one destination, published to a directory.</summary>
    private async Task<SourceDatabase> SetUpAsync()
    {
        var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("delete from consent_snapshots.workers");
        await database.ExecuteAsync($$"""
            insert into destinations (organization_id, type, name, environment, settings, settings_encrypted)
            values ('{{SourceDatabase.Acme}}', 'meta-pixel', 'one', 'production', '{"pixelId":"12345678901"}', false)
            """);
        await File.WriteAllTextAsync(Path.Combine(_folder, "settings.json"), """{"apiKey":"phc_0123456789012345678901234567890123456789"}""", Cancel);
        Assert.Equal(0, (await RunAsync(Settings(database), "regenerate", "--all")).ExitCode);
        return database;
    }

    private Dictionary<string, string?> Settings(SourceDatabase database, Action<NpgsqlConnectionStringBuilder>? change = null)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.Options.ConnectionString);
        change?.Invoke(connection);
        return new()
        {
            ["Source:Provider"] = "postgres",
            ["ConnectionStrings:Postgres"] = connection.ConnectionString,
            ["Storage:Provider"] = "directory",
            ["Storage:Directory"] = Path.Combine(_folder, "store"),
            ["Encryption:Keys:0"] = Key,
        };
    }

    /// <summary>The same with containers in Azurite, published to.</summary>
    private async Task<Dictionary<string, string?>> AzureAsync(SourceDatabase database)
    {
        var settings = new Dictionary<string, string?>(Settings(database))
        {
            ["Storage:Provider"] = "azure",
            ["Storage:ConnectionString"] = await azurite.ConnectionStringAsync(Cancel),
            ["Storage:Container"] = azurite.NextContainerName("public"),
            ["Storage:PrivateContainer"] = azurite.NextContainerName("private"),
            ["Storage:HistoryContainer"] = azurite.NextContainerName("history"),
        };
        settings.Remove("Storage:Directory");
        Assert.Equal(0, (await RunAsync(settings, "regenerate", "--all")).ExitCode);
        return settings;
    }

    /// <summary>The finding is among what is to be fixed, with its fix; nothing else is, but that no worker runs here.</summary>
    private static async Task<string> FindsAsync(Dictionary<string, string?> settings, string what, string? fix, int besides = 1)
    {
        var (exitCode, output, error) = await RunAsync(settings, "doctor");
        Assert.True(exitCode == 1, output + error);
        var lines = output.Split('\n');
        var place = Array.FindIndex(lines, line => line.StartsWith("  FIX", StringComparison.Ordinal) && line.Contains(what, StringComparison.Ordinal));
        Assert.True(place >= 0, $"Nothing to fix has '{what}':\n{output}");
        if (fix is not null) Assert.Contains(fix, lines[place] + lines[place + 1], StringComparison.Ordinal);
        if (besides > 0)
        {
            var others = lines.Where(line => line.StartsWith("  FIX", StringComparison.Ordinal) && line != lines[place] && !line.Contains("No worker is running", StringComparison.Ordinal)).ToList();
            Assert.All(others, other => Assert.True(IsDueToTheSame(other, what), $"Beside '{what}' it says: {other}\n{output}"));
        }
        return output;
    }

    /// <summary>One cause may show in each of three containers.</summary>
    private static bool IsDueToTheSame(string line, string what) =>
        line.Contains("container", StringComparison.Ordinal) && what.Contains("container", StringComparison.Ordinal);

    private static async Task LooksAtAsync(Dictionary<string, string?> settings, string what, string fix)
    {
        var (_, output, _) = await RunAsync(settings, "doctor");
        var lines = output.Split('\n');
        var place = Array.FindIndex(lines, line => line.StartsWith("  LOOK", StringComparison.Ordinal) && line.Contains(what, StringComparison.Ordinal));
        Assert.True(place >= 0, $"Nothing to look at has '{what}':\n{output}");
        Assert.Contains(fix, lines[place + 1], StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(Dictionary<string, string?> settings, params string[] words)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new CommandLine(output, error).InvokeAsync([.. words, .. settings.Select(setting => $"--{setting.Key}={setting.Value}")]);
        return (exitCode, output.ToString(), error.ToString());
    }
}
