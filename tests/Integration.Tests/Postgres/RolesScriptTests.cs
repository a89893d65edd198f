using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Tests.Support;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary><c>deploy/postgres/roles.sql</c>, run by psql as an operator runs it, and then the programs as the roles that it made.</summary>
public sealed class RolesScriptTests(PostgresFixture postgres) : IDisposable
{
    private readonly DirectoryInfo _store = Directory.CreateTempSubdirectory("consent-snapshots-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _store.Delete(recursive: true);

    /// <summary>A control plane that has been there before: its table belongs to a role of its own.</summary>
    [Fact]
    public async Task Roles_TableOfTheControlPlane_MigratePublishAndMayNothingElse()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var roles = Roles.Of(await NameOfAsync(database));
        await database.CreateRoleAsync("app");
        await CreateTableAsync(database, roles.ControlPlane);

        var (exitCode, said) = await RunScriptAsync(database, roles);

        Assert.True(exitCode == 0, said);
        await AllowPasswordsAsync(database, roles);
        await MigrateAsync(database, roles);
        await PublishesAsync(database, roles);
        foreach (var (role, forbidden) in new[]
                 {
                     (roles.Worker, "insert into destinations (organization_id, type, name) values (gen_random_uuid(), 'x', 'x')"),
                     (roles.Worker, "update destinations set enabled = false"),
                     (roles.Worker, "delete from destinations"),
                     (roles.Worker, "alter table destinations disable trigger all"),
                     (roles.Worker, "select consent_snapshots.changed(null)"),
                     (roles.Worker, "delete from consent_snapshots.publications"),
                     (roles.Worker, "drop schema consent_snapshots cascade"),
                     (roles.Worker, "create table public.mine ()"),
                     (roles.Worker, "create schema mine"),
                     (roles.Worker, $"set role {roles.Owner}"),
                     (roles.ControlPlane, "select * from consent_snapshots.changes"),
                     (roles.ControlPlane, "select * from consent_snapshots.scopes"),
                     (roles.ControlPlane, "insert into consent_snapshots.publications default values"),
                     (roles.ControlPlane, "drop schema consent_snapshots cascade"),
                     (roles.ControlPlane, $"set role {roles.Owner}"),
                     (roles.Owner, "create role mine"),
                     (roles.Owner, "create database mine"),
                     (roles.Owner, $"set role {roles.Worker}"),
                 })
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(database, role, forbidden));
            Assert.True(refused.SqlState == PostgresErrorCodes.InsufficientPrivilege, $"{role}: {forbidden}: {refused.MessageText}");
        }
    }

    /// <summary>A database of its own, and an administrator who is no superuser, as clouds give one.</summary>
    [Fact]
    public async Task Roles_EmptyDatabase_TheOwnerCreatesTheTableAndTheControlPlaneWritesIt()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var name = await NameOfAsync(database);
        var administrator = await database.CreateRoleAsync("admin");
        await database.ExecuteAsync($"alter role {administrator} createrole; alter database {name} owner to {administrator}");
        var roles = Roles.Of(name);

        Assert.Equal((0, ""), await RunScriptAsync(database, roles, administrator));
        Assert.Equal((0, ""), await RunScriptAsync(database, roles, administrator)); // again
        await AllowPasswordsAsync(database, roles);
        await MigrateAsync(database, roles, "--with-destinations");

        await PublishesAsync(database, roles);
        // Whoever ran the script has kept no right of the owner.
        var refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(database, administrator, "select * from consent_snapshots.scopes"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task Roles_TableOfASuperuser_IsRefusedAndNothingIsLeft()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync("create table destinations ()");
        var roles = Roles.Of(await NameOfAsync(database));

        var (exitCode, said) = await RunScriptAsync(database, roles);

        Assert.Equal(3, exitCode);
        Assert.Contains("destinations belongs to the superuser", said, StringComparison.Ordinal);
        Assert.Contains("alter table destinations owner to ROLE", said, StringComparison.Ordinal);
        Assert.Equal(0L, await database.ScalarAsync<long>($"select count(*) from pg_roles where rolname in ('{roles.Owner}', '{roles.Worker}', '{roles.ControlPlane}')"));
    }

    [Fact]
    public async Task Roles_OneRoleForOwnerAndWorker_IsRefused()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var roles = Roles.Of(await NameOfAsync(database));

        var (exitCode, said) = await RunScriptAsync(database, roles with { Worker = roles.Owner });

        Assert.Equal(3, exitCode);
        Assert.Contains("The worker's role must be another one than the owner's", said, StringComparison.Ordinal);
    }

    private sealed record Roles(string Owner, string Worker, string ControlPlane)
    {
        public static Roles Of(string database) => new($"owner_{database}", $"worker_{database}", $"app_{database}");
    }

    private static Task<string> NameOfAsync(SourceDatabase database) => database.ScalarAsync<string>("select current_database()::text");

    private async Task<(int ExitCode, string Said)> RunScriptAsync(SourceDatabase database, Roles roles, string? user = null)
    {
        var script = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "deploy", "postgres", "roles.sql"), Cancel);
        return await postgres.PsqlAsync(
            database.Options.ConnectionString, user, SourceDatabase.RolePassword, script, Cancel,
            ("owner", roles.Owner), ("worker", roles.Worker), ("control_plane", roles.ControlPlane), ("table", "public.destinations"));
    }

    /// <summary>As an operator does with \password.</summary>
    private static async Task AllowPasswordsAsync(SourceDatabase database, Roles roles)
    {
        foreach (var role in (string[])[roles.Owner, roles.Worker, roles.ControlPlane]) await database.ExecuteAsync($"alter role {role} password '{SourceDatabase.RolePassword}'");
    }

    private static async Task CreateTableAsync(SourceDatabase database, string owner)
    {
        await database.ExecuteAsync($"grant usage, create on schema public to {owner}");
        await ExecuteAsync(database, owner, Worker.Postgres.DestinationsTable.Definition(database.Options.Table));
        await database.ExecuteAsync($"revoke create on schema public from {owner}");
    }

    private async Task MigrateAsync(SourceDatabase database, Roles roles, params string[] options)
    {
        var outcome = await Executable.RunAsync(
            Executable.Worker, ["migrate", .. options],
            Settings(database, roles.Owner, [("Database__WorkerRole", roles.Worker), ("Database__ControlPlaneRole", roles.ControlPlane)]), Cancel);
        Assert.True(outcome.ExitCode == 0, outcome.Everything);
    }

    /// <summary>The control plane writes a destination, the worker publishes it, and the control plane sees what became of it.</summary>
    private async Task PublishesAsync(SourceDatabase database, Roles roles)
    {
        using var worker = WorkerProcess.Start(Settings(database, roles.Worker).Select(setting => KeyValuePair.Create(setting.Key.Replace("__", ":", StringComparison.Ordinal), setting.Value)));
        await worker.ReadyAsync((_, status, _) => status == "ready", "the worker is ready");

        await ExecuteAsync(database, roles.ControlPlane,
            $$"""
            insert into destinations (organization_id, type, name, environment, settings, settings_encrypted)
            values ('{{SourceDatabase.Acme}}', 'meta-pixel', 'one', 'production', '{"pixelId":"12345678901"}', false)
            """);

        var list = Path.Combine(_store.FullName, "public", SourceDatabase.Acme.ToString(), "production", "scripts.json");
        await Eventually.TrueAsync(
            async () => File.Exists(list) && (await File.ReadAllTextAsync(list, Cancel)).Contains("12345678901", StringComparison.Ordinal),
            "the destination is published", details: () => string.Join(Environment.NewLine, worker.Lines));
        await Eventually.TrueAsync(
            async () => await ScalarAsync(database, roles.ControlPlane, "select state from consent_snapshots.destination_status where environment = 'production'") == "live",
            "the control plane sees that it is live");
        await worker.TerminateAsync();
        Assert.Equal(0, (await worker.EndAsync()).ExitCode);
    }

    private KeyValuePair<string, string?>[] Settings(SourceDatabase database, string role, params (string Key, string Value)[] more) =>
    [
        .. new (string Key, string Value)[]
        {
            ("Source__Provider", "postgres"),
            ("ConnectionStrings__Postgres", new NpgsqlConnectionStringBuilder(database.Options.ConnectionString) { Username = role, Password = SourceDatabase.RolePassword }.ConnectionString),
            ("Storage__Provider", "directory"), ("Storage__Directory", _store.FullName),
        }.Concat(more).Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)),
    ];

    private static async Task ExecuteAsync(SourceDatabase database, string role, string sql)
    {
        await using var command = database.As(role).CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private static async Task<string?> ScalarAsync(SourceDatabase database, string role, string sql)
    {
        await using var command = database.As(role).CreateCommand(sql);
        return (string?)await command.ExecuteScalarAsync(Cancel);
    }
}
