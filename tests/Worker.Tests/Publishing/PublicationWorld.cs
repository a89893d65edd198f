using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Tests.Storage;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>A real publisher on a real store that can be made to die, and the invariants that must hold whatever happens.</summary>
public sealed class PublicationWorld
{
    public PublicationWorld(IBlobStore store, int recordsPerSegment = ChangeRecord.PerSegment)
    {
        Faults = new FaultingBlobStore(store);
        Store = new ScopeStore(Faults, recordsPerSegment);
        Publisher = new Publisher(Store, DestinationCatalogue.BuiltIn, new GeneratorBuild("test"), Time);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero));

    public FaultingBlobStore Faults { get; }

    public ScopeStore Store { get; }

    public Publisher Publisher { get; }

    public Scope Scope { get; init; } = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    public static Destination MetaPixel(string pixelId, params string[] requiredConsent) => new()
    {
        Id = new Guid(System.IO.Hashing.XxHash128.Hash(Encoding.UTF8.GetBytes(pixelId))),
        Type = "meta-pixel",
        Settings = JsonElement.Parse($$"""{"pixelId":"{{pixelId}}"}"""),
        RequiredConsent = [.. requiredConsent],
        CreatedAt = DateTimeOffset.UnixEpoch.AddMilliseconds(long.Parse(pixelId, System.Globalization.CultureInfo.InvariantCulture)),
    };

    public PublicationRequest Request(long revision, params Destination[] rows)
    {
        var destinations = rows.Select(row => new OpenedDestination(row, row.Settings)).ToArray();
        var generated = new SnapshotGenerator(DestinationCatalogue.BuiltIn).Generate(Scope, destinations);
        Assert.Empty(generated.Problems);
        return new PublicationRequest(generated, destinations, new SourcePosition(1, revision));
    }

    public Task<PublicationResult> PublishAsync(long revision, params Destination[] rows) =>
        Publisher.PublishAsync(Request(revision, rows), TestContext.Current.CancellationToken);

    public async Task<Manifest?> CurrentAsync() =>
        (await Store.ReadCurrentAsync(Scope, TestContext.Current.CancellationToken)).Current?.Manifest;

    public async Task<List<string>> NamesAsync(BlobContainer container, string prefix = "")
    {
        var names = new List<string>();
        await foreach (var blob in Store.Blobs.ListAsync(container, prefix, TestContext.Current.CancellationToken)) names.Add(blob.Name);
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    public async Task<List<int>> AnnouncedAsync()
    {
        var versions = new List<int>();
        foreach (var name in await NamesAsync(BlobContainer.Private, BlobNames.ChangesPrefix))
        {
            var log = await Store.Blobs.ReadAsync(BlobContainer.Private, name, TestContext.Current.CancellationToken);
            Assert.Equal(0, log!.Bytes.Length % ChangeRecord.Length);
            versions.AddRange(ChangeRecord.Read(log.Bytes, out var unreadable).Where(change => change.Scope == Scope).Select(change => change.Version));
            Assert.Equal(0, unreadable);
        }
        return versions;
    }

    /// <summary>Never torn: every manifest that can be read names snapshots that are there, whole. Returns the current version, 0 for none.</summary>
    public async Task<int> AssertNothingTornAsync()
    {
        var manifests = new List<(Manifest Manifest, byte[] Bytes)>();
        foreach (var name in await NamesAsync(BlobContainer.Private, BlobNames.HistoryPrefix)) manifests.Add(await ReadAsync(name));
        var current = await Store.Blobs.ReadAsync(BlobContainer.Private, BlobNames.Current(Scope), TestContext.Current.CancellationToken);
        if (current is not null) manifests.Add((Manifest.Parse(current.Bytes), current.Bytes));
        foreach (var (manifest, _) in manifests)
        {
            foreach (var (hash, entry) in manifest.Snapshots)
            {
                Assert.True(SnapshotHash.TryParse(hash, out var parsed));
                var bytes = await Store.ReadSnapshotAsync(Scope, parsed, TestContext.Current.CancellationToken);
                Assert.NotNull(bytes);
                Assert.Equal(entry.Bytes, bytes.Length);
                Assert.Equal(entry.Sha256, Manifest.Digest(bytes));
            }
        }
        return current is null ? 0 : Manifest.Parse(current.Bytes).Version;
    }

    /// <summary>What must hold once a publication is complete: history without a gap, chained by digests, byte for byte, and announced.</summary>
    public async Task AssertCompleteAsync(int version)
    {
        Assert.Equal(version, await AssertNothingTornAsync());
        string? previous = null;
        var last = Array.Empty<byte>();
        for (var number = 1; number <= version; number++)
        {
            var (manifest, bytes) = await ReadAsync(BlobNames.History(Scope, number));
            Assert.Equal(number, manifest.Version);
            Assert.Equal(previous, manifest.Previous);
            (previous, last) = (Manifest.Digest(bytes), bytes);
        }
        var current = await Store.Blobs.ReadAsync(BlobContainer.Private, BlobNames.Current(Scope), TestContext.Current.CancellationToken);
        Assert.Equal(last, current!.Bytes);
        Assert.Contains(version, await AnnouncedAsync());
    }

    public async Task<string> ScriptsAsync(ConsentSet consent)
    {
        var manifest = await CurrentAsync();
        Assert.True(SnapshotHash.TryParse(manifest![consent].Snapshot, out var hash));
        return Encoding.UTF8.GetString((await Store.ReadSnapshotAsync(Scope, hash, TestContext.Current.CancellationToken))!);
    }

    private async Task<(Manifest Manifest, byte[] Bytes)> ReadAsync(string name)
    {
        var blob = await Store.Blobs.ReadAsync(BlobContainer.Private, name, TestContext.Current.CancellationToken);
        Assert.NotNull(blob);
        return (Manifest.Parse(blob.Bytes), blob.Bytes);
    }
}
