using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Building;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Queue;

public sealed class MemoryQueueTests : IDisposable
{
    private static readonly Scope s_production = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-queue-").FullName;
    private readonly DirectoryBlobStore _blobs;
    private readonly FileSource _source;
    private readonly WakeUp _wakeUp = new();

    public MemoryQueueTests()
    {
        _blobs = new DirectoryBlobStore(Path.Combine(_folder, "store"), TimeProvider.System);
        _source = new FileSource(
            Path.Combine(_folder, "destinations.json"), new SettingVariables(DestinationCatalogue.BuiltIn, [], _ => null), ScopeLimits.Default, TimeProvider.System, NullLogger<FileSource>.Instance);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _source.Dispose();
        _blobs.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Claim_WhileOthersEnqueue_ClaimsEachScopeOnce()
    {
        await WriteAsync("""{"organizations":[]}""");
        var scopes = Enumerable.Range(0, 200)
            .Select(number => new Scope(OrganizationId.Parse(string.Create(CultureInfo.InvariantCulture, $"org{number}")), DeploymentEnvironment.Production)).ToList();

        // Many short rounds: a list that is still short is copied often while it grows.
        for (var round = 0; round < 150; round++)
        {
            using var queue = NewQueue();
            await queue.ClaimAsync(Lane.Bulk, 1, Cancel);
            var enqueuing = Task.Run(
                async () =>
                {
                    foreach (var scope in scopes) await queue.EnqueueAsync([scope], Cancel);
                },
                Cancel);
            var claimed = new List<Scope>();
            while (!enqueuing.IsCompleted) await ClaimAsync();
            await enqueuing;
            await ClaimAsync();

            Assert.Equal(scopes.Order(), claimed.Order());

            async Task ClaimAsync() => claimed.AddRange((await queue.ClaimAsync(Lane.Bulk, int.MaxValue, Cancel)).Select(claim => claim.Scope));
        }
    }

    /// <summary>The file changes while a commit is under way that nobody answers: what comes next is another build, and has to fence off this one all the same.</summary>
    [Fact]
    public async Task Complete_CommitUnknownAndMadePendingMeanwhile_TheNextBuildFencesAndAnnounces()
    {
        await WriteAsync("""{"organizations":[{"id":"acme"}]}""");
        using var queue = NewQueue();
        var claim = (await queue.ClaimAsync(s_production, Cancel))!;
        Assert.Equal((false, false), (claim.Retried, claim.Fence));

        await queue.EnqueueAsync([s_production], Cancel);
        await queue.CompleteAsync(claim, new BuildOutcome.Failed("no answer", CommitUnknown: true), TimeSpan.FromHours(1), Cancel);

        var next = Assert.Single(await queue.ClaimAsync(Lane.Bulk, 10, Cancel), next => next.Scope == s_production);
        Assert.Equal((true, true, 1), (next.Retried, next.Fence, next.Attempt));
    }

    /// <summary>The signal of a change came while the scope was being built, and found nothing to claim: the failure has to say that there is something now.</summary>
    [Fact]
    public async Task Complete_FailedAndChangedMeanwhile_IsSignalledAgain()
    {
        await WriteAsync("""{"organizations":[{"id":"acme"}]}""");
        using var queue = NewQueue();
        var claim = (await queue.ClaimAsync(s_production, Cancel))!;
        await queue.EnqueueAsync([claim.Scope], Cancel);
        await _wakeUp.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel);

        await queue.CompleteAsync(claim, new BuildOutcome.Failed("away"), TimeSpan.FromHours(1), Cancel);

        Assert.True(_wakeUp.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel).AsTask().IsCompletedSuccessfully);
        Assert.Contains(claim.Scope, (await queue.ClaimAsync(Lane.Edits, 10, Cancel)).Concat(await queue.ClaimAsync(Lane.Bulk, 10, Cancel)).Select(next => next.Scope));
    }

    [Fact]
    public async Task Release_ScopeThatWasNotBegun_WaitsAsBefore()
    {
        await WriteAsync("""{"organizations":[{"id":"acme"}]}""");
        using var queue = NewQueue();
        var claims = await queue.ClaimAsync(Lane.Bulk, 10, Cancel);
        Assert.Empty(await queue.ClaimAsync(Lane.Bulk, 10, Cancel));

        await queue.ReleaseAsync(claims, Cancel);

        Assert.Equal(claims.Select(claim => (claim.Scope, claim.Attempt, claim.Fence)), (await queue.ClaimAsync(Lane.Bulk, 10, Cancel)).Select(claim => (claim.Scope, claim.Attempt, claim.Fence)));
    }

    /// <summary>An organization has a manifest for all three environments from the moment on that it is named, be its lists empty.</summary>
    [Fact]
    public async Task Refresh_NewOrganizationWithOneEnvironment_AllItsScopesWait()
    {
        await WriteAsync("""{"organizations":[{"id":"acme"}]}""");
        using var queue = NewQueue();
        foreach (var claim in await queue.ClaimAsync(Lane.Bulk, 10, Cancel)) await queue.CompleteAsync(claim, new BuildOutcome.Superseded(null!), TimeSpan.Zero, Cancel);

        await WriteAsync("""{"organizations":[{"id":"acme"},{"id":"globex","environments":{"production":{"destinations":[{"type":"console"}]}}}]}""");
        await queue.RefreshAsync(Cancel);

        Assert.Equal(Scope.Of(OrganizationId.Parse("globex")).Order(), (await queue.ClaimAsync(Lane.Edits, 10, Cancel)).Select(claim => claim.Scope).Order());
        Assert.Empty(await queue.ClaimAsync(Lane.Bulk, 10, Cancel));
    }

    private MemoryQueue NewQueue() => new(_source, new ScopeStore(_blobs), _wakeUp, TimeProvider.System);

    private Task WriteAsync(string json) => File.WriteAllTextAsync(Path.Combine(_folder, "destinations.json"), json, Cancel);
}
