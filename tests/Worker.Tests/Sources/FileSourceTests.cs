using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Queue;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Sources.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace ConsentSnapshots.Worker.Tests.Sources;

public sealed class FileSourceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("consent-snapshots-file-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Claim_WhileOthersEnqueue_ClaimsEachScopeOnce()
    {
        var file = Path.Combine(_folder, "destinations.json");
        await File.WriteAllTextAsync(file, """{"organizations":[]}""", Cancel);
        using var blobs = new DirectoryBlobStore(Path.Combine(_folder, "store"), TimeProvider.System);
        var scopes = Enumerable.Range(0, 200)
            .Select(number => new Scope(OrganizationId.Parse(string.Create(CultureInfo.InvariantCulture, $"org{number}")), DeploymentEnvironment.Production)).ToList();

        // Many short rounds: a list that is still short is copied often while it grows.
        for (var round = 0; round < 150; round++)
        {
            using var source = new FileSource(file, new SettingVariables(DestinationCatalogue.BuiltIn, [], _ => null), new ScopeStore(blobs), new WakeUp(), ScopeLimits.Default, TimeProvider.System, NullLogger<FileSource>.Instance);
            await source.CheckAsync(Cancel);
            var enqueuing = Task.Run(
                async () =>
                {
                    foreach (var scope in scopes) await source.EnqueueAsync([scope], Cancel);
                },
                Cancel);
            var claimed = new List<Scope>();
            while (!enqueuing.IsCompleted) await ClaimAsync();
            await enqueuing;
            await ClaimAsync();

            Assert.Equal(scopes.Order(), claimed.Order());

            async Task ClaimAsync() => claimed.AddRange((await source.ClaimAsync(Lane.Bulk, int.MaxValue, Cancel)).Select(claim => claim.Scope));
        }
    }

    /// <summary>The file changes while a commit is under way that nobody answers: what comes next is another build, and has to fence off this one all the same.</summary>
    [Fact]
    public async Task Fail_CommitUnknownAndMadePendingMeanwhile_TheNextBuildFencesAndAnnounces()
    {
        using var blobs = new DirectoryBlobStore(Path.Combine(_folder, "store"), TimeProvider.System);
        using var source = await SourceAsync(blobs, """{"organizations":[{"id":"acme"}]}""");
        var scope = new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);
        var claim = (await source.ClaimAsync(scope, Cancel))!;
        Assert.Equal((false, false), (claim.Retried, claim.Fence));

        await source.EnqueueAsync([scope], Cancel);
        await source.FailAsync(claim, new BuildFailure("no answer", false, null, null) { CommitUnknown = true }, TimeSpan.FromHours(1), Cancel);

        var next = Assert.Single(await source.ClaimAsync(Lane.Bulk, 10, Cancel), next => next.Scope == scope);
        Assert.Equal((true, true, 1), (next.Retried, next.Fence, next.Attempt));
    }

    /// <summary>The signal of a change came while the scope was being built, and found nothing to claim: the failure has to say that there is something now.</summary>
    [Fact]
    public async Task Fail_ChangedMeanwhile_IsSignalledAgain()
    {
        using var blobs = new DirectoryBlobStore(Path.Combine(_folder, "store"), TimeProvider.System);
        var signal = new WakeUp();
        using var source = await SourceAsync(blobs, """{"organizations":[{"id":"acme"}]}""", signal);
        var claim = (await source.ClaimAsync(new Scope(OrganizationId.Parse("acme"), DeploymentEnvironment.Production), Cancel))!;
        await source.EnqueueAsync([claim.Scope], Cancel);
        await signal.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel);

        await source.FailAsync(claim, new BuildFailure("away", false, null, null), TimeSpan.FromHours(1), Cancel);

        Assert.True(signal.WaitAsync(TimeSpan.FromMinutes(1), TimeProvider.System, Cancel).AsTask().IsCompletedSuccessfully);
        Assert.Contains(claim.Scope, (await source.ClaimAsync(Lane.Edits, 10, Cancel)).Concat(await source.ClaimAsync(Lane.Bulk, 10, Cancel)).Select(next => next.Scope));
    }

    [Fact]
    public async Task Read_SettingsOverTheLimit_ConcernThatScopeOnly()
    {
        using var blobs = new DirectoryBlobStore(Path.Combine(_folder, "store"), TimeProvider.System);
        var settings = $$"""{"textContent":"{{new string('x', 256_000)}}"}""";
        using var source = await SourceAsync(
            blobs, """{"organizations":[{"id":"acme","environments":{"staging":{"destinations":[{"type":"console"}]},"production":{"destinations":[{"type":"script","settings":""" + settings + "}]}}}]}");
        var organization = OrganizationId.Parse("acme");

        var exception = await Assert.ThrowsAsync<ScopeTooLargeException>(() => source.ReadAsync(new Scope(organization, DeploymentEnvironment.Production), Cancel));
        Assert.Equal(
            $"The scope has {settings.Length} bytes of settings in one destination, and the limit is 256000. A version that is published stays; remove what is not needed.", exception.Message);
        var reads = new List<ScopeRead>();
        await foreach (var read in source.ReadAsync([organization], Cancel)) reads.Add(read);
        Assert.Equal([(false, 0), (false, 1), (true, null)], reads.Select(read => (read.Held, read.Rows?.Rows.Count)));
    }

    private async Task<FileSource> SourceAsync(DirectoryBlobStore blobs, string json, WakeUp? signal = null)
    {
        var file = Path.Combine(_folder, "destinations.json");
        await File.WriteAllTextAsync(file, json, Cancel);
        var source = new FileSource(
            file, new SettingVariables(DestinationCatalogue.BuiltIn, [], _ => null), new ScopeStore(blobs), signal ?? new WakeUp(), ScopeLimits.Default, TimeProvider.System, NullLogger<FileSource>.Instance);
        await source.CheckAsync(Cancel);
        return source;
    }
}
