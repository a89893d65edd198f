using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Worker.Building;

/// <summary>How the build of one scope ended. Whatever goes wrong with a scope is one of these, so it stops no other scope.</summary>
public abstract record BuildOutcome
{
    private BuildOutcome()
    {
    }

    /// <summary>What is wrong with which destination; null where the build did not get that far.</summary>
    public IReadOnlyList<DestinationProblem>? Problems { get; init; }

    /// <summary>Whether what the source says is published, by this build or by another.</summary>
    public abstract bool IsComplete { get; }

    /// <summary>Whether the last good version is kept on purpose, so that the scope needs somebody.</summary>
    public bool IsHeld => this is Held or Refused;

    /// <summary>Why it is not, for people; null where it is.</summary>
    public virtual string? Reason => null;

    /// <summary>The version that is current; null where the scope was not built.</summary>
    public virtual Manifest? Current => null;

    /// <summary>The name of the outcome in lower case, as commands, logs and metrics show it.</summary>
    public string Name => this switch
    {
        Published => "published",
        Unchanged => "unchanged",
        Superseded => "superseded",
        Held => "held",
        Refused => "refused",
        _ => "failed",
    };

    /// <summary>A new version is current.</summary>
    /// <param name="Manifest">The version.</param>
    /// <param name="SnapshotsWritten">How many snapshots were missing from the store and are there now.</param>
    /// <param name="ChangedCombinations">How many consent sets get another snapshot than before.</param>
    public sealed record Published(Manifest Manifest, int SnapshotsWritten, int ChangedCombinations) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => true;

        /// <inheritdoc/>
        public override Manifest Current => Manifest;
    }

    /// <summary>The current version says the same already.</summary>
    /// <param name="Manifest">The version.</param>
    /// <param name="SnapshotsWritten">How many snapshots were missing from the store and are there now.</param>
    /// <param name="Mended">Whether anything else was written: the current copy, the list, tags, or the change line.</param>
    public sealed record Unchanged(Manifest Manifest, int SnapshotsWritten, bool Mended) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => true;

        /// <inheritdoc/>
        public override Manifest Current => Manifest;
    }

    /// <summary>The current version was made of newer data, by another worker.</summary>
    /// <param name="Manifest">The version.</param>
    public sealed record Superseded(Manifest Manifest) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => true;

        /// <inheritdoc/>
        public override Manifest Current => Manifest;
    }

    /// <summary>The scope keeps its last good version on purpose.</summary>
    /// <param name="Why">Why, for people.</param>
    public sealed record Held(string Why) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => false;

        /// <inheritdoc/>
        public override string Reason => Why;
    }

    /// <summary>The consent proof found violations. Nothing was written.</summary>
    /// <param name="Why">What it found, for people.</param>
    /// <param name="Violations">Every violation.</param>
    public sealed record Refused(string Why, IReadOnlyList<string> Violations) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => false;

        /// <inheritdoc/>
        public override string Reason => Why;
    }

    /// <summary>The build could not be carried through; it is tried again.</summary>
    /// <param name="Why">Why, for people.</param>
    /// <param name="CommitUnknown">Whether a commit of this attempt may still arrive, so that the next one has to fence it off.</param>
    public sealed record Failed(string Why, bool CommitUnknown = false) : BuildOutcome
    {
        /// <inheritdoc/>
        public override bool IsComplete => false;

        /// <inheritdoc/>
        public override string Reason => Why;

        /// <summary>What was thrown, where it is nothing that operations expect.</summary>
        public Exception? Fault { get; init; }
    }
}
