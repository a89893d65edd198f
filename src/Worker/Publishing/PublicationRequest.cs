using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using ConsentSnapshots.Generator.Snapshots;
using ConsentSnapshots.Worker.Sources;

namespace ConsentSnapshots.Worker.Publishing;

/// <summary>What is to be published.</summary>
/// <param name="Generated">What the generator made.</param>
/// <param name="Destinations">The rows it was made of, with their settings in the clear, for the proof.</param>
/// <param name="Position">The state of the source that was read.</param>
/// <param name="Clock">The source's clock.</param>
public sealed record PublicationRequest(GeneratedScope Generated, IReadOnlyList<OpenedDestination> Destinations, SourcePosition Position, SourceClock Clock)
{
    /// <summary>When the oldest change was made that the rows carry and no version does; null where the source did not change, or does not know.</summary>
    public DateTimeOffset? ChangedAt { get; init; }

    /// <summary>
    /// Whether to complete the current version even when nothing changed: an earlier attempt may have ended between making it current and announcing it, and cannot be asked.
    /// </summary>
    public bool Announce { get; init; }

    /// <summary>
    /// Whether to publish a new version even when nothing changed: somebody who held the scope before may still be about to commit older data as the next version, and can no longer
    /// do so once that version exists.
    /// </summary>
    public bool Fence { get; init; }

    /// <summary>Whether to read back every blob instead of trusting the listing, and to announce the scope again.</summary>
    public bool Verify { get; init; }

    /// <summary>The highest version that the source remembers; it counts only where the store has lost its own record. 0 where the source remembers none, null where it keeps no such record.</summary>
    public int? RecordedVersion { get; init; }
}

/// <summary>How a publication ended.</summary>
public enum PublicationOutcome
{
    /// <summary>A new version is current.</summary>
    Published,

    /// <summary>The current version says the same already.</summary>
    Unchanged,

    /// <summary>The current version was made of newer data.</summary>
    Superseded,
}

/// <summary>What a publication did.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Manifest">The version that is current now.</param>
/// <param name="SnapshotsWritten">How many snapshots were missing from the store and are there now.</param>
/// <param name="ChangedCombinations">How many consent sets get another snapshot than before.</param>
public sealed record PublicationResult(PublicationOutcome Outcome, Manifest Manifest, int SnapshotsWritten, int ChangedCombinations)
{
    /// <summary>Whether something that follows the manifest was written: the current copy, the list, tags, or the change line.</summary>
    public bool Completed { get; init; }
}

/// <summary>A publication was refused because the consent proof failed. Nothing was written.</summary>
public sealed class ConsentViolationException(Scope scope, System.Collections.Immutable.ImmutableArray<string> violations)
    : Exception($"{scope} is not published, because the consent proof failed: {string.Join(" ", violations.Take(5))}")
{
    /// <summary>Every violation.</summary>
    public System.Collections.Immutable.ImmutableArray<string> Violations { get; } = violations;
}

/// <summary>A scope is larger than what is published or read; it keeps its last good version.</summary>
public sealed class ScopeTooLargeException(string message) : Exception(message);

/// <summary>The write that commits a version was sent, and whether it arrived is not known: the next build of the scope has to fence it off.</summary>
public sealed class CommitUnknownException(Scope scope, Exception inner)
    : Exception($"Whether the new version of {scope} was committed is not known: {inner.Message}", inner);
