namespace ConsentSnapshots.Generator.Destinations;

/// <summary>What is wrong with a destination.</summary>
public enum DestinationProblemKind
{
    /// <summary>The settings break a rule of the type. The destination is left out.</summary>
    InvalidSettings,

    /// <summary>The settings should be an encrypted envelope and are not one, or not a whole one. The destination is left out.</summary>
    DamagedEnvelope,

    /// <summary>No key of the key ring opens the envelope: ours to mend. The scope keeps its last good version.</summary>
    NoKey,

    /// <summary>This build does not know the type. Left out; where the type was published before, the scope keeps its last good version.</summary>
    UnknownType,

    /// <summary>The required consent names a category that does not exist, so no visitor can grant it. The destination loads for nobody.</summary>
    UnknownCategory,

    /// <summary>
    /// The row cannot be used as a row, whatever its settings: the source cannot give a column of it, or another row has the same id. The destination is
    /// left out.
    /// </summary>
    UnusableRow,

    /// <summary>A setting that nothing reads. The destination works without it.</summary>
    UnreadSetting,

    /// <summary>Our own code failed on the destination: a fault of this build. The destination is left out, and the others are not.</summary>
    GenerationFailed,
}

/// <summary>One thing that is wrong with one destination, in words for its owner. Never carries a setting's value.</summary>
/// <param name="DestinationId">The row.</param>
/// <param name="Type">The type as the row has it.</param>
/// <param name="Name">What the organization calls the destination.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Field">The setting at fault, where it is one.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record DestinationProblem(Guid DestinationId, string Type, string Name, DestinationProblemKind Kind, string? Field, string Message)
{
    /// <summary>Whether the destination is left out because of it; where it is not, the destination works and its owner should know.</summary>
    public bool LeavesOut => Kind != DestinationProblemKind.UnreadSetting;

    /// <summary>Our own code has thrown for a destination. The exception's message may hold a setting's value, so only its type and its place are told.</summary>
    public static DestinationProblem OfFailure(Destination row, Exception exception) =>
        new(row.Id, row.Type, row.Name, DestinationProblemKind.GenerationFailed, null,
            $"This build failed to make its scripts ({Fault.Of(exception)}). The fault is in this program and not in the settings: please report it. The destination is left out.");
}
