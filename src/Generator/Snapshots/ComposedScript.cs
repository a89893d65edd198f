using System.Collections.Immutable;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Snapshots;

/// <summary>A destination that takes part: its settings kept every rule, and its required consent can be granted.</summary>
internal sealed class ValidDestination(Destination row, DestinationType type, DestinationSettings settings, RequiredConsent required)
{
    public Destination Row => row;

    public DestinationType Type => type;

    public DestinationSettings Settings => settings;

    public RequiredConsent Required => required;

    public bool AlwaysLoads => Required.Categories == ConsentSet.NecessaryOnly;

    public bool InBrowser { get; } = settings.Flag(DestinationType.EnableClientSide, true);

    /// <summary>Its id alone: what a script serves that serves nothing else.</summary>
    public ImmutableArray<Guid> ItsId { get; } = [row.Id];

    /// <summary>What a part that several types share is told of it.</summary>
    public BootstrapUser AsUser() => new(Type, Settings, Required.Condition, Row.TestMode);

    /// <summary>What a policy must permit it besides its scripts; known once it is composed.</summary>
    public ImmutableArray<CspSource> Contacts { get; set; } = [];

    /// <summary>Under which consent it gives at least one script of its own; known once all scripts are composed.</summary>
    public ConsentCondition Gives { get; set; } = ConsentCondition.Never;
}

/// <summary>A script, and the destinations it serves, each with the condition under which it serves that one.</summary>
/// <param name="Script">The script.</param>
/// <param name="Uses">The destinations it serves.</param>
/// <param name="Type">The destination type it comes from; of a part that several types share, that part's id.</param>
/// <param name="IsShared">Whether it is the runtime or a part that several types share, which makes no destination count as one that gives scripts.</param>
internal sealed record ComposedScript(Script Script, ImmutableArray<(ValidDestination By, ConsentCondition When)> Uses, string Type, bool IsShared);
