using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Storage;
using ConsentSnapshots.Worker.Publishing;
using ConsentSnapshots.Worker.Sources;
using ConsentSnapshots.Worker.Tests.Storage;
using Microsoft.Extensions.Time.Testing;

namespace ConsentSnapshots.Worker.Tests.Publishing;

/// <summary>A real publisher on a real store that can be made to die, and the invariants that must hold whatever happens.</summary>
public sealed class PublicationWorld
{
    private readonly IBlobStore _blobs;

    public PublicationWorld(IBlobStore store, int recordsPerSegment = ChangeRecord.PerSegment)
    {
        _blobs = store;
        Faults = new FaultingBlobStore(store);
        Store = new ScopeStore(Faults, recordsPerSegment);
        Publisher = PublisherOf(Store);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero));

    public FaultingBlobStore Faults { get; }

    public ScopeStore Store { get; }

    public Publisher Publisher { get; }

    public Scope Scope { get; init; } = new(OrganizationId.Parse("acme"), DeploymentEnvironment.Production);

    /// <summary>The publisher of another process, with a store that dies, sleeps and is counted by itself.</summary>
    public Publisher AnotherPublisher(out FaultingBlobStore faults, ScopeLimits? limits = null) => PublisherOf(new ScopeStore(faults = new FaultingBlobStore(_blobs)), limits);

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
        return new PublicationRequest(generated, destinations, new SourcePosition(1, revision), SourceClock.Of(Time)) { RecordedVersion = 0 };
    }

    public Task<PublicationResult> PublishAsync(long revision, params Destination[] rows) => PublishAsync(Request(revision, rows));

    public Task<PublicationResult> PublishAsync(PublicationRequest request) => Publisher.PublishAsync(request, TestContext.Current.CancellationToken);

    public async Task<Manifest?> CurrentAsync() => (await Store.ReadCurrentAsync(Scope, TestContext.Current.CancellationToken)).Manifest;

    /// <summary>A blob's bytes; null where there is none.</summary>
    public async Task<byte[]?> BytesAsync(BlobContainer container, string name) =>
        await _blobs.ReadAsync(container, name, null, int.MaxValue, TestContext.Current.CancellationToken) is BlobRead.Found found ? found.Bytes : null;

    public async Task<List<string>> NamesAsync(BlobContainer container, string prefix = "")
    {
        var names = new List<string>();
        await foreach (var blob in _blobs.ListAsync(container, prefix, TestContext.Current.CancellationToken)) names.Add(blob.Name);
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <summary>The names of the scope's snapshots.</summary>
    public async Task<List<string>> SnapshotNamesAsync() => [.. (await NamesAsync(BlobContainer.Public)).Where(name => BlobNames.TryParseSnapshot(name, out _, out _))];

    /// <summary>Deletes every blob of some containers.</summary>
    public async Task LoseAsync(params BlobContainer[] containers)
    {
        foreach (var container in containers)
            foreach (var name in await NamesAsync(container))
                await _blobs.DeleteAsync(container, name, null, TestContext.Current.CancellationToken);
        // What a process remembers of a store it remembers of one that did not vanish; the reconcile forgets it.
        Store.ForgetLoader();
    }

    /// <summary>The lines of the change log that are about the scope.</summary>
    public async Task<List<ScopeChange>> ChangesAsync()
    {
        var changes = new List<ScopeChange>();
        foreach (var name in await NamesAsync(BlobContainer.Private, BlobNames.ChangesPrefix))
        {
            var log = (await BytesAsync(BlobContainer.Private, name))!;
            Assert.Equal(0, log.Length % ChangeRecord.Length);
            changes.AddRange(ChangeRecord.Read(log, out var unreadable).Where(change => change.Scope == Scope));
            Assert.Equal(0, unreadable);
        }
        return changes;
    }

    public async Task<List<int>> AnnouncedAsync() => [.. (await ChangesAsync()).Select(change => change.Version)];

    /// <summary>Never torn: every manifest names snapshots that are there, whole. Returns the current version, 0 for none.</summary>
    /// <param name="since">The first version of which that must hold: a later one than 1 where the snapshots before were lost.</param>
    public async Task<int> AssertNothingTornAsync(int since = 1)
    {
        var manifests = new List<Manifest>();
        foreach (var name in await NamesAsync(BlobContainer.History)) manifests.Add(await ManifestAsync(BlobContainer.History, name));
        var current = await BytesAsync(BlobContainer.Private, BlobNames.Current(Scope));
        if (current is not null) manifests.Add(Manifest.Parse(current));
        foreach (var manifest in manifests.Where(manifest => manifest.Version >= since))
        {
            foreach (var (hash, entry) in manifest.Snapshots)
            {
                Assert.True(SnapshotHash.TryParse(hash, out var parsed));
                var bytes = await BytesAsync(BlobContainer.Public, BlobNames.Snapshot(Scope, parsed));
                Assert.NotNull(bytes);
                Assert.Equal(parsed, SnapshotHash.Of(bytes));
                Assert.Equal(entry.Bytes, bytes.Length);
                Assert.Equal(entry.Sha256, Convert.ToHexStringLower(SHA256.HashData(bytes)));
                Assert.Equal(manifest.SnapshotBytes(hash), bytes);
            }
        }
        return current is null ? 0 : Manifest.Parse(current).Version;
    }

    /// <summary>
    /// What must hold once a publication is complete: a history without a gap, chained by digests; its last version is current, byte for byte; list and tags are that version's; the
    /// loader is there; and the version is announced.
    /// </summary>
    /// <param name="version">The current version.</param>
    /// <param name="first">The first version that the history has: a later one than 1 where everything before was lost.</param>
    /// <param name="whole">The first version whose snapshots are all there.</param>
    public async Task<Manifest> AssertCompleteAsync(int version, int first = 1, int whole = 1)
    {
        Assert.Equal(version, await AssertNothingTornAsync(whole));
        Assert.Equal(Enumerable.Range(first, version - first + 1).Select(number => BlobNames.History(Scope, number)), await NamesAsync(BlobContainer.History));
        Manifest? last = null;
        for (var number = first; number <= version; number++)
        {
            var manifest = await ManifestAsync(BlobContainer.History, BlobNames.History(Scope, number));
            Assert.Equal((Scope, number), (manifest.Scope, manifest.Version));
            if (number == 1 || last is not null) Assert.Equal(last?.Digest(), manifest.Envelope.Previous);
            Assert.True(last is null || last.Envelope.GeneratedAt < manifest.Envelope.GeneratedAt);
            last = manifest;
        }
        Assert.Equal(last!.Bytes.ToArray(), await BytesAsync(BlobContainer.Private, BlobNames.Current(Scope)));
        var list = await BytesAsync(BlobContainer.Public, BlobNames.List(Scope));
        Assert.Equal(version, PublishedVersions.OfList(list));
        Assert.Equal(last.ListBytes(), list);
        var tags = await BytesAsync(BlobContainer.Public, BlobNames.Tags(Scope));
        Assert.Equal(version, PublishedVersions.OfTags(tags));
        Assert.Equal(last.TagsBytes(), tags);
        Assert.Equal(Loader.Bytes.ToArray(), await BytesAsync(BlobContainer.Public, BlobNames.Loader));
        Assert.Contains(version, await AnnouncedAsync());
        return last;
    }

    /// <summary>The snapshot of a consent set, as the public container has it.</summary>
    public async Task<string> ScriptsAsync(ConsentSet consent)
    {
        var manifest = await CurrentAsync();
        Assert.True(SnapshotHash.TryParse(manifest![consent].Snapshot, out var hash));
        return Encoding.UTF8.GetString((await BytesAsync(BlobContainer.Public, BlobNames.Snapshot(Scope, hash)))!);
    }

    public async Task<Manifest> ManifestAsync(BlobContainer container, string name)
    {
        var bytes = await BytesAsync(container, name);
        Assert.NotNull(bytes);
        return Manifest.Parse(bytes);
    }

    private Publisher PublisherOf(ScopeStore store, ScopeLimits? limits = null) =>
        new(store, DestinationCatalogue.BuiltIn, new GeneratorBuild("test"), limits ?? ScopeLimits.Default, Time);
}
