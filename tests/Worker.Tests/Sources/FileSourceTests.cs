using System.Globalization;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Scheduling;
using ConsentSnapshots.Worker.Sources.Files;
using ConsentSnapshots.Storage;
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
            using var source = new FileSource(file, new SettingVariables(DestinationCatalogue.BuiltIn, [], _ => null), new ScopeStore(blobs), new DrainSignal(), ScopeLimits.Default, TimeProvider.System, NullLogger<FileSource>.Instance);
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

            async Task ClaimAsync() => claimed.AddRange((await source.ClaimAsync(int.MaxValue, Cancel)).Claims.Select(claim => claim.Scope));
        }
    }
}
