using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

/// <summary>A directory store and a publisher that writes it as a worker does: snapshots, then current, then list, tags and change record.</summary>
internal sealed class TestStore : IDisposable
{
    private readonly SnapshotGenerator _generator = new(DestinationCatalogue.BuiltIn);
    private readonly Dictionary<Scope, Manifest> _published = [];
    private readonly long _segmentLength;
    private DateTimeOffset _clock = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);

    public TestStore(int recordsPerSegment = ChangeRecord.PerSegment)
    {
        _segmentLength = (long)recordsPerSegment * ChangeRecord.Length;
        Root = Directory.CreateTempSubdirectory("edge-store-").FullName;
        Directory.CreateDirectory(Public);
        Directory.CreateDirectory(Private);
    }

    public string Root { get; }

    public string Public => Path.Combine(Root, "public");

    public string Private => Path.Combine(Root, "private");

    public static Scope Acme { get; } = ScopeOf("acme");

    public static Scope ScopeOf(string organization, string environment = "production") =>
        Scope.TryParse(organization, environment, out var scope) ? scope : throw new ArgumentException(organization);

    /// <summary>
    /// A Meta Pixel; with several of them and different consent a scope has many distinct snapshots. An id that a test looks for in an
    /// answer has eleven digits: a shorter one can stand in a time or a hash as well.
    /// </summary>
    public static OpenedDestination Pixel(string pixelId, params string[] requiredConsent)
    {
        var settings = JsonSerializer.SerializeToElement(new { pixelId });
        var number = long.Parse(pixelId, System.Globalization.CultureInfo.InvariantCulture);
        return new OpenedDestination(
            new Destination
            {
                Id = new Guid((int)number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
                Type = "meta-pixel",
                Settings = settings,
                RequiredConsent = [.. requiredConsent],
                CreatedAt = DateTimeOffset.UnixEpoch.AddSeconds(number),
            },
            settings);
    }

    /// <summary>A script whose text the organization wrote itself.</summary>
    public static OpenedDestination Own(string textContent) => new(
        new Destination { Id = new Guid(99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), Type = "script" }, JsonSerializer.SerializeToElement(new { textContent }));

    /// <summary>One pixel a category: sixteen distinct snapshots.</summary>
    public static OpenedDestination[] OneOfEach =>
        [Pixel("1", "functionality"), Pixel("2", "experience"), Pixel("3", "measurement"), Pixel("4", "marketing")];

    /// <summary>What is current, as the test wrote it.</summary>
    public Manifest Current(Scope scope) => _published[scope];

    /// <summary>The bytes of the snapshot a consent set gets.</summary>
    public byte[] SnapshotBytes(Scope scope, ConsentSet set)
    {
        Assert.True(SnapshotHash.TryParse(_published[scope][set].Snapshot, out var hash));
        return File.ReadAllBytes(SnapshotPath(scope, hash));
    }

    public string SnapshotPath(Scope scope, SnapshotHash hash) => Path.Combine(Public, BlobNames.Snapshot(scope, hash));

    public string LoaderPath => Path.Combine(Public, BlobNames.Loader);

    public string TagsPath(Scope scope) => Path.Combine(Public, BlobNames.Tags(scope));

    public string CurrentPath(Scope scope) => Path.Combine(Private, BlobNames.Current(scope));

    /// <summary>Publishes the next version as a worker of this build does.</summary>
    public Manifest Publish(Scope scope, params OpenedDestination[] destinations) => Publish(Prepare(scope, destinations), Loader.Bytes.ToArray());

    /// <summary>Publishes the next version as a worker of another build does, which has another loader.</summary>
    public Manifest PublishByAnotherBuild(Scope scope, string loader, params OpenedDestination[] destinations)
    {
        var (manifest, text) = (Prepare(scope, destinations), Encoding.UTF8.GetBytes(loader));
        var named = Encoding.UTF8.GetString(manifest.Bytes.Span).Replace(Loader.Hash, SnapshotHash.Of(text).ToString(), StringComparison.Ordinal);
        var fingerprint = Manifest.Parse(Encoding.UTF8.GetBytes(named)).Content.Fingerprint;
        return Publish(Manifest.Parse(Encoding.UTF8.GetBytes(named.Replace(manifest.Envelope.Fingerprint, fingerprint, StringComparison.Ordinal))), text);
    }

    private Manifest Publish(Manifest manifest, byte[] loader)
    {
        var scope = manifest.Scope;
        Write(LoaderPath, loader);
        foreach (var hash in manifest.Snapshots.Keys)
            if (SnapshotHash.TryParse(hash, out var parsed)) Write(SnapshotPath(scope, parsed), manifest.SnapshotBytes(hash));
        WriteCurrent(manifest);
        Write(Path.Combine(Public, BlobNames.List(scope)), manifest.ListBytes());
        Write(Path.Combine(Public, BlobNames.Tags(scope)), manifest.TagsBytes(loader));
        Announce(scope);
        return manifest;
    }

    /// <summary>The next version, written nowhere.</summary>
    public Manifest Prepare(Scope scope, params OpenedDestination[] destinations)
    {
        var generated = _generator.Generate(scope, destinations);
        Assert.Empty(generated.Problems);
        var (previous, content) = (_published.GetValueOrDefault(scope), generated.Content);
        _clock = _clock.AddSeconds(10);
        var version = (previous?.Version ?? 0) + 1;
        var envelope = new ManifestEnvelope
        {
            Scope = scope,
            Version = version,
            GeneratedAt = _clock,
            PublicationId = Guid.NewGuid(),
            Previous = previous?.Digest(),
            Generator = "test",
            SourceEpoch = 1,
            SourceRevision = version,
            Fingerprint = content.Fingerprint,
        };
        ImmutableArray<Snapshot> snapshots = [.. content.Lists.Select(list => new Snapshot(content.SnapshotBytes(list)))];
        var sameCategories = previous?.Content.RequiredCategories.SequenceEqual(content.RequiredCategories) == true;
        return Manifest.Create(envelope, content, snapshots, [.. ConsentSet.All.Select(set =>
            sameCategories && previous![set] is { } before && before.Snapshot == snapshots[content.Combinations[set.Index]].Name ? before.Since : new CombinationSince(version, _clock))]);
    }

    public void WriteCurrent(Manifest manifest)
    {
        _published[manifest.Scope] = manifest;
        Write(CurrentPath(manifest.Scope), manifest.Bytes.Span);
    }

    /// <summary>Appends a change record, to the segment whose turn it is.</summary>
    public void Announce(Scope scope, DateTimeOffset? changedAt = null)
    {
        var version = _published.GetValueOrDefault(scope)?.Version ?? 1;
        Append(new ChangeRecord(scope.Organization.Value, scope.Environment.Name(), version, changedAt, _clock).ToBytes());
    }

    public void Append(byte[] record)
    {
        var number = 1;
        while (File.Exists(SegmentPath(number + 1)) || (File.Exists(SegmentPath(number)) && new FileInfo(SegmentPath(number)).Length >= _segmentLength)) number++;
        Directory.CreateDirectory(Path.GetDirectoryName(SegmentPath(number))!);
        using var stream = new FileStream(SegmentPath(number), FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        stream.Write(record);
    }

    public string SegmentPath(int number) => Path.Combine(Private, BlobNames.ChangeSegment(number));

    /// <summary>The store cannot be asked: as if a volume were not mounted.</summary>
    public void TakeDown() => Directory.Move(Root, Root + ".down");

    public void BringUp() => Directory.Move(Root + ".down", Root);

    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        File.WriteAllBytes(temporary, bytes);
        File.Move(temporary, path, overwrite: true);
    }

    public void Dispose()
    {
        foreach (var path in new[] { Root, Root + ".down" })
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }
}
