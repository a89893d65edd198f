using System.Collections.Immutable;
using ConsentSnapshots.EdgeApi.Options;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.EdgeApi.Lookup;

/// <summary>What asking the store for a scope's newest state came to.</summary>
internal abstract record ScopeLoad
{
    private ScopeLoad()
    {
    }

    /// <summary>A new state, whole and checked.</summary>
    public sealed record Loaded(ScopeState State, byte[] ManifestBytes) : ScopeLoad;

    /// <summary>The state at hand is the newest.</summary>
    public sealed record Unchanged : ScopeLoad;

    /// <summary>The store answered: the scope has no manifest.</summary>
    public sealed record Missing : ScopeLoad;

    /// <summary>The store could not be asked.</summary>
    public sealed record Unavailable(string Reason) : ScopeLoad;

    /// <summary>The store answered with something that is not a whole version.</summary>
    public sealed record Corrupt(string Reason) : ScopeLoad;
}

/// <summary>Reads a scope's newest manifest and what it names, and accepts them only together.</summary>
internal sealed class ScopeLoader(ISnapshotStore store, EdgeOptions options, TimeProvider time)
{
    /// <summary>A manifest has 16 combinations: about 6 kB.</summary>
    private const int MaxManifestBytes = 256 << 10;

    /// <summary>No list of scripts is this long; a manifest that says so is not believed.</summary>
    private const int MaxSnapshotBytes = 32 << 20;

    private const int ConcurrentSnapshots = 4;

    /// <summary>Loads a scope. Never throws for what a store can do; cancellation by the caller does.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="previous">The state at hand: its ETag makes the read conditional, its snapshots need not be read again.</param>
    /// <param name="cancellation">The process ends.</param>
    public async Task<ScopeLoad> LoadAsync(Scope scope, ScopeState? previous, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.LoadTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var load = await ReadAsync(scope, previous, either.Token);
            // A snapshot can be collected between reading the manifest and reading it; then a newer manifest is there already.
            return load is ScopeLoad.Corrupt ? await ReadAsync(scope, previous, either.Token) : load;
        }
        catch (StoreUnavailableException exception)
        {
            return new ScopeLoad.Unavailable(exception.Message);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new ScopeLoad.Unavailable($"The store did not answer within {options.LoadTimeout:c}.");
        }
    }

    private async Task<ScopeLoad> ReadAsync(Scope scope, ScopeState? previous, CancellationToken cancellation)
    {
        switch (await store.ReadCurrentAsync(scope, previous?.ETag, MaxManifestBytes, cancellation))
        {
            case BlobRead.Unchanged:
                return new ScopeLoad.Unchanged();
            case BlobRead.Missing:
                return new ScopeLoad.Missing();
            case BlobRead.TooLong tooLong:
                return new ScopeLoad.Corrupt($"The manifest has {tooLong.Bytes} bytes; no manifest has more than {MaxManifestBytes}.");
            case BlobRead.Found found:
                return await ReadSnapshotsAsync(scope, found, previous, cancellation);
            default:
                throw new InvalidOperationException("A store's answer was not one of the four.");
        }
    }

    private async Task<ScopeLoad> ReadSnapshotsAsync(Scope scope, BlobRead.Found current, ScopeState? previous, CancellationToken cancellation)
    {
        Manifest manifest;
        try
        {
            manifest = Manifest.Parse(current.Bytes);
        }
        catch (FormatException exception)
        {
            return new ScopeLoad.Corrupt(exception.Message);
        }
        if (manifest.Scope != scope) return new ScopeLoad.Corrupt("The manifest is another scope's.");

        var names = manifest.Combinations.Select(combination => combination.Snapshot).Distinct().ToImmutableArray();
        var contents = new SnapshotContent[names.Length];
        string? problem = null;
        await Parallel.ForAsync(0, names.Length,
            new ParallelOptions { MaxDegreeOfParallelism = ConcurrentSnapshots, CancellationToken = cancellation },
            async (index, token) =>
            {
                var (content, wrong) = await ReadSnapshotAsync(scope, names[index], manifest.Snapshots[names[index]], previous, token);
                if (content is null) Interlocked.CompareExchange(ref problem, wrong, null);
                else contents[index] = content;
            });
        if (problem is not null) return new ScopeLoad.Corrupt(problem);
        var snapshots = names.Select((name, index) => KeyValuePair.Create(name, contents[index]));
        return new ScopeLoad.Loaded(
            ScopeState.Create(manifest, current.ETag, snapshots, previous, options.Storage.PublicBaseUrl), current.Bytes);
    }

    private async Task<(SnapshotContent? Content, string? Problem)> ReadSnapshotAsync(
        Scope scope, string name, SnapshotEntry entry, ScopeState? previous, CancellationToken cancellation)
    {
        if (previous is not null && previous.Snapshots.TryGetValue(name, out var held) && held.Entry == entry) return (held, null);
        if (entry is not { Bytes: >= 0 and <= MaxSnapshotBytes } || !SnapshotHash.TryParse(name, out var hash))
            return (null, $"The manifest's entry for snapshot {name} cannot be right.");
        switch (await store.ReadSnapshotAsync(scope, hash, entry.Bytes, cancellation))
        {
            case BlobRead.Missing:
                return (null, $"The manifest names snapshot {name}, which does not exist.");
            case BlobRead.Found found:
                return SnapshotContent.TryRead(found.Bytes, hash, entry, out var content, out var wrong)
                    ? (content, null)
                    : (null, $"Snapshot {name} is not what the manifest says: {wrong}.");
            case BlobRead.TooLong tooLong:
                return (null, $"Snapshot {name} is not what the manifest says: it has {tooLong.Bytes} bytes, not {entry.Bytes}.");
            default:
                throw new InvalidOperationException("A store said unchanged to an unconditional read.");
        }
    }
}
