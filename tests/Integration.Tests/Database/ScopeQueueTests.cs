using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Database;
using Npgsql;

namespace ConsentSnapshots.Integration.Tests.Database;

public sealed class ScopeQueueTests(PostgresFixture postgres)
{
    private static readonly Guid Acme = SourceDatabase.Acme;
    // Longer than any test takes on a busy machine.
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Claim_Pending_GivesEachScopeOnceInOrderOfChange()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        var first = await database.Queue.ClaimAsync(2, Lease, Cancel);
        var second = await database.NewQueue("worker-2").ClaimAsync(10, Lease, Cancel);
        var third = await database.Queue.ClaimAsync(10, Lease, Cancel);

        Assert.Equal(2, first.Claims.Length);
        Assert.Single(second.Claims);
        Assert.Empty(third.Claims);
        Assert.Equal(Scope.Of(SourceDatabase.ScopeOf(Acme).Organization), first.Claims.Concat(second.Claims).Select(claim => claim.Scope).Order());
        Assert.All(first.Claims, claim => Assert.Equal((1, 1), (claim.Revision, claim.Attempt)));
        Assert.Equal(
            new QueueDepth(3, 3, 0, 0, 0, TimeSpan.Zero), await database.Queue.PendingCountAsync(Cancel) with { Oldest = TimeSpan.Zero });
    }

    [Fact]
    public async Task Claim_ManyWorkersAtOnce_NoScopeTwice()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.ExecuteAsync("insert into destinations (organization_id, type, name) select gen_random_uuid(), 'console', n::text from generate_series(1, 100) n");

        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(async index =>
        {
            var queue = database.NewQueue($"worker-{index}");
            var mine = new List<ScopeClaim>();
            while ((await queue.ClaimAsync(7, Lease, Cancel)).Claims is { Length: > 0 } claims) mine.AddRange(claims);
            return mine;
        }));

        // A worker whose claim found only rows that others were just taking may leave; what is left is due to the next claim.
        var rest = (await database.Queue.ClaimAsync(1000, Lease, Cancel)).Claims;
        var all = claimed.SelectMany(mine => mine).Concat(rest).Select(claim => claim.Scope).ToList();
        Assert.Equal(300, all.Count);
        Assert.Equal(300, all.Distinct().Count());
    }

    [Fact]
    public async Task Claim_RowHeldByAnotherClaim_IsSkippedNotWaitedFor()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        var other = await database.ConnectAsync();
        await using var transaction = await other.BeginTransactionAsync(Cancel);
        await using (var hold = new NpgsqlCommand("select 1 from consent_snapshots.work where environment = 'production' for update", other))
            await hold.ExecuteNonQueryAsync(Cancel);

        var claims = (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims;

        Assert.Equal(["development", "staging"], claims.Select(claim => claim.Scope.Environment.Name()).Order());
    }

    [Fact]
    public async Task Complete_RevisionRead_LeavesNothingPending()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);

        foreach (var claim in (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims)
            Assert.Equal(Completion.UpToDate, await database.Queue.CompleteAsync(claim, claim.Revision, published: false, Cancel));

        Assert.Equal(0, (await database.Queue.PendingCountAsync(Cancel)).Pending);
        Assert.All(await database.Status.ListAsync(null, false, 10, Cancel), line => Assert.Equal(ScopeState.UpToDate, line.State));
        Assert.Empty(await database.Status.ListAsync(null, true, 10, Cancel));
    }

    [Fact]
    public async Task Complete_EditDuringTheBuild_StaysPending()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        var read = await database.Reader.ReadAsync(claim.Scope, Cancel);

        await database.ExecuteAsync("update destinations set enabled = false");
        var completion = await database.Queue.CompleteAsync(claim, read.Version.Revision, published: false, Cancel);

        Assert.Equal(Completion.ChangedAgain, completion);
        Assert.Equal(2, (await ClaimProductionAsync(database)).Revision);
    }

    [Fact]
    public async Task Complete_EditBetweenClaimAndRead_CountsTheRevisionRead()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        await database.ExecuteAsync("update destinations set enabled = false");
        var read = await database.Reader.ReadAsync(claim.Scope, Cancel);

        Assert.Equal(Completion.UpToDate, await database.Queue.CompleteAsync(claim, read.Version.Revision, published: false, Cancel));

        Assert.Equal((1, 2), (claim.Revision, read.Version.Revision));
        Assert.DoesNotContain(await database.Status.ListAsync(null, true, 10, Cancel), line => line.Environment == "production");
    }

    [Fact]
    public async Task Complete_WriterInFlight_IsSeenUntilItCommitsAndThenClaimed()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        // Pending and unclaimed: this writer will not notify.
        await using (var update = new NpgsqlCommand("update destinations set enabled = false", writer)) await update.ExecuteNonQueryAsync(Cancel);

        var claim = await ClaimProductionAsync(database);
        var read = await database.Reader.ReadAsync(claim.Scope, Cancel);
        Assert.Equal(1, read.Version.Revision);
        Assert.Equal(Completion.WriterInFlight, await database.Queue.CompleteAsync(claim, read.Version.Revision, published: false, Cancel));
        var during = await database.Queue.ClaimAsync(10, Lease, Cancel);
        await transaction.CommitAsync(Cancel);
        var after = await database.Queue.ClaimAsync(10, Lease, Cancel);

        Assert.Equal((0, 1), (during.Claims.Length, during.WritersInFlight));
        Assert.Equal((2, 0), (Assert.Single(after.Claims).Revision, after.WritersInFlight));
    }

    [Fact]
    public async Task Complete_WriterRollsBack_NothingIsDue()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await using (var update = new NpgsqlCommand("update destinations set enabled = false", writer)) await update.ExecuteNonQueryAsync(Cancel);
        var claim = await ClaimProductionAsync(database);
        await database.Queue.CompleteAsync(claim, 1, published: false, Cancel);

        await transaction.RollbackAsync(Cancel);
        var after = await database.Queue.ClaimAsync(10, Lease, Cancel);

        Assert.Equal((0, 0), (after.Claims.Length, after.WritersInFlight));
    }

    [Fact]
    public async Task Work_WriterHoldsTheScope_NothingOfOursWaits()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database);
        var writer = await database.ConnectAsync();
        await using var transaction = await writer.BeginTransactionAsync(Cancel);
        await using (var update = new NpgsqlCommand("update destinations set enabled = false", writer)) await update.ExecuteNonQueryAsync(Cancel);
        await using (var impatient = new NpgsqlCommand($"alter database {await database.ScalarAsync<string>("select current_database()::text")} set lock_timeout = '100ms'", await database.ConnectAsync()))
            await impatient.ExecuteNonQueryAsync(Cancel);
        database.Pool.Clear();

        Assert.True(await database.Queue.RenewAsync(claim, Lease, Cancel));
        Assert.True(await database.Queue.FailAsync(claim, "no", TimeSpan.Zero, null, Cancel));
        var again = await ClaimProductionAsync(database);
        await database.Queue.EnqueueAsync([again.Scope], "test", Cancel);
        Assert.Equal(Completion.WriterInFlight, await database.Queue.CompleteAsync(again, 1, published: false, Cancel));
    }

    /// <summary>
    /// The later revision found nothing to change, so nothing in the store stopped the slower one from publishing older data: it is due again.
    /// </summary>
    [Fact]
    public async Task Complete_SlowerThanAnotherAndPublished_IsDueAgainAtOnce()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database, TimeSpan.Zero);
        await database.ExecuteAsync("update destinations set enabled = false");
        var fast = await ClaimProductionAsync(database);
        Assert.Equal(Completion.UpToDate, await database.Queue.CompleteAsync(fast, 2, published: false, Cancel));

        Assert.Equal(Completion.ChangedAgain, await database.Queue.CompleteAsync(slow, 1, published: true, Cancel));

        Assert.Equal(2, (await ClaimProductionAsync(database)).Revision);
    }

    [Fact]
    public async Task Complete_SlowerThanAnother_DoesNotLowerOrRelease()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database, TimeSpan.Zero);
        await database.ExecuteAsync("update destinations set enabled = false");
        var fast = await ClaimProductionAsync(database);
        Assert.Equal(Completion.UpToDate, await database.Queue.CompleteAsync(fast, 2, published: false, Cancel));
        await database.ExecuteAsync("update destinations set enabled = true");
        var third = await ClaimProductionAsync(database);

        Assert.Equal(Completion.ChangedAgain, await database.Queue.CompleteAsync(slow, 1, published: false, Cancel));

        var line = Assert.Single(await database.Status.ListAsync(Acme.ToString(), true, 10, Cancel), line => line.Environment == "production");
        Assert.Equal((3, 2, ScopeState.Building), (line.Revision, line.CompletedRevision, line.State));
        Assert.True(await database.Queue.RenewAsync(third, Lease, Cancel));
    }

    [Fact]
    public async Task Lease_RunsOut_AnotherWorkerTakesItAndTheFirstLearns()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var first = await ClaimProductionAsync(database, TimeSpan.Zero);

        var second = await ClaimProductionAsync(database);

        Assert.Equal(2, second.Attempt);
        Assert.False(await database.Queue.RenewAsync(first, Lease, Cancel));
        Assert.False(await database.Queue.FailAsync(first, "late", TimeSpan.FromHours(1), null, Cancel));
        Assert.True(await database.Queue.RenewAsync(second, Lease, Cancel));
    }

    [Fact]
    public async Task Renew_Held_LengthensTheLease()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var claim = await ClaimProductionAsync(database, TimeSpan.Zero);

        await database.Queue.RenewAsync(claim, Lease, Cancel);

        Assert.DoesNotContain(claim.Scope, (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims.Select(other => other.Scope));
    }

    [Fact]
    public async Task Fail_BackOff_IsWaitedForAndThenTriedAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.Queue.FailAsync(await ClaimProductionAsync(database), "store down\0", TimeSpan.FromHours(1), null, Cancel);

        Assert.Empty((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
        Assert.Equal(1, (await database.Queue.PendingCountAsync(Cancel)).Waiting);
        var line = Assert.Single(await database.Status.ListAsync(null, true, 10, Cancel), line => line.Environment == "production");
        Assert.Equal((ScopeState.Waiting, "store down"), (line.State, line.LastError));

        // The hour passes.
        await database.ExecuteAsync("update consent_snapshots.work set next_attempt_at = next_attempt_at - interval '1 hour'");

        var again = Assert.Single((await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims);
        Assert.Equal(2, again.Attempt);
        await database.Queue.CompleteAsync(again, 1, published: false, Cancel);
        Assert.Null((await database.Status.ListAsync(null, false, 10, Cancel)).Single(line => line.Environment == "production").LastError);
    }

    [Fact]
    public async Task Fail_Held_IsReportedAsHeldUntilItSucceeds()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        await database.Queue.FailAsync(await ClaimProductionAsync(database), "no key", TimeSpan.FromHours(1), "no key opens it", Cancel);

        Assert.Equal(1, (await database.Queue.PendingCountAsync(Cancel)).Held);
        Assert.Equal(ScopeState.Held, (await database.Status.ListAsync(null, true, 10, Cancel)).Single(line => line.Environment == "production").State);
        await database.Queue.EnqueueAsync([SourceDatabase.ScopeOf(Acme)], "the key is back", Cancel);
        await database.DrainAsync();
        Assert.Equal(0, (await database.Queue.PendingCountAsync(Cancel)).Held);
    }

    [Fact]
    public async Task Enqueue_UnknownScope_MakesTheOrganizationsThree()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);

        await database.Queue.EnqueueAsync([SourceDatabase.ScopeOf(Acme)], "reconcile", Cancel);

        Assert.Equal(3, (await database.Queue.ClaimAsync(10, Lease, Cancel)).Claims.Length);
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

        var claims = (await database.Queue.ClaimAsync(2, Lease, Cancel)).Claims;
        var rest = (await database.Queue.ClaimAsync(100, Lease, Cancel)).Claims;

        Assert.Equal(["acme", "acme", "acme"], claims.Concat(rest).Select(claim => claim.Scope.Organization.Value));
        Assert.Equal(6, (await database.Status.ListAsync(null, true, 100, Cancel)).Count(line => line.State == ScopeState.Held && line.HeldReason == OrganizationId.Rule));
    }

    [Fact]
    public async Task ClaimOne_NotDue_IsTakenUnlessSomebodyHasIt()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme);
        await database.DrainAsync();
        var scope = SourceDatabase.ScopeOf(Acme);

        var claim = await database.Queue.ClaimAsync(scope, Lease, Cancel);

        Assert.Equal((scope, 1L, 1), (claim!.Scope, claim.Revision, claim.Attempt));
        Assert.Null(await database.NewQueue("worker-2").ClaimAsync(scope, Lease, Cancel));
        Assert.Null(await database.Queue.ClaimAsync(SourceDatabase.ScopeOf(SourceDatabase.Globex), Lease, Cancel));
        Assert.Equal(Completion.UpToDate, await database.Queue.CompleteAsync(claim, 1, published: false, Cancel));
        Assert.NotNull(await database.NewQueue("worker-2").ClaimAsync(scope, Lease, Cancel));
    }

    /// <summary>Whoever did not give the scope back may still be about to commit: every build is fenced until one has ended well.</summary>
    [Fact]
    public async Task Claim_AfterSomebodyWhoDidNotGiveItBack_IsFencedUntilABuildIsComplete()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        Assert.False((await ClaimProductionAsync(database, TimeSpan.Zero)).Fence);

        var second = await ClaimProductionAsync(database);
        Assert.True(second.Fence);
        Assert.True(await database.Queue.FailAsync(second, "no", TimeSpan.Zero, null, Cancel));
        var third = await ClaimProductionAsync(database);
        Assert.True(third.Fence);
        await database.Queue.CompleteAsync(third, 1, published: true, Cancel);

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
        var slow = await ClaimProductionAsync(database, TimeSpan.Zero);
        await database.Queue.CompleteAsync(await ClaimProductionAsync(database), 1, published: true, Cancel);
        await database.ExecuteAsync("update destinations set enabled = false");
        Assert.True(await database.Queue.FailAsync(await ClaimProductionAsync(database), "no answer", TimeSpan.Zero, null, Cancel, fence: true));

        await database.Queue.CompleteAsync(slow, 1, published: false, Cancel);

        Assert.True((await ClaimProductionAsync(database)).Fence);
    }

    /// <summary>
    /// It found nothing to change, because whoever took the scope over had made that version current. Who then dies, or fails, before anybody was told of it must not find the scope
    /// completed.
    /// </summary>
    [Fact]
    public async Task Complete_OfAClaimThatWasLost_CountsForNothing()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(Acme, "production");
        var slow = await ClaimProductionAsync(database, TimeSpan.Zero);
        var holder = await ClaimProductionAsync(database);

        await database.Queue.CompleteAsync(slow, 1, published: false, Cancel);
        Assert.True(await database.Queue.FailAsync(holder, "the store is away", TimeSpan.Zero, null, Cancel));

        var next = await ClaimProductionAsync(database);
        Assert.Equal((3, true), (next.Attempt, next.Fence));
    }

    private static async Task<ScopeClaim> ClaimProductionAsync(SourceDatabase database, TimeSpan? lease = null)
    {
        var claims = (await database.Queue.ClaimAsync(10, lease ?? Lease, Cancel)).Claims;
        return claims.Single(claim => claim.Scope.Environment == DeploymentEnvironment.Production);
    }
}
