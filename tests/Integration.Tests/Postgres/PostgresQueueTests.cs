using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class PostgresQueueTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The writer's notification came while the scope was being built, and found nothing to claim: the failure has to say that there is something now.</summary>
    [Fact]
    public async Task Fail_ChangedMeanwhile_IsSignalledAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(SourceDatabase.Acme);
        var wakeUp = new WakeUp();
        await using var heartbeat = new WorkerHeartbeat(
            database.Options, new WorkerIdentity(SourceDatabase.IdOf("worker-1"), "worker-1"), TimeProvider.System, NullLogger<WorkerHeartbeat>.Instance);
        var queue = new PostgresQueue(new DatabaseGuard(database.Pool, new DatabasePatience(TimeProvider.System, NullLogger<DatabasePatience>.Instance)), database.Queue, heartbeat, new BuildRecords(database.Pool), database.Status, wakeUp);
        var claims = await queue.ClaimAsync(Lane.Edits, 10, Cancel);
        await database.ExecuteAsync("update destinations set enabled = false");

        foreach (var claim in claims) await queue.CompleteAsync(claim, new BuildOutcome.Failed("away"), TimeSpan.FromHours(1), Cancel);

        Assert.True(wakeUp.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel).AsTask().IsCompletedSuccessfully);
        Assert.Equal(SourceDatabase.ScopeOf(SourceDatabase.Acme), Assert.Single(await queue.ClaimAsync(Lane.Edits, 10, Cancel)).Scope);
    }
}
