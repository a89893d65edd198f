using System.Runtime.CompilerServices;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Storage;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>
/// What the store has of every scope, as far as two listings tell: some hundred bytes for each scope, however many blobs it has. It is what a comparison of everything goes by.
/// </summary>
public sealed class StoreInventory
{
    private const int ConcurrentReads = 8;

    private readonly Dictionary<Scope, Line> _lines = [];

    private StoreInventory()
    {
    }

    /// <summary>Whether our loader is in place.</summary>
    public bool HasLoader { get; private set; }

    /// <summary>Every organization that has a current manifest.</summary>
    public IEnumerable<OrganizationId> Organizations => _lines.Keys.Select(scope => scope.Organization).Distinct();

    /// <summary>The current version of a scope as the listing of manifests has it; null where there is none that can be read.</summary>
    public CurrentVersion? this[Scope scope] => _lines.GetValueOrDefault(scope)?.Current;

    /// <summary>Whether a current manifest says the same as what was generated, and everything that follows from it is in place: snapshots, list, tags and announcement.</summary>
    public bool Says(Scope scope, string fingerprint) => _lines.GetValueOrDefault(scope) is { } line && line.Current.Fingerprint == fingerprint && line.IsComplete;

    /// <summary>Lists the store.</summary>
    public static async Task<StoreInventory> ReadAsync(ScopeStore store, CancellationToken cancellationToken)
    {
        var inventory = new StoreInventory();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = ConcurrentReads, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(store.ListCurrentNamesAsync("", cancellationToken), parallel, async (blob, token) =>
        {
            if (await store.ReadListingAsync(blob, token) is not { } listing) return;
            lock (inventory._lines) inventory._lines[listing.Scope] = new Line(listing);
        });
        foreach (var (scope, version) in await store.Changes.ReadAnnouncedVersionsAsync(cancellationToken))
            if (inventory._lines.TryGetValue(scope, out var line)) line.IsAnnounced = version >= line.Current.Version;
        await Parallel.ForEachAsync(inventory.FindSnapshotsAsync(store, cancellationToken), parallel, async (blob, token) =>
        {
            if (BlobNames.TryParsePublic(blob.Name, out var owner) && owner is { } of && inventory._lines.TryGetValue(of, out var line))
                line.Found(blob.Name == BlobNames.List(of), await store.VersionOfAsync(blob, token));
        });
        return inventory;
    }

    /// <summary>Notes every snapshot of the listing; the rest of it, for which the store may have to be asked. Nearly all of a listing are snapshots, whose names say everything.</summary>
    private async IAsyncEnumerable<ListedBlob> FindSnapshotsAsync(ScopeStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var blob in store.ListPublicAsync(cancellationToken))
        {
            if (blob.Name == BlobNames.Loader) HasLoader = true;
            else if (BlobNames.TryParseSnapshot(blob.Name, out var scope, out var hash)) _lines.GetValueOrDefault(scope)?.Found(hash);
            else yield return blob;
        }
    }

    /// <summary>One scope: what its manifest names, and which of it was found.</summary>
    private sealed class Line
    {
        private readonly SnapshotHash[] _snapshots;
        private readonly Lock _lock = new();
        private int _found;
        private bool _hasList;
        private bool _hasTags;

        public Line(CurrentListing listing)
        {
            Current = new CurrentVersion(listing.Version, listing.Epoch, listing.Revision, listing.Fingerprint);
            _snapshots = [.. listing.Snapshots.Select(name => SnapshotHash.TryParse(name, out var hash) ? hash : default)];
        }

        public CurrentVersion Current { get; }

        /// <summary>False where the log says that the edges know an earlier version only. A log that does not reach back to the scope says nothing.</summary>
        public bool IsAnnounced { get; set; } = true;

        /// <summary>A consent set has one snapshot, so there are sixteen at most; a manifest that names more is none.</summary>
        public bool IsComplete => IsAnnounced && _hasList && _hasTags && _snapshots.Length <= ConsentSet.Count && _found == (1 << _snapshots.Length) - 1;

        public void Found(SnapshotHash hash)
        {
            var place = Array.IndexOf(_snapshots, hash);
            if (place is < 0 or >= ConsentSet.Count) return;
            lock (_lock) _found |= 1 << place;
        }

        public void Found(bool isList, int version)
        {
            lock (_lock)
            {
                if (isList) _hasList = version == Current.Version;
                else _hasTags = version == Current.Version;
            }
        }
    }
}

/// <summary>The version of a scope that is current, as a listing has it.</summary>
/// <param name="Version">The number.</param>
/// <param name="Epoch">The source epoch it was made of.</param>
/// <param name="Revision">The source revision it was made of.</param>
/// <param name="Fingerprint">See <see cref="ScopeContent.Fingerprint"/>.</param>
public sealed record CurrentVersion(int Version, long Epoch, long Revision, string Fingerprint);
