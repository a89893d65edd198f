using ConsentSnapshots.Integration.Tests.EndToEnd;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>Which tables and views of a control plane are accepted, and what is said of the others.</summary>
public sealed class DestinationsTableTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A control plane of another shape, whose own triggers tell what changed.</summary>
    private const string OtherShape =
        """
        create schema app;
        create type app.stage as enum ('development', 'staging', 'production');
        create table app.integrations (
            uuid uuid primary key default gen_random_uuid(), tenant text not null, kind text not null, title text not null, stage app.stage,
            config json not null default '{}', needs jsonb, is_off boolean not null default false, made_at timestamp not null default now(), gone_at timestamp);
        create view app.destinations as
            select i.uuid as id, i.tenant as organization_id, i.kind as type, i.title as name, i.stage as environment, i.config as settings, false as settings_encrypted,
                   i.needs as required_consent, not i.is_off as enabled, false as test_mode, i.gone_at as deleted_at, i.made_at as created_at, 'more'::text as more
            from app.integrations i;
        create function app.tell() returns trigger language plpgsql as $$
        begin
            perform consent_snapshots.changed(coalesce(new.tenant, old.tenant), coalesce(new.stage, old.stage)::text);
            return null;
        end $$;
        create trigger tell after insert or update or delete on app.integrations for each row execute function app.tell();
        """;

    [Fact]
    public async Task View_OverTablesOfAnotherShape_IsFollowedThroughTheOwnersTriggers()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.DestinationsTable = "app.destinations";
        (database.Options.WorkerRole, database.Options.ControlPlaneRole) = (await database.CreateRoleAsync("worker"), await database.CreateRoleAsync("control"));
        await database.ExecuteAsync(OtherShape);
        await database.ExecuteAsync("alter table app.integrations disable trigger tell; insert into app.integrations (tenant, kind, title) values ('before', 'console', 'x'); alter table app.integrations enable trigger tell");
        await database.ExecuteAsync($"grant usage on schema app to {database.Options.ControlPlaneRole}; grant insert on app.integrations to {database.Options.ControlPlaneRole}");

        var result = await database.MigrateAsync();
        await using var worker = BuildingWorker.Create(database, database.Options.WorkerRole);
        await worker.BuildAsync();
        await using (var insert = database.As(database.Options.ControlPlaneRole).CreateCommand(
            """insert into app.integrations (tenant, kind, title, stage, config, needs) values ('acme', 'meta-pixel', 'one', 'production', '{"pixelId":"11111111111"}', '["marketing"]')"""))
            await insert.ExecuteNonQueryAsync(Cancel);
        await worker.BuildAsync();

        Assert.Equal("destination status of app.destinations", result.Applied[^1]);
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from pg_trigger where tgname like 'consent_snapshots%'"));
        Assert.Equal("no script", await database.ScalarAsync<string>("select distinct state from consent_snapshots.destination_status where organization_id = 'before'"));
        Assert.Equal("live", await database.ScalarAsync<string>("select state from consent_snapshots.destination_status where organization_id = 'acme'"));
        Assert.Empty((await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task View_HasNoTriggersOfOurs_AndNobodyMissesThem()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.DestinationsTable = "app.destinations";
        await database.ExecuteAsync(OtherShape);
        await database.MigrateAsync();
        await database.LiveAsync("worker-1");
        var logs = new RecordingLogs();
        using var factory = LoggerFactory.Create(builder => builder.AddProvider(logs));
        using var watch = new TriggerWatch(
            database.Pool, database.Options, reconciler: null!, TimeProvider.System, factory.CreateLogger<TriggerWatch>());

        Assert.True(await watch.LookAsync(Cancel));
        Assert.Empty(logs.Lines);
        Assert.DoesNotContain(await database.Reader.ListFaultsAsync(Cancel), fault => fault.Contains("trigger", StringComparison.Ordinal));
    }

    /// <summary>Another definition may give other rows, and no trigger tells that.</summary>
    [Fact]
    public async Task View_DefinedAnew_IsNoticedAndEverythingIsDue()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.DestinationsTable = "public.places";
        await database.ExecuteAsync($"{DestinationsTable.Definition(TableName.Parse("destinations"))} create view places as select * from destinations");
        await database.MigrateAsync();
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        using var watch = Watch(database);
        Assert.True(await watch.LookAsync(Cancel));
        var before = await database.ChangesSeenAsync(Acme);

        await database.ExecuteAsync("create or replace view places as select * from destinations where enabled");
        Assert.True(await watch.LookAsync(Cancel));
        Assert.True(await watch.LookAsync(Cancel));

        Assert.NotEqual(before, await database.ChangesSeenAsync(Acme));
        Assert.Equal(1L, await database.ScalarAsync<long>($"select count(distinct generation) from consent_snapshots.scopes where organization_id = '{Acme}'"));
    }

    [Fact]
    public async Task Migrate_ViewWithoutColumns_NamesAllAndLeavesNothing()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.DestinationsTable = "public.places";
        await database.ExecuteAsync("create view places as select gen_random_uuid() as id, 'acme'::text as organization_id, 'console'::text as type, 1 as settings");

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Equal(
            "public.places has no column name, environment, settings_encrypted, required_consent, enabled, test_mode, deleted_at, created_at. "
            + "Is Database:DestinationsTable the right table? We never alter it: add what is missing there. "
            + "public.places.settings is of type integer; jsonb, json and text are understood.", exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Theory]
    [InlineData("alter table destinations drop constraint destinations_pkey", "public.destinations.id is neither a primary key nor unique, so two destinations could have one id: add a primary key or a unique constraint on it.")]
    [InlineData("alter table destinations drop constraint destinations_pkey; create unique index on destinations (id) where enabled", "public.destinations.id is neither a primary key nor unique, so two destinations could have one id: add a primary key or a unique constraint on it.")]
    [InlineData("alter table destinations drop column id, add column id bigint primary key", "public.destinations.id is of type bigint; uuid is needed.")]
    [InlineData("alter table destinations drop column organization_id, add column organization_id integer", "public.destinations.organization_id is of type integer; uuid and text are understood.")]
    [InlineData("alter table destinations drop column required_consent, add column required_consent text", "public.destinations.required_consent is of type text; text[], jsonb and json are understood.")]
    [InlineData("alter table destinations drop column enabled, add column enabled integer", "public.destinations.enabled is of type integer; boolean is needed.")]
    [InlineData("alter table destinations drop column created_at, add column created_at bigint", "public.destinations.created_at is of type bigint; timestamptz, timestamp, date and text are understood.")]
    public async Task Migrate_TableThatCannotServe_SaysWhyInOneSentenceAndLeavesNothing(string change, string message)
    {
        await using var database = await CreateAsync(change);

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Equal(message, exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Theory]
    [InlineData("alter table destinations drop constraint destinations_pkey; create unique index on destinations (id)")]
    [InlineData("alter table destinations drop constraint destinations_pkey, add primary key (organization_id, id)")]
    [InlineData("create type stage as enum ('production', 'staging'); alter table destinations alter environment type stage using environment::stage")]
    [InlineData("create type kind as enum ('meta-pixel', 'console'); alter table destinations alter type type kind using type::kind")]
    [InlineData("alter table destinations alter settings drop default, alter settings type json using settings::json, alter settings set default '{}'")]
    [InlineData("alter table destinations alter settings drop default, alter settings type text using settings::text, alter settings set default '{}'")]
    [InlineData("alter table destinations alter required_consent drop default, alter required_consent type jsonb using to_jsonb(required_consent), alter required_consent set default '[]'")]
    [InlineData("create type need as enum ('marketing'); alter table destinations alter required_consent drop default, alter required_consent type need[] using '{marketing}', alter required_consent set default '{}'")]
    [InlineData("alter table destinations alter organization_id type text")]
    [InlineData("alter table destinations alter created_at type timestamp, alter deleted_at type timestamp")]
    [InlineData("create domain tenant as uuid; alter table destinations alter organization_id type tenant")]
    [InlineData("create domain tenant as text; create domain customer as tenant; alter table destinations alter organization_id type customer")]
    [InlineData("create domain flag as boolean; create domain words as text[]; create domain doc as jsonb; alter table destinations alter enabled type flag, alter required_consent type words, alter settings type doc")]
    [InlineData("create domain key as uuid; alter table destinations alter id type key")]
    [InlineData("alter table destinations add column extra point, add column more xml, add column total integer generated always as (1 + 1) stored")]
    [InlineData("create domain label as varchar(20) check (value <> ''); alter table destinations alter type type label, alter environment type label, alter name type label")]
    public async Task Table_OfEveryAcceptedShape_IsFollowedReadAndShown(string change)
    {
        await using var database = await CreateAsync(change);

        await database.MigrateAsync();
        await database.DrainAsync();
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, environment, settings_encrypted) values ('{Acme}', 'console', 'one', 'production', false)");
        await database.ExecuteAsync("update destinations set enabled = false; update destinations set enabled = true");

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        await using var worker = BuildingWorker.Create(database);
        await worker.BuildAsync();
        Assert.Equal("one", Assert.Single((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Acme), Cancel)).Rows).Name);
        Assert.Equal("no script", await database.ScalarAsync<string>("select state from consent_snapshots.destination_status"));
        await database.Reader.CheckAsync(Cancel);
        Assert.Empty(await database.Reader.ListUnknownEnvironmentsAsync(Cancel));
        Assert.Empty((await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task Check_RoleThatMayNotRead_SaysWhoAndWhatToDo()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var role = await database.CreateRoleAsync("stranger");

        var exception = await Assert.ThrowsAsync<DatabaseShapeException>(() => database.NewReader(database.As(role)).CheckAsync(Cancel));

        await database.ExecuteAsync($"grant select on destinations to {role}");
        var next = await Assert.ThrowsAsync<DatabaseShapeException>(() => database.NewReader(database.As(role)).CheckAsync(Cancel));

        Assert.StartsWith($"Role {role} may not read public.destinations (42501). For `run`, name the role in Database:WorkerRole and run `migrate`", exception.Message, StringComparison.Ordinal);
        Assert.Equal($"Role {role} may not use schema consent_snapshots (42501). Name the role in Database:WorkerRole and run `migrate`.", next.Message);
    }

    /// <summary>Who may read a view need not have the right to let others read it. Postgres answers that with a warning and no error.</summary>
    [Fact]
    public async Task Migrate_RoleThatMayNotPassTheRightOn_SaysWhatItsOwnerHasToRun()
    {
        await using var database = await SourceDatabase.CreateEmptyAsync(postgres);
        database.Options.DestinationsTable = "app.destinations";
        database.Options.WorkerRole = await database.CreateRoleAsync("worker");
        var migrator = await database.CreateRoleAsync("migrator");
        await database.ExecuteAsync(OtherShape);
        await database.ExecuteAsync($"grant usage on schema app to {migrator}; grant select on app.destinations to {migrator}; grant create on database {await database.ScalarAsync<string>("select current_database()::text")} to {migrator}");
        database.Options.ConnectionString = new NpgsqlConnectionStringBuilder(database.Options.ConnectionString) { Username = migrator, Password = SourceDatabase.RolePassword }.ConnectionString;

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Contains($"grant select on \"app\".\"destinations\" to \"{database.Options.WorkerRole}\"", exception.Message, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
        await database.ExecuteAsync($"grant usage on schema app to {database.Options.WorkerRole}; grant select on app.destinations to {database.Options.WorkerRole}");
        Assert.NotEmpty((await database.MigrateAsync()).Applied);
    }

    [Fact]
    public async Task Migrate_RoleThatReadsATableOfSomebodyElse_SaysThatItsOwnerIsNeededAndLeavesNothing()
    {
        await using var database = await CreateAsync("select 1");
        var migrator = await database.CreateRoleAsync("migrator");
        await database.ExecuteAsync($"grant select on destinations to {migrator}; grant create on database {await database.ScalarAsync<string>("select current_database()::text")} to {migrator}");
        var owners = database.Options.ConnectionString;
        database.Options.ConnectionString = new NpgsqlConnectionStringBuilder(owners) { Username = migrator, Password = SourceDatabase.RolePassword }.ConnectionString;

        var exception = await Assert.ThrowsAsync<MigrationException>(() => database.MigrateAsync());

        Assert.Equal(
            $"Role {migrator} does not own public.destinations, and only its owner may attach the change triggers (42501). Run migrate as the owner. Nothing was changed.", exception.Message);
        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('consent_snapshots') is not null"));
    }

    [Fact]
    public async Task Look_PartitionDetachedAndAttachedAgain_EverythingIsDueEachTime()
    {
        await using var database = await CreateAsync(
            """
            drop table destinations;
            create table destinations (like plain including defaults, primary key (organization_id, id)) partition by range (organization_id);
            create table destinations_a partition of destinations for values from ('aaaaaaaa-0000-4000-8000-000000000000') to ('bbbbbbbb-0000-4000-8000-000000000000');
            """);
        await database.MigrateAsync();
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        using var watch = Watch(database);
        Assert.True(await watch.LookAsync(Cancel));

        await database.ExecuteAsync("alter table destinations detach partition destinations_a");
        Assert.True(await watch.LookAsync(Cancel));
        var detached = await database.ChangesSeenAsync(Acme);
        Assert.Empty((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Acme), Cancel)).Rows);
        await database.ExecuteAsync("alter table destinations attach partition destinations_a for values from ('aaaaaaaa-0000-4000-8000-000000000000') to ('bbbbbbbb-0000-4000-8000-000000000000')");
        Assert.True(await watch.LookAsync(Cancel));
        var attached = await database.ChangesSeenAsync(Acme);

        Assert.Equal((2, 2, 2), detached);
        Assert.True(attached.Production > detached.Production, $"{attached}");
        Assert.Single((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Acme), Cancel)).Rows);
        Assert.True(await watch.LookAsync(Cancel));
        Assert.Equal(attached, await database.ChangesSeenAsync(Acme));
    }

    private async Task<SourceDatabase> CreateAsync(string change)
    {
        var database = await SourceDatabase.CreateEmptyAsync(postgres);
        await database.ExecuteAsync($"{DestinationsTable.Definition(TableName.Parse("plain"))} create table destinations (like plain including all)");
        await database.ExecuteAsync(change);
        return database;
    }

    private static TriggerWatch Watch(SourceDatabase database) => new(
        database.Pool, database.Options, reconciler: null!, TimeProvider.System,
        Microsoft.Extensions.Logging.Abstractions.NullLogger<TriggerWatch>.Instance);
}
