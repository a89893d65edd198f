using ConsentSnapshots.Integration.Tests.Fixtures;
using ConsentSnapshots.Worker.Postgres;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ConsentSnapshots.Integration.Tests.Postgres;

public sealed class PostgresSourceTests(PostgresFixture postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The writer's notification came while the scope was being built, and found nothing to claim: the failure has to say that there is something now.</summary>
    [Fact]
    public async Task Fail_ChangedMeanwhile_IsSignalledAgain()
    {
        await using var database = await SourceDatabase.CreateAsync(postgres);
        await database.InsertAsync(SourceDatabase.Acme);
        var signal = new WakeUp();
        await using var heartbeat = new WorkerHeartbeat(
            Options.Create(database.Options), new WorkerIdentity(SourceDatabase.IdOf("worker-1"), "worker-1"), TimeProvider.System, NullLogger<WorkerHeartbeat>.Instance);
        var source = new PostgresSource(database.Pool, database.Reader, database.Queue, heartbeat, new BuildRecords(database.Pool), database.Status, signal,
            new DatabasePatience(TimeProvider.System, NullLogger<DatabasePatience>.Instance));
        var claims = await source.ClaimAsync(Lane.Edits, 10, Cancel);
        await database.ExecuteAsync("update destinations set enabled = false");

        foreach (var claim in claims) await source.FailAsync(claim, new BuildFailure("away", false, null, null), TimeSpan.FromHours(1), Cancel);

        Assert.True(signal.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel).AsTask().IsCompletedSuccessfully);
        Assert.Equal(SourceDatabase.ScopeOf(SourceDatabase.Acme), Assert.Single(await source.ClaimAsync(Lane.Edits, 10, Cancel)).Scope);
    }
}
