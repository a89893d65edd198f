using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class ScopeQueueTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Claim_Pending_GivesEachScopeOnceInOrderOfChange()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        var first = await database.Queue.ClaimAsync(Lane.Edits, 2, Cancel);
        var second = await database.NewQueue("worker-2").ClaimAsync(Lane.Edits, 10, Cancel);
        var third = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);

        Assert.Equal(2, first.Length);
        Assert.Single(second);
        Assert.Empty(third);
        Assert.Equal(Scope.Of(SourceDatabase.ScopeOf(Acme).Organization), first.Concat(second).Select(claim => claim.Scope).Order());
        Assert.All(first, claim => Assert.Equal((Lane.Edits, 1), (claim.Lane, claim.Attempt)));
        Assert.Equal(
            new QueueDepth(3, 3, 0, 0, 0, TimeSpan.Zero), await database.DepthAsync() with { Oldest = TimeSpan.Zero });
    }

    [Fact]
    public async Task Claim_ManyWorkersAtOnce_NoScopeTwice()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 100) n");

        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(async index =>
        {
            await database.LiveAsync($"worker-{index}");
            var queue = database.NewQueue($"worker-{index}");
            var mine = new List<ScopeClaim>();
            while (await queue.ClaimAsync(Lane.Bulk, 7, Cancel) is { Length: > 0 } claims) mine.AddRange(claims);
            return mine;
        }));

        // A worker whose claim found only rows that others were just taking may leave; what is left is due to the next claim.
        var rest = await database.Queue.ClaimAsync(Lane.Bulk, 1000, Cancel);
        var all = claimed.SelectMany(mine => mine).Concat(rest).Select(claim => claim.Scope).ToList();
        Assert.Equal(300, all.Count);
        Assert.Equal(300, all.Distinct().Count());
    }

    /// <summary>What one edit costs must not grow with the number of scopes that are known.</summary>
    [Fact]
    public async Task Claim_OneOfManyScopesChanged_ReadsNoOther()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into consent_snapshots.scopes (organization_id, environment) select n::text, 'production' from generate_series(1, 20000) n");
        await database.ExecuteAsync("analyze consent_snapshots.scopes");
        await using var connection = await database.Pool.OpenConnectionAsync(Cancel);
        await using var transaction = await connection.BeginTransactionAsync(Cancel);
        await using var command = new NpgsqlCommand("insert into consent_snapshots.changes (organization_id, environment, reason) values ('77', 'production', 'test')", connection, transaction);
        await command.ExecuteNonQueryAsync(Cancel);

        command.CommandText = "select taken from consent_snapshots.take_in_changes()";
        var taken = await command.ExecuteScalarAsync(Cancel);

        Assert.Equal(1L, taken);
        command.CommandText = "select seq_tup_read from pg_stat_xact_user_tables where schemaname = 'consent_snapshots' and relname = 'scopes'";
        Assert.Equal(0L, await command.ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task Claim_RowHeldByAnotherClaim_IsSkippedNotWaitedFor()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var other = await database.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await using (var hold = new NpgsqlCommand("select 1 from consent_snapshots.scopes where environment = 'production' for update", other))
            await hold.ExecuteNonQueryAsync(Cancel);

        var claims = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);

        Assert.Equal(["development", "staging"], claims.Select(claim => claim.Scope.Environment.Name()).Order());
    }

    /// <summary>Somebody's edit does not stand in the line behind what nobody waits for, and takes its scope out of that line.</summary>
    [Fact]
    public async Task Claim_EditAmongBulk_IsInTheEditsLane()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 100) n");
        await database.InsertAsync(Acme, "production", takeIn: false);
        await database.ExecuteAsync("update destinations set enabled = false where name = '7' and environment is null");

        var edits = await database.Queue.ClaimAsync(Lane.Edits, 100, Cancel);

        Assert.Equal(6, edits.Length);
        Assert.Contains(SourceDatabase.ScopeOf(Acme), edits.Select(claim => claim.Scope));
        Assert.Equal(297, (await database.Queue.ClaimAsync(Lane.Bulk, 1000, Cancel)).Length);
    }

    [Fact]
    public async Task Claim_ByAWorkerThatIsUnknown_GivesNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        Assert.Empty(await database.NewQueue("unknown").ClaimAsync(Lane.Edits, 10, Cancel));
        Assert.Null(await database.NewQueue("unknown").ClaimAsync(SourceDatabase.ScopeOf(Acme), Cancel));
    }

    [Fact]
    public async Task Complete_WhatWasRead_LeavesNothingPending()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        foreach (var claim in await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel))
            Assert.False(await database.Queue.CompleteAsync(claim, published: false, Cancel));

        Assert.Equal(0, (await database.DepthAsync()).Pending);
        Assert.All(await database.Status.ListAsync(null, Cancel), line => Assert.Equal(ScopeState.UpToDate, line.State));
    }

    [Fact]
    public async Task Complete_EditDuringTheBuild_IsReadyAgainWithTheTimeOfThatEdit()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        (claim, var read) = await database.Reader.ReadToBuildAsync(claim, Cancel);
        await database.ExecuteAsync("update destinations set enabled = false");
        var changed = await database.ScalarAsync<DateTime>("select changed_at from consent_snapshots.changes");
        await database.TakeInAsync();

        Assert.True(await database.Queue.CompleteAsync(claim, published: true, Cancel));

        var again = await ClaimProductionAsync(database);
        var (_, second) = await database.Reader.ReadToBuildAsync(again, Cancel);
        Assert.Equal((read.Position.Revision + 1, new DateTimeOffset(changed)), (second.Position.Revision, second.ChangedAt));
    }

    [Fact]
    public async Task Complete_EditBetweenClaimAndRead_IsWhatWasRead()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        await database.ExecuteAsync("update destinations set enabled = false");
        await database.TakeInAsync();
        (claim, _) = await database.Reader.ReadToBuildAsync(claim, Cancel);

        Assert.False(await database.Queue.CompleteAsync(claim, published: false, Cancel));
        Assert.Equal(ScopeState.UpToDate, Assert.Single(await database.Status.ListAsync(null, Cancel), line => line.Scope.Environment == DeploymentEnvironment.Production).State);
    }

    /// <summary>The change is committed after the build's read and taken in after its completion: nothing may be lost between the two.</summary>
    [Fact]
    public async Task Complete_WriterInFlight_IsReadyWhenItCommits()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await using (var update = new NpgsqlCommand("update destinations set enabled = false", writer)) await update.ExecuteNonQueryAsync(Cancel);

        var claim = await ClaimProductionAsync(database);
        (claim, _) = await database.Reader.ReadToBuildAsync(claim, Cancel);
        Assert.False(await database.Queue.CompleteAsync(claim, published: false, Cancel));
        var during = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);
        await transaction.CommitAsync(Cancel);

        Assert.Empty(during);
        Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
    }

    /// <summary>A higher revision never has older rows: what is taken in between the snapshot and the revision makes the read begin again.</summary>
    [Fact]
    public async Task Read_ManyAtOnceUnderWrites_HigherRevisionsHaveNewerRows()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.ExecuteAsync("update destinations set settings = '{\"pixelId\":\"1\"}', settings_encrypted = false");
        var claim = await ClaimProductionAsync(database);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var writing = Task.Run(
            async () =>
            {
                for (var number = 2; !stop.IsCancellationRequested; number++)
                {
                    await database.ExecuteAsync($$"""update destinations set settings = '{"pixelId":"{{number}}"}'""");
                    await database.TakeInAsync();
                }
            }, Cancel);

        var reads = await Task.WhenAll(Enumerable.Range(0, 2).Select(async _ =>
        {
            var mine = new List<(long Revision, long Row)>();
            for (var round = 0; round < 25; round++)
            {
                var (_, read) = await database.Reader.ReadToBuildAsync(claim, Cancel);
                mine.Add((read.Position.Revision!.Value, long.Parse(read.Rows[0].Settings.GetProperty("pixelId").GetString()!, System.Globalization.CultureInfo.InvariantCulture)));
            }
            return mine;
        }));
        await stop.CancelAsync();
        await writing;

        var ordered = reads.SelectMany(mine => mine).OrderBy(read => read.Revision).ToList();
        Assert.Equal(ordered.Count, ordered.Select(read => read.Revision).Distinct().Count());
        Assert.Equal(ordered.Select(read => read.Row).Order(), ordered.Select(read => read.Row));
    }

    /// <summary>A version of older data was made current by somebody whose claim was lost: the scope is due again.</summary>
    [Fact]
    public async Task Complete_ClaimLostAndPublished_CountsAsAChange()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database);
        await database.LoseAsync("worker-1");
        await database.LiveAsync("worker-1");
        var fast = await ClaimProductionAsync(database);
        Assert.False(await database.Queue.CompleteAsync(fast, published: false, Cancel));

        Assert.True(await database.Queue.CompleteAsync(slow, published: true, Cancel));

        Assert.Equal(1, (await ClaimProductionAsync(database)).Attempt);
    }

    /// <summary>
    /// It found nothing to change, because whoever took the scope over had made that version current. Who then dies, or fails, before anybody was told of it must not find the scope
    /// completed, and keeps it meanwhile.
    /// </summary>
    [Fact]
    public async Task Complete_ClaimLostAndNothingPublished_CountsForNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database);
        await database.LoseAsync("worker-1");
        await database.LiveAsync("worker-1");
        var holder = await ClaimProductionAsync(database);

        Assert.False(await database.Queue.CompleteAsync(slow, published: false, Cancel));
        Assert.DoesNotContain(slow.Scope, (await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel)).Select(claim => claim.Scope));
        Assert.True(await database.Queue.FailAsync(holder, "the store is away", TimeSpan.Zero, null, Cancel));

        var next = await ClaimProductionAsync(database);
        Assert.Equal((3, true), (next.Attempt, next.Fence));
    }

    [Fact]
    public async Task Worker_IsGone_AnotherTakesItsScopeAndTheFirstLearns()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var first = await ClaimProductionAsync(database);

        await database.LoseAsync("worker-1");
        var second = (await database.NewQueue("worker-2").ClaimAsync(Lane.Edits, 10, Cancel)).Single(claim => claim.Scope == first.Scope);

        Assert.Equal((2, true), (second.Attempt, second.Fence));
        Assert.False(await database.Queue.FailAsync(first, "late", TimeSpan.FromHours(1), null, Cancel));
        Assert.False(await database.NewQueue("worker-2").CompleteAsync(second, published: false, Cancel));
    }

    /// <summary>A scope that ends every worker that builds it must not end all of them in a row.</summary>
    [Fact]
    public async Task Worker_IsGoneAgainAndAgain_TheScopeWaitsLongerEachTime()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.DrainAsync();
        await database.InsertAsync(Acme, "production");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            Assert.Equal(attempt, (await ClaimProductionAsync(database)).Attempt);
            await database.LoseAsync("worker-1");
            await database.LiveAsync("worker-1");
        }

        Assert.Equal(2d, await database.ScalarAsync<double>("select extract(epoch from waits)::float8 from consent_snapshots.scopes where environment = 'production'"));
    }

    [Fact]
    public async Task Heartbeat_EndsWithTheProcess_AndItsScopesAreFreeAtOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var identity = new WorkerIdentity(SourceDatabase.IdOf("beating"), "beating");
        await using (var heartbeat = new WorkerHeartbeat(
            database.Options, identity, TimeProvider.System, NullLogger<WorkerHeartbeat>.Instance))
        {
            await heartbeat.StartAsync(Cancel);
            Assert.Equal(3, (await database.NewQueue("beating").ClaimAsync(Lane.Edits, 10, Cancel)).Length);
            var beaten = await BeatenAsync();
            await Eventually.TrueAsync(async () => await BeatenAsync() > beaten, "it beats");
            Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        }

        await database.LiveAsync("worker-1");
        Assert.Equal(3, (await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel)).Length);

        Task<DateTime> BeatenAsync() => database.ScalarAsync<DateTime>("select beaten_at from consent_snapshots.workers where name = 'beating'");
    }

    /// <summary>Two seconds by the database's clock, and no other.</summary>
    [Theory]
    [InlineData("- interval '2100 ms'", true)]
    [InlineData("- interval '1 s'", false)]
    [InlineData("+ interval '1 day'", true)]
    public async Task Beat_ByAnother_EndsTheClaimsOfAWorkerThatHasExpired(string last, bool expired)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await ClaimProductionAsync(database);

        await database.ExecuteAsync(
            $"""
            begin;
            update consent_snapshots.workers set beaten_at = clock_timestamp() {last} where name = 'worker-1';
            select consent_snapshots.beat('{SourceDatabase.IdOf("worker-2")}', 'worker-2');
            commit;
            """);

        Assert.Equal(expired ? 3 : 0, (await database.NewQueue("worker-2").ClaimAsync(Lane.Edits, 10, Cancel)).Length);
        Assert.Equal(!expired, await database.ScalarAsync<bool>($"select consent_snapshots.beat('{SourceDatabase.IdOf("worker-1")}', 'worker-1')"));
    }

    [Fact]
    public async Task Fail_BackOff_IsWaitedForAndThenTriedAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.Queue.FailAsync(await ClaimProductionAsync(database), "store down\0", TimeSpan.FromHours(1), null, Cancel);

        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        Assert.Equal(1, (await database.DepthAsync()).Waiting);
        var line = Assert.Single(await database.Status.ListAsync(null, Cancel), line => line.Scope.Environment == DeploymentEnvironment.Production);
        Assert.Equal((ScopeState.Failed, "store down"), (line.State, line.LastError));
        Assert.NotNull(line.Queue!.NextAttemptAt);

        // The hour passes.
        await database.ExecuteAsync("update consent_snapshots.scopes set ready_at = ready_at - interval '1 hour'");

        var again = Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        Assert.Equal(2, again.Attempt);
        await database.Queue.CompleteAsync(again, published: false, Cancel);
        Assert.Null((await database.Status.ListAsync(null, Cancel)).Single(line => line.Scope.Environment == DeploymentEnvironment.Production).LastError);
    }

    [Fact]
    public async Task Fail_ChangedMeanwhile_IsDueAtOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        await database.InsertAsync(Acme, "production");

        await database.Queue.FailAsync(claim, "store down", TimeSpan.FromHours(1), null, Cancel);
        var again = await ClaimProductionAsync(database);
        await database.Queue.FailAsync(again, "store down", TimeSpan.FromHours(1), null, Cancel);
        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        await database.InsertAsync(Acme, "production");

        Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
    }

    /// <summary>The database's clock was an hour ahead and was set right: what waited for a minute does not wait for an hour.</summary>
    [Fact]
    public async Task MendTimes_ReadyImpossiblyFarAhead_IsDueNow()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.Queue.FailAsync(await ClaimProductionAsync(database), "store down", TimeSpan.FromMinutes(1), null, Cancel);
        await database.ExecuteAsync("select consent_snapshots.mend_times()");
        Assert.Empty(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        await database.ExecuteAsync("update consent_snapshots.scopes set ready_at = ready_at + interval '1 hour'");

        await database.ExecuteAsync("select consent_snapshots.mend_times()");

        Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
    }

    [Fact]
    public async Task Fail_Held_IsReportedAsHeldUntilItSucceeds()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.Queue.FailAsync(await ClaimProductionAsync(database), "no key", TimeSpan.FromHours(1), "no key opens it", Cancel);

        Assert.Equal(1, (await database.DepthAsync()).Held);
        Assert.Equal(ScopeState.Held, (await database.Status.ListAsync(null, Cancel)).Single(line => line.Scope.Environment == DeploymentEnvironment.Production).State);
        await database.Queue.EnqueueAsync([SourceDatabase.ScopeOf(Acme)], "the key is back", Cancel);
        await database.DrainAsync();
        Assert.Equal(0, (await database.DepthAsync()).Held);
    }

    [Fact]
    public async Task Enqueue_UnknownScope_MakesTheOrganizationsThree()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.Queue.EnqueueAsync([SourceDatabase.ScopeOf(Acme)], "reconcile", Cancel);

        Assert.Equal(3, (await database.Queue.ClaimAsync(Lane.Bulk, 10, Cancel)).Length);
    }

    /// <summary>While no worker takes changes in, an operator wants to know since when they wait: of a scope, of an organization, of everything.</summary>
    [Theory]
    [InlineData("'{acme}', 'production'", 1)]
    [InlineData("'{acme}', null", 3)]
    [InlineData("null, null", 6)]
    public async Task Status_CompleteScopesThatChangedAgain_SaysSinceWhen(string change, int scopes)
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        foreach (var organization in (Guid[])[SourceDatabase.Acme, SourceDatabase.Globex]) await database.InsertAsync(organization, environment: null);
        await database.DrainAsync();
        var values = change.Replace("{acme}", SourceDatabase.Acme.ToString(), StringComparison.Ordinal);
        foreach (var age in (string[])["1 hour", "2 hours"])
            await database.ExecuteAsync($"insert into consent_snapshots.changes (organization_id, environment, changed_at, reason) values ({values}, clock_timestamp() - interval '{age}', 'test')");

        var waiting = (await database.Status.ListAsync(null, Cancel)).Where(line => line.State == ScopeState.Pending).ToList();

        Assert.Equal(scopes, waiting.Count);
        Assert.All(waiting, line => Assert.InRange(line.Queue!.Now - line.Queue.ChangedAt!.Value, TimeSpan.FromHours(2), TimeSpan.FromHours(3)));
    }

    [Fact]
    public async Task Status_ChangesThatNobodyHasTakenIn_ArePending()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.DrainAsync();
        await database.InsertAsync(Acme, "staging", takeIn: false);
        await database.InsertAsync(SourceDatabase.Globex, "staging", takeIn: false);

        var pending = (await database.Status.ListAsync(null, Cancel)).Where(line => line.State == ScopeState.Pending).Select(line => line.Scope).Order();

        Scope[] expected = [SourceDatabase.ScopeOf(Acme, DeploymentEnvironment.Staging), .. Scope.Of(SourceDatabase.ScopeOf(SourceDatabase.Globex).Organization)];
        Assert.Equal(expected.Order(), pending);
        Assert.Equal(2, (await database.DepthAsync()).Changes);
    }

    [Fact]
    public async Task Claim_NameThatIsNoPath_IsRefusedAndTheRestGoesOn()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync(
            """
            alter table destinations alter organization_id type text;
            insert into destinations (organization_id, type, name, environment) values ('../etc', 'console', 'x', 'production'), ('', 'console', 'x', null);
            insert into destinations (organization_id, type, name, environment) values ('acme', 'console', 'x', 'production');
            """);

        var claims = await database.Queue.ClaimAsync(Lane.Edits, 2, Cancel);
        var rest = await database.Queue.ClaimAsync(Lane.Edits, 100, Cancel);

        Assert.Equal(["acme", "acme", "acme"], claims.Concat(rest).Select(claim => claim.Scope.Organization.Value));
        Assert.Equal(["", "../etc"], (await database.Status.ListRefusedAsync(Cancel)).Select(name => name.Organization).Distinct());
    }

    [Fact]
    public async Task ClaimOne_NotDue_IsTakenUnlessSomebodyHasIt()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var scope = SourceDatabase.ScopeOf(Acme);

        var claim = await database.Queue.ClaimAsync(scope, Cancel);

        Assert.Equal((scope, 1), (claim!.Scope, claim.Attempt));
        Assert.Null(await database.NewQueue("worker-2").ClaimAsync(scope, Cancel));
        Assert.Null(await database.Queue.ClaimAsync(SourceDatabase.ScopeOf(SourceDatabase.Globex), Cancel));
        Assert.False(await database.Queue.CompleteAsync(claim, published: false, Cancel));
        Assert.NotNull(await database.NewQueue("worker-2").ClaimAsync(scope, Cancel));
    }

    /// <summary>Whoever did not give the scope back may still be about to commit: every build is fenced until one has ended well.</summary>
    [Fact]
    public async Task Claim_AfterSomebodyWhoDidNotGiveItBack_IsFencedUntilABuildIsComplete()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        Assert.False((await ClaimProductionAsync(database)).Fence);
        await database.LoseAsync("worker-1");
        await database.LiveAsync("worker-1");

        var second = await ClaimProductionAsync(database);
        Assert.True(second.Fence);
        Assert.True(await database.Queue.FailAsync(second, "no", TimeSpan.Zero, null, Cancel));
        var third = await ClaimProductionAsync(database);
        Assert.True(third.Fence);
        await database.Queue.CompleteAsync(third, published: true, Cancel);

        await database.ExecuteAsync("update destinations set enabled = false");
        Assert.False((await ClaimProductionAsync(database)).Fence);
    }

    [Fact]
    public async Task Fail_CommitUnknown_TheNextBuildIsFenced()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var first = await ClaimProductionAsync(database);
        Assert.True(await database.Queue.FailAsync(first, "no answer", TimeSpan.Zero, null, Cancel, fence: true));

        Assert.True((await ClaimProductionAsync(database)).Fence);
    }

    [Fact]
    public async Task Complete_OfAClaimThatWasLost_LeavesTheFenceOfALaterOne()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database);
        await database.LoseAsync("worker-1");
        await database.LiveAsync("worker-1");
        await database.Queue.CompleteAsync(await ClaimProductionAsync(database), published: true, Cancel);
        await database.ExecuteAsync("update destinations set enabled = false");
        Assert.True(await database.Queue.FailAsync(await ClaimProductionAsync(database), "no answer", TimeSpan.Zero, null, Cancel, fence: true));

        await database.Queue.CompleteAsync(slow, published: false, Cancel);

        Assert.True((await ClaimProductionAsync(database)).Fence);
    }

    /// <summary>The connection broke while an outcome was recorded: the worker lives on, so nobody else frees the scope.</summary>
    [Fact]
    public async Task Claim_AfterAnOutcomeThatCouldNotBeRecorded_GivesTheScopeAgainAndFenced()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.InsertAsync(SourceDatabase.Globex, "production");
        var claims = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);
        var lost = claims.Single(claim => claim.Scope == SourceDatabase.ScopeOf(Acme));
        await Assert.ThrowsAsync<TimeoutException>(() => database.Queue.InHand.GiveBackAsync(lost.Token, () => throw new TimeoutException("no answer")));

        var again = Assert.Single(await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));

        Assert.Equal(lost.Scope, again.Scope);
        Assert.True(again.Fence);
    }

    /// <summary>The connection broke after the database had claimed the scope and before the worker was told.</summary>
    [Fact]
    public async Task Claim_AfterAClaimWhoseAnswerDidNotArrive_GivesTheScopeAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var unheard = await database.NewQueue("worker-1").ClaimAsync(Lane.Edits, 10, Cancel);
        await database.ExecuteAsync("alter table consent_snapshots.changes rename to away");
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => database.Queue.ClaimAsync(Lane.Edits, 10, Cancel));
        await database.ExecuteAsync("alter table consent_snapshots.away rename to changes");

        var again = await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel);

        Assert.NotEmpty(unheard);
        Assert.Equal(unheard.Select(claim => claim.Scope).Order(), again.Select(claim => claim.Scope).Order());
        Assert.All(again, claim => Assert.True(claim.Fence));
    }

    private static async Task<ScopeClaim> ClaimProductionAsync(SourceDatabase database) =>
        (await database.Queue.ClaimAsync(Lane.Edits, 10, Cancel)).Single(claim => claim.Scope.Environment == DeploymentEnvironment.Production);
}
