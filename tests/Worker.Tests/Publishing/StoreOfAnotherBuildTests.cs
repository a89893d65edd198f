using System.Text;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>What <c>docs/upgrades.md</c> says of a worker that finds the store of another build.</summary>
public sealed class StoreOfAnotherBuildTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("consent-snapshots-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _root.Delete(recursive: true);

    /// <summary>The store in the repository, which the first build of schema 2 has written.</summary>
    [Fact]
    public async Task Publish_StoreOfTheFirstBuild_GoesOnFromItsVersionsAndLeavesThem()
    {
        CopyFixture();
        using var store = new DirectoryBlobStore(_root.FullName, TimeProvider.System);
        var world = new PublicationWorld(store);
        var before = await world.CurrentAsync();
        var published = await FilesAsync();
        Assert.Equal(2, before!.Version);

        var request = world.Request(before.Envelope.SourceRevision + 1, PublicationWorld.MetaPixel("11111111111", "marketing"));
        var result = await world.PublishAsync(request with { RecordedVersion = before.Version });

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        Assert.Equal(3, result.Manifest.Version);
        Assert.Equal(before.Digest(), result.Manifest.Envelope.Previous);
        // What the first build published, and some cache may still name, is as it was: only what every version replaces is new.
        foreach (var (name, bytes) in published.Where(file => !IsReplaced(file.Key))) Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(_root.FullName, name), Cancel));
    }

    /// <summary>The worker was rolled back: it finds what a later build added, and goes on without it.</summary>
    [Fact]
    public async Task Publish_OverAManifestOfALaterBuild_IsItsNextVersion()
    {
        using var store = new DirectoryBlobStore(_root.FullName, TimeProvider.System);
        var world = new PublicationWorld(store);
        await world.PublishAsync(1, PublicationWorld.MetaPixel("1"));
        var name = BlobNames.Current(world.Scope);
        var later = Encoding.UTF8.GetString((await world.BytesAsync(BlobContainer.Private, name))!).Replace("\"combinations\":", "\"later\":{\"a\":[1]},\"combinations\":", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(_root.FullName, "private", name), later, Cancel);

        var result = await world.PublishAsync(world.Request(2, PublicationWorld.MetaPixel("2")) with { RecordedVersion = 1 });

        Assert.Equal(PublicationOutcome.Published, result.Outcome);
        Assert.Equal(2, result.Manifest.Version);
        Assert.Equal(2, (await world.CurrentAsync())!.Version);
    }

    private static bool IsReplaced(string name) => name.StartsWith("private", StringComparison.Ordinal)
        || Path.GetFileName(name) is "scripts.json" or "tags.js" or "loader.js";

    private async Task<Dictionary<string, byte[]>> FilesAsync()
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(_root.FullName, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal)))
            files.Add(Path.GetRelativePath(_root.FullName, file), await File.ReadAllBytesAsync(file, Cancel));
        return files;
    }

    private void CopyFixture()
    {
        var from = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(from.FullName, "Consent.Snapshots.sln"))) from = from.Parent!;
        var fixture = Path.Combine(from.FullName, "tests", "fixtures", "store");
        foreach (var file in Directory.EnumerateFiles(fixture, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(_root.FullName, Path.GetRelativePath(fixture, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
    }
}
