using System.Collections.Immutable;
using System.Security.Cryptography;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>A destination ready to be generated: its row and its settings in the clear, or why they are not.</summary>
/// <param name="Row">The row.</param>
/// <param name="Settings">The settings object in the clear.</param>
/// <param name="Problem">Why there are no settings; then <paramref name="Settings"/> does not count.</param>
public sealed record OpenedDestination(Destination Row, System.Text.Json.JsonElement Settings, DestinationProblem? Problem = null);

/// <summary>The immutable JSON of one distinct script list.</summary>
public sealed class Snapshot
{
    private string? _sha256;

    internal Snapshot(byte[] bytes, int destinationCount, int scriptCount)
    {
        Bytes = bytes;
        Hash = SnapshotHash.Of(bytes);
        DestinationCount = destinationCount;
        ScriptCount = scriptCount;
    }

    /// <summary>The blob's content.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The blob's name.</summary>
    public SnapshotHash Hash { get; }

    /// <summary>How many destinations gave at least one script.</summary>
    public int DestinationCount { get; }

    /// <summary>How many scripts there are.</summary>
    public int ScriptCount { get; }

    /// <summary>SHA-256 of the bytes, lowercase hex; computed when first asked for.</summary>
    public string Sha256 => _sha256 ??= Convert.ToHexStringLower(SHA256.HashData(Bytes.Span));

    /// <summary>The snapshot as a manifest lists it.</summary>
    public SnapshotEntry ToEntry() => new(Bytes.Length, Sha256, DestinationCount, ScriptCount);
}

/// <summary>What the generator makes of a scope.</summary>
public sealed record GeneratedScope
{
    /// <summary>The scope.</summary>
    public required Scope Scope { get; init; }

    /// <summary>The distinct snapshots.</summary>
    public required ImmutableArray<Snapshot> Snapshots { get; init; }

    /// <summary>Sixteen entries by the index of the consent set: which of <see cref="Snapshots"/> it gets.</summary>
    public required ImmutableArray<int> Combinations { get; init; }

    /// <summary>Every optional category that some destination asks for, in bit order.</summary>
    public required ImmutableArray<ConsentCategory> RequiredCategories { get; init; }

    /// <summary>Which destinations each script serves, by script id: its own, or all that share it.</summary>
    public required ImmutableDictionary<string, ImmutableArray<Guid>> Owners { get; init; }

    /// <summary>What is wrong, in the order of the destinations.</summary>
    public required ImmutableArray<DestinationProblem> Problems { get; init; }

    /// <summary>The snapshot of a consent set.</summary>
    public Snapshot this[ConsentSet set] => Snapshots[Combinations[set.Index]];
}
