using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>What the two roles may, and what they may not.</summary>
public sealed class DatabaseRoleTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const string RightsOf =
        """
        select coalesce(string_agg(what, ', ' order by what collate "C"), '') from (
            select 'schema ' || lower(a.privilege_type) as what
            from pg_namespace n, aclexplode(n.nspacl) a, pg_roles r where n.nspname = 'consent_snapshots' and r.oid = a.grantee and r.rolname = '{0}'
            union all
            select c.relname || ' ' || string_agg(lower(a.privilege_type), '+' order by a.privilege_type)
            from pg_class c, aclexplode(c.relacl) a, pg_roles r
            where c.relnamespace = 'consent_snapshots'::regnamespace and c.relname not like 'qrtz%' and r.oid = a.grantee and r.rolname = '{0}' group by c.relname
            union all
            select p.proname || '()' from pg_proc p, aclexplode(p.proacl) a, pg_roles r where p.pronamespace = 'consent_snapshots'::regnamespace and r.oid = a.grantee and r.rolname = '{0}'
        ) rights
        """;

    [Fact]
    public async Task Migrate_ControlPlaneRole_MayTellChangesAndReadTheStatusAndNothingElse()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.ControlPlaneRole = await database.CreateRoleAsync("control");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(SourceDatabase.Acme);
        var control = database.As(database.Options.ControlPlaneRole);

        await ExecuteAsync(control, $"select consent_snapshots.changed('{SourceDatabase.Acme}', 'production')");
        await ExecuteAsync(control, "select destination_id, organization_id, environment, state, version, since, field, reason from consent_snapshots.destination_status");

        // The view calls destinations_of in the name of whoever reads it.
        Assert.Equal("changed(), destination_status select, destinations_of(), schema usage", await RightsAsync(database, database.Options.ControlPlaneRole));
        foreach (var forbidden in new[]
                 {
                     "select * from consent_snapshots.changes", "select * from consent_snapshots.scopes", "select * from consent_snapshots.destination_reports",
                     "select * from consent_snapshots.publications", "select consent_snapshots.take_in_changes()", "select * from destinations",
                     "insert into consent_snapshots.changes (reason) values ('x')", "create table consent_snapshots.mine ()",
                 })
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(control, forbidden))).SqlState);
    }

    [Fact]
    public async Task Migrate_NoControlPlaneRole_NobodyMayTellChanges()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);

        foreach (var pool in new[] { database.As(database.Options.WorkerRole), database.As(await database.CreateRoleAsync("stranger")) })
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(pool, "select consent_snapshots.changed(null)"));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    [Fact]
    public async Task Migrate_OtherControlPlaneRole_TakesTheRightFromTheEarlierOne()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var earlier = database.Options.ControlPlaneRole = await database.CreateRoleAsync("earlier");
        await database.MigrateAsync(withDestinations: true);
        database.Options.ControlPlaneRole = await database.CreateRoleAsync("later");

        await database.MigrateAsync();

        await ExecuteAsync(database.As(database.Options.ControlPlaneRole), "select consent_snapshots.changed(null)");
        var refused = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(database.As(earlier), "select consent_snapshots.changed(null)"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task Migrate_WorkerRole_HasTheRightsOfItsWorkAndLosesWhatItHadBeyond()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.ExecuteAsync($"grant all on all tables in schema consent_snapshots to {database.Options.WorkerRole}");

        await database.MigrateAsync();

        Assert.Equal(
            "beat(), changes delete+insert+select, claim_scopes(), destination_reports delete+insert+select, destination_scripts delete+insert+select+update, destinations_changed(), "
            + "destinations_replicated(), followed insert+select+update, last_told select+update+usage, mend_times(), publications insert+select, record_scripts(), release_lost_claims(), schema usage, schema_versions select, "
            + "scopes insert+select+update, source select, take_in_changes(), tell_workers(), workers delete+insert+select+update",
            await RightsAsync(database, database.Options.WorkerRole));
    }

    /// <summary>Everything that a worker does, in the name of a role that has what migrate gave it.</summary>
    [Fact]
    public async Task Build_AsTheWorkerRole_Publishes()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        await database.MigrateAsync(withDestinations: true);
        await database.InsertAsync(SourceDatabase.Acme);
        await using var worker = BuildingWorker.Create(database, database.Options.WorkerRole);

        await worker.BuildAsync();

        // The pixel has no settings, so it is reported; what there is of the scope is published.
        Assert.Equal(3L, await database.ScalarAsync<long>("select count(*) from consent_snapshots.publications"));
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from consent_snapshots.destination_reports"));
        Assert.Equal(3L, await database.ScalarAsync<long>("select count(*) from consent_snapshots.scopes where generation = completed_generation and last_error is null"));
    }

    [Fact]
    public async Task Migrate_MissingRoles_NamesThemAllAndLeavesNothing()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        (database.Options.WorkerRole, database.Options.ControlPlaneRole) = ("no_such_worker", "No Such \"Control\" Plane");

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync(withDestinations: true));

        Assert.Equal(
            "There is no role 'no_such_worker' (Database:WorkerRole; case counts). Create it first, or correct the setting. "
            + "There is no role 'No Such \"Control\" Plane' (Database:ControlPlaneRole; case counts). Create it first, or correct the setting. Nothing was changed.",
            exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null or to_regclass('destinations') is not null"));
    }

    [Fact]
    public async Task Migrate_RoleWithAQuotedName_IsGranted()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        var role = $"Plane \"{await database.ScalarAsync<string>("select current_database()::text")}\"; drop";
        await database.ExecuteAsync($"create role {new NpgsqlCommandBuilder().QuoteIdentifier(role)} login password '{SourceDatabase.RolePassword}'");
        database.Options.ControlPlaneRole = role;

        await database.MigrateAsync(withDestinations: true);

        await ExecuteAsync(database.As(role), "select consent_snapshots.changed(null)");
    }

    private static Task<string> RightsAsync(SourceDatabase database, string role) =>
        database.ScalarAsync<string>(RightsOf.Replace("{0}", role, StringComparison.Ordinal));

    private static async Task ExecuteAsync(NpgsqlDataSource pool, string sql)
    {
        await using var command = pool.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
