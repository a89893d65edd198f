using System.Data;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

/// <summary>What the triggers note, seen from the control plane, and what a worker makes of it.</summary>
public sealed class ChangeTrackingTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Insert_FirstRowOfAnOrganization_CreatesAllThreeScopes()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.InsertAsync(Acme, "production");

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        Assert.Equal(3, (await database.DepthAsync()).Pending);
    }

    [Theory]
    [InlineData("production", 1, 1, 2)]
    [InlineData("staging", 1, 2, 1)]
    [InlineData("development", 2, 1, 1)]
    [InlineData(null, 2, 2, 2)]
    [InlineData("qa", 1, 1, 1)]
    [InlineData("Production", 1, 1, 1)]
    public async Task Insert_KnownOrganization_CountsTheRowsEnvironmentOnly(string? environment, long development, long staging, long production)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);

        await database.InsertAsync(Acme, environment);

        Assert.Equal((development, staging, production), await database.ChangesSeenAsync(Acme));
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Globex));
    }

    [Fact]
    public async Task Insert_UnknownEnvironmentFirst_OrganizationIsKnownAllTheSame()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.InsertAsync(Acme, "qa");

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Insert_ManyRowsInOneStatement_CountsEachScopeOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync(
            $"insert into destinations (organization_id, type, name, environment) select '{Acme}', 'console', n::text, 'production' from generate_series(1, 50) n");

        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
    }

    [Theory]
    [InlineData("update destinations set settings = '{\"pixelId\":\"2\"}'")]
    [InlineData("update destinations set settings = '{\"n\":1.0}'")]
    [InlineData("update destinations set enabled = false")]
    [InlineData("update destinations set deleted_at = now()")]
    [InlineData("update destinations set required_consent = '{measurement}'")]
    [InlineData("update destinations set test_mode = true, updated_at = now()")]
    [InlineData("delete from destinations")]
    [InlineData("insert into destinations (id, organization_id, type, name, environment) select id, organization_id, 'console', name, environment from destinations on conflict (id) do update set type = excluded.type")]
    [InlineData("merge into destinations d using (select 1) one on d.name = 'one' when matched then update set type = 'console'")]
    public async Task Write_OfEveryKind_CountsOnce(string sql)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.ExecuteAsync("update destinations set settings = '{\"n\":1}'");
        await database.DrainAsync();

        await database.ExecuteAsync(sql);

        Assert.Equal((1, 1, 3), await database.ChangesSeenAsync(Acme));
        Assert.Equal(1, (await database.DepthAsync()).Pending);
    }

    [Theory]
    [InlineData("update destinations set last_tested_at = now(), connection_status = 'ok', last_error = 'none', updated_at = now(), updated_by = gen_random_uuid()")]
    [InlineData("update destinations set name = name, settings = settings")]
    [InlineData("update destinations set enabled = false where false")]
    [InlineData("delete from destinations where false")]
    [InlineData("insert into destinations (id, organization_id, type, name) select id, organization_id, type, name from destinations on conflict do nothing")]
    public async Task Write_ThatNoOutputDependsOn_CountsNothing(string sql)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync(sql);

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveBetweenEnvironments_CountsBoth()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");

        await database.ExecuteAsync("update destinations set environment = 'staging'");

        Assert.Equal((1, 2, 2), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveFromAllEnvironmentsToOne_CountsAllThree()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, null);

        await database.ExecuteAsync("update destinations set environment = 'staging'");

        Assert.Equal((2, 2, 2), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveBetweenOrganizations_CountsBothAndCreatesTheNewOne()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync($"update destinations set organization_id = '{Globex}'");

        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Globex));
    }

    [Fact]
    public async Task Truncate_CountsEveryKnownScopeAndReadsEmpty()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex, null);
        await database.DrainAsync();

        await database.ExecuteAsync("truncate destinations");

        Assert.Equal((2, 2, 2), await database.ChangesSeenAsync(Acme));
        Assert.Equal((2, 2, 2), await database.ChangesSeenAsync(Globex));
        Assert.Equal(6, (await database.DepthAsync()).Pending);
        Assert.Empty((await database.Reader.RowsAsync(SourceDatabase.ScopeOf(Globex), Cancel)).Rows);
    }

    [Fact]
    public async Task Rollback_LeavesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(writer, "update destinations set enabled = false");
            await ExecuteAsync(writer, $"insert into destinations (organization_id, type, name) values ('{Globex}', 'console', 'x')");
            await transaction.RollbackAsync(Cancel);
        }

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        Assert.Equal((0, 0, 0), await database.ChangesSeenAsync(Globex));
    }

    [Fact]
    public async Task Write_Uncommitted_IsNotVisible()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await ExecuteAsync(writer, "update destinations set enabled = false");

        Assert.Equal(0, (await database.DepthAsync()).Pending);
        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        await transaction.CommitAsync(Cancel);
        Assert.Equal(1, (await database.DepthAsync()).Pending);
    }

    /// <summary>Writers of one scope neither wait for each other nor lose anything, whatever the order in which they commit.</summary>
    [Fact]
    public async Task Write_TwoWritersOfOneScope_NeitherWaits()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        await ExecuteAsync(second, "set lock_timeout = '1ms'");
        await using var transaction = await first.BeginTransactionAsync(Cancel);
        await ExecuteAsync(first, Insert(Acme));

        await ExecuteAsync(second, Insert(Acme));

        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
        await transaction.CommitAsync(Cancel);
        Assert.Equal((1, 1, 3), await database.ChangesSeenAsync(Acme));
        Assert.Equal(0, await NotedAsync(database));
    }

    /// <summary>A writer's statement_timeout runs out in waiting. There is nothing of ours to wait for, however long others hold what they have.</summary>
    [Fact]
    public async Task Write_WhileAnotherWritesTheSameOrganizationAndAWorkerHoldsItsScopes_WaitsForNoLock()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        await ExecuteAsync(second, "set lock_timeout = '1ms'");
        await using var transaction = await first.BeginTransactionAsync(Cancel);
        await ExecuteAsync(first, Insert(Acme));
        await ExecuteAsync(first, "update destinations set test_mode = true");
        var other = await database.ConnectAsync();
        await using var building = await other.BeginTransactionAsync(Cancel);
        await ExecuteAsync(other, $"select from consent_snapshots.scopes where organization_id = '{Acme}' for update");

        for (var statement = 0; statement < 20; statement++) await ExecuteAsync(second, Insert(Acme));

        Assert.Equal(20, await NotedAsync(database));
    }

    /// <summary>One transaction of many statements costs each statement the same: nothing that an earlier one noted is looked at again.</summary>
    [Fact]
    public async Task Write_ManySingleRowsInOneTransaction_ReadsNothingOfOurs()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(writer, $"do $$ begin for n in 1..500 loop insert into destinations (organization_id, type, name) values ('{Acme}', 'console', n::text); end loop; end $$");
            await using var reads = new NpgsqlCommand(
                "select sum(pg_stat_get_xact_numscans(c.oid) + pg_stat_get_xact_tuples_returned(c.oid))::bigint from pg_class c where c.relnamespace = 'consent_snapshots'::regnamespace and c.relkind = 'r'", writer);
            Assert.Equal(0L, await reads.ExecuteScalarAsync(Cancel));
            await transaction.CommitAsync(Cancel);
        }

        Assert.Equal(500, await NotedAsync(database));
    }

    [Fact]
    public async Task Write_AnotherScope_DoesNotWait()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await ExecuteAsync(writer, Insert(Acme));

        await database.InsertAsync(Globex);
        await database.InsertAsync(Acme, "staging");

        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Globex));
        Assert.Equal((1, 2, 1), await database.ChangesSeenAsync(Acme));
        Assert.Equal(0, await NotedAsync(database));
    }

    /// <summary>A session of ours that hangs with a scope in its hands holds up that scope, and neither a writer nor any other scope.</summary>
    [Fact]
    public async Task Write_ScopeLocked_GoesThroughAndIsTakenInLater()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);
        await database.DrainAsync();
        var other = await database.ConnectAsync();
        await using (var transaction = await other.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(other, $"select 1 from consent_snapshots.scopes where organization_id = '{Acme}' for update");
            await database.InsertAsync(Acme);
            await database.InsertAsync(Globex);
            Assert.Equal([SourceDatabase.ScopeOf(Globex)], (await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel)).Select(claim => claim.Scope));
            Assert.Equal(1, await NotedAsync(database));
        }

        Assert.Equal([SourceDatabase.ScopeOf(Acme)], (await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel)).Select(claim => claim.Scope));
        Assert.Equal(0, await NotedAsync(database));
    }

    [Fact]
    public async Task Write_RepeatableReadAfterAnothersCommit_GoesThroughAndIsCounted()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(IsolationLevel.RepeatableRead, Cancel))
        {
            await ExecuteAsync(writer, "select 1 from destinations");
            await database.InsertAsync(Acme);
            await database.DrainAsync();
            // Without the trigger this would succeed: the writers touch different rows.
            await ExecuteAsync(writer, Insert(Acme));
            await transaction.CommitAsync(Cancel);
        }

        var claim = Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        Assert.Equal(3, (await database.Reader.RowsAsync(claim.Scope, Cancel)).Rows.Count);
    }

    [Fact]
    public async Task Write_ManyScopesInOppositeOrder_NoDeadlock()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            "insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 40) n");
        await database.TakeInAsync();

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async index =>
        {
            var writer = await database.ConnectAsync();
            for (var round = 0; round < 10; round++)
            {
                await ExecuteAsync(writer,
                    "insert into destinations (organization_id, type, name) "
                    + $"select organization_id, 'console', 'again' from (select distinct organization_id from destinations) o order by 1 {(index % 2 == 0 ? "asc" : "desc")}");
            }
        }));

        Assert.Equal(6 * 10 * 40, await NotedAsync(database));
        await database.TakeInAsync();
        Assert.Equal(0, await NotedAsync(database));
    }

    [Fact]
    public async Task Write_TransactionsInOppositeOrder_BothCommitAndNothingIsLost()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);
        await database.DrainAsync();
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        await using var one = await first.BeginTransactionAsync(Cancel);
        await using var two = await second.BeginTransactionAsync(Cancel);
        await ExecuteAsync(first, Insert(Acme));
        await ExecuteAsync(second, Insert(Globex));

        await Task.WhenAll(ExecuteAsync(first, Insert(Globex)), ExecuteAsync(second, Insert(Acme)));
        await one.CommitAsync(Cancel);
        await two.CommitAsync(Cancel);

        var claims = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);
        Assert.Equal([SourceDatabase.ScopeOf(Acme), SourceDatabase.ScopeOf(Globex)], claims.Select(claim => claim.Scope).Order());
        foreach (var claim in claims) Assert.Equal(3, (await database.Reader.RowsAsync(claim.Scope, Cancel)).Rows.Count);
    }

    [Fact]
    public async Task Write_RoleWithRightsOnDestinationsOnly_IsCounted()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var role = await database.CreateRoleAsync("control");
        await database.ExecuteAsync($"grant select, insert, update, delete, truncate on destinations to {role}");
        var control = database.As(role);

        foreach (var sql in new[] { Insert(Acme), "update destinations set enabled = false", "delete from destinations", Insert(Acme), "truncate destinations" })
        {
            await using var command = control.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Cancel);
        }

        Assert.Equal(5, await NotedAsync(database));
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        foreach (var forbidden in new[] { "select * from consent_snapshots.scopes", "select * from consent_snapshots.changes", "insert into consent_snapshots.changes (reason) values ('x')",
            "select consent_snapshots.changed(null)", "select consent_snapshots.take_in_changes()", "select consent_snapshots.tell_workers()" })
        {
            await using var command = control.CreateCommand(forbidden);
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancel))).SqlState);
        }
    }

    [Fact]
    public async Task Write_HostileSearchPath_UsesOurObjects()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var writer = await database.ConnectAsync();
        await ExecuteAsync(writer,
            """
            create schema evil;
            create function evil.greatest(bigint, bigint, integer) returns bigint language sql as 'select 1/0';
            create function evil.pg_notify(text, text) returns void language sql as 'select 1/0';
            create temporary table scopes (x int);
            set search_path = evil, pg_temp, public;
            """);

        await ExecuteAsync(writer, $"insert into public.destinations (organization_id, type, name, environment) values ('{Acme}', 'console', 'x', 'production')");

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        Assert.Equal(0, await NotedAsync(database));
    }

    [Fact]
    public async Task Write_SessionReplicationRoleReplica_IsCounted()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var writer = await database.ConnectAsync();
        await ExecuteAsync(writer, "set session_replication_role = replica");

        await ExecuteAsync(writer, Insert(Acme));

        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Write_OurTableLocked_GoesThroughAndIsCountedLater()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var other = await database.ConnectAsync();
        await using (var transaction = await other.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(other, "lock table consent_snapshots.scopes, consent_snapshots.workers, consent_snapshots.source in access exclusive mode");
            await database.InsertAsync(Acme, takeIn: false);
        }

        Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
    }

    /// <summary>What is broken of ours is said to the writer as a warning; where the change itself could not be noted, the next reconcile finds it.</summary>
    [Theory]
    [InlineData("drop table consent_snapshots.scopes cascade", null, 1)]
    [InlineData("alter table consent_snapshots.changes rename to changes_gone", "a change of destinations was not noted", 0)]
    [InlineData("drop function consent_snapshots.tell_workers()", "the workers were not told of a change", 1)]
    [InlineData("drop sequence consent_snapshots.last_told", "the workers were not told of a change", 1)]
    public async Task Write_OurObjectsBroken_WarnsAndGoesThrough(string breakage, string? warning, int noted)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(breakage);
        var writer = await database.ConnectAsync();
        var warnings = new List<string>();
        writer.Notice += (_, notice) => warnings.Add($"{notice.Notice.Severity} {notice.Notice.MessageText}");

        await ExecuteAsync(writer, Insert(Acme));

        if (warning is null) Assert.Empty(warnings);
        else Assert.StartsWith($"WARNING consent_snapshots: {warning}", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from destinations"));
        if (!breakage.Contains("rename", StringComparison.Ordinal)) Assert.Equal(noted, await NotedAsync(database));
    }

    /// <summary>A migration or a backup that holds the table, in whatever mode, costs the writer nothing.</summary>
    [Fact]
    public async Task Write_ChangesLocked_WarnsAndGoesThroughAtOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var other = await database.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await ExecuteAsync(other, "lock table consent_snapshots.changes in share mode");
        var writer = await database.ConnectAsync();
        var warnings = new List<string>();
        writer.Notice += (_, notice) => warnings.Add(notice.Notice.MessageText);

        await ExecuteAsync(writer, $"set statement_timeout = '30s'; {Insert(Acme)}");

        Assert.Contains("was not noted (55P03", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from destinations"));
    }

    [Fact]
    public async Task Write_SerializableTransactionsOfTwoOrganizations_BothCommit()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex);
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        for (var round = 0; round < 20; round++)
        {
            await using var one = await first.BeginTransactionAsync(IsolationLevel.Serializable, Cancel);
            await using var two = await second.BeginTransactionAsync(IsolationLevel.Serializable, Cancel);
            await ExecuteAsync(first, Insert(Acme));
            await ExecuteAsync(second, Insert(Globex));
            await one.CommitAsync(Cancel);
            await two.CommitAsync(Cancel);
        }
        Assert.Equal(40, await NotedAsync(database));
    }

    /// <summary>More than 64 transaction ids in one transaction would slow every other session's snapshots; a statement of ours takes none.</summary>
    [Fact]
    public async Task Write_ManyStatements_TakeNoTransactionIdsBesideTheWriters()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            for (var statement = 0; statement < 100; statement++) await ExecuteAsync(writer, Insert(Acme));
            await transaction.CommitAsync(Cancel);
        }
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(distinct xmin::text) from consent_snapshots.changes"));
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(distinct xmin::text) from destinations"));
    }

    /// <summary>What one transaction touches in more than ten scopes is an import, and goes behind the edits.</summary>
    [Theory]
    [InlineData(10, Lane.Edits)]
    [InlineData(11, Lane.Bulk)]
    public async Task Write_RowByRowInOneTransaction_IsBulkAboveTenScopes(int organizations, Lane lane)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync($"insert into destinations (organization_id, type, name, environment) select gen_random_uuid(), 'console', n::text, 'production' from generate_series(1, {organizations}) n");
        await database.DrainAsync();
        await database.ExecuteAsync("do $$ declare one record; begin for one in select id from destinations loop update destinations set test_mode = true where id = one.id; end loop; end $$");

        var other = lane == Lane.Edits ? Lane.Bulk : Lane.Edits;
        Assert.Empty(await database.Queue.ClaimAsync(other, 100, Cancel));
        Assert.Equal(organizations, (await database.Queue.ClaimAsync(lane, 100, Cancel)).Length);
    }

    [Fact]
    public async Task Changed_CalledByTheControlPlane_MakesItsScopesDue()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();

        await database.ExecuteAsync($"select consent_snapshots.changed('{Acme}', 'staging')");
        Assert.Equal((1, 2, 1), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync($"select consent_snapshots.changed('{Acme}')");
        Assert.Equal((2, 3, 2), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync("select consent_snapshots.changed(null)");
        Assert.Equal((3, 4, 3), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Write_SchemaGone_GoesThrough()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("drop schema consent_snapshots cascade");

        await database.InsertAsync(Acme, takeIn: false);

        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from destinations"));
    }

    [Fact]
    public async Task Write_TextOrganizationAndJsonbConsent_IsCounted()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            """
            alter table destinations alter organization_id type text;
            alter table destinations alter required_consent drop default;
            alter table destinations alter required_consent type jsonb using to_jsonb(required_consent);
            insert into destinations (organization_id, type, name, environment, required_consent) values ('acme', 'console', 'x', 'production', '["marketing"]');
            select consent_snapshots.take_in_changes();
            update destinations set required_consent = '["measurement"]';
            """);

        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync("acme"));
    }

    /// <summary>A write to a partition fires no trigger of the table.</summary>
    [Fact]
    public async Task Write_ToAPartition_IsFollowedOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await PartitionAsync(database);

        await database.InsertAsync(Acme);
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync("update destinations_a set enabled = false");
        Assert.Equal((1, 1, 2), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync("update destinations set enabled = true");
        Assert.Equal((1, 1, 3), await database.ChangesSeenAsync(Acme));
        await database.ExecuteAsync("truncate destinations_a");
        Assert.Equal((2, 2, 4), await database.ChangesSeenAsync(Acme));
    }

    [Fact]
    public async Task Faults_PartitionAttachedLater_AreSeenAndMended()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await PartitionAsync(database);
        await database.ExecuteAsync("create table destinations_c partition of destinations for values from ('cccccccc-0000-4000-8000-000000000000') to ('dddddddd-0000-4000-8000-000000000000')");

        var faults = await FaultsAsync(database);
        Assert.StartsWith("destinations_c: consent_snapshots_delete is missing", Assert.Single(faults), StringComparison.Ordinal);
        Assert.Equal(["change triggers on public.destinations"], (await database.MigrateAsync()).Applied);

        Assert.Empty(await FaultsAsync(database));
        await database.ExecuteAsync("insert into destinations_c (organization_id, type, name) values ('cccccccc-0000-4000-8000-000000000001', 'console', 'x')");
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync("cccccccc-0000-4000-8000-000000000001"));
    }

    /// <summary>What logical replication applies fires row triggers only.</summary>
    [Fact]
    public async Task Write_ByAReplica_IsFollowedByTheRowTrigger()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            "alter table destinations disable trigger consent_snapshots_insert; alter table destinations disable trigger consent_snapshots_update; alter table destinations disable trigger consent_snapshots_delete");
        var replica = await database.ConnectAsync();
        await ExecuteAsync(replica, "set session_replication_role = replica");

        await ExecuteAsync(replica, Insert(Acme));
        Assert.Equal((1, 1, 1), await database.ChangesSeenAsync(Acme));
        await ExecuteAsync(replica, "update destinations set environment = 'staging'");
        Assert.Equal((1, 2, 2), await database.ChangesSeenAsync(Acme));
        await ExecuteAsync(replica, "update destinations set last_tested_at = now()");
        Assert.Equal((1, 2, 2), await database.ChangesSeenAsync(Acme));
        await ExecuteAsync(replica, "delete from destinations");
        Assert.Equal((1, 3, 2), await database.ChangesSeenAsync(Acme));
    }

    /// <summary>As some restores end. Everybody fires the row trigger then, which must not count twice; and replicas fire no statement trigger.</summary>
    [Fact]
    public async Task Write_AfterEnableTriggerAll_IsNotedOnceAndTheFaultIsSeen()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("alter table destinations enable trigger all");

        await database.InsertAsync(Acme, takeIn: false);

        Assert.Equal(1, await NotedAsync(database));
        Assert.Equal(
            "destinations: " + string.Join(", ", new[] { "delete", "insert", "replica", "truncate", "update" }.Select(name => $"consent_snapshots_{name} is not enabled as it should be")),
            Assert.Single(await FaultsAsync(database)));
    }

    /// <summary>To give empty pages back to the system a vacuum locks the table, and a trigger that finds it locked cannot note its change.</summary>
    [Fact]
    public async Task Vacuum_AfterManyChangesWereTakenIn_DoesNotLockTheTableToShortenIt()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into consent_snapshots.changes (organization_id, reason) select 'acme', 'test' from generate_series(1, 5000)");
        var size = await database.ScalarAsync<long>("select pg_relation_size('consent_snapshots.changes')");
        await database.ExecuteAsync("delete from consent_snapshots.changes");

        await database.ExecuteAsync("vacuum consent_snapshots.changes");

        Assert.Equal(size, await database.ScalarAsync<long>("select pg_relation_size('consent_snapshots.changes')"));
    }

    private static Task PartitionAsync(SourceDatabase database) => Task.Run(async () =>
    {
        await database.ExecuteAsync(
            """
            alter table destinations rename to plain;
            create table destinations (like plain including defaults, primary key (organization_id, id)) partition by range (organization_id);
            create table destinations_a partition of destinations for values from ('aaaaaaaa-0000-4000-8000-000000000000') to ('bbbbbbbb-0000-4000-8000-000000000000');
            drop table plain;
            """);
        await database.MigrateAsync();
        await database.TakeInAsync();
    });

    private static async Task<IReadOnlyList<string>> FaultsAsync(SourceDatabase database)
    {
        var connection = await database.ConnectAsync();
        return await ChangeTriggers.FaultsAsync(connection, (await DestinationsTable.FindAsync(connection, database.Options.Table, Cancel))!, Cancel);
    }

    private static string Insert(Guid organization) =>
        $"insert into destinations (organization_id, type, name, environment) values ('{organization}', 'console', 'x', 'production')";

    private static Task<long> NotedAsync(SourceDatabase database) => database.ScalarAsync<long>("select count(*) from consent_snapshots.changes");

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
