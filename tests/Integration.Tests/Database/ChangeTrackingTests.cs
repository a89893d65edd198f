using System.Data;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Database;

/// <summary>What the triggers count, seen from the control plane.</summary>
public sealed class ChangeTrackingTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    private static readonly Guid Globex = SourceDatabase.Globex;

    // Longer than any test takes on a busy machine.
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Insert_FirstRowOfAnOrganization_CreatesAllThreeScopes()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.InsertAsync(Acme, "production");

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
        Assert.Equal(3, (await database.Queue.PendingCountAsync(Cancel)).Pending);
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

        Assert.Equal((development, staging, production), await database.RevisionsAsync(Acme));
        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Globex));
    }

    [Fact]
    public async Task Insert_UnknownEnvironmentFirst_OrganizationIsKnownAllTheSame()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.InsertAsync(Acme, "qa");

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
    }

    [Fact]
    public async Task Insert_ManyRowsInOneStatement_CountsEachScopeOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync(
            $"insert into destinations (organization_id, type, name, environment) select '{Acme}', 'console', n::text, 'production' from generate_series(1, 50) n");

        Assert.Equal((1, 1, 2), await database.RevisionsAsync(Acme));
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

        Assert.Equal((1, 1, 3), await database.RevisionsAsync(Acme));
        Assert.Equal(1, (await database.Queue.PendingCountAsync(Cancel)).Pending);
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

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveBetweenEnvironments_CountsBoth()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");

        await database.ExecuteAsync("update destinations set environment = 'staging'");

        Assert.Equal((1, 2, 2), await database.RevisionsAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveFromAllEnvironmentsToOne_CountsAllThree()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, null);

        await database.ExecuteAsync("update destinations set environment = 'staging'");

        Assert.Equal((2, 2, 2), await database.RevisionsAsync(Acme));
    }

    [Fact]
    public async Task Update_MoveBetweenOrganizations_CountsBothAndCreatesTheNewOne()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        await database.ExecuteAsync($"update destinations set organization_id = '{Globex}'");

        Assert.Equal((1, 1, 2), await database.RevisionsAsync(Acme));
        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Globex));
    }

    [Fact]
    public async Task Truncate_CountsEveryKnownScopeAndReadsEmpty()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.InsertAsync(Globex, null);
        await database.DrainAsync();

        await database.ExecuteAsync("truncate destinations");

        Assert.Equal((2, 2, 2), await database.RevisionsAsync(Acme));
        Assert.Equal((2, 2, 2), await database.RevisionsAsync(Globex));
        Assert.Equal(6, (await database.Queue.PendingCountAsync(Cancel)).Pending);
        Assert.Empty((await database.Reader.ReadAsync(SourceDatabase.ScopeOf(Globex), Cancel)).Destinations);
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

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
        Assert.Equal((0, 0, 0), await database.RevisionsAsync(Globex));
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

        Assert.Equal(0, (await database.Queue.PendingCountAsync(Cancel)).Pending);
        Assert.Empty((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(1, (await database.Queue.PendingCountAsync(Cancel)).Pending);
    }

    [Fact]
    public async Task Write_TwoWritersOfOneScope_RevisionsAreInCommitOrder()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await WaitForOthersAsLongAsNeededAsync(database);
        var (first, second) = (await database.ConnectAsync(), await database.ConnectAsync());
        await using var transaction = await first.BeginTransactionAsync(Cancel);
        await ExecuteAsync(first, Insert(Acme));

        var waiting = ExecuteAsync(second, Insert(Acme));
        await UntilBlockedAsync(database, second);
        var during = await database.RevisionsAsync(Acme);
        await transaction.CommitAsync(Cancel);
        await waiting;

        Assert.Equal((1, 1, 1), during);
        Assert.Equal((1, 1, 3), await database.RevisionsAsync(Acme));
        Assert.Equal(0, await UncountedAsync(database));
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

        Assert.Equal((1, 1, 2), await database.RevisionsAsync(Globex));
        Assert.Equal((1, 2, 1), await database.RevisionsAsync(Acme));
        Assert.Equal(0, await UncountedAsync(database));
    }

    [Fact]
    public async Task Write_ScopeHeldForLong_GoesThroughAndIsCountedLater()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var writer = await database.ConnectAsync();
        await using (var transaction = await writer.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(writer, Insert(Acme));
            var warnings = new List<string>();
            var other = await database.ConnectAsync();
            other.Notice += (_, notice) => warnings.Add(notice.Notice.MessageText);
            await ExecuteAsync(other, Insert(Acme)); // returns although the first is still open
            Assert.Empty(warnings);
            Assert.Equal(1, await UncountedAsync(database));
            Assert.Empty((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
            await transaction.RollbackAsync(Cancel);
        }

        var claim = Assert.Single((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
        Assert.Equal(SourceDatabase.ScopeOf(Acme), claim.Scope);
        Assert.Equal(2, (await database.Reader.ReadAsync(claim.Scope, Cancel)).Destinations.Length);
        Assert.Equal(0, await UncountedAsync(database));
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

        var claim = Assert.Single((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
        Assert.Equal(3, (await database.Reader.ReadAsync(claim.Scope, Cancel)).Destinations.Length);
    }

    [Fact]
    public async Task Write_ManyScopesInOppositeOrder_NoDeadlock()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            "insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 40) n");
        await WaitForOthersAsLongAsNeededAsync(database);
        var before = await database.ScalarAsync<decimal>("select sum(revision) from consent_snapshots.scopes");

        await Task.WhenAll(Enumerable.Range(0, 6).Select(async index =>
        {
            var writer = await database.ConnectAsync();
            // Rows are inserted, and so collected, in opposite order; the scopes are locked in the same one.
            for (var round = 0; round < 10; round++)
            {
                await ExecuteAsync(writer,
                    "insert into destinations (organization_id, type, name) "
                    + $"select organization_id, 'console', 'again' from (select distinct organization_id from destinations) o order by 1 {(index % 2 == 0 ? "asc" : "desc")}");
            }
        }));

        Assert.Equal(before + 6 * 10 * 40 * 3, await database.ScalarAsync<decimal>("select sum(revision) from consent_snapshots.scopes"));
        Assert.Equal(0, await UncountedAsync(database));
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

        // A circle, which Postgres breaks by failing one of them or the bounded wait ends: neither reaches the control plane.
        await Task.WhenAll(ExecuteAsync(first, Insert(Globex)), ExecuteAsync(second, Insert(Acme)));
        await one.CommitAsync(Cancel);
        await two.CommitAsync(Cancel);

        var claims = (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims;
        Assert.Equal([SourceDatabase.ScopeOf(Acme), SourceDatabase.ScopeOf(Globex)], claims.Select(claim => claim.Scope).Order());
        foreach (var claim in claims) Assert.Equal(3, (await database.Reader.ReadAsync(claim.Scope, Cancel)).Destinations.Length);
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

        Assert.Equal((2, 2, 5), await database.RevisionsAsync(Acme));
        foreach (var forbidden in new[] { "select * from consent_snapshots.scopes", "select consent_snapshots.count_changes('{x}', '{production}')", "select consent_snapshots.tell_workers()" })
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

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
        Assert.Equal(0, await UncountedAsync(database));
    }

    [Fact]
    public async Task Write_SessionReplicationRoleReplica_IsCounted()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var writer = await database.ConnectAsync();
        await ExecuteAsync(writer, "set session_replication_role = replica");

        await ExecuteAsync(writer, Insert(Acme));

        Assert.Equal((1, 1, 1), await database.RevisionsAsync(Acme));
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
            await ExecuteAsync(other, "lock table consent_snapshots.scopes in access exclusive mode");
            await database.InsertAsync(Acme);
        }

        Assert.Single((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
    }

    [Theory]
    [InlineData("alter table consent_snapshots.scopes rename to scopes_gone", true)]
    [InlineData("drop table consent_snapshots.scopes, consent_snapshots.uncounted_changes", false)]
    [InlineData("drop function consent_snapshots.count_changes(text[], text[])", true)]
    public async Task Write_OurObjectsBroken_WarnsAndGoesThrough(string breakage, bool noted)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(breakage);
        var writer = await database.ConnectAsync();
        var warnings = new List<string>();
        writer.Notice += (_, notice) => warnings.Add($"{notice.Notice.Severity} {notice.Notice.MessageText}");

        await ExecuteAsync(writer, Insert(Acme));

        Assert.StartsWith("WARNING consent_snapshots: a change of destinations was not counted", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(1L, await database.ScalarAsync<long>("select count(*) from destinations"));
        if (noted) Assert.Equal(1, await UncountedAsync(database));
    }

    [Fact]
    public async Task Write_SchemaGone_GoesThrough()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("drop schema consent_snapshots cascade");

        await database.InsertAsync(Acme);

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
            update destinations set required_consent = '["measurement"]';
            """);

        Assert.Equal((1, 1, 2), await database.RevisionsAsync("acme"));
    }

    [Fact]
    public async Task Write_UncountedBeforeItsOrganizationWasKnown_CreatesItsScopes()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        var other = await database.ConnectAsync();
        await using (var transaction = await other.BeginTransactionAsync(Cancel))
        {
            await ExecuteAsync(other, "lock table consent_snapshots.scopes in access exclusive mode");
            await database.InsertAsync(Acme, "qa");
            await database.InsertAsync(Globex, null);
        }

        var claims = (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims;

        Assert.Equal(Scope.Of(SourceDatabase.ScopeOf(Globex).Organization), claims.Select(claim => claim.Scope).Order());
        Assert.Equal(0, await UncountedAsync(database));
    }

    private static string Insert(Guid organization) =>
        $"insert into destinations (organization_id, type, name, environment) values ('{organization}', 'console', 'x', 'production')";

    private static Task<long> UncountedAsync(SourceDatabase database) => database.ScalarAsync<long>("select count(*) from consent_snapshots.uncounted_changes");

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    /// <summary>The trigger waits for another writer for a second, which a busy machine reaches; here it never gives up.</summary>
    private static Task WaitForOthersAsLongAsNeededAsync(SourceDatabase database) =>
        database.ExecuteAsync("alter function consent_snapshots.destinations_changed() set lock_timeout = 0");

    private static Task UntilBlockedAsync(SourceDatabase database, NpgsqlConnection writer) => Eventually.TrueAsync(
        () => database.ScalarAsync<bool>($"select coalesce((select wait_event_type = 'Lock' from pg_stat_activity where pid = {writer.ProcessID}), false)"),
        "the second writer waits");
}
